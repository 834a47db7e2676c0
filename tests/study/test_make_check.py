"""``make check`` and ``make keep``: what is refused before anything runs, and what is compared with what."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from number_samples import content, entry

from sijstudy.files import write_json

PROJECT = Path(__file__).resolve().parents[2]
BASE = entry("x", 90.0, 80.0, 95.0)
FAKE = f"""#!/bin/sh
if [ "$1" = run ]; then
  mkdir -p "$3/reports/$5" && test -d "$3/notebooks" && cp fresh.json "$3/reports/$5/numbers.json" && echo "$@" >> ran
else
  exec {sys.executable} -c 'import sys; from sijstudy.cli import main; sys.exit(main())' "$@"
fi
"""


@pytest.fixture
def checkout(tmp_path):
    """The Makefile, with an environment that counts as installed and a runner that brings ``fresh.json``."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "notebooks/profiles").mkdir(parents=True)
    (tmp_path / "notebooks/profiles/quick.yaml").write_text("profile: quick\n")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/sijstudy").write_text(FAKE)
    (tmp_path / ".venv/bin/sijstudy").chmod(0o755)
    for name in ("requirements.lock", "requirements-uv.lock", "pyproject.toml", ".venv/.installed"):
        (tmp_path / name).touch()
    write_json(tmp_path / "fresh.json", content(BASE, profile="quick", seed=2026))
    return tmp_path


def make(folder, *arguments):
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", *arguments], cwd=folder, env=own, capture_output=True, text=True)


def test_make_check_says_at_once_that_nothing_is_kept(checkout):
    done = make(checkout, "check", "SEED=7")
    assert done.returncode != 0
    said = "no numbers are kept for PROFILE=quick SEED=7, there is no reports/kept/quick-seed7.json; kept: "
    assert f"{said}none. docs" in done.stderr
    for seed in (1, 2026):
        write_json(checkout / f"reports/kept/quick-seed{seed}.json", content(BASE))
    shown = make(checkout, "check", "SEED=7").stderr
    assert f"{said}quick-seed1.json quick-seed2026.json. docs" in shown
    assert shown.count("\n") == 1
    assert not (checkout / "ran").exists()


def test_make_keep_keeps_what_make_check_compares_with(checkout):
    assert make(checkout, "keep").returncode == 0
    kept = checkout / "reports/kept/quick-seed2026.json"
    assert kept.read_text() == (checkout / "fresh.json").read_text()
    (checkout / "build/check/quick-seed2026/runs").mkdir()  # of an earlier check
    done = make(checkout, "check")
    assert (done.returncode, done.stdout.splitlines()[-1][-12:]) == (0, " 1 identical"), done.stderr
    assert not (checkout / "build/check/quick-seed2026/runs").exists()
    assert (checkout / "ran").read_text().count(
        "run --root build/check/quick-seed2026 --profile quick -p seed 2026\n"
    ) == 2
    scratch = {"profile": "quick", "seed": 2026, "weights": "none", "epochs": 3}
    kept.write_text(json.dumps(content(BASE, **scratch)))
    write_json(checkout / "fresh.json", content(BASE, **scratch))
    refused = make(checkout, "check", "PARAMETERS=-p epochs 3")
    assert refused.returncode != 0
    assert "(weights imagenet and none); give it -p weights none (with make: PARAMETERS" in refused.stderr
    assert not (checkout / "ran").read_text().endswith("-p epochs 3\n")  # nothing was trained for it
    assert make(checkout, "check", "PARAMETERS=-p epochs 3 -p weights none").returncode == 0
    assert (checkout / "ran").read_text().endswith(" -p seed 2026 -p epochs 3 -p weights none\n")
    write_json(checkout / "fresh.json", content(BASE, profile="quick", seed=2026))
    changed = content(entry("x", 99.0), profile="quick", seed=2026)
    kept.write_text(json.dumps(changed))
    assert make(checkout, "check").returncode != 0
