"""How alike the images of two cohorts are: statistics side by side, and a classifier that tells them apart.

The paper has no such comparison. It is for judging a synthetic cohort against a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from tqdm import tqdm

from sijstudy.analysis.baselines import PERCENTILES, logistic_regression
from sijstudy.analysis.external import with_boxes
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image
from sijstudy.intensity import tissue_of, without_padding
from sijstudy.records import Slice
from sijstudy.training.patches import load_patches

Array = np.ndarray[Any, Any]

MARGIN_MM = 2.0  # kept from the outline of the bone and from edema where marrow is measured
NEAR_MM = 15.0  # soft tissue is measured this near to the bones
LEAST_MM2 = 7.0  # a smaller speck of the outline is no lesion
STATISTICS = {
    "marrow_cv": "marrow: SD over median",
    "marrow_fine": "marrow: SD of detail below 1.2 mm over median",
    "soft_tissue": "soft tissue within 15 mm of bone over marrow (medians)",
    "brightest": "99.5th percentile of the slice over marrow",
    "lesion_ratio": "edema over marrow (medians)",
    "lesion_cnr": "edema minus marrow (means) over SD of marrow",
    "lesion_area": "edema per positive slice, mm2",
    "lesions": "lesions per positive slice",
    "run_length": "neighbouring positive slices in a run",
}
_SCALES = (0.7, 1.5, 3.0, 6.0)  # pixels of the patch


def slice_statistics(manifest: Manifest, *, progress: bool = True) -> pd.DataFrame:
    """A row per slice with outlined bone: subject_id, slice_index, label, and the STATISTICS that a slice has.

    What is undefined is NaN. Raises StudyError when no slice has one.
    """
    outlines, rows = SliceOutlines(manifest), []
    for item in tqdm(manifest.slice_records(), desc=manifest.name, unit="slice", disable=not progress):
        bone = outlines.bone(item)
        if bone is not None:
            rows.append(_of_slice(item, bone, outlines.mask(item, "edema")))
    if not rows:
        raise StudyError(f"{manifest.folder}: no slice has an outline of bone, so there is nothing to measure in")
    return pd.DataFrame(rows)


def _of_slice(item: Slice, bone: Array, edema: Array | None) -> dict[str, Any]:
    image = read_image(item)
    pixels, filled = image.pixels, without_padding(image.pixels)
    step = (float(image.header.spacing[0]), float(image.header.spacing[1]))
    edema = np.zeros(bone.shape, bool) if edema is None else edema & bone
    row: dict[str, Any] = {"subject_id": item.subject_id, "slice_index": item.index, "label": int(item.label)}
    inner = ndimage.distance_transform_edt(bone, step) > MARGIN_MM
    far = ndimage.distance_transform_edt(~edema, step) > MARGIN_MM if edema.any() else np.ones(bone.shape, bool)
    marrow = tissue_of(pixels, inner & far)
    if marrow.size == 0 or np.median(marrow) <= 0:
        return row
    median = float(np.median(marrow))
    around = ndimage.distance_transform_edt(~bone, step)
    soft = tissue_of(pixels, (around > MARGIN_MM) & (around < NEAR_MM))
    detail = pixels - ndimage.gaussian_filter(filled, [1.2 / mm for mm in step])
    row |= {
        "marrow_cv": float(marrow.std()) / median,
        "marrow_fine": float(tissue_of(detail, inner & far).std()) / median,
        "soft_tissue": float(np.median(soft)) / median if soft.size else np.nan,
        "brightest": float(np.nanpercentile(pixels, 99.5)) / median,
    }
    return row | _lesions(pixels, edema, marrow, step[0] * step[1]) if item.label else row


def _lesions(pixels: Array, edema: Array, marrow: Array, area: float) -> dict[str, float]:
    lesion = tissue_of(pixels, edema)
    if lesion.size == 0:
        return {}
    sizes = np.bincount(ndimage.label(edema, np.ones((3, 3)))[0].ravel())[1:] * area
    return {
        "lesion_ratio": float(np.median(lesion) / np.median(marrow)),
        "lesion_cnr": float((lesion.mean() - marrow.mean()) / marrow.std()),
        "lesion_area": float(edema.sum()) * area,
        "lesions": float((sizes >= LEAST_MM2).sum()),
    }


def run_lengths(frame: pd.DataFrame) -> list[int]:
    """Lengths of all runs of positive slices whose indices follow each other, over all subjects."""
    lengths: list[int] = []
    for _, part in frame[frame["label"] == 1].groupby("subject_id"):
        places = np.sort(part["slice_index"].to_numpy())
        lengths += [len(run) for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)]
    return lengths


def statistics_table(first: Manifest, second: Manifest, *, progress: bool = True) -> pd.DataFrame:
    """Median and 5th to 95th percentile over slices (runs): index STATISTICS, a column per cohort, as text."""
    columns = {}
    for manifest in (first, second):
        frame = slice_statistics(manifest, progress=progress)
        values = {name: frame[name].dropna() if name in frame else pd.Series(dtype=float) for name in STATISTICS}
        values["run_length"] = pd.Series(run_lengths(manifest.slices), dtype=float)
        columns[manifest.name] = {STATISTICS[name]: _span(part) for name, part in values.items()}
    return pd.DataFrame(columns)


def _span(values: pd.Series) -> str:
    if values.empty:
        return "-"
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def distance(
    first: Manifest, second: Manifest, config: StudyConfig, cache: Path, *, workers: int = 1, progress: bool = True
) -> float:
    """AUC of a logistic regression that tells the cohorts' ROI patches apart: 0.5 alike, 1 told apart with certainty.

    Cross-validated with all slices of a subject on one side; features as in ``patch_features``. Classes weigh alike.
    Raises StudyError when a cohort has fewer than two subjects with ilium boxes.
    """
    features, groups, kinds = [], [], []
    for kind, manifest in enumerate((first, second)):
        kept = with_boxes(manifest)
        if kept.slices["subject_id"].nunique() < 2:
            raise StudyError(f"{manifest.folder}: a distance needs two subjects with ilium boxes in each cohort")
        patches = load_patches(kept, "roi", config, cache, workers=workers, progress=progress)
        features.append(np.array(list(patch_features(patches.patches[:, 0]))))
        groups += [f"{kind} {subject}" for subject in kept.slices["subject_id"]]
        kinds += [kind] * len(kept.slices)
    return told_apart(np.concatenate(features), np.array(kinds), np.array(groups))


def told_apart(features: Array, kinds: Array, groups: Array) -> float:
    """Cross-validated AUC of kinds ``(n,)`` 0/1 from features ``(n, k)``, groups ``(n,)`` kept together."""
    fewest = min(len(set(groups[kinds == kind])) for kind in (0, 1))
    folds = StratifiedGroupKFold(n_splits=min(5, fewest), shuffle=True, random_state=0)
    model = logistic_regression(C=0.1, class_weight="balanced")
    scores = cross_val_predict(model, features, kinds, groups=groups, cv=folds, method="decision_function")
    return float(roc_auc_score(kinds, scores))


def patch_features(patches: Array) -> Iterator[Array]:
    """Of each patch ``(S, S)`` on [0, 255]: percentiles, detail by scale, asymmetry of the sides; ``(13,)`` float64."""
    for patch in patches:
        blurred = [patch, *(ndimage.gaussian_filter(patch, scale) for scale in _SCALES)]
        detail = [float((fine - coarse).std()) for fine, coarse in pairwise(blurred)]
        sides = float(np.abs(blurred[-1] - blurred[-1][:, ::-1]).mean())
        yield np.array([*np.percentile(patch, PERCENTILES), *np.log1p(detail), sides, float(patch.std())])
