"""The study's networks on another cohort: scores, intensity baselines beside them, agreement with its readers.

The paper has no external test. A network must at least beat what a threshold on bright bone reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from sijstudy.aggregation import slice_decisions
from sijstudy.analysis.region_pixels import RegionPixels
from sijstudy.audit.agreement import agreement, readers_of
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.cohort.region_masks import region_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.cohort.unread import labelled
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.fold_intervals import over_folds
from sijstudy.gradcam import cam_maps
from sijstudy.metrics import METRIC_NAMES, METRICS, Roc, roc
from sijstudy.model import EdemaNet
from sijstudy.records import Slice
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.inputs import middle, noisy_patches
from sijstudy.training.networks import Networks
from sijstudy.training.patches import load_patches, mask_patch
from sijstudy.training.scoring import load_model, predict

Array = np.ndarray[Any, Any]
GIVEN = 0.0  # no subject of the other cohort was trained on: intervals are those of these very networks
FEW = 10  # subjects; below it intervals are rough

BASELINES = {
    "p99_over_median": "99th percentile of bone over its median",
    "bright_share": "share of bone above twice its median",
}
NOT_GIVEN = (
    "No other cohort is given, so nothing is tested here. Build its manifest with sijstudy manifest build and run "
    "this notebook with -p external_manifest data_manifest/NAME."
)


@dataclass(frozen=True)
class ExternalCohort:
    """Another cohort through the study's networks of the ROI arm.

    manifest: the slices that have a label and an ilium box. frame: a row per slice of ``manifest``: subject_id,
    slice_index, label, reader columns, score (mean over the networks), decision, fold_1 ... (each network's score),
    the BASELINES, region (where these were measured). inputs: ``(n, C, S, S)`` float32, their noisy patches.
    given: every slice of the cohort. course: a row for each of them: subject_id, slice_index, label (NaN where it has
    none), score (NaN where it has no ilium box).
    """

    manifest: Manifest
    given: Manifest
    frame: pd.DataFrame
    course: pd.DataFrame
    config: StudyConfig
    models: Mapping[int, EdemaNet]
    inputs: torch.Tensor

    @property
    def left_out(self) -> int:
        """How many slices have no ilium box."""
        return int(self.course["score"].isna().sum())

    @property
    def scores(self) -> dict[str, str]:
        """Column of a score -> what it is, networks first."""
        folds = {f"fold_{fold}": f"network of fold {fold}" for fold in self.models}
        return {"score": f"mean of {len(folds)} networks", **folds, **BASELINES}


def apply_networks(
    manifest: Manifest, networks: Networks, cache: Path, *, device: str, workers: int = 1, progress: bool = True
) -> ExternalCohort:
    """Score every slice that has an ilium box with each network of the ROI arm, as test slices are scored.

    manifest: plain, or with unread slices (``cohort.unread.whole_series``). Raises StudyError when no slice with a
    label has a box, or there is no such network.
    """
    config = replace(networks.config, device=device)
    if "roi" not in networks.runs:
        raise StudyError("the study has no network for ROI patches; run notebook 04 again")
    kept = with_boxes(manifest)
    read = kept.slices["label"].notna().to_numpy(bool)
    if not read.any():
        raise StudyError(f"{manifest.folder}: no slice has an ilium box; outline the ilia or give a table of boxes")
    patches = load_patches(kept, "roi", config, cache, workers=workers, progress=progress)
    inputs, place = noisy_patches(patches, config, "test"), resolve_device(config.device)
    models = {fold: load_model(run).to(place) for fold, run in networks.runs["roi"].items()}
    shown = tqdm(models.items(), desc="scoring the external cohort", unit="network", disable=not progress)
    with numerics(config, place):
        scores = {f"fold_{fold}": predict(model, inputs, config, place) for fold, model in shown}
    every = kept.slices[["subject_id", "slice_index", "label", *readers_of(kept.slices)]].assign(**scores)
    every["score"] = every[list(scores)].mean(axis=1)
    course = manifest.slices[["subject_id", "slice_index", "label"]].astype({"label": float})
    course = course.merge(every[["subject_id", "slice_index", "score"]], "left", ["subject_id", "slice_index"])
    frame, own, places = every[read].reset_index(drop=True), labelled(kept), np.flatnonzero(read)
    frame["decision"] = slice_decisions(frame["score"].to_numpy(), config.slice_threshold)
    frame = frame.join(pd.DataFrame(_baselines(own, patches.patches, places, progress)))
    tested = inputs if read.all() else inputs[torch.from_numpy(places)]
    return ExternalCohort(own, manifest, frame, course, config, models, tested)


def with_boxes(manifest: Manifest) -> Manifest:
    """The manifest with only those slices that have an ilium box."""
    boxed = [item.boxes is not None for item in manifest.slice_records()]
    return replace(manifest, slices=manifest.slices[boxed].reset_index(drop=True))


def intensity_baselines(values: Array) -> dict[str, float]:
    """The BASELINES of the pixels ``(n,)`` of bone; NaN when their median is not above 0."""
    median = float(np.median(values)) if len(values) else 0.0
    if median <= 0:
        return dict.fromkeys(BASELINES, float("nan"))
    return {
        "p99_over_median": float(np.percentile(values, 99)) / median,
        "bright_share": float(np.mean(values > 2 * median)),
    }


def auc_table(cohort: ExternalCohort) -> pd.DataFrame:
    """AUC of slices with its 95% CI, given these networks: index what is scored, columns auc, low, high, people.

    A row "mean over the folds" follows the networks. people: different ones of the rarer class. NaN where the slices
    are all of one class.
    """
    frame, rows = cohort.frame, {}
    for column, name in cohort.scores.items():
        rows[name] = _auc_row(frame.assign(fold=0, score=frame[column]))
    folds = [column for column in cohort.scores if column.startswith("fold_")]
    every = pd.concat([frame.assign(fold=number, score=frame[column]) for number, column in enumerate(folds)])
    rows["mean over the folds' networks"] = _auc_row(every)
    order = ["score", *folds]
    names = [cohort.scores[column] for column in order]
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.loc[[*names, "mean over the folds' networks", *BASELINES.values()]]


def decision_table(cohort: ExternalCohort) -> pd.DataFrame:
    """The six metrics of the mean score at the study's threshold, percent with 95% CI, given these networks.

    Index metric, columns value, low, high, people (different ones behind the number).
    """
    found = over_folds(cohort.frame.assign(fold=0), ratio=GIVEN).loc[list(METRICS)]
    table = 100 * found[["mean", "low", "high"]].rename(columns={"mean": "value"})
    return table.assign(people=found["people"]).rename(index=METRIC_NAMES)


def curves(cohort: ExternalCohort) -> dict[str, Roc]:
    """ROC curve of every score, by column."""
    frame = cohort.frame
    return {column: roc_of(frame, column) for column in cohort.scores}


def roc_of(frame: pd.DataFrame, column: str) -> Roc:
    """ROC curve of a column over the slices of ``frame`` that have a value in it."""
    used = frame.dropna(subset=[column])
    return roc(used["label"].to_numpy(), used[column].to_numpy())


def reader_agreement(cohort: ExternalCohort, *, samples: int, seed: int) -> pd.DataFrame:
    """Cohen's kappa of the networks' decision with each reader, above the readers' own (``audit.agreement``)."""
    frame, tables = cohort.frame, []
    for reader in readers_of(frame):
        pair = pd.DataFrame(
            {"subject_id": frame["subject_id"], "reader_1": frame["decision"], "reader_2": frame[reader]}
        )
        name = f"networks and {reader.replace('_', ' ')}"
        tables.append(agreement(pair, samples=samples, seed=seed).set_axis([name]))
    return pd.concat([*tables, agreement(frame, samples=samples, seed=seed)])


def examples(cohort: ExternalCohort, *, right: bool, count: int = 2) -> list[tuple[str, Array, Array, Array]]:
    """Slices for ``figures.paper.cam_gallery`` with the networks' mean Grad-CAM.

    right False: the highest scores without edema and the lowest with it. right True: the surest correct ones.
    """
    frame, rows = cohort.frame, []
    for label in (0, 1):
        part = frame[frame["label"] == label].sort_values("score", ascending=(label == 0) == right)
        rows += part.index[:count].tolist()
    if not rows:
        return []
    inputs, place = cohort.inputs[rows], next(next(iter(cohort.models.values())).parameters()).device
    with numerics(cohort.config, place):
        cams = np.mean([cam_maps(model, inputs.to(place)) for model in cohort.models.values()], 0)
    items, outlines = cohort.manifest.slice_records(), SliceOutlines(cohort.manifest)
    return [
        (
            f"{items[row].subject_id}, slice {items[row].index}\n"
            f"{'edema' if frame.loc[row, 'label'] else 'no edema'}, score {frame.loc[row, 'score']:.2f}",
            middle(inputs)[place],
            _edema(outlines, items[row], cohort.config),
            cams[place],
        )
        for place, row in enumerate(rows)
    ]


def coverage_sentence(cohort: ExternalCohort) -> str:
    """What was used, where the baselines were measured, and how far the numbers carry."""
    frame, regions = cohort.frame, cohort.frame["region"].value_counts()
    positive, subjects = int(frame["label"].sum()), frame["subject_id"].nunique()
    places = " and ".join(f"the {region} on {count}" for region, count in regions.items())
    words = [
        f"{len(frame)} slices of {subjects} subject{'s' * (subjects > 1)}, {positive} with edema. "
        f"Slices left out for want of an ilium box: {cohort.left_out}. Outlined edema counts "
        f"{region_of(cohort.manifest).text}; the baselines are measured in {places} slices."
    ]
    if positive in (0, len(frame)):
        words.append("All slices are of one class: areas under the curve are undefined.")
    if subjects < FEW:
        words.append(f"With {subjects} subject{'s' * (subjects > 1)} the intervals are rough.")
    return " ".join(words)


def answer_sentence(cohort: ExternalCohort, areas: pd.DataFrame, kappas: pd.DataFrame) -> str:
    """The notebook's answer: the AUC beside the better baseline, kappas with the readers beside their own."""
    first, frame = areas.iloc[0], cohort.frame
    what = f"On {len(frame)} slices of {frame['subject_id'].nunique()} subjects of {cohort.manifest.name} "
    if np.isnan(first["auc"]):
        share = 100 * frame["decision"].mean()
        return f"{what}the networks call {share:.1f}% positive; all slices are of one class, so no AUC is defined."
    rivals = areas.loc[list(BASELINES.values()), "auc"].dropna()
    beside = f"; the better intensity threshold reaches {rivals.max():.2f}" if len(rivals) else ""
    area = f"{first['auc']:.2f} (95% CI given these networks {first['low']:.2f} to {first['high']:.2f})"
    return f"{what}the networks reach an AUC of {area}{beside}.{_kappa_sentence(kappas)}"


def headline(cohort: ExternalCohort, areas: pd.DataFrame) -> dict[str, Any]:
    """The number for the index page; the paper has none of its kind."""
    own = {key: None if np.isnan(value) else float(value) for key, value in areas.iloc[0].items()}
    name = f"Slice AUC on {cohort.manifest.name}"
    numbers = {"ours": own["auc"], "low": own["low"], "high": own["high"], "people": int(areas["people"].iloc[0])}
    return {"name": name, "unit": "", "paper": None, **numbers, "given_networks": True}


def origin(cohort: ExternalCohort) -> dict[str, str]:
    """The other cohort, for the provenance table; its hash is that of all its slices."""
    manifest = cohort.given
    return {"external cohort": f"{manifest.name} ({manifest.source})", "external cohort_hash": cohort_hash(manifest)}


def _kappa_sentence(kappas: pd.DataFrame) -> str:
    ours = kappas.index.str.startswith("networks")
    parts = []
    for who, table in (("with the readers", kappas[ours]), ("among the readers", kappas[~ours])):
        pairs = table.loc[table["measure"] == "Cohen's kappa", "kappa"].dropna()
        if len(pairs):
            parts.append(f"{who} {pairs.min():.2f} to {pairs.max():.2f}")
    return f" Cohen's kappa is {', '.join(parts)}." if parts else ""


def _baselines(manifest: Manifest, patches: Array, places: Array, progress: bool) -> list[dict[str, Any]]:
    """patches: ``PatchSet.patches``; places ``(n,)``: where in them the slices of the manifest are."""
    regions, rows = RegionPixels(manifest), []
    items = tqdm(manifest.slice_records(), desc="intensity baselines", unit="slice", disable=not progress)
    for place, item in zip(places, items, strict=True):
        values, region = regions.of(item) or (patches[place, 0].ravel(), "ROI patch")
        rows.append({**intensity_baselines(values), "region": region})
    return rows


def _auc_row(frame: pd.DataFrame) -> dict[str, float]:
    """The mean AUC over the column fold of what is scored, and its interval."""
    found = over_folds(frame.dropna(subset=["score"]), ratio=GIVEN).loc["auc"]
    return {"auc": found["mean"], "low": found["low"], "high": found["high"], "people": int(found["people"])}


def _edema(outlines: SliceOutlines, item: Slice, config: StudyConfig) -> Array:
    """The edema's outline as the patch shows it; nothing without one."""
    mask, size = outlines.mask(item, "edema"), config.patch_size
    return np.zeros((size, size), dtype=bool) if mask is None else mask_patch(item, mask, config)
