"""Subgroups: are women and men, younger and older subjects diagnosed equally well (TRIPOD+AI 14, 23b)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import split_ratio
from sijstudy.intervals import kish, wilson
from sijstudy.metrics import confusion, six_metrics

# ASSUMED: lower ends of the age bands, years; the paper gives no subgroups. Its subjects are 18 to 59.
AGE_BANDS = {"under 30 years": 0, "30 to 39 years": 30, "40 years and over": 40}
SEXES = {"F": "women", "M": "men"}


def subgroup_table(subjects: pd.DataFrame, demographics: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Diagnoses of all folds together, for everyone, by sex and by age band.

    subjects: ``slice_courses.subject_predictions``; demographics: subject_id, age_years, sex ("M" or "F"),
    empty where not known: such subjects are in no subgroup.
    Columns subgroup, subjects (different people), diagnoses (one per fold in which a person is tested),
    accuracy with low and high, recall, specificity, all in percent. The 95% CI is Wilson's with Kish's number of
    people, as several diagnoses of one person are not independent, made fewer by what training on other subjects adds
    (``fold_intervals``). Subgroups without a subject are left out.
    """
    known = subjects.merge(demographics[["subject_id", "age_years", "sex"]], on="subject_id", how="left")
    ratio, rows = split_ratio(config.test_fraction), []
    for name, members in {"all subjects": pd.Series(True, index=known.index), **_members(known)}.items():
        if members.any():
            rows.append({"subgroup": name, **_performance(known[members], ratio)})
    return pd.DataFrame(rows)


def widest_gap(table: pd.DataFrame) -> str:
    """One sentence on a ``subgroup_table``: the lowest and highest accuracy, and whether their intervals overlap."""
    groups = table[table["subgroup"] != "all subjects"]
    if groups.empty:
        return "Neither sex nor age of the subjects is known."
    worst, best = groups.loc[groups["accuracy"].idxmin()], groups.loc[groups["accuracy"].idxmax()]
    if worst["accuracy"] == best["accuracy"]:
        return f"Accuracy is {best['accuracy']:.1f}% in every subgroup."
    overlap = "overlap" if worst["high"] >= best["low"] else "do not overlap"
    lowest, highest = (
        f"{row['subgroup']} ({row['accuracy']:.1f}%, {row['subjects']} subjects)" for row in (worst, best)
    )
    return f"Accuracy is lowest for {lowest} and highest for {highest}; their intervals {overlap}."


def _members(known: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    """Subgroup -> which rows belong to it."""
    sexes = {name: (known["sex"] == code).fillna(False).astype(bool) for code, name in SEXES.items()}
    ends = [*list(AGE_BANDS.values())[1:], np.inf]
    ages = {
        name: known["age_years"].between(low, high, inclusive="left").fillna(False).astype(bool)
        for (name, low), high in zip(AGE_BANDS.items(), ends, strict=True)
    }
    return {**sexes, **ages}


def _performance(part: pd.DataFrame, ratio: float) -> dict[str, float]:
    six = six_metrics(confusion(part["label"].to_numpy(), part["decision"].to_numpy()))
    diagnoses = part["subject_id"].value_counts().to_numpy()
    low, high = wilson(float(six["accuracy"]), kish(diagnoses) / (1 + ratio))
    percent = {"accuracy": six["accuracy"], "low": low, "high": high,
               "recall": six["recall"], "specificity": six["specificity"]}  # fmt: skip
    return {
        "subjects": len(diagnoses),
        "diagnoses": len(part),
        **{name: 100 * value for name, value in percent.items()},
    }
