"""Bad input through the command line: one line names what is wrong, where, and the way out.

docs/BAD_INPUT.md is the same table for people. ``SIJ_WRITE_DOCS=1 pytest tests/test_bad_input.py`` writes it anew.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_cohort_cases import CASES as COHORT_CASES
from bad_image_cases import CASES as IMAGE_CASES
from bad_input_cases import CASES as FIRST_CASES
from bad_input_cases import Place, formula_file_name, not_dicom, wrong_modality
from dicom_samples import write_cohort
from patience import PATIENCE
from toy_study import notebook, write_project

from sijstudy import cli

CASES = [*FIRST_CASES, *COHORT_CASES, *IMAGE_CASES]
PROJECT = Path(__file__).resolve().parents[1]
DOCUMENT = PROJECT / "docs/BAD_INPUT.md"
HEAD = """# Bad input and what is said of it

Each row is a test (`tests/test_bad_input.py`): the input is spoilt, the command is run, and this is what it printed,
the folders' paths shortened. A command that cannot go on ends with a non-zero exit status and leaves nothing behind
that a later run would trust. What is merely not wanted in a cohort is left out and listed in the manifest's
`account.csv`.

A disk that is full while something is written ends in `cannot write FILE (REASON); free space or choose another folder`
and exit status 2 as well; no manifest, report or run is half-written (tested in a process whose files cannot grow).

| what is wrong | what is said | exit |
|---|---|---|
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("template")
    write_cohort(root / "dicom")
    write_project(root / "project", n01_first=notebook("First", "print('ran')"))
    return root


@pytest.fixture(scope="module")
def rows():
    """Row of the document by case, as said now; written to the document when that is asked for."""
    collected: dict[str, str] = {}
    yield collected
    if os.environ.get("SIJ_WRITE_DOCS"):
        DOCUMENT.write_text(
            HEAD + "".join(collected[case.what] for case in CASES if case.what in collected), encoding="utf-8"
        )


@pytest.fixture
def place(template, tmp_path):
    return Place(shutil.copytree(template, tmp_path / "place"))


def said(place: Place, shown) -> str:
    """What a reader sees, paths shortened: the error line, or the command's last lines."""
    text = shown.err.strip().splitlines()[-1] if "sijstudy: error" in shown.err else " · ".join(shown.out.splitlines())
    return text.replace(f"{place.root}/", "").replace(str(place.root), ".")


def _cell(text: str) -> str:
    text = text.removeprefix("sijstudy: error: ")
    return text.replace("|", "\\|").replace("<", "&lt;")


def test_the_document_holds_no_other_case():
    lines = DOCUMENT.read_text(encoding="utf-8").removeprefix(HEAD).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == [case.what for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_it_is_refused_or_accounted_for(case, place, rows, capsys):
    arguments = case.spoil(place)
    capsys.readouterr()
    status = cli.main(arguments)
    shown = capsys.readouterr()
    assert status == case.status, shown.err
    assert "Traceback" not in shown.err
    text = said(place, shown)
    assert re.search(case.words, text), text
    if status:
        errors = [line for line in shown.err.splitlines() if line.startswith("sijstudy: error: ")]
        assert len(errors) == 1
        assert not (place.manifest / "cohort.json").exists() or "verify" in arguments
        assert not (place.project / "runs/toy/timings.json").exists()
    rows[case.what] = row = f"| {case.what} | {_cell(text)} | {status} |\n"
    if not os.environ.get("SIJ_WRITE_DOCS"):
        assert row in DOCUMENT.read_text(encoding="utf-8"), "SIJ_WRITE_DOCS=1 pytest tests/test_bad_input.py writes it"


def test_unwanted_files_are_in_the_account(place, capsys):
    not_dicom(place), wrong_modality(place)
    assert cli.main(formula_file_name(place)) == 0
    account = (place.manifest / "account.csv").read_text()
    for name in ("S01/notes", "S01/ct.dcm", "=cmd"):
        row = next(line for line in account.splitlines() if name in line)
        assert "left out" in row
    assert not re.search(r"(^|,)\"?=", account, re.MULTILINE), "a cell that a spreadsheet would run"


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from sijstudy import cli
sys.exit(cli.main({arguments!r}))
"""


def on_a_full_disk(arguments: list[str], limit: int) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that cannot write beyond ``limit`` bytes into any file, as on a disk that is full."""
    code = SMALL_DISK.format(limit=limit, arguments=arguments)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)


def test_a_full_disk_while_the_manifest_is_written(place):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0
    done = on_a_full_disk(place.build(), limit=500)
    assert done.returncode == 2, done.stderr
    assert re.search(r"sijstudy: error: cannot write .*manifest.*\(.*\); free space or choose", done.stderr)
    assert "Traceback" not in done.stderr
    assert not (place.manifest / "cohort.json").exists()
    assert cli.main(place.build()) == 0  # with room again, the same command works
