"""Filter size and thresholds over saved predictions -> every number of the first live panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES, slice_decisions
from sijstudy.analysis.fold_summary import fold_metrics, rocs
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.metrics import Confusion, Roc, confusion, mean_sd
from sijstudy.records import Arm

Array = np.ndarray[Any, Any]

WHOLE, ROI, FILTERED, SUBJECTS = "Slices, whole image", "Slices, ROI patch", "Slices, ROI, filtered", "Subjects"


@dataclass(frozen=True)
class Settings:
    """What the first panel's sliders set: filter size in slices (odd), thresholds in [0, 1]."""

    median_size: int
    slice_threshold: float
    subject_threshold: float

    @classmethod
    def of(cls, config: StudyConfig) -> Settings:
        """The settings the study was run with."""
        return cls(config.median_size, config.slice_threshold, config.subject_threshold)

    def limit(self, config: StudyConfig) -> float:
        """The score from which on a subject is positive under these settings."""
        return RULES[config.subject_rule].limit(self.subject_threshold)


@dataclass(frozen=True)
class Outcome:
    """All that follows from the settings.

    courses, subjects: as from ``add_courses`` (ROI arm) and ``subject_predictions``. confusions: counts over all
    folds. tables: Table 2's and 3's rows, metric -> mean, sd (percent, over folds). rocs: by fold, after the filter.
    points: by fold, where the slice threshold lies on that curve, as (1 - specificity, recall).
    """

    courses: pd.DataFrame
    subjects: pd.DataFrame
    confusions: dict[str, Confusion]
    tables: dict[str, pd.DataFrame]
    rocs: dict[int, Roc]
    points: dict[int, tuple[float, float]]


def outcome(predictions: Mapping[Arm, pd.DataFrame], settings: Settings, config: StudyConfig) -> Outcome:
    """Apply the settings to the test predictions of both arms (as from ``collect_predictions``)."""
    config = replace(config, **asdict(settings))
    courses = add_courses(predictions["roi"], config)
    subjects = subject_predictions(courses, config)
    scores = predictions["original"]["score"].to_numpy()
    whole = predictions["original"].assign(decision=slice_decisions(scores, config.slice_threshold))
    by_fold = {
        WHOLE: fold_metrics(whole),
        ROI: fold_metrics(courses),
        FILTERED: fold_metrics(courses, decision="filtered_decision", score="filtered_score"),
        SUBJECTS: fold_metrics(subjects),
    }
    filtered = by_fold[FILTERED]
    return Outcome(
        courses,
        subjects,
        {
            ROI: _counts(courses, "decision"),
            FILTERED: _counts(courses, "filtered_decision"),
            SUBJECTS: _counts(subjects, "decision"),
        },
        {name: _mean_sd(metrics) for name, metrics in by_fold.items()},
        rocs(courses, "filtered_score"),
        {int(row.Index): (1 - row.specificity, row.recall) for row in filtered.itertuples()},
    )


def _counts(frame: pd.DataFrame, decision: str) -> Confusion:
    return confusion(frame["label"].to_numpy(), frame[decision].to_numpy())


def _mean_sd(metrics: pd.DataFrame) -> pd.DataFrame:
    return 100 * pd.DataFrame({name: mean_sd(metrics[name].to_numpy()) for name in metrics}, index=["mean", "sd"]).T
