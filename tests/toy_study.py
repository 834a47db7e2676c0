"""A project folder with tiny notebooks, for tests of the runner: no cohort, no network is trained."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sijstudy.config import parameters_cell

#: a red PNG of 2 x 2 pixels
PIXELS = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
FIGURE = (
    "from IPython.display import display\n"
    f"display({{'image/png': '{PIXELS}', 'text/plain': 'two pixels'}}, raw=True,"
    " metadata={'image/png': {'alt': 'A red <square>'}})"
)


def result_code(name: str, ours: float = 92.1, source: str = "synthetic") -> str:
    """Code that leaves the notebook's answer where the runner looks for it."""
    headline = {"name": f"accuracy of {name}", "paper": 93.55, "ours": ours, "low": 89.0, "high": 94.5, "unit": "%"}
    result = {
        "title": f"Title of {name}",
        "answer": f"Answer of {name}.",
        "headline": [headline],
        "data_source": source,
        "provenance": {"zlib": "1", "seed": "2021", "commit": "abc"},
    }
    return (
        "import pathlib\n"
        "folder = pathlib.Path('runs') / profile / 'results'\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        f"(folder / '{name}.json').write_text({json.dumps(json.dumps(result))})"
    )


def notebook(title: str, *sources: str) -> nbformat.NotebookNode:
    """A notebook with a title, the study's parameters cell and a code cell per source."""
    cells = [
        new_markdown_cell(f"# {title}"),
        new_code_cell(parameters_cell(), metadata={"tags": ["parameters"]}),
        *(new_code_cell(source) for source in sources),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def write_project(root: Path, **notebooks: nbformat.NotebookNode) -> Path:
    """A folder with a profile ``toy`` and the notebooks, ``n01_name`` written as 01_name.ipynb; returns ``root``."""
    profiles = root / "notebooks" / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "toy.yaml").write_text("profile: toy\nepochs: 3\nweights: none\n")
    for name, content in notebooks.items():
        nbformat.write(content, root / "notebooks" / f"{name.removeprefix('n')}.ipynb")
    return root
