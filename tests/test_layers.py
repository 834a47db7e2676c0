"""The rules of the house: imports point to the top or to rooms above; modules and functions are short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sijstudy"
# In this order; each may import from those before it, and cli.py from all.
ROOMS = (
    "phantom",
    "images",
    "segmentation",
    "cohort",
    "audit",
    "training",
    "analysis",
    "figures",
    "notebook",
    "study",
    "commands",
)
FILES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted(
    path for name in ("benchmarks", "binder", "tools", "tests") for path in (PACKAGE.parent / name).rglob("*.py")
)
LINES, FUNCTION_LINES, PARAMETERS = 300, 40, 6  # at most


def name_of(path):
    """A file's path below the project, for a test's name."""
    return str(path.relative_to(PACKAGE.parent))


def height(parts):
    """0 at the top of the package, then a number for each room; the command line comes last."""
    if parts[0] == "cli":
        return len(ROOMS) + 1
    return ROOMS.index(parts[0]) + 1 if parts[0] in ROOMS else 0


def imported(path):
    """Modules of the package that a file imports, wherever in the file, as parts below the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "sijstudy" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1:] for name in names if name.startswith("sijstudy."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_to_the_top_and_to_rooms_above(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts
    for other in imported(path):
        same_room = height(other) == height(own) and (height(own) == 0 or other[0] == own[0])
        assert same_room or height(other) < height(own), f"{'/'.join(own)} must not import {'.'.join(other)}"


@pytest.mark.parametrize("path", [*FILES, *OTHERS], ids=name_of)
def test_a_module_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("path", [path for path in (*FILES, *OTHERS) if "tests" not in path.parts], ids=name_of)
def test_its_functions_are_short_and_take_few_parameters(path):
    long, wide = [], []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            long += [node.name] if node.end_lineno - node.lineno >= FUNCTION_LINES else []
            wide += [node.name] if len(parameters(node.args)) > PARAMETERS else []
    assert not long, f"more than {FUNCTION_LINES} lines: {', '.join(long)}"
    assert not wide, f"more than {PARAMETERS} parameters (take a dataclass): {', '.join(wide)}"


def parameters(arguments):
    """Names of a function's parameters, without self and cls."""
    packed = [each for each in (arguments.vararg, arguments.kwarg) if each]
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *packed]
    return [each.arg for each in found if each.arg not in ("self", "cls")]


def test_every_room_has_its_place_and_says_what_it_is():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ROOMS)
    for room in rooms:
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())), room


def test_importing_does_nothing():
    code = (
        "import pkgutil, numpy as np, torch, sijstudy\n"
        "torch.manual_seed(1); np.random.seed(1)\n"
        "before = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())\n"
        "for module in pkgutil.walk_packages(sijstudy.__path__, 'sijstudy.'): __import__(module.name)\n"
        "after = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())\n"
        "assert before == after\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
