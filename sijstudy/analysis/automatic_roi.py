"""What automation costs: the ROI arm's networks on ROIs that were found automatically, beside those of outlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.cohort.automatic_boxes import Automatic
from sijstudy.cohort.box_cells import boxes_of
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.records import Box
from sijstudy.segmentation.score import box_iou

KEYS = ["fold", "subject_id", "slice_index"]


def completed(scored: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``drawn``, the predictions of the ROI arm, with the scores on automatic ROIs.

    scored: rows as of ``whole.score_whole`` on the automatic ROIs. ASSUMED: a slice on which no joint was found counts
    as one without edema, score 0.
    """
    found = drawn[KEYS].merge(scored[[*KEYS, "score"]], on=KEYS, how="left", validate="1:1")["score"]
    return drawn.assign(score=found.fillna(0.0).to_numpy())


def agreement(automatic: Automatic, manifest: Manifest) -> pd.DataFrame:
    """How the found boxes lie on the cohort's own: a row per side, percent; columns boxes, found, IoU mean, 5th, least.

    Only slices of the cohort whose own boxes were drawn count; boxes are in pixels of the same upright slice.
    """
    own = [boxes_of(row) for row in manifest.slices.to_dict("records")]
    same = automatic.found.set_index("sop_instance_uid").loc[manifest.slices["sop_instance_uid"]]
    found = [boxes_of(row) for row in same.to_dict("records")]
    return pd.DataFrame({side: _of_side(own, found, side) for side in ("left", "right")}).T


def _of_side(own: list[Any], found: list[Any], side: str) -> dict[str, float]:
    pairs = [(getattr(one, side, None), getattr(other, side, None)) for one, other in zip(own, found, strict=True)]
    drawn: list[tuple[Box, Box | None]] = [(one, other) for one, other in pairs if one]
    shares = np.array([100 * box_iou(one, other) for one, other in drawn if other])
    low, least = (np.percentile(shares, 5), shares.min()) if shares.size else (np.nan, np.nan)
    mean = shares.mean() if shares.size else np.nan
    return {
        "boxes": len(drawn),
        "found": 100 * shares.size / max(len(drawn), 1),
        "IoU": mean,
        "5th": low,
        "least": least,
    }


def in_words(gain: Mapping[str, float], automatic: Automatic, table: pd.DataFrame, config: StudyConfig) -> str:
    """The cost in a sentence. gain: ``fold_summary.paired_difference`` of automatic against outlined ROIs."""
    missed, all_slices = len(automatic.without), len(automatic.found)
    without = f"on {missed} of {all_slices} slices no joint was found" if missed else "a joint was found on every slice"
    if config.roi_source == "automatic":
        return f"This study has its ROIs from the network throughout; {without}."
    return (
        f"Finding the ROI automatically changes slice accuracy by {gain['mean']:+.1f} percentage points (95% CI "
        f"{gain['low']:+.1f} to {gain['high']:+.1f}, paired, same networks); {without}, and found boxes overlap the "
        f"outlined ilia's by {table['IoU'].mean():.0f}% (IoU)."
    )
