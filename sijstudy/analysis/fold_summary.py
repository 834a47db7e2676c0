"""Slices and subjects of all folds -> the numbers of Tables 2 and 3 with confidence intervals [2.4, 3.1]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sijstudy.bootstrap import bootstrap, bootstrap_ci, difference
from sijstudy.config import StudyConfig
from sijstudy.intervals import wilson
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
    """Mean and SD over the folds, and the 95% CI from resampling subjects, all in percent.

    Index: the six metrics and auc. Columns: mean, sd (ddof 1), low, high.
    """
    per_fold = fold_metrics(frame, decision=decision, score=score)
    chosen = frame[["fold", "subject_id", "label"]].assign(decision=frame[decision], score=frame[score])
    interval = bootstrap_ci(chosen, samples=config.bootstrap_samples, seed=config.seed)
    summary = pd.DataFrame({name: mean_sd(per_fold[name].to_numpy()) for name in per_fold}, index=["mean", "sd"]).T
    return 100 * summary.join(interval)


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
                "paper": _cell("{:.2f} ± {:.2f}", row["paper_mean"], row["paper_sd"]),
                "difference": _cell("{:+.2f}", row["difference"]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def _cell(template: str, *numbers: float) -> str:
    """Numbers as text with a true minus sign; a dash when undefined (an empty denominator in every fold)."""
    if math.isnan(numbers[0]):
        return "–"
    return template.format(*numbers).replace("nan", "–").replace("-", "−")


def interval_text(row: Mapping[str, Any], people: int) -> str:
    """The 95% CI of a subject metric as words, from a row of ``summarise``: ``95% CI 94.2 to 99.0``.

    Where resampling gives no width, as no subject was misdiagnosed, that would claim certainty: Wilson's interval
    stands in its place, each of the ``people`` different subjects behind the metric counted once.
    """
    low, high, kind = row["low"], row["high"], ""
    if has_no_width(row):
        low, high = (100 * end for end in wilson(row["mean"] / 100, people))
        kind = f", Wilson, {people} different people"
    return f"95% CI {low:.1f} to {high:.1f}{kind}"


def has_no_width(row: Mapping[str, Any]) -> bool:
    """True when every resample of subjects gave the same value: all that was measured is right, or all wrong."""
    return bool(row["high"] - row["low"] < 1e-9)


def headline(name: str, table: pd.DataFrame, metric: str) -> dict[str, Any]:
    """One number for the index page: the paper's, ours and its 95% CI, in percent."""
    row = table.loc[metric]
    numbers = {key: float(row[column]) for key, column in
               (("paper", "paper_mean"), ("ours", "mean"), ("low", "low"), ("high", "high"))}  # fmt: skip
    return {"name": name, "unit": "%", **numbers}


def arms_of_one_fold(courses: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The metrics of each arm on a single fold, percent: index arm; courses: arm -> ``add_courses`` of that fold."""
    return pd.DataFrame({arm: 100 * fold_metrics(frame).iloc[0] for arm, frame in courses.items()}).T


def paired_difference(better: pd.DataFrame, other: pd.DataFrame, config: StudyConfig) -> dict[str, float]:
    """Slice accuracy of one arm minus another's, percentage points: mean over folds and 95% CI.

    Both frames as from ``add_courses`` with the same folds and subjects; each resample draws the same
    subjects in both, so that the CI is of the difference itself.
    """
    one, two = (bootstrap(frame, samples=config.bootstrap_samples, seed=config.seed) for frame in (better, other))
    return {
        name: 100 * value for name, value in zip(("mean", "low", "high"), difference(one, two, "accuracy"), strict=True)
    }


def rocs(frame: pd.DataFrame, score: str) -> dict[int, Roc]:
    """The ROC curve of every fold [Fig. 7]."""
    return {
        int(str(fold)): roc(part["label"].to_numpy(), part[score].to_numpy()) for fold, part in frame.groupby("fold")
    }
