"""``ro-crate-metadata.json`` beside a run's index: what was run on what, with which parameters, and what came of it.

A Process Run Crate, the plainest of the three Workflow Run Crate profiles. The other two describe a workflow: a file
in the crate, in a language of workflows, whose steps and ports are named. Here there is none: the notebooks are run in
the order of their names, each by papermill, each is given every parameter and reads what an earlier one left on disk.
So each notebook is a tool, and each of its runs an action with its inputs, its page and its time.

https://w3id.org/ro/wfrun/process/0.5, on RO-Crate 1.1; written by the library ``rocrate``.
"""

from __future__ import annotations

import datetime
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity, Entity, File
from rocrate.rocrate import ROCrate

from sijstudy import __version__
from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.files import file_hash, write_json
from sijstudy.notebook.provenance import PACKAGES
from sijstudy.study.cards import CHECKLIST, MODEL_CARD
from sijstudy.study.cells import notebook_title
from sijstudy.study.from_kept import kept_of_run
from sijstudy.study.notebook_files import read_notebook
from sijstudy.study.numbers_file import NUMBERS
from sijstudy.study.plan import StudyPlan
from sijstudy.study.results import DONE, current_timings, is_synthetic, result_of
from sijstudy.training.kept_run import ABOUT

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
PAPER = "https://doi.org/10.3390/diagnostics11071156"
LICENSE, AUTHORS = "https://spdx.org/licenses/MIT", "The sijstudy authors"  # as CITATION.cff has them; a test compares
BESIDE = ("index.html", NUMBERS, MODEL_CARD, CHECKLIST)  # what every run writes beside the pages
UNLICENSED = "None was given: who made this run says what may be done with it."
STATUS = "http://schema.org/{}ActionStatus"
SHA256 = {"sha256": "http://schema.org/sha256"}  # a term that RO-Crate 1.1 does not know yet


def write_crate(plan: StudyPlan) -> Path:
    """Describe what lies in the plan's reports folder; returns the file. The same files give the same description.

    What an earlier run left there, with other parameters or of other networks, is listed and nobody's result.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(SHA256)
    actions = current_timings(plan)
    outputs = {name: _file(crate, plan.reports, name) for name in _names(plan.reports)}
    software = _software(crate, plan)
    given = [_cohort(crate, plan), *_kept(crate, plan), *_parameters(crate, plan.config)]
    pages = {}
    for notebook in plan.notebooks:
        page = outputs.get(plan.page(notebook).name)
        if page is not None and notebook.stem in actions:
            pages[page.id] = page
            tool = _tool(crate, notebook, software)
            _action(crate, tool, _run_of(plan, notebook, actions[notebook.stem]), given, [page])
    beside = (*BESIDE, "kept/") if kept_of_run(plan) else BESIDE
    rest = [file for name, file in outputs.items() if name.startswith(beside)]
    if pages and rest:
        about = {
            "name": "Index and what lies beside the reports",
            "description": "What a run writes of its notebooks' results when they have ended.",
            "endTime": _published(actions),
        }
        _action(crate, software, about, pages.values(), rest)
    _describe(crate, plan, software, _published(actions))
    write_json(plan.reports / METADATA, crate.metadata.generate())
    return plan.reports / METADATA


def _names(reports: Path) -> list[str]:
    """The files of a reports folder, as paths in it; without the description itself and what is being written."""
    files = (path.relative_to(reports) for path in reports.rglob("*") if path.is_file())
    names = (path.as_posix() for path in files if not any(part.startswith(".") for part in path.parts))
    return sorted(name for name in names if name != METADATA)


def _file(crate: ROCrate, reports: Path, name: str) -> File:
    path = reports / name
    about = {"name": name, "contentSize": str(path.stat().st_size), "sha256": file_hash(path)}
    kind, _ = mimetypes.guess_type(name)
    return crate.add_file(path, name, properties={**about, **({"encodingFormat": kind} if kind else {})})


def _software(crate: ROCrate, plan: StudyPlan) -> Entity:
    """The package, with what it needs: the versions in which the numbers were computed."""
    origins = [found["provenance"] for found in _results(plan) if found.get("provenance")]
    told: dict[str, str] = origins[0] if origins else {}
    commits = "; ".join(dict.fromkeys(each["commit"] for each in origins if each.get("commit")))
    versions = {name: told.get(name) or version(name) for name in PACKAGES}
    needed = [
        _add(crate, f"pkg:pypi/{name}@{number}", "SoftwareApplication", name=name, softwareVersion=number)
        for name, number in versions.items()
    ]
    return _add(
        crate, f"pkg:pypi/sijstudy@{__version__}", "SoftwareApplication", name="sijstudy",
        softwareVersion=f"{__version__}, commit {commits}" if commits else __version__,
        license={"@id": LICENSE}, citation={"@id": PAPER}, softwareRequirements=needed,
    )  # fmt: skip


def _cohort(crate: ROCrate, plan: StudyPlan) -> Entity:
    """The cohort by its name and the hash of its files, labels and boxes; its images lie outside the crate."""
    told: dict[str, Any] = next((found for found in _results(plan) if found.get("provenance")), {})
    origin = told.get("provenance", {})
    return _add(
        crate, "#cohort", "CreativeWork",
        name=origin.get("cohort") or plan.config.manifest or "the synthetic cohort",
        description=str(told.get("cohort") or "The cohort of this run."),
        **({"identifier": origin["cohort_hash"]} if "cohort_hash" in origin else {}),
    )  # fmt: skip


def _kept(crate: ROCrate, plan: StudyPlan) -> list[Entity]:
    """The kept predictions that a run's tables were made of, in place of images and networks; [] where none were.

    Their account has the hash of every other file of them, so its own stands for all.
    """
    account = plan.root / plan.config.kept / ABOUT
    if not plan.config.kept or not account.is_file():
        return []
    return [
        _add(
            crate, "#kept-predictions", "CreativeWork", name=f"Predictions kept in {plan.config.kept}",
            description="What an earlier run kept: scores of slices, folds and tables. The hash is of the account, "
            "which has one of each file.",
            sha256=file_hash(account),
        )
    ]  # fmt: skip


def _parameters(crate: ROCrate, config: StudyConfig) -> list[Entity]:
    """Every parameter with its value, and what it is."""
    return [
        _add(
            crate, f"#parameter-{spec.name}", "PropertyValue", name=spec.name, value=getattr(config, spec.name),
            description=spec.metadata["note"],
        )
        for spec in fields(config)
        if spec.name not in WHERE_ONLY
    ]  # fmt: skip


def _tool(crate: ROCrate, notebook: Path, software: Entity) -> Entity:
    return _add(
        crate, f"#{notebook.name}", "SoftwareSourceCode", name=notebook_title(read_notebook(notebook), notebook.stem),
        version=__version__, sha256=file_hash(notebook), programmingLanguage="Python", isPartOf=software,
    )  # fmt: skip


def _run_of(plan: StudyPlan, notebook: Path, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a notebook's run. entry: its line in timings.json."""
    end = datetime.datetime.fromisoformat(entry["finished"])
    done = entry["status"] == DONE
    answer = result_of(plan, notebook).get("answer") if done else ""
    return {
        "name": f"Run of {notebook.name}",
        "description": answer or f"The notebook {notebook.name} with the run's parameters.",
        "startTime": _moment(end - datetime.timedelta(seconds=entry["seconds"])),
        "endTime": _moment(end),
        "actionStatus": STATUS.format("Completed" if done else "Failed"),
        **({} if done else {"error": entry["failure"]}),
    }


