"""Readers of edema side by side on another cohort: networks, segmentation, the mean of both, bright bone.

"Reader" is here whatever gives a slice a score; people are "reader 1" ... as in the manifest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import slice_decisions
from sijstudy.analysis.bright_bone import BASELINES
from sijstudy.analysis.external import BOTH, GIVEN, SEEN, ExternalCohort, auc_row
from sijstudy.analysis.region_pixels import RegionPixels
from sijstudy.analysis.slice_readers import SEGMENTATION, counted_bones
from sijstudy.audit.agreement import cohen_kappas, readers_of
from sijstudy.cohort.seen_joints import see
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds
from sijstudy.roi import RoiBoxes, roi_boxes

Array = np.ndarray[Any, Any]
ALSO = "also"  # column of the scores of another run's networks
GREY = {
    "percentile": "grey values by percentile",
    "marrow": "grey values in units of the series' normal marrow",
    "slice_marrow": "grey values in units of the slice's normal marrow",
}


def classifier_name(config: StudyConfig) -> str:
    """What the networks of a run are called beside others: what they are shown tells runs apart."""
    bone = ", with the bone's outline" if config.bone_channel else ""
    return f"networks of {config.profile} ({GREY[config.intensity]}{bone})"


def beside(cohort: ExternalCohort, other: ExternalCohort) -> ExternalCohort:
    """The cohort with the scores that another run's networks gave the same slices, as a reader more."""
    keys = ["subject_id", "slice_index"]
    scores = other.frame[[*keys, "score"]].rename(columns={"score": ALSO})
    return replace(cohort, frame=cohort.frame.merge(scores, "left", keys, validate="1:1"), also=other.config)


def readers(cohort: ExternalCohort) -> dict[str, str]:
    """Column of a score -> who gave it: networks, segmentation, their mean, then the BASELINES."""
    also = {ALSO: f"another run: {classifier_name(cohort.also)}"} if cohort.also else {}
    return {"score": classifier_name(cohort.config), **also, **SEEN, **BASELINES}


def thresholds(cohort: ExternalCohort) -> dict[str, float]:
    """Column of a score -> the study's threshold of a slice, for those who have one: all but the BASELINES."""
    return {column: cohort.config.slice_threshold for column in readers(cohort) if column not in BASELINES}


def best_baseline(cohort: ExternalCohort) -> str:
    """The column among the BASELINES with the largest AUC; the first where none is defined."""
    areas = {column: auc_row(cohort.frame, column)["auc"] for column in BASELINES}
    return max(areas, key=lambda column: np.nan_to_num(areas[column], nan=-1.0))


def side_by_side(cohort: ExternalCohort) -> pd.DataFrame:
    """A row per reader. Columns: column (of its score); auc, low, high, given these networks; gain, gain_low,
    gain_high: its AUC minus that of the best baseline on the same slices, paired, NaN for that one; "kappa with reader
    1" ...: Cohen's kappa at the study's threshold, NaN without one; place: where it looks.
    """
    frame, best, limits = cohort.frame, best_baseline(cohort), thresholds(cohort)
    where, rows = " or ".join(frame["region"].unique()), {}
    for column, name in readers(cohort).items():
        area = auc_row(frame, column)
        row: dict[str, Any] = {"column": column, **{key: area[key] for key in ("auc", "low", "high")}}
        gain = (float("nan"),) * 3 if column == best else _gain(frame, column, best)
        row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
        for reader in readers_of(frame):
            kappa = _kappa(frame, column, reader, limits[column]) if column in limits else float("nan")
            row[f"kappa with {reader.replace('_', ' ')}"] = kappa
        own = {SEGMENTATION: "its own outline of bone, where edema counts", BOTH: "both"}
        rows[name] = {**row, "place": where if column in BASELINES else own.get(column, "ROI patch")}
    return pd.DataFrame.from_dict(rows, orient="index")


def format_side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """``side_by_side`` as text cells."""
    cells = pd.DataFrame({"reader": table.index, "AUC": _with_interval(table, ("auc", "low", "high"), "")})
    cells["minus the best baseline"] = _with_interval(table, ("gain", "gain_low", "gain_high"), "+")
    for name in (name for name in table if str(name).startswith("kappa")):
        cells[str(name)] = ["–" if np.isnan(value) else f"{value:.2f}" for value in table[name]]
    return cells.assign(**{"looks in": table["place"].to_numpy()})


