"""What a cached result hangs on: all code that its computation reaches, and nothing else."""

import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from sijstudy.analysis.explain import explain_folds
from sijstudy.code import PACKAGE, code_digest, digest_of, reached
from sijstudy.phantom import generate_cohort
from sijstudy.training.loop import train
from sijstudy.training.patches import patch_of

COMPUTATIONS = [generate_cohort, patch_of, train, explain_folds]
REPORTS = {"audit", "figures", "notebook", "study", "cli"}  # what they show is computed elsewhere


def name_of(function):
    return function.__name__


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code") / "sijstudy"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@contextmanager
def changed(paths):
    """A line more in each of these files, for a while."""
    contents = {path: path.read_bytes() for path in paths}
    for path, content in contents.items():
        path.write_bytes(content + b"\nADDED = 1\n")
    yield
    for path, content in contents.items():
        path.write_bytes(content)


@pytest.mark.parametrize("function", COMPUTATIONS, ids=name_of)
def test_a_change_in_what_is_reached_changes_the_address_and_no_other_does(function, copy):
    def digest():
        return digest_of.__wrapped__(function.__module__, copy)

    before, files = digest(), set(reached(function.__module__, copy).values())
    for path in sorted(files):
        with changed([path]):
            assert digest() != before, path
    with changed(set(copy.rglob("*.py")) - files):
        assert digest() == before


@pytest.mark.parametrize("function", COMPUTATIONS, ids=name_of)
def test_all_that_python_loads_for_it_is_reached(function):
    code = (
        f"import sys, {function.__module__}\n"
        "print(*(name for name, module in sys.modules.items() if name.startswith('sijstudy') and module.__file__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split()) - {"sijstudy"}  # which holds the version alone
    assert modules <= set(reached(function.__module__, PACKAGE))


@pytest.mark.parametrize("function", COMPUTATIONS, ids=name_of)
def test_code_of_reports_and_parameters_is_not_reached(function):
    rooms = {name.split(".")[1] for name in reached(function.__module__, PACKAGE)}
    assert not rooms & (REPORTS | {"config"})


def test_the_method_is_reached():
    assert {f"sijstudy.{name}" for name in ("losses", "model", "noise", "roi", "intensity", "training.device")} <= set(
        reached(train.__module__, PACKAGE)
    )
    assert {"sijstudy.gradcam", "sijstudy.images.outlines"} <= set(reached(explain_folds.__module__, PACKAGE))


def test_imports_inside_functions_count_and_those_for_types_do_not(tmp_path):
    (tmp_path / "late.py").write_text("")
    (tmp_path / "types_only.py").write_text("")
    (tmp_path / "no_types.py").write_text("")
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("from sijstudy.room.inner import value\n")
    (tmp_path / "room" / "inner.py").write_text("value = 1\n")
    (tmp_path / "start.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sijstudy.types_only\n"
        "else:\n    import sijstudy.no_types\n"
        "def compute():\n    import sijstudy.late\n    from sijstudy.room import value\n"
    )
    names = {name.removeprefix("sijstudy.") for name in reached("sijstudy.start", tmp_path)}
    assert names == {"start", "late", "no_types", "room", "room.inner"}


def test_the_digest_is_that_of_the_functions_module():
    assert code_digest(train) == digest_of(train.__module__, PACKAGE) != code_digest(patch_of)
