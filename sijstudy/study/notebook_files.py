"""The study's notebooks as files: found, read, their parameters cells kept in step."""

from __future__ import annotations

from pathlib import Path

import nbformat

from sijstudy.config import parameters_cell
from sijstudy.errors import StudyError
from sijstudy.files import write_atomic


def find_notebooks(root: Path) -> tuple[Path, ...]:
    """The study's notebooks in order. StudyError when there is none."""
    found = tuple(sorted((root / "notebooks").glob("[0-9]*.ipynb")))
    if not found:
        raise StudyError(f"no notebook in {root / 'notebooks'}; start from the project's folder or name it with --root")
    return found


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook, without the marks papermill adds to a failed one. StudyError when it cannot be read."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise StudyError(f"notebook {path} does not exist") from None
    except Exception as error:  # nbformat raises many kinds for a file that is no notebook
        raise StudyError(f"{path} is not a readable notebook ({first_line(str(error))[:120]}); restore it") from None
    notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in tags(cell)]
    return notebook


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def sync_parameters(path: Path) -> bool:
    """Write the study's parameters into the notebook's parameters cell; returns whether it changed.

    Outputs are left alone. StudyError when no cell carries the tag "parameters".
    """
    notebook = read_notebook(path)
    cell = next((cell for cell in notebook.cells if "parameters" in tags(cell)), None)
    if cell is None:
        raise StudyError(f"{path}: no cell has the tag 'parameters'; add one to its second cell")
    if cell.source == parameters_cell():
        return False
    cell.source = parameters_cell()
    text = nbformat.writes(notebook) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))
    return True


def first_line(text: str) -> str:
    """The first line of a message that says something, else ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""
