"""The list of what is broken on purpose is true of the code, and a break is told from none."""

import ast
from pathlib import Path

import pytest

from tools.mutants import LIST, Mutant, passes, read, survives

ROOT = Path(__file__).resolve().parents[1]
MUTANTS = read(LIST)
METHOD = {
    *("roi", "intensity", "noise", "folds", "model", "losses", "aggregation", "metrics", "gradcam"),
    *("training/patches", "training/inputs", "training/loop", "training/scoring"),
}


def test_the_method_is_in_the_list():
    assert {f"sijstudy/{name}.py" for name in METHOD} <= {mutant.file for mutant in MUTANTS}
    assert len(MUTANTS) == len(set(map(str, MUTANTS)))


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_what_is_broken_stands_in_its_file_once(file):
    source = (ROOT / file).read_text(encoding="utf-8")
    own = [mutant for mutant in MUTANTS if mutant.file == file]
    stale = [f"{mutant} ({source.count(mutant.old)} times)" for mutant in own if source.count(mutant.old) != 1]
    assert not stale, f"mend tools/mutants.toml: {'; '.join(stale)}"
    for mutant in own:
        ast.parse(source.replace(mutant.old, mutant.new))


@pytest.mark.parametrize("test", sorted({test for mutant in MUTANTS for test in mutant.tests}))
def test_the_tests_that_should_notice_exist(test):
    file, _, name = test.partition("::")
    functions = [
        node.name for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body if hasattr(node, "name")
    ]
    assert not name or name in functions


def test_a_mutant_is_noticed_or_survives_and_leaves_no_trace(tmp_path):
    (tmp_path / "area.py").write_text("def area(a, b):\n    return a * b\n")
    (tmp_path / "test_area.py").write_text("from area import area\n\n\ndef test_area():\n    assert area(2, 2) == 4\n")
    assert passes(tmp_path, ("test_area.py",))
    assert survives(tmp_path, Mutant("area.py", "a * b", "a + b", ("test_area.py",)))
    assert not survives(tmp_path, Mutant("area.py", "a * b", "a - b", ("test_area.py",)))
    assert passes(tmp_path, ("test_area.py",))
    with pytest.raises(SystemExit, match="stands there 0 times"):
        survives(tmp_path, Mutant("area.py", "a / b", "a - b", ("test_area.py",)))
