"""The whole study: every notebook in order, each turned into a report at once, with an index over all."""

from __future__ import annotations

import datetime
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import nbformat
import yaml
from filelock import FileLock, Timeout

from sijstudy.cohort.manifest import load_manifest
from sijstudy.config import WHERE_ONLY, StudyConfig, parameters_cell, read_profile
from sijstudy.errors import StudyError
from sijstudy.files import digest, read_json, write_atomic, write_json
from sijstudy.study.cards import CHECKLIST, MODEL_CARD, Facts, write_cards
from sijstudy.study.cells import notebook_title
from sijstudy.study.index import Card, Index, headline_row, render_index, thumbnail
from sijstudy.study.kernel import PRELOADED, Failure, Kernel, Progress, execute, read_notebook, tags
from sijstudy.study.page import Page, duration, render_report
from sijstudy.training.store import StudyFolder

DOCUMENTS = {CHECKLIST: "Reporting checklist", MODEL_CARD: "Model card"}  # pages beside the reports
ABLATIONS = "08_ablations"
READ_BY_ONE = {  # parameter -> the one notebook that reads it
    "external_manifest": "07_external_validation",
    "ablations": ABLATIONS,
}
RESERVED = ("fits", "patches", "maps")  # folders beside runs/<profile>
KEPT = "paper"  # the profile whose reports the repository keeps; git leaves out all others
FIRST_ORIGINS = ("commit", "sijstudy", "profile", "seed", "device", "precision", "weights", "cohort", "cohort_hash")
NETWORKS_NOT_NEEDED = ("01_data_audit", "05_subject_diagnosis", "07_external_validation")  # they train nothing
SELECTION, CANDIDATES = "03_resnet_selection", ("resnet18", "resnet50")  # Fig. 5
DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"


@dataclass(frozen=True)
class StudyPlan:
    """What to run and where everything goes.

    root: the project's folder, in which the notebooks run; base: the parameters as the profile file has
    them; config: the same with the user's own values; notebooks: all of the study; chosen: those to run;
    reports: the folder of this profile's HTML.
    """

    root: Path
    base: StudyConfig
    config: StudyConfig
    notebooks: tuple[Path, ...]
    chosen: tuple[Path, ...]
    reports: Path

    @property
    def runs(self) -> Path:
        """Folder in which the notebooks leave tables and results, and the runner what it executed."""
        return self.root / "runs" / self.config.profile

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the study, name -> value."""
        return asdict(self.config)

    @property
    def timings(self) -> Path:
        """Status and time of each notebook."""
        return self.runs / "timings.json"

    def executed(self, notebook: Path) -> Path:
        """Where papermill writes the executed notebook."""
        return self.runs / "notebooks" / notebook.name

    def page(self, notebook: Path) -> Path:
        """The notebook's report."""
        return self.reports / f"{notebook.stem}.html"


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
    profile: str | Path,
    *,
    root: Path,
    overrides: Mapping[str, Any] | None = None,
    notebooks: Sequence[Path] | None = None,
    only: Sequence[str] = (),
    reports_root: Path | None = None,
    cell_timeout: int | None = None,
    stream: TextIO | None = None,
) -> StudyResult:
    """Run the study's notebooks in order and write ``reports/<profile>``.

    profile: name of a file in notebooks/profiles, or a path. overrides: parameters that replace the
    profile's. notebooks: by default all of root/notebooks. only: numbers or names, e.g. ("01", "02").
    reports_root: by default root/reports. cell_timeout: seconds a cell may take.

    A notebook that fails stops the run; its report shows how far it came, and the index is written all the
    same. Raises StudyError, before anything runs, for a parameter, notebook or folder that cannot work.
    """
    plan = make_plan(
        profile, root=root, overrides=overrides or {}, notebooks=notebooks, only=only, reports_root=reports_root
    )
    stream = stream or sys.stdout
    if warning := _kept_by_git(plan):
        print(f"sijstudy: {warning}", file=stream, flush=True)
    with _exclusive(plan):
        return _run(plan, cell_timeout, stream)


def _kept_by_git(plan: StudyPlan) -> str:
    """A warning where pictures of a given cohort are about to enter a folder that a commit takes along, else ""."""
    given = [name for name in (plan.config.manifest, plan.config.external_manifest) if name]
    if not given or plan.reports != plan.root / "reports" / KEPT:
        return ""
    return (
        f"git keeps {plan.reports.relative_to(plan.root)}, and its reports will show images of {' and '.join(given)}; "
        "-p profile NAME writes them to reports/NAME, which git leaves out"
    )


