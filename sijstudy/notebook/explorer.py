"""The predictions of all folds as the data behind a report's sliders [3.1, Fig. 6, Tables 2 and 3]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sijstudy import paper as paper_values
from sijstudy.aggregation import RULES, follow
from sijstudy.analysis.sensitivity import filter_sizes
from sijstudy.analysis.slice_courses import add_courses
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.metrics import METRIC_NAMES, METRICS, mean_sd
from sijstudy.records import ARMS, Arm

MIME = "application/vnd.sijstudy.notebook.explorer+json"
FALLBACK = (
    "Sliders for the filter size and both thresholds stand here in the notebook's HTML report, which recomputes "
    "the course, the confusion matrices, Tables 2 and 3 and the ROC curves in the browser."
)
KEYS = ["fold", "subject_id", "group", "slice_index", "label"]


def explorer_data(predictions: Mapping[Arm, pd.DataFrame], config: StudyConfig) -> dict[str, Any]:
    """What a browser needs to compute the study's numbers at other settings, ready for JSON.

    predictions: both arms, as from ``slice_courses.collect_predictions``. Scores keep every digit. courses: a
    mapping per fold and subject with its slices in order, lists of length n. start: position of the course
    to show first. Raises StudyError when the arms list different slices.
    """
    both = _joined(predictions)
    sizes = list(filter_sizes(config))
    courses = [
        {
            "fold": int(str(fold)),
            "subject": str(subject),
            "group": str(part["group"].iloc[0]),
            "slice_index": part["slice_index"].tolist(),
            "label": part["label"].tolist(),
            "score": {arm: part[arm].astype(float).tolist() for arm in ARMS},
            **_filtered(part, sizes, config),
        }
        for (fold, subject), part in both.groupby(["fold", "subject_id"])
    ]
    settings = {name: getattr(config, name) for name in ("median_size", "slice_threshold", "subject_threshold")}
    return {
        "settings": settings,
        "sizes": sizes,
        "rules": _rules(config),
        "metrics": [(name, METRIC_NAMES[name]) for name in (*METRICS, "auc")],  # a notebook file sorts a mapping
        "paper": _published(),
        "courses": courses,
        "start": _start(courses, predictions["roi"], config),
    }


def _rules(config: StudyConfig) -> list[dict[str, Any]]:
    """The aggregation rules, the study's first. threshold: None where the slider of the subject threshold decides."""
    names = sorted(RULES, key=lambda name: name != config.subject_rule)
    return [{"name": name, "title": RULES[name].title, "threshold": RULES[name].threshold} for name in names]


def _filtered(part: pd.DataFrame, sizes: list[int], config: StudyConfig) -> dict[str, Any]:
    """All that the aggregation makes of one subject's ROI scores, as tables for the sliders.

    filtered_score: filter size -> ``(n,)``. levels: the different scores ``(k,)``, ascending; between two of them the
    slice threshold changes nothing. subject_scores: rule -> filter size -> the subject's score ``(k + 1,)`` by the
    number of levels below the threshold.
    """
    scores, places = part["roi"].to_numpy(float), part["slice_index"].to_numpy()
    levels = np.unique(scores)
    limits = np.append(levels, np.inf)
    courses = {str(size): follow(scores, places, size=size, threshold=limits, on=config.median_input) for size in sizes}
    return {
        "filtered_score": {size: course.filtered_score.tolist() for size, course in courses.items()},
        "levels": levels.tolist(),
        "subject_scores": {
            name: {size: rule.score(course).tolist() for size, course in courses.items()}
            for name, rule in RULES.items()
        },
    }


def _joined(predictions: Mapping[Arm, pd.DataFrame]) -> pd.DataFrame:
    """A row per fold and slice with the score of each arm in a column of its name."""
    first, *others = (predictions[arm][[*KEYS, "score"]].rename(columns={"score": arm}) for arm in ARMS)
    both = first
    for other in others:
        both = both.merge(other, on=KEYS, how="outer", validate="one_to_one")
    if both[list(ARMS)].isna().any(axis=None):
        raise StudyError("the predictions of the two arms list different slices; run notebook 04 again")
    return both.sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def _published() -> dict[str, dict[str, tuple[float, float]]]:
    """The paper's tables by the explorer's column: metric -> (mean, SD), percent, AUC as a fraction."""
    filtered = {**paper_values.TABLE2["roi_filtered"], "auc": mean_sd(paper_values.AUC)}
    return {**paper_values.TABLE2, "roi_filtered": filtered, "mean": paper_values.TABLE3}


def _start(courses: list[dict[str, Any]], roi: pd.DataFrame, config: StudyConfig) -> int:
    """Position of the course with most to see: most slices that the filter corrects, then most wrong ones."""
    frame = add_courses(roi, config)
    wrong = frame["decision"] != frame["label"]
    corrected = wrong & (frame["filtered_decision"] == frame["label"])
    counts = (
        frame.assign(wrong=wrong, corrected=corrected).groupby(["fold", "subject_id"])[["corrected", "wrong"]].sum()
    )
    fold, subject = counts.sort_values(["corrected", "wrong"], ascending=False, kind="stable").index[0]
    wanted = (int(fold), str(subject))
    return next(number for number, course in enumerate(courses) if (course["fold"], course["subject"]) == wanted)
