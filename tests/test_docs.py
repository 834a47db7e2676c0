"""The documents are true: what they name exists, and they use the terms of the field."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import nbformat
import pytest

from sijstudy.cohort.schema import SLICES
from sijstudy.config import StudyConfig
from sijstudy.files import read_json

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sijstudy"
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data_manifest/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(PACKAGE.rglob("README.md")),
    *NOTEBOOKS,
]
FOLDERS = (
    "sijstudy",
    "tests",
    "docs",
    "notebooks",
    "benchmarks",
    "tools",
    "data_manifest",
    "reports",
    "runs",
    "data",
    ".ci",
    "binder",
)
MADE = re.compile(  # by a run, a build or a measurement, or by whoever follows a recipe
    r"runs/|notebooks/09_NAME|data/|reports/(?!paper/)|data_manifest/[\w.-]+|benchmarks/results/|diagnoses/"
)
EXAMPLES = {"docs/BAD_INPUT.md"}  # its rows are what commands print of spoilt input
DATA = (".json", ".csv", ".html", ".md", ".png")
METAPHORS = ("door", "desk", "gauntlet", "knob")  # for intake, workspace, bad input, difficulty settings

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(path):
    """A document's text, of a notebook its markdown."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def prose_and_fences(text):
    parts = re.split(r"^```.*$", text, flags=re.MULTILINE)
    return "\n".join(parts[::2]), "\n".join(parts[1::2])


def quoted_words(text):
    """What stands in `backticks`, a word at a time, and the words of fenced blocks that begin like a path of ours."""
    prose, fenced = prose_and_fences(text)
    for quoted in re.findall(r"`([^`]+)`", prose):
        yield from quoted.split()
    yield from (word for word in fenced.split() if word.partition("/")[0] in FOLDERS and "/" in word)


def links(text):
    prose, _ = prose_and_fences(text)
    found = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [link.partition("#")[0] for link in found if not re.match(r"https?:|#", link)]


def defined(file):
    """Names at the top of a module, and ``Class.method``."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef))
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def modules_named(name):
    """Files that ``roi.py``, ``images/read.py`` or ``tests/test_cli.py`` can mean."""
    if "/" not in name and not (PACKAGE / name).is_file():
        return [*PACKAGE.rglob(name)]
    return [file for file in (PACKAGE / name, ROOT / name) if file.is_file()]


def problem_with(word):
    """Why a quoted word is not true of this repository, or ""."""
    module, _, name = word.partition("::")
    if re.fullmatch(r"[\w/.-]+\.py", module):
        found = modules_named(module)
        if len(found) != 1:
            return f"{word} names {len(found)} files"
        return "" if not name or name in defined(found[0]) else f"{module} defines no {name}"
    if (
        re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word)
        and not word.endswith(DATA)
        and (PACKAGE / word.partition(".")[0]).is_dir()
    ):
        return "" if (PACKAGE / f"{word.replace('.', '/')}.py").is_file() else f"{word} is no module"
    if word.partition("/")[0] in FOLDERS and "/" in word and not re.search(r"[*<>=]", word):
        return "" if (ROOT / word).exists() or MADE.match(word) else f"{word} does not exist"
    if re.fullmatch(r"[a-z]+/", word) and not MADE.match(word):
        return "" if (ROOT / word).is_dir() or (PACKAGE / word).is_dir() else f"{word} is no folder"
    return ""


@each_document
def test_what_it_names_exists(path):
    if str(path.relative_to(ROOT)) in EXAMPLES:
        return
    text = text_of(path)
    problems = [problem for word in quoted_words(text) if (problem := problem_with(word.strip(".,;:()\"'")))]
    problems += [f"the link {link} leads nowhere" for link in links(text) if not (path.parent / link).exists()]
    assert not problems


def test_the_map_shows_every_room_and_every_module_at_the_top():
    _, fenced = prose_and_fences((ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8"))
    rows = [re.split(r"\s{3,}", line.strip())[0] for line in fenced.splitlines() if line.startswith("  ")]
    shown = [word for row in rows for word in row.split()]
    rooms = [f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")]
    modules = [path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    assert sorted(shown) == sorted([*rooms, *modules])


def test_every_assumption_says_which_module_makes_it():
    rows = [line for line in (ROOT / "docs/ASSUMPTIONS.md").read_text().splitlines() if line.startswith("| ")]
    places = [row.rstrip(" |").rpartition("|")[2] for row in rows if not row.startswith("| choice made")]
    assert len(places) > 50
    for row, place in zip(rows, places, strict=False):
        modules = re.findall(r"`([\w/]+\.py)`", place)
        assert modules, row
        assert all((PACKAGE / module).is_file() for module in modules), place


def test_the_check_itself_finds_what_is_not_there():
    for word in ("gone.py", "images/gone.py", "roi.py::gone", "images.gone", "docs/GONE.md", "reports/paper/gone.html"):
        assert problem_with(word), word
    for word in (
        "roi.py::roi_patch",
        "records.py::Box",
        "tests/conftest.py",
        "images.read",
        "runs/quick/tables",
        "x.y",
    ):
        assert not problem_with(word), word


def sources():
    """Everything that people read: code, tests, documents, notebooks; not what `make bench` has made."""
    kinds = {".py", ".md", ".ipynb", ".yaml", ".toml", ".j2", ".js", ".css"}
    for folder in ("sijstudy", "tests", "docs", "notebooks", "benchmarks", "tools", "binder", "data_manifest"):
        files = (path for path in (ROOT / folder).rglob("*") if path.suffix in kinds)
        yield from (path for path in files if ROOT / "benchmarks/results" not in path.parents)
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"))


def test_no_metaphor_stands_where_the_field_has_a_term():
    pattern = re.compile(rf"(?<![a-z])({'|'.join(METAPHORS)})s?(?![a-z])", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in sources()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_parameters_that_the_assumptions_name_exist():
    """`name: value` is a parameter with a value that it may have; (`name`) is a parameter or a manifest's column."""
    text = (ROOT / "docs/ASSUMPTIONS.md").read_text(encoding="utf-8")
    specs = {spec.name: spec.metadata["choices"] for spec in fields(StudyConfig)}
    switched = re.findall(r"`([a-z][a-z_]+): ([^`]+)`", text)
    assert len(switched) > 8
    for name, value in switched:
        assert name in specs and (specs[name] is None or value in specs[name]), f"{name}: {value}"
    alone = set(re.findall(r"\(`([a-z]+_[a-z_]+)`", text))
    assert alone and alone <= {*specs, *SLICES.columns}, alone


def test_the_readme_tells_the_kept_numbers():
    """Of seeds 2026 and 1: what the paper's rule finds, by a threshold of training subjects, and on selected slices."""
    runs = [read_json(ROOT / f"reports/kept/quick-seed{seed}.json")["numbers"] for seed in (2026, 1)]
    values = [{number["id"].partition("/")[2]: number["value"] for number in numbers} for numbers in runs]
    chosen = "whole-examinations-rule-and-threshold-of-training-subjects-at-90-specificity"
    prose = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for name, told in (
        ("subject-recall-whole-examinations-mean-of-the-filtered-slices", "finds {:.0f} and {:.0f}% of the patients"),
        ("subject-recall", "it finds {:.0f} and {:.0f}%"),
        (f"subject-recall-{chosen}", "the same networks find {:.0f} and {:.0f}%"),
        (f"subject-specificity-{chosen}", "at a specificity of {:.0f} and {:.0f}%"),
    ):
        assert told.format(*(run[name] for run in values)) in prose
