import nbformat
import pytest
from toy_study import notebook

from sijstudy.errors import StudyError
from sijstudy.study.notebook_files import find_notebooks, read_notebook, sync_parameters
from sijstudy.study.parameters import parameters_cell


@pytest.mark.parametrize("content", ["no json", "{}", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5}'])
def test_what_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "01_broken.ipynb"
    path.write_text(content)
    with pytest.raises(StudyError, match=r"01_broken.ipynb is not a readable notebook"):
        read_notebook(path)


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"01_gone.ipynb does not exist"):
        read_notebook(tmp_path / "01_gone.ipynb")


def test_the_marks_of_papermill_are_dropped(tmp_path):
    path = tmp_path / "a.ipynb"
    content = notebook("T", "1")
    content.cells.insert(
        0, nbformat.v4.new_markdown_cell("An Exception", metadata={"tags": ["papermill-error-cell-tag"]})
    )
    nbformat.write(content, path)
    assert read_notebook(path).cells[0].source == "# T"


def test_the_parameters_cell_is_kept_in_step(project):
    path = find_notebooks(project)[0]
    assert not sync_parameters(path)
    content = nbformat.read(path, as_version=4)
    content.cells[1].source = "epochs = 1"
    nbformat.write(content, path)
    assert sync_parameters(path)
    assert nbformat.read(path, as_version=4).cells[1].source == parameters_cell({"profile", "epochs"})
    for bad, message in (("epochz = 1", "unknown parameter 'epochz'; did you mean 'epochs'"), ("epochs =", "line 1")):
        content.cells[1].source = bad
        nbformat.write(content, path)
        with pytest.raises(StudyError, match=rf"01_first.ipynb: .*{message}"):
            sync_parameters(path)
    content.cells[1].metadata["tags"] = []
    nbformat.write(content, path)
    with pytest.raises(StudyError, match="tag 'parameters'"):
        sync_parameters(path)
