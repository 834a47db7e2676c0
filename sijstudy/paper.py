"""Every number the paper publishes of its cohort and its results, for the tables that set ours beside them."""

from __future__ import annotations

from typing import Any

import pandas as pd

MeanSd = tuple[float, float]

# Section 2.1, in the rows of ``audit.demographics.cohort_facts``.
COHORT_FACTS = pd.DataFrame(
    {
        "axSpA": {
            "subjects": "60",
            "slices": "422",
            "slices with edema": "422",
            "slices per subject": "4 to 23",
            "age, years": "32.3 ± 9.8 (18 to 59)",
            "male": "43/60 (71.7%)",
        },
        "control": {
            "subjects": "19",
            "slices": "393",
            "slices with edema": "0",
            "slices per subject": "18 to 25",
            "age, years": "27.1 ± 11.4 (18 to 55)",
            "male": "13/19 (68.4%)",
        },
    }
)
AGE_P, SEX_P = 0.055, 0.779
AGES = {"axSpA": (32.3, 9.8, 60), "control": (27.1, 11.4, 19)}  # mean, SD, subjects
MALE = {"axSpA": (43, 60), "control": (13, 19)}  # men, subjects

# Section 2.1, keys as in ``dicom.DicomSlice.acquisition``.
ACQUISITION: dict[str, Any] = {
    "manufacturer": "Siemens Healthcare",
    "model": "Skyra",
    "field_strength_t": 3,
    "repetition_time_ms": 544,
    "echo_time_ms": 11,
    "flip_angle_deg": 140,
    "bandwidth_hz": 326,
    "slice_thickness_mm": 2,
    "spacing_between_slices_mm": 2.2,
    "rows": 448,
    "columns": 448,
}

# Table 1: fold -> (slices, subjects) of training positive, training negative, test positive, test negative.
TABLE1: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((288, 41), (265, 13), (134, 19), (128, 6)),
    2: ((283, 41), (266, 13), (139, 19), (127, 6)),
    3: ((298, 39), (269, 13), (124, 21), (124, 6)),
    4: ((298, 40), (267, 13), (124, 20), (126, 6)),
    5: ((262, 41), (274, 13), (160, 19), (119, 6)),
}

# Table 2: mean and SD over folds, percent.
TABLE2: dict[str, dict[str, MeanSd]] = {
    "original": {
        "accuracy": (83.45, 3.37),
        "recall": (85.13, 8.26),
        "precision": (81.90, 7.56),
        "specificity": (82.72, 7.08),
        "npv": (87.03, 5.59),
        "f1": (82.68, 4.92),
    },
    "roi": {
        "accuracy": (93.55, 2.19),
        "recall": (92.87, 1.27),
        "precision": (94.69, 3.03),
        "specificity": (94.23, 3.77),
        "npv": (92.40, 2.31),
        "f1": (93.75, 1.78),
    },
    "roi_filtered": {
        "accuracy": (93.80, 2.38),
        "recall": (93.35, 1.83),
        "precision": (94.70, 3.01),
        "specificity": (94.24, 3.79),
        "npv": (92.87, 2.68),
        "f1": (93.95, 1.91),
    },
}

# Section 3.1: area under the ROC curve of each fold, ROI patches after the median filter.
AUC: tuple[float, ...] = (0.98, 0.98, 0.97, 0.99, 0.97)

# Table 3: mean and SD over folds, percent.
TABLE3: dict[str, MeanSd] = {
    "accuracy": (96.06, 2.83),
    "recall": (100.0, 0.0),
    "precision": (94.84, 3.73),
    "specificity": (86.43, 8.89),
    "npv": (100.0, 0.0),
    "f1": (97.32, 1.97),
}


def fold_sizes(unit: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positive and negative test samples of every fold of Table 1; unit: ``slices`` or ``subjects``."""
    place = ("slices", "subjects").index(unit)
    return tuple(row[2][place] for row in TABLE1.values()), tuple(row[3][place] for row in TABLE1.values())


def beside_table1(composition: pd.DataFrame) -> pd.DataFrame:
    """A fold composition as text "slices (subjects)", this run's columns before the paper's; index fold."""
    parts = [(side, name) for side in ("train", "test") for name in ("positive", "negative")]
    table = {}
    for place, (side, name) in enumerate(parts):
        prefix = f"{side}_{name}"
        own = zip(composition[f"{prefix}_slices"], composition[f"{prefix}_subjects"], strict=True)
        paper = [TABLE1[fold][place] if fold in TABLE1 else None for fold in composition.index]
        table[f"{side} {name}"] = [f"{slices} ({subjects})" for slices, subjects in own]
        table[f"paper: {side} {name}"] = [f"{pair[0]} ({pair[1]})" if pair else "–" for pair in paper]
    return pd.DataFrame(table, index=composition.index)