def make_plan(
    profile: str | Path,
    *,
    root: Path,
    overrides: Mapping[str, Any],
    notebooks: Sequence[Path] | None = None,
    only: Sequence[str] = (),
    reports_root: Path | None = None,
) -> StudyPlan:
    """Check all that can be checked before the first notebook runs. StudyError says what cannot work."""
    root = root.resolve()
    if not (root / "notebooks").is_dir():
        raise StudyError(f"no folder 'notebooks' in {root}; start from the project's folder or name it with --root")
    base, config = profile_settings(profile, root, overrides)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", config.profile) or config.profile in RESERVED:
        raise StudyError(f"parameter profile={config.profile!r} names folders: use letters, digits, '-', '_' only")
    found = tuple(sorted(notebooks)) if notebooks is not None else find_notebooks(root)
    for notebook in found:
        read_notebook(notebook)
    chosen = _chosen(found, only)
    _check_given(config, root, chosen)
    reports = (reports_root or root / "reports").resolve() / config.profile
    plan = StudyPlan(root, base, config, found, chosen, reports)
    for folder in (plan.reports, plan.runs / "notebooks"):
        _require_writable(folder)
    return plan


def _check_given(config: StudyConfig, root: Path, chosen: Sequence[Path]) -> None:
    """The cohort, weights and cluster that the study is given, before minutes are spent on what comes before them.

    What needs torch is imported only where it is asked for: a study's first second is not spent on it.
    """
    if config.scheduler:
        from sijstudy.training.cluster import require_cluster

        require_cluster(config.scheduler)
    for manifest in filter(None, (config.manifest, config.external_manifest)):
        load_manifest(root / manifest)
    idle = {*NETWORKS_NOT_NEEDED, ABLATIONS}
    if config.ablations != "none":
        from sijstudy.analysis.ablations import chosen_groups

        chosen_groups(config.ablations)
        idle.remove(ABLATIONS)
    if config.weights != "none" and not all(notebook.stem in idle for notebook in chosen):
        _check_weights(config, selecting=any(notebook.stem == SELECTION for notebook in chosen))


def _check_weights(config: StudyConfig, *, selecting: bool) -> None:
    from sijstudy.model import build_model

    for backbone in {config.backbone, *(CANDIDATES if selecting else ())}:
        try:
            build_model(backbone, config.hidden_units, config.weights, seed=0)
        except StudyError as error:
            if config.weights == "imagenet" or backbone == config.backbone:
                raise
            raise StudyError(
                f"{error}. Notebook 03 also trains {backbone}: give a folder with a weights file for each "
                f"({' and '.join(CANDIDATES)}), or leave notebook 03 out with --only"
            ) from None


def find_notebooks(root: Path) -> tuple[Path, ...]:
    """The study's notebooks in order. StudyError when there is none."""
    found = tuple(sorted((root / "notebooks").glob("[0-9]*.ipynb")))
    if not found:
        raise StudyError(f"no notebook in {root / 'notebooks'}; start from the project's folder or name it with --root")
    return found


def sync_parameters(path: Path) -> bool:
    """Write the study's parameters into the notebook's parameters cell; returns whether it changed.

    Outputs are left alone. StudyError when no cell carries the tag "parameters".
    """
    notebook = read_notebook(path)
    cell = next((cell for cell in notebook.cells if "parameters" in tags(cell)), None)
    if cell is None:
        raise StudyError(f"{path}: no cell has the tag 'parameters'; add one to its second cell")
    if cell.source == parameters_cell():
        return False
    cell.source = parameters_cell()
    text = nbformat.writes(notebook) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))
    return True


def profile_path(profile: str | Path, root: Path) -> Path:
    """File of a profile given by name (quick) or by path (my/own.yaml)."""
    text = str(profile)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(profile)
    return root / "notebooks" / "profiles" / f"{text}.yaml"


