"""A project folder with tiny notebooks, for tests of the runner: no cohort, no network is trained."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sijstudy.headline import Headline, Published
from sijstudy.study.execution import Job, execute
from sijstudy.study.notebook_files import read_notebook
from sijstudy.study.parameters import parameters_cell
from sijstudy.study.plan import make_plan
from sijstudy.study.progress import Progress
from sijstudy.study.run import StudyResult, run_study

#: a red PNG of 2 x 2 pixels
PIXELS = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
FIGURE = (
    "from IPython.display import display\n"
    f"display({{'image/png': '{PIXELS}', 'text/plain': 'two pixels'}}, raw=True,"
    " metadata={'image/png': {'alt': 'A red <square>'}})"
)


def result_code(name: str, ours: float = 92.1, source: str = "synthetic") -> str:
    """Code that leaves the notebook's answer where the runner looks for it."""
    paper = Published(93.55, "Table 2", 2.19)
    headline = Headline(f"accuracy of {name}", "Result", ours, 89.0, 94.5, paper=paper, people=14)
    result = {
        "title": f"Title of {name}",
        "answer": f"Answer of {name}.",
        "headline": [asdict(headline)],
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
    """A notebook with a title, a parameters cell that names the profile and a code cell per source."""
    cells = [
        new_markdown_cell(f"# {title}"),
        new_code_cell(parameters_cell(["profile"]), metadata={"tags": ["parameters"]}),
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


def run_toy(project: Path, **options) -> tuple[StudyResult, str]:
    """Run the project's profile ``toy``; options are those of ``make_plan``. Returns its result and what was shown."""
    stream = io.StringIO()
    result = run_study(make_plan("toy", root=project, **options), stream=stream)
    return result, stream.getvalue()


def execute_toy(root, *sources, stream=None, parameters=None, kernel=None, cell_timeout=None):
    """Execute a notebook of ``sources``; returns failure, executed notebook, what was shown."""
    write_project(root, n01_toy=notebook("Toy", *sources))
    output, stream = root / "out" / "01_toy.ipynb", stream or io.StringIO()
    output.parent.mkdir(exist_ok=True)
    with Progress("[1/1] 01_toy", stream) as progress:
        job = Job(root / "notebooks/01_toy.ipynb", output, parameters or {"profile": "toy"}, root, cell_timeout)
        failure = execute(job, progress, kernel)
    return failure, read_notebook(output), stream.getvalue()


def printed(executed):
    return "".join(
        out.text for cell in executed.cells for out in cell.get("outputs", []) if out.output_type == "stream"
    )
