"""The study's notebooks as files: found, read, their parameters cells kept in step."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import write_atomic
from sijstudy.study.parameters import parameters_cell


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
    """Write the defaults and notes of a notebook's parameters into its parameters cell; returns whether it changed.

    Which parameters: ``profile``, which says where the results go, and those that the cell names already.
    Outputs are left alone. StudyError when no cell carries the tag "parameters", or it names an unknown one.
    """
    notebook = read_notebook(path)
    cell = next((cell for cell in notebook.cells if "parameters" in tags(cell)), None)
    if cell is None:
        raise StudyError(f"{path}: no cell has the tag 'parameters'; add one to its second cell")
    wanted = parameters_cell({"profile", *named_parameters(cell.source, str(path))})
    if cell.source == wanted:
        return False
    cell.source = wanted
    text = nbformat.writes(notebook) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))
    return True


def named_parameters(source: str, origin: str) -> tuple[str, ...]:
    """The parameters that a cell's source sets. StudyError, which names ``origin``, for what is none."""
    try:
        lines = ast.parse(source).body
    except SyntaxError as error:
        raise StudyError(f"{origin}: its parameters cell is not Python (line {error.lineno}); mend that line") from None
    targets = [target for line in lines if isinstance(line, ast.Assign) for target in line.targets]
    names = tuple(target.id for target in targets if isinstance(target, ast.Name))
    StudyConfig.require_names(names, f"{origin}: parameters cell")
    return names


def first_line(text: str) -> str:
    """The first line of a message that says something, else ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""
