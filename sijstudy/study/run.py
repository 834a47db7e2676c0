"""The whole study: every notebook in order, each turned into a report at once, with an index over all."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pandas as pd
from filelock import FileLock, Timeout

from sijstudy.analysis.edema_reach import EdemaReach, edema_reach
from sijstudy.cohort.manifest import load_manifest
from sijstudy.errors import StudyError
from sijstudy.files import write_atomic, write_json
from sijstudy.notebook.made_with import MarkedFolder, of_scores
from sijstudy.study.cards import CHECKLIST, MODEL_CARD, Facts, write_cards
from sijstudy.study.crate import METADATA, write_crate
from sijstudy.study.execution import Failure, Job, execute
from sijstudy.study.expected_work import expected_work
from sijstudy.study.from_kept import cohort_folder, keep_predictions, keeps
from sijstudy.study.kernel import Kernel
from sijstudy.study.notebook_files import read_notebook
from sijstudy.study.page import Page, duration, render_report
from sijstudy.study.plan import StudyPlan, kept_by_git
from sijstudy.study.progress import Progress
from sijstudy.study.results import (
    DONE,
    FAILED,
    INTERRUPTED,
    answered,
    is_synthetic,
    mark,
    result_file,
    result_of,
    timings,
)
from sijstudy.study.run_index import write_index
from sijstudy.study.time_left import TimeLeft
from sijstudy.training.store import StudyFolder

PRELOADED = "import sijstudy.figures.paper, sijstudy.notebook.opening"  # what every notebook of the study begins with

FOUND = "predictions_automatic_roi"  # table of notebook 04, where it could seek the joints


@dataclass(frozen=True)
class StudyResult:
    """How a run ended: the index page, and the notebook that stopped it, if one did."""

    index: Path
    failed: str = ""
    failure: Failure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True when every notebook ran to its end."""
        return self.failure is None


def run_study(
    plan: StudyPlan, *, cell_timeout: int | None = None, stream: TextIO | None = None, keep: bool = False
) -> StudyResult:
    """Run the plan's notebooks in order and write ``reports/<profile>``.

    cell_timeout: seconds a cell may take. stream: where progress goes, by default the standard output.
    keep: keep the predictions beside the reports (``study.from_kept``), which the repository's own profile always does.

    A notebook that fails stops the run; its report shows how far it came, and the index is written all the
    same. Raises StudyError when another run of this profile is under way.
    """
    stream = stream or sys.stdout
    if warning := kept_by_git(plan):
        print(f"sijstudy: {warning}", file=stream, flush=True)
    with _exclusive(plan):
        (plan.reports / METADATA).unlink(missing_ok=True)  # it has hashes of what is now written anew
        try:
            result = _run(plan, cell_timeout, stream)
            if result.ok and (keep or keeps(plan)):
                _keep(plan, stream)
        finally:  # also when the run was interrupted
            write_crate(plan)  # last, as it lists what the others wrote
        return result


def _run(plan: StudyPlan, cell_timeout: int | None, stream: TextIO) -> StudyResult:
    failed, failure, seconds = "", None, {}
    kept = {notebook.stem for notebook in answered(plan)}  # their networks are there, unless the code has changed
    left = TimeLeft(expected_work(plan), plan.config.parallel_fits, kept)
    with ExitStack() as kernels:
        kernel = kernels.enter_context(_kernel(plan, plan.chosen[0]))
        for number, notebook in enumerate(plan.chosen, start=1):
            label = f"[{number}/{len(plan.chosen)}] {notebook.stem}"
            rest = plan.chosen[number:]
            left.begin(notebook.stem)
            with Progress(label, stream, left) as progress:
                following = kernels.enter_context(_kernel(plan, rest[0])) if rest else None
                failure = _run_notebook(plan, notebook, progress, kernel, cell_timeout)
                left.end()
                progress.finish("failed" if failure else "done")
            seconds[notebook.stem] = progress.seconds
            if failure or following is None:
                failed = notebook.stem if failure else ""
                break
            kernel = following
        _write_cards(plan, stream)  # while the last kernels end
        index = write_index(plan)
    return StudyResult(index, failed, failure, seconds)


def _keep(plan: StudyPlan, stream: TextIO) -> None:
    kept = keep_predictions(plan)
    without = "no predictions are kept: notebooks 02 and 04 must have run with these parameters, on images"
    print(f"Kept predictions: {kept.parent}" if kept else f"sijstudy: {without}", file=stream, flush=True)


