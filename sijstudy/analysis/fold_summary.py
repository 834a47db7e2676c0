"""Slices and subjects of all folds -> the numbers of Tables 2 and 3 with confidence intervals [2.4, 3.1]."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds, over_folds, split_ratio
from sijstudy.folds import Fold
from sijstudy.metrics import (
    METRIC_NAMES,
    METRICS,
    Roc,
    confusion,
    mean_sd,
    roc,
    six_metrics,
)

Published = Mapping[str, tuple[float, float]]


def fold_metrics(frame: pd.DataFrame, *, decision: str = "decision", score: str = "score") -> pd.DataFrame:
    """The six metrics and AUC of every fold, as fractions; index fold."""
    rows = {}
    for fold, part in frame.groupby("fold"):
        six = six_metrics(confusion(part["label"].to_numpy(), part[decision].to_numpy()))
        rows[fold] = {**six, "auc": roc(part["label"].to_numpy(), part[score].to_numpy()).auc}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")


def summarise(
    frame: pd.DataFrame, config: StudyConfig, *, decision: str = "decision", score: str = "score"
) -> pd.DataFrame:
    """Mean and SD over the folds with the 95% CI of ``fold_intervals.over_folds``, in percent, and who is behind it.

    Index: the six metrics and auc. Columns: mean, sd (ddof 1), low, high; people (different ones behind the measure)
    and effective (as many independent people tell as much).
    """
    per_fold = fold_metrics(frame, decision=decision, score=score)
    found = over_folds(_measured(frame, decision, score), ratio=split_ratio(config.test_fraction))
    summary = pd.DataFrame({name: mean_sd(per_fold[name].to_numpy()) for name in per_fold}, index=["mean", "sd"]).T
    percent = 100 * summary.join(found[["low", "high"]])
    return percent.join(found[["people", "effective"]])


def _measured(frame: pd.DataFrame, decision: str = "decision", score: str = "score") -> pd.DataFrame:
    """What ``fold_intervals`` takes, from the rows of courses or subjects."""
    head = frame[["fold", "subject_id", "label", *(["group"] if "group" in frame else [])]]
    return head.assign(decision=frame[decision], score=frame[score])


def beside_paper(summary: pd.DataFrame, published: Published) -> pd.DataFrame:
    """A summary with the paper's mean and SD (percent) and the difference in percentage points."""
    paper = pd.DataFrame.from_dict(dict(published), orient="index", columns=["paper_mean", "paper_sd"])
    table = summary.join(paper)
    return table.assign(difference=table["mean"] - table["paper_mean"])


def format_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Readable cells of one or more tables of ``beside_paper``, a row for each table and metric, percent."""
    rows = {}
    for name, table in tables.items():
        for metric in METRICS:
            row = table.loc[metric]
            rows[(name, METRIC_NAMES[metric])] = {
                "this run": _cell("{:.2f} ± {:.2f}", row["mean"], row["sd"]),
                "95% CI": _cell("{:.1f} to {:.1f}", row["low"], row["high"]),
                "people": _cell("{:.0f}" if metric == "f1" else "{:.0f} ({:.0f})", row["people"], row["effective"]),
                "paper": _cell("{:.2f} ± {:.2f}", row["paper_mean"], row["paper_sd"]),
                "difference": _cell("{:+.2f}", row["difference"]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def _cell(template: str, *numbers: float) -> str:
    """Numbers as text with a true minus sign; a dash when undefined (an empty denominator in every fold)."""
    if math.isnan(numbers[0]):
        return "–"
    return template.format(*numbers).replace("nan", "–").replace("-", "−").replace(" ", "\N{NO-BREAK SPACE}")


def interval_text(row: Mapping[str, Any]) -> str:
    """The 95% CI of a row of ``summarise`` as words: ``95% CI 94.2 to 99.0, 41 different people``."""
    return f"95% CI {row['low']:.1f} to {row['high']:.1f}, {row['people']:.0f} different people"


INTERVALS = (
    "95% CI: slices and folds of one person are not independent people, and networks trained on other subjects are "
    "allowed for"
)
PEOPLE = "people: different ones behind the number (in parentheses: how many with one decision each would tell as much)"


def tested_sentence(folds: Sequence[Fold]) -> str:
    """How many different subjects the folds test, and how many never; empty without folds."""
    if not folds:
        return ""
    everyone = {name for fold in folds for name in (*fold.train, *fold.test)}
    tested = {name for fold in folds for name in fold.test}
    never = len(everyone) - len(tested)
    rest = f"{never} never {'was' if never == 1 else 'were'}" if never else "none was left out"
    return f"{len(tested)} of {len(everyone)} subjects are tested in at least one fold; {rest}."


def arms_of_one_fold(courses: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The metrics of each arm on a single fold, percent: index arm; courses: arm -> ``add_courses`` of that fold."""
    return pd.DataFrame({arm: 100 * fold_metrics(frame).iloc[0] for arm, frame in courses.items()}).T


def paired_difference(better: pd.DataFrame, other: pd.DataFrame, config: StudyConfig) -> dict[str, float]:
    """Slice accuracy of one arm minus another's, percentage points: mean over folds, low and high of its 95% CI.

    Both frames as from ``add_courses`` with the same rows; the CI is of the difference itself, in which what both arms
    share cancels.
    """
    ratio = split_ratio(config.test_fraction)
    found = difference_over_folds(_measured(better), _measured(other), "accuracy", ratio=ratio)
    return {name: 100 * value for name, value in zip(("mean", "low", "high"), found, strict=True)}


def rocs(frame: pd.DataFrame, score: str) -> dict[int, Roc]:
    """The ROC curve of every fold [Fig. 7]."""
    return {
        int(str(fold)): roc(part["label"].to_numpy(), part[score].to_numpy()) for fold, part in frame.groupby("fold")
    }
