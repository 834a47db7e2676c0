"""Predictions of all folds -> slice courses along each subject, and the subjects' diagnoses [3.1, Fig. 6]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sijstudy.aggregation import asas_positive, filtered_course, slice_decisions, subject_score
from sijstudy.config import StudyConfig
from sijstudy.files import FitRun


def collect_predictions(runs: Mapping[int, FitRun], groups: Mapping[str, str]) -> pd.DataFrame:
    """Test predictions of all folds, a row per fold and slice, in slice order.

    runs: fold number -> finished run. groups: subject_id -> axSpA or control.
    Columns: fold, subject_id, group, slice_index, label (0/1), score in [0, 1].
    """
    parts = [run.predictions().assign(fold=fold) for fold, run in runs.items()]
    frame = pd.concat(parts, ignore_index=True).assign(group=lambda table: table["subject_id"].map(groups))
    columns = ["fold", "subject_id", "group", "slice_index", "label", "score"]
    return frame[columns].sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def add_courses(predictions: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Add the slice results before and after the median filter along each subject's slices [3.1, Fig. 6].

    New columns: decision and filtered_decision (0/1), filtered_score in [0, 1] (the ROC after filtering),
    course (what the subject score averages: the filtered decisions, or scores with median_input="score").
    An odd median commutes with a threshold, so filtered_decision is the same under both median_inputs.
    """
    frame = predictions.assign(decision=slice_decisions(predictions["score"].to_numpy(), config.slice_threshold))

    def filtered(scores: pd.Series[float], on: str) -> Any:
        return filtered_course(scores.to_numpy(), size=config.median_size, threshold=config.slice_threshold, on=on)

    by_subject = frame.groupby(["fold", "subject_id"])["score"]
    frame["filtered_score"] = by_subject.transform(filtered, on="score")
    frame["filtered_decision"] = by_subject.transform(filtered, on="decision").astype(int)
    frame["course"] = frame["filtered_decision" if config.median_input == "decision" else "filtered_score"].astype(
        float
    )
    return frame


def subject_predictions(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """The final diagnosis, a row per fold and test subject [3.1, Table 3].

    label: 1 for axSpA. score: mean of the course. decision: score >= subject_threshold.
    asas_decision: edema on two consecutive slices after filtering (the ASAS rule on slice results, which
    count no lesions on a slice; one is assumed on each positive slice).
    """
    rows = []
    for (fold, subject), part in courses.groupby(["fold", "subject_id"]):
        score = float(subject_score(part["course"].to_numpy()))
        asas = asas_positive(part["filtered_decision"].to_numpy(), part["slice_index"].to_numpy())
        rows.append(
            {
                "fold": fold,
                "subject_id": subject,
                "group": part["group"].iloc[0],
                "label": int(part["group"].iloc[0] == "axSpA"),
                "slices": len(part),
                "score": score,
                "decision": int(score >= config.subject_threshold),
                "asas_decision": int(asas),
            }
        )
    return pd.DataFrame(rows)


def filter_effect(courses: pd.DataFrame) -> dict[str, int]:
    """What the median filter did to the slices of all folds: wrong before, corrected, spoiled."""
    before = courses["decision"] == courses["label"]
    after = courses["filtered_decision"] == courses["label"]
    return {
        "wrong": int((~before).sum()),
        "corrected": int((~before & after).sum()),
        "spoiled": int((before & ~after).sum()),
    }


def telling_courses(courses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For Fig. 6, of each group the subject in which the filter corrects most slices: title -> its rows."""
    corrected = (courses["decision"] != courses["label"]) & (courses["filtered_decision"] == courses["label"])
    by_subject = courses.assign(corrected=corrected).groupby(["group", "fold", "subject_id"])["corrected"].sum()
    shown = {}
    for group, counts in by_subject.groupby(level="group"):
        _, fold, subject = counts.idxmax()
        rows = courses[(courses["fold"] == fold) & (courses["subject_id"] == subject)]
        shown[f"{group} {subject}, fold {fold}"] = rows
    return shown
