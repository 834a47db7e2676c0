"""Subjects of another cohort: the course along each one's whole series, and what every rule says of it [3.1, Fig. 6].

Slices without a label are part of a course, as they are of a hospital's series, and of no measure.
"""

from __future__ import annotations

import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.external import FEW, ExternalCohort, roc_of
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.training.rule_choice import RuleChoice

SHOWN = 6  # subjects whose courses are drawn
CALLED = {1: "active", 0: "not active"}


def subject_table(cohort: ExternalCohort) -> pd.DataFrame:
    """A row per subject: group, labelled slices, with edema, called positive, mean score, AUC inside the subject.

    without a label: slices of the series that are in none of these numbers.
    """
    groups = cohort.manifest.subjects.set_index("subject_id")["group"]
    unread = cohort.course["label"].isna().groupby(cohort.course["subject_id"]).sum()
    rows = {}
    for subject, part in cohort.frame.groupby("subject_id"):
        rows[subject] = {
            "group": groups[str(subject)],
            "slices": len(part),
            "with edema": int(part["label"].sum()),
            "called positive": int(part["decision"].sum()),
            "mean score": float(part["score"].mean()),
            "AUC inside the subject": roc_of(part, "score").auc,
            "without a label": int(unread[subject]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("subject")


def subject_courses(cohort: ExternalCohort) -> pd.DataFrame:
    """``cohort.course`` with group and the columns of ``add_courses``, by the mean score of the networks; fold is 0.

    In slice order. A slice without an ilium box has a label and nothing else: the filter ends there, and starts anew.
    """
    groups = cohort.given.subjects.set_index("subject_id")["group"]
    course = cohort.course.assign(fold=0, group=cohort.course["subject_id"].map(groups))
    scored = add_courses(course.dropna(subset="score").reset_index(drop=True), cohort.config)
    return course.merge(scored, "left").sort_values(["subject_id", "slice_index"], ignore_index=True)


def shown_courses(courses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For ``figures.whole.whole_courses``, title -> rows: the SHOWN subjects with most labelled slices wrong after the
    filter, in the order of the cohort."""
    read = courses[["label", "score"]].notna().all(axis=1)
    wrong = (read & (courses["filtered_decision"] != courses["label"])).groupby(courses["subject_id"]).sum()
    chosen = set(wrong.sort_values(ascending=False, kind="stable").index[:SHOWN])
    shown = {}
    for subject, rows in courses.groupby("subject_id"):
        positive, labels = int(rows["label"].sum()), int(rows["label"].count())
        title = f"{rows['group'].iloc[0]} {subject}, {positive} of {labels} labelled slices with edema"
        if subject in chosen:
            shown[title] = rows
    return shown


def course_sentence(cohort: ExternalCohort, courses: pd.DataFrame) -> str:
    """How much of the series the courses hold, and whose are drawn."""
    unread, people = int(courses["label"].isna().sum()), courses["subject_id"].nunique()
    words = [
        f"{unread} of {len(courses)} slices have no label: they are in no number above, but in the courses."
        if unread
        else "Every slice of the courses has a label; a manifest built with --keep-unread holds the others, too."
    ]
    if cohort.left_out:
        words.append(f"Slices without an ilium box, which no network can read: {cohort.left_out}; each leaves a gap.")
    if people > SHOWN:
        words.append(f"Drawn are the {SHOWN} of {people} subjects with most labelled slices wrong after the filter.")
    return " ".join(words)


def diagnoses(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """A row per subject: ``subject_predictions`` of its course, every rule at the study's thresholds.

    label is the truth: 1 for an axSpA subject with edema on a labelled slice, scored or not. Subjects of whom no slice
    is scored have no row.
    """
    subjects = subject_predictions(courses.dropna(subset="score").reset_index(drop=True), config)
    edema = courses.loc[(courses["label"] == 1) & (courses["group"] == "axSpA"), "subject_id"]
    return subjects.assign(label=subjects["subject_id"].isin(edema).astype(int)).drop(columns="fold")


def format_diagnoses(subjects: pd.DataFrame, config: StudyConfig, choice: RuleChoice | None) -> pd.DataFrame:
    """``diagnoses`` as text cells: a row per subject, a column per rule with score and decision.

    choice: of notebook 09, which has the last column.
    """
    columns = {
        f"{rule.title} (from {rule.limit(config.subject_threshold):g})": (f"{name}_score", subjects[f"{name}_decision"])
        for name, rule in RULES.items()
    }
    if choice:
        score = f"{choice.rule}_score"
        called = (subjects[score] >= choice.threshold).astype(int)
        columns[f"as notebook 09 chose: {RULES[choice.rule].title} (from {choice.threshold:.3f})"] = (score, called)
    table = pd.DataFrame(
        {
            "subject": subjects["subject_id"],
            "slices scored": subjects["slices"].astype(str),
            "truth": subjects["label"].map(CALLED),
        }
    )
    for heading, (score, called) in columns.items():
        table[heading] = [f"{value:.3f}, {CALLED[one]}" for value, one in zip(subjects[score], called, strict=True)]
    return table


def rules_sentence(subjects: pd.DataFrame) -> str:
    """How many subjects each rule calls right, those with and without active sacroiliitis apart; counts alone."""
    active, words = subjects["label"] == 1, []
    for name, rule in RULES.items():
        right = subjects[f"{name}_decision"] == subjects["label"]
        parts = [
            f"{int((right & own).sum())} of {int(own.sum())} subjects {kind}"
            for own, kind in ((active, "with active sacroiliitis"), (~active, "without"))
            if own.any()
        ]
        words.append(f"the {rule.title} calls {' and '.join(parts)} right")
    kinds = {1: " All are active, so no rule can raise a false alarm.", 0: " None is active, so no rule can miss one."}
    alone = kinds[int(active.any())] if active.nunique() == 1 else ""
    few = (
        " With so few subjects nothing is estimated: these are counts, without intervals."
        if len(subjects) < FEW
        else ""
    )
    sentence = "; ".join(words)
    return f"{sentence[0].upper()}{sentence[1:]}.{alone}{few}"