def side_by_side_sentence(cohort: ExternalCohort, table: pd.DataFrame) -> str:
    """Which reader ranks slices best, and whether that is shown against the best baseline."""
    if table["auc"].isna().all():
        return "All slices are of one class, so no reader's area is defined."
    first, rival = table["auc"].idxmax(), BASELINES[best_baseline(cohort)]
    words = f"The largest AUC is that of {first} ({table.loc[first, 'auc']:.2f}); the best baseline is {rival}."
    others = table[table["gain"].notna()]
    shown = [f"{name} lies {side}" for name, row in others.iterrows() if (side := _side(row))]
    if not shown:
        return f"{words} No reader's AUC is shown to differ from it: every interval of a difference holds 0."
    return f"{words} Shown beyond their intervals: {'; '.join(shown)}; for the others the interval holds 0."


def seen_examples(cohort: ExternalCohort) -> list[tuple[str, Array, dict[str, Array], RoiBoxes]]:
    """For ``figures.external.seen_slices``: title, image ``(H, W)``, masks ``(H, W)`` bool by name, ROI boxes.

    The slice with edema and the one without to which the segmentation gives its highest score. Masks: bone (the
    cohort's outline, else the network's), seen (the network's edema where it counts), truth (the agreed outline that
    counts, where there is one).
    """
    frame, items, config, found = cohort.frame, cohort.manifest.slice_records(), cohort.config, []
    regions = RegionPixels(cohort.given)
    for label, words in ((1, "edema"), (0, "no edema")):
        part = frame.loc[frame["label"] == label, SEGMENTATION]
        if part.empty or (boxes := items[part.idxmax()].boxes) is None:
            continue
        item = items[part.idxmax()]
        own = [each for each in cohort.given.slice_records() if each.subject_id == item.subject_id]
        seen, place = see(own), [each.uid for each in own].index(item.uid)
        where, image = counted_bones(own, regions, seen)[place], seen.images[place]
        masks = {"bone": where.bone, "seen": seen.masks[place, ..., -1] & where.region}
        if (truth := regions.outlines.mask(item, "edema")) is not None:
            masks["truth"] = truth
        ways: dict[str, Any] = {"reading": config.roi_reading, "factor": config.roi_factor, "height": config.roi_height}
        title = f"{item.subject_id}, slice {item.index}\n{words}, score {part.max():.2f}"
        found.append((title, image, masks, roi_boxes(boxes, image.shape, **ways)))
    return found


def _gain(frame: pd.DataFrame, column: str, best: str) -> tuple[float, float, float]:
    """AUC of a reader minus that of the best baseline on the slices that both scored; decisions do not matter to it."""
    used = frame.dropna(subset=[column, best])
    one, other = (used.assign(fold=0, decision=0, score=used[name]) for name in (column, best))
    return difference_over_folds(one, other, "auc", ratio=GIVEN)


def _kappa(frame: pd.DataFrame, column: str, reader: str, limit: float) -> float:
    """Cohen's kappa with a person on the slices that both read."""
    used = frame.dropna(subset=[column, reader])
    called = slice_decisions(used[column].to_numpy(), limit)
    votes = np.column_stack([called, used[reader].to_numpy(dtype=int)])
    return float(cohen_kappas(votes, np.ones((1, len(votes))))[0]) if len(votes) else float("nan")


def _with_interval(table: pd.DataFrame, names: tuple[str, str, str], sign: str) -> list[str]:
    rows = table[list(names)].to_numpy(dtype=np.float64)
    form = f"{{:{sign}.2f}} ({{:{sign}.2f}} to {{:{sign}.2f}})"
    return ["–" if np.isnan(row[0]) else form.format(*row).replace("-", "−") for row in rows]


def _side(row: pd.Series) -> str:
    """Whether a reader's AUC is shown to lie above the best baseline's or below; empty where it is not."""
    return "above" if row["gain_low"] > 0 else "below" if row["gain_high"] < 0 else ""
