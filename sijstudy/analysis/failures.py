"""Failure gallery: the misclassified subjects of every fold, slice by slice, with what the network looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.analysis.explain import explain_rows
from sijstudy.analysis.slice_courses import subject_limit
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.training.patches import PatchSet
from sijstudy.training.store import FitRun

Array = np.ndarray[Any, Any]

SLICES_OF_A_SUBJECT = 8  # at most, so that each can be seen
SLICES_IN_ALL, SUBJECTS_IN_ALL = 40, 16  # at most in a report, so that it stays small


@dataclass(frozen=True)
class Case:
    """Some slices in one figure: rows of the courses, and for each its patch, edema outline and map.

    course: all rows of the subject in slice order. shown: n of them. patches, masks, maps: ``(n, S, S)`` as
    ``explain.Explained`` has them.
    """

    title: str
    course: pd.DataFrame
    shown: pd.DataFrame
    patches: Array
    masks: Array
    maps: Array


def subjects_to_show(subjects: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Every misclassified subject of every fold; if there is none, of each group the one nearest to the threshold.

    subjects: ``slice_courses.subject_predictions``; the same columns come back, and margin, the distance of the
    score to the subject threshold; those furthest on the wrong side first.
    """
    table = subjects.assign(margin=(subjects["score"] - subject_limit(config)).abs())
    wrong = table[table["decision"] != table["label"]]
    if len(wrong):
        return wrong.sort_values("margin", ascending=False, kind="stable")
    return table.sort_values("margin", kind="stable").drop_duplicates("group")


def slices_to_show(course: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most ``count`` slices of one subject, in slice order: those nearest to an error after the filter.

    course: all rows of the subject in slice order, with label, decision and filtered_decision. Without an
    error after the filter, errors before it count, and without any the middle of the subject.
    """
    order = np.arange(len(course))
    for decision in ("filtered_decision", "decision"):
        errors = order[(course[decision] != course["label"]).to_numpy()]
        if len(errors):
            break
    else:
        errors = np.array([len(course) // 2])
    if len(errors) > count:  # spread over the errors, so that all parts of the course are seen
        kept = errors[np.linspace(0, len(errors) - 1, count).round().astype(int)]
    else:
        distance = np.abs(order[:, None] - errors).min(axis=1)
        kept = np.argsort(distance, kind="stable")[:count]
    return course.iloc[np.sort(kept)]


def subject_cases(
    chosen: pd.DataFrame,
    courses: pd.DataFrame,
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    config: StudyConfig,
) -> list[Case]:
    """A case for each of the first SUBJECTS_IN_ALL rows of ``subjects_to_show``.

    The more subjects, the fewer slices each (SLICES_IN_ALL); courses: ``slice_courses.add_courses``.
    """
    subjects = list(chosen.head(SUBJECTS_IN_ALL).itertuples())
    count = max(2, min(SLICES_OF_A_SUBJECT, SLICES_IN_ALL // max(1, len(subjects))))
    own = [courses[(courses["fold"] == s.fold) & (courses["subject_id"] == s.subject_id)] for s in subjects]
    shown = [slices_to_show(course, count) for course in own]
    titles = [
        f"{s.subject_id}, {s.group}, fold {s.fold}: subject score {s.score:.2f}, called "
        f"{'axSpA' if s.decision else 'control'}; {len(part)} of {len(course)} slices"
        for s, course, part in zip(subjects, own, shown, strict=True)
    ]
    return _cases(list(zip(titles, own, shown, strict=True)), runs, patches, manifest, config)


def false_alarms(courses: pd.DataFrame) -> pd.DataFrame:
    """Slices of control subjects without edema that were called positive, before or after the filter."""
    alarm = (courses["decision"] == 1) | (courses["filtered_decision"] == 1)
    return courses[alarm & (courses["label"] == 0) & (courses["group"] == "control")]


def alarm_case(
    alarms: pd.DataFrame,
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    config: StudyConfig,
) -> Case:
    """The ``false_alarms`` with the highest scores, a subject only once; needs at least one."""
    top = alarms.sort_values("score", ascending=False, kind="stable").drop_duplicates("subject_id")
    top = top.head(SLICES_OF_A_SUBJECT)
    return _cases([("Highest scores of control slices", top, top)], runs, patches, manifest, config)[0]


def _cases(
    drafts: list[tuple[str, pd.DataFrame, pd.DataFrame]],
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    config: StudyConfig,
) -> list[Case]:
    """Cases of (title, course, shown), with patches, masks and maps of what is shown."""
    if not drafts:
        return []
    row_of = {
        key: row
        for row, key in enumerate(zip(patches.slices["subject_id"], patches.slices["slice_index"], strict=True))
    }
    chosen = [
        (int(fold), row_of[subject, index])
        for _, _, part in drafts
        for fold, subject, index in zip(part["fold"], part["subject_id"], part["slice_index"], strict=True)
    ]
    ends = np.cumsum([len(part) for _, _, part in drafts])[:-1]
    images = [np.split(stack, ends) for stack in explain_rows(runs, patches, manifest, chosen, config)]
    return [Case(*draft, *parts) for draft, *parts in zip(drafts, *images, strict=True)]
