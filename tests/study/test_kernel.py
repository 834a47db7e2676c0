import io
import os
import sys

import nbformat
import psutil
import pytest
from toy_study import notebook, write_project

from sijstudy.errors import StudyError
from sijstudy.study.kernel import Kernel, Progress, clock, execute, read_notebook


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(root, *sources, stream=None, **options):
    """Execute a notebook of ``sources``; returns failure, executed notebook, what was shown."""
    write_project(root, n01_toy=notebook("Toy", *sources))
    output, stream = root / "out" / "01_toy.ipynb", stream or io.StringIO()
    output.parent.mkdir(exist_ok=True)
    with Progress("[1/1] 01_toy", stream) as progress:
        parameters = options.pop("parameters", {"profile": "toy"})
        failure = execute(root / "notebooks/01_toy.ipynb", output, parameters, root=root, progress=progress, **options)
    return failure, read_notebook(output), stream.getvalue()


def printed(executed):
    return "".join(
        out.text for cell in executed.cells for out in cell.get("outputs", []) if out.output_type == "stream"
    )


def test_parameters_folder_and_interpreter_reach_the_kernel(tmp_path, monkeypatch):
    elsewhere = tmp_path / "other" / "kernels" / "python3"
    elsewhere.mkdir(parents=True)
    (elsewhere / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "broken", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "other"))
    code = "import os, sys; print(epochs, profile, weights, os.getcwd(), sys.executable, sep='|')"
    failure, executed, shown = run(tmp_path, code, parameters={"profile": "toy", "epochs": 7, "weights": "none"})
    assert failure is None
    assert printed(executed).strip() == f"7|toy|none|{tmp_path}|{sys.executable}"
    assert shown.splitlines()[-1].startswith("[1/1] 01_toy  cell 3/3  00:0")
    assert os.environ["JUPYTER_PATH"] == str(tmp_path / "other")  # put back
    assert not list((tmp_path / "out").glob("*.log"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notebooks", "other", "out"]  # no socket stays behind


@pytest.mark.skipif(sys.platform != "linux", reason="TCP elsewhere")
def test_each_kernel_has_sockets_of_its_own(tmp_path):
    code = "import ipykernel, json; print(json.load(open(ipykernel.get_connection_file()))['ip'])"
    places = [printed(run(tmp_path, code)[1]).strip() for _ in range(2)]
    assert places[0] != places[1]
    assert all("sijstudy-kernel-" in place for place in places)


def test_the_exception_and_its_cell_are_told(tmp_path):
    failure, executed, _ = run(tmp_path, "print('before')", "1 / 0", "print('after')")
    assert failure.message == "ZeroDivisionError: division by zero"
    assert executed.cells[failure.cell].source == "1 / 0"
    assert "ZeroDivisionError" in failure.detail
    assert printed(executed) == "before\n"  # what was computed stays, nothing runs after


def test_a_study_error_speaks_for_itself(tmp_path):
    code = "from sijstudy.errors import StudyError; raise StudyError('slices.csv row 3: mend it')"
    failure, *_ = run(tmp_path, code)
    assert failure.message == "slices.csv row 3: mend it"


def test_a_dead_kernel_is_reported(tmp_path):
    failure, executed, _ = run(tmp_path, "print('before')", "import os; os.write(2, b'last words'); os._exit(9)")
    assert "kernel died" in failure.message
    assert "os._exit(9)" in executed.cells[failure.cell].source
    assert printed(executed).startswith("before\n")


def test_a_cell_that_takes_too_long_is_stopped(tmp_path):
    failure, executed, _ = run(tmp_path, "import time; time.sleep(60)", cell_timeout=2)
    assert failure.message == "the cell ran longer than the 2 s it was given"
    assert "sleep" in executed.cells[failure.cell].source


ENDS_WHEN_TOLD = """
import atexit, pathlib, time
def end():
    while not pathlib.Path("told").exists():
        time.sleep(0.05)
    pathlib.Path("ended").touch()
atexit.register(end)
"""


def test_a_kernel_ends_beside_what_comes_next(tmp_path):
    with Kernel(tmp_path) as kernel:
        failure, *_ = run(tmp_path, ENDS_WHEN_TOLD, kernel=kernel)  # does not wait for a kernel that takes its time
        assert failure is None
        assert not (tmp_path / "ended").exists()
        (tmp_path / "told").touch()
    assert (tmp_path / "ended").exists()  # its owner does
    assert not kernel.folder.exists()


def test_a_kernel_that_never_ends_is_killed(tmp_path):
    with Kernel(tmp_path) as kernel:
        run(tmp_path, "import os; print(os.getpid())", ENDS_WHEN_TOLD, kernel=kernel)
        process = psutil.Process(int(printed(read_notebook(tmp_path / "out/01_toy.ipynb"))))
        assert process.is_running()
    assert not process.is_running()


def test_a_terminal_shows_one_line_with_the_last_report_of_the_notebook(tmp_path):
    code = "import sys, time; sys.stderr.write('training 10%\\rtraining 40%'); sys.stderr.flush(); time.sleep(2.5)"
    failure, _, shown = run(tmp_path, code, stream=Terminal())
    assert failure is None
    assert "\n" not in shown
    assert any("cell 3/3" in line and line.rstrip().endswith("training 40%") for line in shown.split("\r"))


def test_a_log_hears_of_a_long_cell_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr("sijstudy.study.kernel.LOG_PERIOD", 0.5)
    code = "import sys, time; sys.stderr.write('training 10%\\rtraining 40%'); sys.stderr.flush(); time.sleep(2.5)"
    failure, _, shown = run(tmp_path, code)
    assert failure is None
    assert "\r" not in shown
    lines = [line for line in shown.splitlines() if "cell 3/3" in line]
    assert not lines[0].endswith("%")
    assert sum(line.endswith("  training 40%") for line in lines) >= 3


def test_progress_ends_its_line():
    stream = io.StringIO()
    with Progress("[2/6] 02_roi", stream) as progress:
        progress.finish("done")
    assert stream.getvalue() == "[2/6] 02_roi  done  00:00\n"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "00:00"), (31, "00:31"), (3599.9, "59:59"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert clock(seconds) == text


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
