"""The index page of a run, from what its notebooks left."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sijstudy.config import WHERE_ONLY
from sijstudy.files import write_atomic
from sijstudy.notebook.made_with import READ_BY_ONE
from sijstudy.study.cards import CHECKLIST, MODEL_CARD
from sijstudy.study.cells import notebook_title
from sijstudy.study.index import Card, Index, headline_row, render_index, thumbnail
from sijstudy.study.networks_time import time_of_networks
from sijstudy.study.notebook_files import read_notebook
from sijstudy.study.numbers import NUMBERS, write_numbers
from sijstudy.study.page import duration
from sijstudy.study.plan import StudyPlan
from sijstudy.study.results import (
    DONE,
    FAILED,
    INTERRUPTED,
    answered,
    current_timings,
    is_synthetic,
    result_of,
    timings,
)

DOCUMENTS = {  # beside the reports
    CHECKLIST: "Reporting checklist",
    MODEL_CARD: "Model card",
    NUMBERS: "The numbers above as JSON, for programs",
}
EXTERNAL = READ_BY_ONE["external_manifest"]  # its answer is told at a glance, too
FIRST_ORIGINS = ("commit", "sijstudy", "profile", "seed", "device", "precision", "weights", "cohort", "cohort_hash")


def write_index(plan: StudyPlan) -> Path:
    """Write ``index.html`` over every notebook of the study, run now, earlier or not at all; returns its path.

    Its numbers are those of ``numbers.json``, which is written with it.
    """
    current, done = current_timings(plan), answered(plan)
    results = [result_of(plan, notebook) for notebook in done]
    numbers = write_numbers(plan)["numbers"]
    stopped = [name for name, entry in current.items() if entry["status"] != DONE]
    base = asdict(plan.base)
    index = Index(
        profile=plan.config.profile,
        synthetic=is_synthetic(plan, results),
        cohort=next((result["cohort"] for result in results if result.get("cohort")), plan.config.manifest),
        answers={
            plan.page(notebook).name: str(result["answer"])
            for notebook, result in zip(done, results, strict=True)
            if result.get("answer") and _at_a_glance(notebook.stem, result)
        },
        finished=f"{datetime.datetime.now().astimezone():%d %B %Y, %H:%M %Z}",
        cards=[_card(plan, notebook, current=notebook.stem in current) for notebook in plan.notebooks],
        headline=[headline_row(number) for number in numbers],
        documents={name: title for name, title in DOCUMENTS.items() if (plan.reports / name).exists()},
        provenance=_provenance(plan, results, {notebook.stem: current[notebook.stem] for notebook in done}),
        changed={
            name: value for name, value in plan.parameters.items() if base[name] != value and name not in WHERE_ONLY
        },
        failed=stopped[-1] if stopped else "",
        failure=current[stopped[-1]]["failure"] if stopped else "",
    )
    path = plan.reports / "index.html"
    write_atomic(path, lambda file: file.write(render_index(index).encode()))
    return path


def _at_a_glance(notebook: str, result: Mapping[str, Any]) -> bool:
    """Whether the paper has a number beside one of the notebook's, or another cohort gave it one."""
    return any(entry["paper"] or notebook == EXTERNAL for entry in result.get("headline", []))


def _card(plan: StudyPlan, notebook: Path, *, current: bool) -> Card:
    """What the index says of one notebook. An answer is shown only when these very parameters gave it."""
    entry = timings(plan).get(notebook.stem)
    number, _, name = notebook.stem.partition("_")
    title = notebook_title(read_notebook(notebook), name.replace("_", " "))
    if entry is None or not plan.page(notebook).exists():
        return Card(number, title, state="not run")
    is_answered = current and entry["status"] == DONE
    result = result_of(plan, notebook) if is_answered else {}
    image, alt = thumbnail(read_notebook(plan.executed(notebook))) if plan.executed(notebook).exists() else ("", "")
    states = {DONE: "", FAILED: "stopped with an error", INTERRUPTED: "interrupted"}
    return Card(
        number,
        str(result.get("title") or title),
        link=plan.page(notebook).name,
        answer=str(result.get("answer", "")),
        state=states[entry["status"]] if current else "from an earlier run with other parameters, or of another cohort",
        time=duration(entry["seconds"]),
        thumbnail=image,
        alt=alt,
        failed=current and not is_answered,
    )


def _provenance(
    plan: StudyPlan, results: list[dict[str, Any]], entries: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Where the notebooks come from, with the time of each; what differs between them is given in full."""
    known: dict[str, dict[str, None]] = {name: {} for name in FIRST_ORIGINS}
    for result in results:
        for name, text in result.get("provenance", {}).items():
            known.setdefault(name, {})[str(text)] = None
    origins = {name: "; ".join(texts) for name, texts in known.items() if texts and not name.startswith("time")}
    times = {f"time of {name}": duration(entry["seconds"]) for name, entry in entries.items()}
    total = {"time in all": duration(sum(entry["seconds"] for entry in entries.values()))} if entries else {}
    return {**origins, **times, **total, **time_of_networks(plan, entries)}
