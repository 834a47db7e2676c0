"""What the notebooks of a run left: times, answers, and which of them these very parameters gave, of one cohort."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sijstudy.files import read_json
from sijstudy.notebook.made_with import mark as mark_of
from sijstudy.study.plan import StudyPlan

DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"


def current_timings(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """The entries of timings.json that these very parameters gave, of the cohort that the last of them read.

    An answer that was written since by something else, such as the notebook run by hand with other parameters, is not
    the entry's.
    """
    current = {name: entry for name, entry in timings(plan).items() if entry.get("parameters") == mark(plan, name)}
    left = {name: _left(plan, name) for name, entry in current.items() if entry["status"] == DONE}
    foreign = {name for name, result in left.items() if result.get("parameters", mark(plan, name)) != mark(plan, name)}
    cohorts = {
        name: result["provenance"]["cohort_hash"]
        for name, result in left.items()
        if name not in foreign and "cohort_hash" in result.get("provenance", {})
    }
    last = max(cohorts, key=lambda name: datetime.datetime.fromisoformat(current[name]["finished"]), default="")
    foreign |= {name for name, cohort in cohorts.items() if cohort != cohorts[last]}
    return {name: entry for name, entry in current.items() if name not in foreign}


def answered(plan: StudyPlan) -> list[Path]:
    """The notebooks that ran to their end with these very parameters, on one cohort."""
    current = current_timings(plan)
    return [notebook for notebook in plan.notebooks if current.get(notebook.stem, {}).get("status") == DONE]


def is_synthetic(plan: StudyPlan, results: Sequence[Mapping[str, Any]]) -> bool:
    """What the notebooks say of their data; before they say anything, whether a manifest was given."""
    sources = {result["data_source"] for result in results if result.get("data_source")}
    return "synthetic" in sources if sources else not plan.config.manifest


def result_of(plan: StudyPlan, notebook: Path) -> dict[str, Any]:
    """The notebook's answer for the index, empty when it left none."""
    return _left(plan, notebook.stem)


def result_file(plan: StudyPlan, notebook: str) -> Path:
    """Where a notebook leaves its answer."""
    return plan.runs / "results" / f"{notebook}.json"


def timings(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """Status, time and parameters of each notebook that ever ran, by its name."""
    return dict(read_json(plan.timings)) if plan.timings.exists() else {}


def mark(plan: StudyPlan, notebook: str) -> str:
    """What stands for the parameters a notebook was run with: see ``notebook.made_with``."""
    return mark_of(plan.config, notebook)


def _left(plan: StudyPlan, notebook: str) -> dict[str, Any]:
    path = result_file(plan, notebook)
    return dict(read_json(path)) if path.exists() else {}
