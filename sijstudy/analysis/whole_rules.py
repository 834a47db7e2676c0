"""Each rule's diagnoses of whole examinations: as the study has it, and at thresholds that training subjects set.

Thresholds are chosen on training subjects, scored by networks that were not trained on them; never on tested ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.slice_courses import subject_predictions
from sijstudy.analysis.whole import cell, ends, is_selection
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import over_folds, split_ratio
from sijstudy.folds import Fold
from sijstudy.training.rule_choice import RuleChoice

Array = np.ndarray[Any, Any]

SPECIFICITY = 0.9  # ASSUMED: at which a reader would compare the rules


@dataclass(frozen=True)
class Chosen:
    """subjects: with decisions at the thresholds. limits: fold -> threshold. train_recall: of the training subjects on
    whom they were chosen, a fraction, mean over folds."""

    subjects: pd.DataFrame
    limits: Mapping[int, float]
    train_recall: float

    @property
    def threshold(self) -> float:
        """Mean over the folds; NaN without training subjects to choose it on."""
        return float(np.mean(list(self.limits.values())))


def threshold_at(scores: Array, labels: Array, specificity: float) -> float:
    """The lowest threshold at which at least ``specificity`` of the negatives lie below it; just above 1 where none in
    [0, 1] does. Halfway between the scores that it parts, so that it hangs on neither. NaN without a negative."""
    negatives = np.sort(scores[labels == 0])
    if len(negatives) == 0:
        return float("nan")
    last = negatives[int(np.ceil(specificity * len(negatives) - 1e-9)) - 1]  # the highest that must lie below
    above = np.append(scores[scores > last], 1.0 if last < 1 else np.inf)
    return float((last + above.min()) / 2) if np.isfinite(above.min()) else float(np.nextafter(1.0, 2.0))


def known_to(subjects: pd.DataFrame, folds: Sequence[Fold]) -> dict[int, pd.DataFrame]:
    """Fold -> rows of the fold's training subjects by the networks of the other folds that test them.

    No network knows whom it scores there, so that a threshold chosen on them is a fair one; nobody whom the fold tests
    is among them. subjects: a row per fold and test subject. Empty where there is one fold only.
    """
    return {fold.number: subjects[subjects["subject_id"].isin(fold.train)] for fold in folds}


def at_chosen_threshold(subjects: pd.DataFrame, folds: Sequence[Fold]) -> Chosen:
    """The subjects decided at the threshold that leaves SPECIFICITY of each fold's training subjects below it.

    subjects: fold, subject_id, label, score. Where there is nobody to choose it on the threshold is NaN, and decisions
    mean nothing.
    """
    known = known_to(subjects, folds)
    limits = {
        fold: threshold_at(rows["score"].to_numpy(), rows["label"].to_numpy(), SPECIFICITY)
        for fold, rows in known.items()
    }
    ill = {fold: rows.loc[rows["label"] == 1, "score"] for fold, rows in known.items()}
    found = [
        float((scores >= limits[fold]).mean()) for fold, scores in ill.items() if len(scores) and limits[fold] >= 0
    ]
    decided = subjects.assign(decision=(subjects["score"] >= subjects["fold"].map(limits)).astype(int))
    return Chosen(decided, limits, float(np.mean(found)) if found else float("nan"))


def by_rule(subjects: pd.DataFrame, name: str) -> pd.DataFrame:
    """``subject_predictions`` with a rule's scores and decisions in place of the study's."""
    return subjects.assign(score=subjects[f"{name}_score"], decision=subjects[f"{name}_decision"])


def rule_table(courses: pd.DataFrame, folds: Sequence[Fold], config: StudyConfig) -> pd.DataFrame:
    """Every rule on the whole examinations of test subjects, as the study has it and as training subjects would set it.

    courses: ``add_courses`` of ``score_whole``. A row per rule: auc, recall, specificity at the study's threshold;
    threshold (mean over folds of that with SPECIFICITY on the fold's training subjects, ``known_to``), train_recall at
    it, and chosen_recall and chosen_specificity of test subjects at it; low and high of each but threshold and
    train_recall. Percent, but for the threshold; NaN where no training subject is tested in another fold.
    """
    ratio = split_ratio(config.test_fraction)
    subjects, rows = subject_predictions(courses, config), {}
    for name in RULES:
        frame = by_rule(subjects, name)
        chosen = at_chosen_threshold(frame, folds)
        plain, at_limit = (over_folds(each, ratio=ratio) for each in (frame, chosen.subjects))
        rows[name] = {
            **ends(plain, "auc", "auc"),
            **ends(plain, "recall", "recall"),
            **ends(plain, "specificity", "specificity"),
            "threshold": chosen.threshold,
            "train_recall": 100 * chosen.train_recall,
            **ends(at_limit, "recall", "chosen_recall"),
            **ends(at_limit, "specificity", "chosen_specificity"),
        }
        if np.isnan(chosen.threshold):
            rows[name] |= {key: float("nan") for key in rows[name] if key.startswith("chosen_")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


def train_recalls(subjects: pd.DataFrame, folds: Sequence[Fold]) -> pd.Series[float]:
    """Rule -> recall of the training subjects at the threshold that they choose, a fraction; NaN without any."""
    return pd.Series({name: at_chosen_threshold(by_rule(subjects, name), folds).train_recall for name in RULES})


def readers_choice(train_recall: pd.Series[float]) -> str:
    """The rule with the highest recall of training subjects, of all folds; the first of RULES among equals, or without
    any."""
    return str(train_recall.fillna(0.0).idxmax())


def choice_of(courses: pd.DataFrame, folds: Sequence[Fold], config: StudyConfig) -> RuleChoice | None:
    """The rule for subjects to come: the one that finds most at the threshold that everyone whom the folds test sets.

    courses: ``add_courses`` of ``score_whole``. None where there is nothing to choose on: no whole examinations
    (``whole.is_selection``), one fold, subjects of one kind, no rule that finds anybody.
    """
    subjects = subject_predictions(courses, config)
    ill = subjects["label"] == 1
    if is_selection(courses) or len(folds) < 2 or ill.nunique() < 2:
        return None
    active, others = (subjects.loc[own, "subject_id"].nunique() for own in (ill, ~ill))
    choices = []
    for name in RULES:
        scores = subjects[f"{name}_score"].to_numpy()
        limit = threshold_at(scores, subjects["label"].to_numpy(), SPECIFICITY)
        found, spared = float((scores >= limit)[ill].mean()), float((scores < limit)[~ill].mean())
        choices.append(RuleChoice(name, limit, found, spared, active, others))
    best = max(choices, key=lambda choice: choice.recall)  # the first of RULES among equals
    return best if best.recall > 0 else None


def perfect_recall(courses: pd.DataFrame, config: StudyConfig) -> float:
    """Recall of the study's rule, were every slice's score its label: of active subjects, a fraction; NaN without any.

    A slice that nobody read counts as one without edema.
    """
    perfect = courses.assign(score=courses["label"].fillna(0).astype(float))
    once = perfect.drop_duplicates(["subject_id", "slice_index"])
    subjects = subject_predictions(once, config)
    return float(subjects.loc[subjects["label"] == 1, "decision"].mean())


def format_rules(table: pd.DataFrame) -> pd.DataFrame:
    """``rule_table`` as text cells, percent with 95% CI."""
    rows = [
        {
            "rule": RULES[str(name)].title,
            "AUC": cell(row, "auc"),
            "recall": cell(row, "recall"),
            "specificity": cell(row, "specificity"),
            "threshold chosen": "–" if np.isnan(row["threshold"]) else f"{row['threshold']:.3f}",
            "recall at it": cell(row, "chosen_recall"),
            "specificity at it": cell(row, "chosen_specificity"),
        }
        for name, row in table.iterrows()
    ]
    return pd.DataFrame(rows)


def answer_sentence(table: pd.DataFrame, config: StudyConfig) -> str:
    """The answer: what the study's rule does on whole examinations, and the one that training would choose."""
    own, best = table.loc[config.subject_rule], readers_choice(table["train_recall"])
    row = table.loc[best]

    def range_of(which: pd.Series[Any], name: str) -> str:
        if np.isnan(which[name]):
            return "an unknown share (nobody is of that kind)"
        return f"{which[name]:.1f}% (95% CI {which[f'{name}_low']:.1f} to {which[f'{name}_high']:.1f})"

    first = (
        f"On whole examinations the {RULES[config.subject_rule].title} finds {range_of(own, 'recall')} of the active "
        f"test subjects, at a specificity of {range_of(own, 'specificity')}."
    )
    if np.isnan(row["threshold"]):
        return f"{first} No training subject is tested in another fold, so that no threshold can be chosen on them."
    return (
        f"{first} At {SPECIFICITY:.0%} specificity on training subjects the {RULES[best].title} finds most of them; on "
        f"test subjects it finds {range_of(row, 'chosen_recall')}, at a specificity of "
        f"{range_of(row, 'chosen_specificity')}."
    )