def profile_settings(profile: str | Path, root: Path, overrides: Mapping[str, Any]) -> tuple[StudyConfig, StudyConfig]:
    """A profile's parameters, and the same with ``overrides`` on top. StudyError names what does not fit."""
    path = profile_path(profile, root)
    values = read_profile(path)
    base = StudyConfig.from_mapping(values, source=str(path))
    return base, StudyConfig.from_mapping({**values, **overrides}, source=f"profile {path.stem} with -p")


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as name -> value, each value read as YAML. StudyError for any that is not."""
    overrides: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise StudyError(f"-p {pair}: give a name and a value, such as -p epochs 5")
        try:
            overrides[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise StudyError(f"-p {name}: {text!r} is not a value that YAML can read; quote it") from None
    return overrides


def _run(plan: StudyPlan, cell_timeout: int | None, stream: TextIO) -> StudyResult:
    failed, failure, seconds = "", None, {}
    with ExitStack() as kernels:
        kernel = kernels.enter_context(_kernel(plan, plan.chosen[0]))
        for number, notebook in enumerate(plan.chosen, start=1):
            label = f"[{number}/{len(plan.chosen)}] {notebook.stem}"
            rest = plan.chosen[number:]
            with Progress(label, stream) as progress:
                following = kernels.enter_context(_kernel(plan, rest[0])) if rest else None
                failure = _run_notebook(plan, notebook, progress, kernel, cell_timeout)
                progress.finish("failed" if failure else "done")
            seconds[notebook.stem] = progress.seconds
            if failure or following is None:
                failed = notebook.stem if failure else ""
                break
            kernel = following
        _write_cards(plan, stream)  # while the last kernels end
        index = write_index(plan)
    return StudyResult(index, failed, failure, seconds)


def _kernel(plan: StudyPlan, notebook: Path) -> Kernel:
    """A kernel for a notebook whose turn comes later: until then it imports what the study's notebooks begin with."""
    return Kernel(plan.root, PRELOADED if "open_workspace" in notebook.read_text(encoding="utf-8") else "")


def _write_cards(plan: StudyPlan, stream: TextIO) -> None:
    """Write model card and checklist; whatever goes wrong in them must not cost the run its index."""
    results = {notebook.stem: _result(plan, notebook) for notebook in _answered(plan)}
    facts = Facts(plan.config, StudyFolder(plan.runs), results, _is_synthetic(plan, list(results.values())))
    for name in (MODEL_CARD, CHECKLIST):
        (plan.reports / name).unlink(missing_ok=True)  # those of an earlier run
    try:
        write_cards(facts, plan.reports)
    except Exception as error:
        print(f"sijstudy: model card and checklist are incomplete: {type(error).__name__}: {error}", file=stream)


def _run_notebook(
    plan: StudyPlan, notebook: Path, progress: Progress, kernel: Kernel, cell_timeout: int | None
) -> Failure | None:
    """Execute one notebook, write its report, note its time; an interruption is noted and passed on."""
    _result_file(plan, notebook).unlink(missing_ok=True)  # an answer of an earlier run is not this run's
    executed = plan.executed(notebook)
    try:
        failure = execute(
            notebook,
            executed,
            plan.parameters,
            root=plan.root,
            progress=progress,
            kernel=kernel,
            cell_timeout=cell_timeout,
        )
    except KeyboardInterrupt:
        stopped = Failure("The run was interrupted by the user.", progress.cell)
        _record(plan, notebook, INTERRUPTED, progress.seconds, stopped)
        write_index(plan)
        raise
    _record(plan, notebook, FAILED if failure else DONE, progress.seconds, failure)
    return failure


def _record(plan: StudyPlan, notebook: Path, status: str, seconds: float, failure: Failure | None) -> None:
    """Write the report of an executed notebook and its line in timings.json."""
    finished = datetime.datetime.now().astimezone()
    own, others = _result(plan, notebook), [_result(plan, other) for other in _answered(plan)]
    page = Page(
        name=notebook.stem,
        profile=plan.config.profile,
        subtitle=f"Run on {finished:%d %B %Y, %H:%M %Z} in {duration(seconds)}. Research only: not for diagnosis.",
        synthetic=_is_synthetic(plan, [own]),
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
        "parameters": _mark(plan, notebook.stem),
        "failure": failure.message if failure else "",
    }
    write_json(plan.timings, {**_timings(plan), notebook.stem: entry})


def write_index(plan: StudyPlan) -> Path:
    """Write ``index.html`` over every notebook of the study, run now, earlier or not at all; returns its path."""
    timings, done = _current(plan), _answered(plan)
    results = [_result(plan, notebook) for notebook in done]
    stopped = [name for name, entry in timings.items() if entry["status"] != DONE]
    base = asdict(plan.base)
    index = Index(
        profile=plan.config.profile,
        synthetic=_is_synthetic(plan, results),
        cohort=next((result["cohort"] for result in results if result.get("cohort")), plan.config.manifest),
        answers={
            plan.page(notebook).name: str(result["answer"])
            for notebook, result in zip(done, results, strict=True)
            if result.get("headline") and result.get("answer")
        },
        finished=f"{datetime.datetime.now().astimezone():%d %B %Y, %H:%M %Z}",
        cards=[_card(plan, notebook) for notebook in plan.notebooks],
        headline=[headline_row(entry) for result in results for entry in result.get("headline", [])],
        documents={name: title for name, title in DOCUMENTS.items() if (plan.reports / name).exists()},
        provenance=_provenance(results, {notebook.stem: timings[notebook.stem]["seconds"] for notebook in done}),
        changed={
            name: value for name, value in plan.parameters.items() if base[name] != value and name not in WHERE_ONLY
        },
        failed=stopped[-1] if stopped else "",
        failure=timings[stopped[-1]]["failure"] if stopped else "",
    )
    path = plan.reports / "index.html"
    write_atomic(path, lambda file: file.write(render_index(index).encode()))
    return path


