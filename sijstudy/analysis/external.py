"""The study's networks on another cohort: scores, others who read edema beside them, agreement with its readers.

The paper has no external test. A network must at least beat what a threshold on bright bone reaches.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sijstudy.aggregation import slice_decisions
from sijstudy.analysis.bright_bone import BASELINES
from sijstudy.analysis.slice_readers import SEGMENTATION, read_slices
from sijstudy.audit.agreement import agreement, readers_of
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.cohort.region_masks import region_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.cohort.unread import labelled
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.fold_intervals import over_folds
from sijstudy.gradcam import cam_maps
from sijstudy.headline import ONE, Headline
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

BOTH = "both"
SEEN = {  # readers of edema beside the networks, called positive from the study's threshold on, too
    SEGMENTATION: "edema outlined by the segmentation",
    BOTH: "mean of networks' and segmentation's score",
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
    SEGMENTATION, the BASELINES and region (where these were measured) of ``read_slices``, BOTH. inputs:
    ``(n, C, S, S)`` float32, their noisy patches. given: every slice of the cohort. course: a row for each of them:
    subject_id, slice_index, label (NaN where it has none), score (NaN where it has no ilium box). seen:
    ``read_slices`` of each of them. also: parameters of another run whose networks' scores stand beside these
    (``external_readers.beside``).
    """

    manifest: Manifest
    given: Manifest
    frame: pd.DataFrame
    course: pd.DataFrame
    seen: pd.DataFrame
    config: StudyConfig
    models: Mapping[int, EdemaNet]
    inputs: torch.Tensor
    also: StudyConfig | None = None

    @property
    def left_out(self) -> int:
        """How many slices have no ilium box."""
        return int(self.course["score"].isna().sum())

    @property
    def scores(self) -> dict[str, str]:
        """Column of a score -> what it is, networks first."""
        folds = {f"fold_{fold}": f"network of fold {fold}" for fold in self.models}
        return {"score": f"mean of {len(folds)} networks", **folds, **SEEN, **BASELINES}


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
    frame, own = every[read].reset_index(drop=True), labelled(kept)
    frame["decision"] = slice_decisions(frame["score"].to_numpy(), config.slice_threshold)
    seen = read_slices(manifest, cache / "readings", progress=progress)
    columns = ["subject_id", "slice_index", SEGMENTATION, *BASELINES, "region"]
    frame = frame.merge(seen[columns], "left", ["subject_id", "slice_index"], validate="1:1")
    frame[BOTH] = (frame["score"] + frame[SEGMENTATION]) / 2
    tested = inputs if read.all() else inputs[torch.from_numpy(np.flatnonzero(read))]
    return ExternalCohort(own, manifest, frame, course, seen, config, models, tested)


def with_boxes(manifest: Manifest) -> Manifest:
    """The manifest with only those slices that have an ilium box."""
    boxed = [item.boxes is not None for item in manifest.slice_records()]
    return replace(manifest, slices=manifest.slices[boxed].reset_index(drop=True))


