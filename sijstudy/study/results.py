"""What the notebooks of a run left: times, answers, and which of them these very parameters gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sijstudy.config import WHERE_ONLY
from sijstudy.files import digest, read_json
from sijstudy.study.plan import ABLATIONS, StudyPlan

READ_BY_ONE = {  # parameter -> the one notebook that reads it
    "external_manifest": "07_external_validation",
    "external_also": "07_external_validation",
    "ablations": ABLATIONS,
}
DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"


def current_timings(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """The entries of timings.json that these very parameters gave."""
    return {name: entry for name, entry in timings(plan).items() if entry.get("parameters") == mark(plan, name)}


def answered(plan: StudyPlan) -> list[Path]:
    """The notebooks that ran to their end with these very parameters."""
    current = current_timings(plan)
    return [notebook for notebook in plan.notebooks if current.get(notebook.stem, {}).get("status") == DONE]


def is_synthetic(plan: StudyPlan, results: Sequence[Mapping[str, Any]]) -> bool:
    """What the notebooks say of their data; before they say anything, whether a manifest was given."""
    sources = {result["data_source"] for result in results if result.get("data_source")}
    return "synthetic" in sources if sources else not plan.config.manifest


def result_of(plan: StudyPlan, notebook: Path) -> dict[str, Any]:
    """The notebook's answer for the index, empty when it left none."""
    path = result_file(plan, notebook)
    return dict(read_json(path)) if path.exists() else {}


def result_file(plan: StudyPlan, notebook: Path) -> Path:
    """Where a notebook leaves its answer."""
    return plan.runs / "results" / f"{notebook.stem}.json"


def timings(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """Status, time and parameters of each notebook that ever ran, by its name."""
    return dict(read_json(plan.timings)) if plan.timings.exists() else {}


def mark(plan: StudyPlan, notebook: str) -> str:
    """What stands for the parameters a notebook was run with; those that it does not read are left out."""
    foreign = {name for name, reader in READ_BY_ONE.items() if reader != notebook}
    return digest({name: value for name, value in plan.parameters.items() if name not in {*foreign, *WHERE_ONLY}})
