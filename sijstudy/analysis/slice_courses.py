"""Predictions of all folds -> slice courses along each subject, and the subjects' diagnoses [3.1, Fig. 6]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES, Course, follow, runs_of_slices
from sijstudy.config import StudyConfig
from sijstudy.training.store import FitRun

Array = np.ndarray[Any, Any]
RESULTS = {"decision": np.int64, "filtered_score": np.float64, "filtered_decision": np.int64}


def collect_predictions(runs: Mapping[int, FitRun], groups: Mapping[str, str]) -> pd.DataFrame:
    """Test predictions of all folds, a row per fold and slice, in slice order.

    runs: fold number -> finished run. groups: subject_id -> axSpA or control.
    Columns: fold, subject_id, group, slice_index, label (0/1), score in [0, 1].
    """
    return in_slice_order([run.predictions().assign(fold=fold) for fold, run in runs.items()], groups)


def in_slice_order(parts: Sequence[pd.DataFrame], groups: Mapping[str, str]) -> pd.DataFrame:
    """Predictions of folds, each with its column fold, as ``collect_predictions`` gives them."""
    frame = pd.concat(parts, ignore_index=True).assign(group=lambda table: table["subject_id"].map(groups))
    columns = ["fold", "subject_id", "group", "slice_index", "label", "score"]
    return frame[columns].sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def courses_of(predictions: pd.DataFrame, config: StudyConfig) -> dict[tuple[int, str], tuple[Array, Course]]:
    """(fold, subject) -> its row numbers in slice order, and its course under the study's settings [3.1]."""
    scores, places = predictions["score"].to_numpy(), predictions["slice_index"].to_numpy()
    return {
        key: (rows, course_of(scores[rows], places[rows], config))
        for key, rows in predictions.groupby(["fold", "subject_id"]).indices.items()
    }


def course_of(scores: Array, slice_index: Array, config: StudyConfig) -> Course:
    """``aggregation.follow`` of one subject under the study's settings: scores and places ``(n,)`` in slice order."""
    return follow(
        scores, slice_index, size=config.median_size, threshold=config.slice_threshold, on=config.median_input
    )


def add_courses(predictions: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Add the slice results before and after the median filter along each subject's slices [3.1, Fig. 6].

    New columns: decision and filtered_decision (0/1), filtered_score in [0, 1] (the ROC after filtering).
    """
    added = {name: np.empty(len(predictions), kind) for name, kind in RESULTS.items()}
    for rows, course in courses_of(predictions, config).values():
        for name, values in added.items():
            values[rows] = getattr(course, name)
    return predictions.assign(**added)


def subject_predictions(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """The final diagnosis, a row per fold and test subject [3.1, Table 3].

    label: 1 for active sacroiliitis: an axSpA subject with edema on any of the slices; a slice's label may be missing
    (NaN). score, decision: by the study's rule. NAME_score, NAME_decision: by each of ``aggregation.RULES``.
    """
    groups, labels, table = courses["group"].to_numpy(), courses["label"].to_numpy(), []
    for (fold, subject), (rows, course) in courses_of(courses, config).items():
        group = groups[rows[0]]
        active = int(group == "axSpA" and (labels[rows] == 1).any())
        who = {"fold": fold, "subject_id": subject, "group": group, "label": active, "slices": len(rows)}
        table.append({**who, **diagnosed(course, config)})
    return pd.DataFrame(table)


def diagnosed(course: Course, config: StudyConfig) -> dict[str, float | int]:
    """The columns of ``subject_predictions`` that a course decides: score in [0, 1] and decision (0/1), by rule."""
    results: dict[str, float | int] = {}
    for name, rule in RULES.items():
        score = float(rule.score(course))
        decision = int(rule.positive(score, config.subject_threshold))
        own = {"score": score, "decision": decision} if name == config.subject_rule else {}
        results |= {**own, f"{name}_score": score, f"{name}_decision": decision}
    return results


def subject_limit(config: StudyConfig) -> float:
    """The score from which on the study's rule calls a subject positive."""
    return RULES[config.subject_rule].limit(config.subject_threshold)


def by_attention(subjects: pd.DataFrame, attended: Mapping[int, pd.DataFrame], config: StudyConfig) -> pd.DataFrame:
    """``subject_predictions`` with the scores and decisions of attention in place of the rule's.

    attended: fold -> ``training.attention.attended``.
    """
    every = pd.concat([frame.assign(fold=fold) for fold, frame in attended.items()])
    scores = every.groupby(["fold", "subject_id"])["attention_score"].first()
    own = subjects[["fold", "subject_id"]].join(scores, on=["fold", "subject_id"], validate="one_to_one")
    score = own["attention_score"].to_numpy()
    return subjects.assign(score=score, decision=(score >= config.subject_threshold).astype(int))


def filter_effect(courses: pd.DataFrame) -> dict[str, int]:
    """What the median filter did to the slices of all folds: wrong before, corrected, spoiled."""
    before = courses["decision"] == courses["label"]
    after = courses["filtered_decision"] == courses["label"]
    return {
        "wrong": int((~before).sum()),
        "corrected": int((~before & after).sum()),
        "spoiled": int((before & ~after).sum()),
    }


def subjects_with_gaps(courses: pd.DataFrame) -> int:
    """Subjects between whose slices others were left out, where the median filter ends and starts anew."""
    places = courses.drop_duplicates(["subject_id", "slice_index"]).groupby("subject_id")["slice_index"]
    return sum(runs_of_slices(np.sort(own.to_numpy()))[-1] > 0 for _, own in places)


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