def _card(plan: StudyPlan, notebook: Path) -> Card:
    """What the index says of one notebook. An answer is shown only when these very parameters gave it."""
    entry = _timings(plan).get(notebook.stem)
    number, _, name = notebook.stem.partition("_")
    title = notebook_title(read_notebook(notebook), name.replace("_", " "))
    if entry is None or not plan.page(notebook).exists():
        return Card(number, title, state="not run")
    current = entry["parameters"] == _mark(plan, notebook.stem)
    answered = current and entry["status"] == DONE
    result = _result(plan, notebook) if answered else {}
    image, alt = thumbnail(read_notebook(plan.executed(notebook))) if plan.executed(notebook).exists() else ("", "")
    states = {DONE: "", FAILED: "stopped with an error", INTERRUPTED: "interrupted"}
    return Card(
        number,
        str(result.get("title") or title),
        link=plan.page(notebook).name,
        answer=str(result.get("answer", "")),
        state=states[entry["status"]] if current else "from an earlier run with other parameters",
        time=duration(entry["seconds"]),
        thumbnail=image,
        alt=alt,
        failed=current and not answered,
    )


def _provenance(results: list[dict[str, Any]], seconds: Mapping[str, float]) -> dict[str, str]:
    """Where the notebooks come from, with the time of each; what differs between them is given in full."""
    known: dict[str, dict[str, None]] = {name: {} for name in FIRST_ORIGINS}
    for result in results:
        for name, text in result.get("provenance", {}).items():
            known.setdefault(name, {})[str(text)] = None
    origins = {name: "; ".join(texts) for name, texts in known.items() if texts and not name.startswith("time")}
    times = {f"time of {name}": duration(value) for name, value in seconds.items()}
    total = {"time in all": duration(sum(seconds.values()))} if seconds else {}
    return {**origins, **times, **total}


def _current(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    """The entries of timings.json that these very parameters gave."""
    return {name: entry for name, entry in _timings(plan).items() if entry.get("parameters") == _mark(plan, name)}


def _answered(plan: StudyPlan) -> list[Path]:
    """The notebooks that ran to their end with these very parameters."""
    current = _current(plan)
    return [notebook for notebook in plan.notebooks if current.get(notebook.stem, {}).get("status") == DONE]


def _is_synthetic(plan: StudyPlan, results: Sequence[Mapping[str, Any]]) -> bool:
    """What the notebooks say of their data; before they say anything, whether a manifest was given."""
    sources = {result["data_source"] for result in results if result.get("data_source")}
    return "synthetic" in sources if sources else not plan.config.manifest


def _result(plan: StudyPlan, notebook: Path) -> dict[str, Any]:
    """The notebook's answer for the index, empty when it left none."""
    path = _result_file(plan, notebook)
    return dict(read_json(path)) if path.exists() else {}


def _result_file(plan: StudyPlan, notebook: Path) -> Path:
    return plan.runs / "results" / f"{notebook.stem}.json"


def _timings(plan: StudyPlan) -> dict[str, dict[str, Any]]:
    return dict(read_json(plan.timings)) if plan.timings.exists() else {}


def _mark(plan: StudyPlan, notebook: str) -> str:
    """What stands for the parameters a notebook was run with; those that it does not read are left out."""
    foreign = {name for name, reader in READ_BY_ONE.items() if reader != notebook}
    return digest({name: value for name, value in plan.parameters.items() if name not in {*foreign, *WHERE_ONLY}})


def _chosen(notebooks: tuple[Path, ...], only: Sequence[str]) -> tuple[Path, ...]:
    """The notebooks whose number or name is in ``only``; all for an empty one."""
    for wanted in only:
        if not any(wanted in (path.stem, path.stem.partition("_")[0]) for path in notebooks):
            known = ", ".join(path.stem for path in notebooks)
            raise StudyError(f"--only {wanted}: no such notebook; there are {known}")
    return tuple(path for path in notebooks if not only or {path.stem, path.stem.partition("_")[0]} & set(only))


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StudyError(f"cannot write into {folder} ({error.strerror}); mend it or choose another folder") from None


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
