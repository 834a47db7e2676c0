"""How long a run's networks were trained, also by an earlier start of the run, which its notebooks' times lack."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sijstudy.errors import StudyError
from sijstudy.study.from_kept import TRAINING
from sijstudy.study.page import duration
from sijstudy.study.plan import StudyPlan
from sijstudy.training.networks import open_networks


def time_of_networks(plan: StudyPlan, done: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A row of the index's provenance, name -> text; empty where notebook 04 did not end, or its networks are gone.

    done: entries of timings.json of the notebooks that ended in this run. A network whose training ended while none of
    them ran was trained by an earlier start of the run, or by another run that has it, too.
    """
    if TRAINING not in done:
        return {}
    spans = [_span(entry) for entry in done.values()]
    try:
        runs = [run for by_fold in open_networks(plan.runs).runs.values() for run in by_fold.values()]
        seconds = sum(run.seconds() for run in runs)
        ends = [(run.folder / "done.json").stat().st_mtime for run in runs]
    except (StudyError, OSError):
        return {}  # removed since, or of kept predictions
    earlier = sum(not any(start <= end <= stop for start, stop in spans) for end in ends)
    left_out = f"; {earlier} of them earlier, which is in no notebook's time" if earlier else ""
    return {"time of the folds' networks": f"{len(runs)} trained in {duration(seconds)}, added up{left_out}"}


def _span(entry: Mapping[str, Any]) -> tuple[float, float]:
    """Start and end of a notebook's run, seconds since 1970; the end is noted in whole seconds."""
    end = datetime.datetime.fromisoformat(entry["finished"]).timestamp()
    return end - entry["seconds"] - 1, end + 1