def _kernel(plan: StudyPlan, notebook: Path) -> Kernel:
    """A kernel for a notebook whose turn comes later: until then it imports what the study's notebooks begin with."""
    return Kernel(plan.root, PRELOADED if "open_workspace" in notebook.read_text(encoding="utf-8") else "")


def _write_cards(plan: StudyPlan, stream: TextIO) -> None:
    """Write model card and checklist; whatever goes wrong in them must not cost the run its index."""
    results = {notebook.stem: result_of(plan, notebook) for notebook in answered(plan)}
    synthetic = is_synthetic(plan, list(results.values()))
    for name in (MODEL_CARD, CHECKLIST):
        (plan.reports / name).unlink(missing_ok=True)  # those of an earlier run
    try:
        sought = MarkedFolder(plan.runs, of_scores(plan.config, plan.root)).has_table(FOUND)
        facts = Facts(plan.config, StudyFolder(plan.runs), results, synthetic, *_cohort_facts(plan), sought)
        write_cards(facts, plan.reports)
    except Exception as error:
        print(f"sijstudy: model card and checklist are incomplete: {type(error).__name__}: {error}", file=stream)


def _cohort_facts(plan: StudyPlan) -> tuple[pd.DataFrame | None, EdemaReach | None]:
    """The cohort's slices as its manifest has them, and its edema's reach; None where one cannot be read."""
    slices = None
    try:
        manifest = load_manifest(cohort_folder(plan))
        slices = manifest.slices
        return slices, edema_reach(manifest, plan.config)
    except StudyError:
        return slices, None


def _run_notebook(
    plan: StudyPlan, notebook: Path, progress: Progress, kernel: Kernel, cell_timeout: int | None
) -> Failure | None:
    """Execute one notebook, write its report, note its time; an interruption is noted and passed on."""
    write_json(plan.timings, {name: entry for name, entry in timings(plan).items() if name != notebook.stem})
    result_file(plan, notebook.stem).unlink(missing_ok=True)  # what an earlier run left is not this run's
    job = Job(notebook, plan.executed(notebook), plan.parameters, plan.root, cell_timeout)
    try:
        failure = execute(job, progress, kernel)
    except KeyboardInterrupt as stop:
        stopped = Failure(str(stop) or "The run was interrupted by the user.", progress.cell)
        _record(plan, notebook, INTERRUPTED, progress.seconds, stopped)
        write_index(plan)
        raise
    _record(plan, notebook, FAILED if failure else DONE, progress.seconds, failure)
    return failure


def _record(plan: StudyPlan, notebook: Path, status: str, seconds: float, failure: Failure | None) -> None:
    """Write the report of an executed notebook and its line in timings.json."""
    finished = datetime.datetime.now().astimezone()
    own, others = result_of(plan, notebook), [result_of(plan, other) for other in answered(plan)]
    page = Page(
        name=notebook.stem,
        profile=plan.config.profile,
        subtitle=f"Run on {finished:%d %B %Y, %H:%M %Z} in {duration(seconds)}. Research only: not for diagnosis.",
        synthetic=is_synthetic(plan, [own]),
        cohort=next((result["cohort"] for result in (own, *others) if result.get("cohort")), ""),
        answer="" if failure else str(own.get("answer", "")),
        failure=failure,
    )
    source = plan.executed(notebook) if plan.executed(notebook).exists() else notebook
    text = render_report(read_notebook(source), page)
    write_atomic(plan.page(notebook), lambda file: file.write(text.encode()))
    entry = {
        "status": status,
        "seconds": round(seconds, 2),
        "finished": finished.isoformat(timespec="seconds"),
        "parameters": mark(plan, notebook.stem),
        "failure": failure.message if failure else "",
    }
    write_json(plan.timings, {**timings(plan), notebook.stem: entry})


@contextmanager
def _exclusive(plan: StudyPlan) -> Iterator[None]:
    """Two runs of one profile at once would overwrite each other's reports."""
    lock = FileLock(plan.runs / ".run.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise StudyError(
            f"another run of profile {plan.config.profile} is under way in {plan.runs}; wait for it, "
            "or give this one a name of its own with -p profile NAME"
        ) from None
