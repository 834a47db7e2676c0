"""Kept predictions of a run: written beside its reports, and a plan that makes the reports' tables of them anew."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sijstudy.cohort.manifest import Manifest, load_manifest
from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import read_json
from sijstudy.given_json import read_given_json
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.notebook.made_with import MarkedFolder, of_scores
from sijstudy.study.numbers_file import FROM_KEPT
from sijstudy.study.plan import KEPT, StudyPlan, make_plan, reports_of
from sijstudy.study.profiles import profile_path
from sijstudy.study.results import answered, result_of
from sijstudy.training.kept_run import ABOUT, COHORT, RESTORE, WHOLE, KeptContent, KeptRun, open_kept, write_kept
from sijstudy.training.networks import FITS, open_networks

FOLDS, SELECTION, TRAINING, EXAMINATIONS = (FROM_KEPT[place] for place in (0, 1, 2, 4))
TABLES = {  # notebook -> the tables it leaves that cannot be made of others
    TRAINING: ("predictions_original", "predictions_roi", "predictions_baselines"),
    SELECTION: ("history_resnet18", "history_resnet50"),
    EXAMINATIONS: ("whole_examinations",),
}  # fmt: skip
AUTOMATIC = ("predictions_automatic_roi", "found_joints")  # not there where notebook 04 had to leave that arm out
ORIGIN = ("commit", "sijstudy", "device", "precision", "torch")  # of the provenance of notebook 04


def kept_folder(reports: Path) -> Path:
    """Where a run's predictions are kept; reports: ``reports/PROFILE``."""
    return reports / "kept"


def cohort_folder(plan: StudyPlan) -> Path:
    """Folder of the manifest that a run works on."""
    config = plan.config
    if config.kept:
        return plan.root / config.kept / COHORT
    return plan.root / (config.manifest or f"data_manifest/{synthetic_name(config)}")


def keeps(plan: StudyPlan) -> bool:
    """Whether a run keeps its predictions unasked: that of the reports that the repository keeps, of no real cohort."""
    config = plan.config
    return plan.reports == plan.root / "reports" / KEPT and not (config.manifest or config.kept)


def keep_predictions(plan: StudyPlan) -> Path | None:
    """Write a run's predictions beside its reports; None where notebooks 02 and 04 did not end with these parameters.

    What notebooks 03 and 09 need is kept when they did; of a given cohort not what 09 needs.
    """
    config = plan.config
    done = {notebook.stem: result_of(plan, notebook) for notebook in answered(plan)}
    if config.manifest:
        done.pop(EXAMINATIONS, None)  # its manifest holds whole series in another form
    if config.kept or not {FOLDS, TRAINING} <= done.keys():
        return None
    provenance = done[TRAINING].get("provenance", {})
    folder = MarkedFolder(plan.runs, of_scores(config, plan.root))
    tables = [table for name, tables in TABLES.items() if name in done for table in tables]
    tables += [table for table in AUTOMATIC if folder.has_table(table)]
    if config.roi_source == "automatic" and EXAMINATIONS in done:
        tables.append("found_joints_whole")
    for table in tables:
        folder.load_table(table)  # StudyError where it is not of these parameters: it may have been written by hand
    content = KeptContent(
        config=config,
        folder=folder,
        manifests=_manifests(plan, whole=EXAMINATIONS in done),
        fits=open_networks(plan.runs).runs,
        tables=tuple(tables),
        origin={name: provenance[name] for name in ORIGIN if name in provenance},
    )
    return write_kept(kept_folder(plan.reports), content)


def kept_of_run(plan: StudyPlan) -> bool:
    """Whether the predictions beside a run's reports are its own: of its parameters and its networks."""
    about, fits = kept_folder(plan.reports) / ABOUT, plan.runs / FITS
    if not (about.is_file() and fits.is_file()):
        return False
    try:
        kept = read_given_json(about, RESTORE)
    except StudyError:
        return False  # whatever it is, the run did not write it
    own = {name: value for name, value in plan.parameters.items() if name not in WHERE_ONLY}
    networks = read_json(fits)["fits"]
    return isinstance(kept, dict) and (kept.get("parameters"), kept.get("networks")) == (own, networks)


def plan_from_kept(
    profile: str | Path,
    *,
    root: Path,
    overrides: Mapping[str, Any],
    only: Sequence[str] = (),
    reports_root: Path | None = None,
) -> StudyPlan:
    """The plan of a run on the predictions kept in ``reports/PROFILE``, with the parameters they were made with.

    They are looked for in ``reports_root``, where the run writes, and then in ``root/reports``. Its own name is
    PROFILE-kept, so that the reports stay beside which they lie. overrides: parameters of what comes after the
    predictions; StudyError for others. only: by default all notebooks that can do with predictions.
    """
    root = root.resolve()
    name = StudyConfig.from_yaml(profile_path(profile, root)).profile
    places = [kept_folder(reports_of(root, name, each)) for each in (reports_root, None)]
    folder = next((place for place in places if (place / ABOUT).is_file()), places[-1])
    run = open_kept(folder)
    kept = {key: value for key, value in asdict(run.config).items() if key not in WHERE_ONLY}
    own = {"profile": f"{name}-kept", "kept": os.path.relpath(folder, root)}
    chosen = only or _possible(run)
    return make_plan(profile, root=root, overrides={**kept, **own, **overrides}, only=chosen, reports_root=reports_root)


def _possible(run: KeptRun) -> tuple[str, ...]:
    """The notebooks for which all was kept."""
    return tuple(name for name in FROM_KEPT if all(run.has_table(table) for table in TABLES.get(name, ())))


def _manifests(plan: StudyPlan, *, whole: bool) -> dict[str, Manifest]:
    """The study's manifest, and of a synthetic cohort that of its whole examinations."""
    config = plan.config
    manifests = {COHORT: load_manifest(cohort_folder(plan))}
    if whole and not config.manifest:
        other = replace(config, slices="whole")
        manifests[WHOLE] = load_manifest(plan.root / "data_manifest" / synthetic_name(other))
    return manifests
