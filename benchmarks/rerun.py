"""(f) Running a finished study again: seconds, and how many networks it trains, which must be none."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from benchmarks.measure import Line, processor_seconds, timed
from sijstudy.study.plan import make_plan
from sijstudy.study.run import run_study

PROFILE = "smoke"
PROJECT = Path(__file__).resolve().parents[1]


def finished_study(work: Path, profile: str = PROFILE) -> Path:
    """A folder under ``work`` with a profile's study, run to its end with the notebooks and code of now."""
    root = work / profile
    shutil.rmtree(root / "notebooks", ignore_errors=True)
    shutil.copytree(PROJECT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    _run(root, profile)
    return root


def measure(work: Path, repeats: int) -> list[Line]:
    """Run the study, which trains what is not there yet, then run it again ``repeats`` times unchanged."""
    root = finished_study(work)
    before = _trained(root)
    seconds, busy, trained = [], [], []
    for _ in tqdm(range(repeats), desc="study again", unit="run", leave=False):
        spent = processor_seconds()
        seconds.append(timed(lambda: _run(root)))
        busy.append(processor_seconds() - spent)
        trained.append(float(len(_trained(root) ^ before)))
    notebooks = len(list((root / "notebooks").glob("[0-9]*.ipynb")))
    return [
        Line(
            "f", f"the finished {PROFILE} study again, {notebooks} notebooks and reports", "s", tuple(seconds), high=60
        ),
        Line("f", "processor time of that, all its processes", "s", tuple(busy)),
        Line("f", "networks that it trained", "", tuple(trained), high=0),
    ]


def _run(root: Path, profile: str = PROFILE) -> None:
    result = run_study(make_plan(profile, root=root), stream=sys.stderr)
    if result.failure:
        raise SystemExit(f"{result.failed}: {result.failure.message}")


def _trained(root: Path) -> set[tuple[str, int]]:
    """The finished networks, with the moment at which each was finished."""
    return {(path.parent.name, path.stat().st_mtime_ns) for path in (root / "runs" / "fits").glob("*/done.json")}