def auc_table(cohort: ExternalCohort) -> pd.DataFrame:
    """AUC of slices with its 95% CI, given these networks: index what is scored, columns auc, low, high, people.

    A row "mean over the folds" follows the networks. people: different ones of the rarer class. NaN where the slices
    are all of one class.
    """
    frame, rows = cohort.frame, {}
    for column, name in cohort.scores.items():
        rows[name] = auc_row(frame, column)
    folds = [column for column in cohort.scores if column.startswith("fold_")]
    every = pd.concat([frame.assign(fold=number, score=frame[column]) for number, column in enumerate(folds)])
    rows["mean over the folds' networks"] = _auc_row(every)
    order = ["score", *folds]
    names = [cohort.scores[column] for column in order]
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.loc[[*names, "mean over the folds' networks", *SEEN.values(), *BASELINES.values()]]


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
    """Cohen's kappa of the networks' decision with each reader, of those of SEEN, and the readers' own.

    Columns as of ``audit.agreement``.
    """
    frame, limit, resamples = cohort.frame, cohort.config.slice_threshold, {"samples": samples, "seed": seed}
    names, tables = {"score": "networks", SEGMENTATION: SEGMENTATION, BOTH: "mean of the two"}, []
    for column, reader in itertools.product(names, readers_of(frame)):
        called = slice_decisions(frame[column].to_numpy(), limit)
        pair = pd.DataFrame({"subject_id": frame["subject_id"], "reader_1": called, "reader_2": frame[reader]})
        tables.append(agreement(pair, **resamples).set_axis([f"{names[column]} and {reader.replace('_', ' ')}"]))
    return pd.concat([*tables, agreement(frame, **resamples)])


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
    """The notebook's answer: the AUC beside that of other readers, kappas with the readers beside their own."""
    first, frame = areas.iloc[0], cohort.frame
    what = f"On {len(frame)} slices of {frame['subject_id'].nunique()} subjects of {cohort.manifest.name} "
    if np.isnan(first["auc"]):
        share = 100 * frame["decision"].mean()
        return f"{what}the networks call {share:.1f}% positive; all slices are of one class, so no AUC is defined."
    rivals = areas.loc[list(BASELINES.values()), "auc"].dropna()
    beside = f", the best threshold on bright bone {rivals.max():.2f}" if len(rivals) else ""
    seen, both = areas.loc[list(SEEN.values()), "auc"]
    area = f"{first['auc']:.2f} (95% CI given these networks {first['low']:.2f} to {first['high']:.2f})"
    others = f"; the segmentation's edema reaches {seen:.2f}, the mean of both {both:.2f}{beside}"
    return f"{what}the networks reach an AUC of {area}{others}.{_kappa_sentence(kappas)}"


def headline(cohort: ExternalCohort, areas: pd.DataFrame) -> Headline:
    """The number for the index page; the paper has none of its kind."""
    own = areas.iloc[0]
    name, numbers = f"Slice AUC on {cohort.manifest.name}", (own["auc"], own["low"], own["high"])
    return Headline(
        name, "Slices of the other cohort", *numbers, unit=ONE, people=int(own["people"]), given_networks=True
    )


def origin(cohort: ExternalCohort) -> dict[str, str]:
    """The other cohort, for the provenance table; its hash is that of all its slices."""
    manifest = cohort.given
    return {"external cohort": f"{manifest.name} ({manifest.source})", "external cohort_hash": cohort_hash(manifest)}


def _kappa_sentence(kappas: pd.DataFrame) -> str:
    ours, theirs = kappas.index.str.startswith("networks"), kappas.index.str.startswith("reader")
    parts = []
    for who, table in (("with the readers", kappas[ours]), ("among the readers", kappas[theirs])):
        pairs = table.loc[table["measure"] == "Cohen's kappa", "kappa"].dropna()
        if len(pairs):
            parts.append(f"{who} {pairs.min():.2f} to {pairs.max():.2f}")
    return f" Cohen's kappa is {', '.join(parts)}." if parts else ""


def auc_row(frame: pd.DataFrame, column: str) -> dict[str, float]:
    """AUC of a column over the slices that have a value in it: a row of ``auc_table``."""
    return _auc_row(frame.assign(fold=0, score=frame[column]))


def _auc_row(frame: pd.DataFrame) -> dict[str, float]:
    """The mean AUC over the column fold of what is scored, and its interval."""
    found = over_folds(frame.dropna(subset=["score"]), ratio=GIVEN).loc["auc"]
    return {"auc": found["mean"], "low": found["low"], "high": found["high"], "people": int(found["people"])}


def _edema(outlines: SliceOutlines, item: Slice, config: StudyConfig) -> Array:
    """The edema's outline as the patch shows it; nothing without one."""
    mask, size = outlines.mask(item, "edema"), config.patch_size
    return np.zeros((size, size), dtype=bool) if mask is None else mask_patch(item, mask, config)