def _action(
    crate: ROCrate, tool: Entity, about: Mapping[str, Any], given: Iterable[Entity], made: Iterable[Entity]
) -> None:
    name = f"#run-of-{tool.id.lstrip('#')}"
    action = crate.add_action(tool, identifier=name, object=list(given), result=list(made), properties=dict(about))
    crate.root_dataset.append_to("mentions", action)


def _describe(crate: ROCrate, plan: StudyPlan, software: Entity, published: str) -> None:
    """The crate as a whole. The package's authors drew a synthetic cohort; whose another is, is not known here."""
    synthetic = is_synthetic(plan, _results(plan))
    profile = _add(crate, PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    _add(crate, LICENSE, "CreativeWork", name="MIT License", identifier="MIT")
    paper = "Method for Diagnosing the Bone Marrow Edema of Sacroiliac Joint in Patients with Axial Spondyloarthritis"
    _add(crate, PAPER, "ScholarlyArticle", name=paper)
    root = crate.root_dataset
    root["conformsTo"] = profile
    root["name"] = f"Reports of sijstudy, profile {plan.config.profile}"
    root["description"] = (
        f"{'A synthetic cohort: no patient is shown. ' if synthetic else ''}Notebooks of a study of bone marrow edema "
        "of the sacroiliac joints on MR, executed. Research only: not for diagnosis."
    )
    root["datePublished"] = published
    root["license"] = {"@id": LICENSE} if synthetic else UNLICENSED
    root["isBasedOn"] = [{"@id": PAPER}, software]
    authors = _add(crate, "#authors", "Organization", name=AUTHORS)
    software["author"] = authors
    if synthetic:
        root["author"] = authors


def _results(plan: StudyPlan) -> list[dict[str, Any]]:
    """What the notebooks of these very parameters left, in their order."""
    current = current_timings(plan)
    return [
        result_of(plan, notebook)
        for notebook in plan.notebooks
        if current.get(notebook.stem, {}).get("status") == DONE
    ]  # fmt: skip


def _published(actions: Mapping[str, Mapping[str, Any]]) -> str:
    """When the last notebook ended; a run of none is of no time."""
    ends = [datetime.datetime.fromisoformat(entry["finished"]) for entry in actions.values()]
    return _moment(max(ends, default=datetime.datetime.fromtimestamp(0, datetime.UTC)))


def _moment(time: datetime.datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return time.astimezone(datetime.UTC).isoformat(timespec="milliseconds")


def _add(crate: ROCrate, place: str, kind: str, /, **properties: Any) -> Entity:
    return crate.add(ContextEntity(crate, place, properties={"@type": kind, **properties}))
