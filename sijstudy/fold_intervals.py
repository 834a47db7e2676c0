"""95% intervals of means over repeated random splits, which share their subjects in training and in testing [2.4, 2.5].

A bootstrap over subjects holds the trained networks fixed, and few people, nearly all diagnosed rightly, tell little of
how people differ: its intervals are too narrow (docs/BENCHMARKS.md, section coverage). Here

- the variance is the jackknife's, a person at a time, within the groups;
- it grows by test / training subjects, which is what training on other subjects adds (Nadeau & Bengio 2003);
- it is averaged with that of people who are right or wrong altogether, which counts as one person beside the K people
  with an error: few errors say little of how slices of one person hang together. Without any, K counts as one, so that
  no error never tells less than one; and no more people count than K times those that there are;
- a share has Wilson's interval with the effective number of people that this variance amounts to, and the t quantile of
  the people behind it (as Korn & Graubard 1998);
- a paired difference has two people more, one of whom differs, in what its variance is averaged with (as Agresti & Min
  2005): few differences, or none, do not make it certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sijstudy.intervals import Z, kish, wilson
from sijstudy.metrics import METRICS
from sijstudy.weighted_metrics import groups, weighted_means

Array = np.ndarray[Any, Any]
MEASURES = (*METRICS, "auc")
COLUMNS = ("mean", "low", "high", "people", "effective")


@dataclass(frozen=True)
class Deleted:
    """The measures of a frame as it is and without each of its people.

    observed: name -> mean over folds. without: name -> ``(people,)``. groups: of the people, ``(people,)``.
    """

    observed: dict[str, float]
    without: dict[str, Array]
    groups: Array


def split_ratio(test_fraction: float) -> float:
    """Test subjects per training subject of splits that test this fraction."""
    return test_fraction / (1 - test_fraction)


def over_folds(frame: pd.DataFrame, *, ratio: float) -> pd.DataFrame:
    """Mean over folds and 95% interval of the six metrics and AUC, as fractions: index measure, columns COLUMNS.

    frame: fold, subject_id, label, decision, score, and group if there is one. ratio: ``split_ratio``; 0 where
    networks were trained on others. people: different people behind the measure. effective: independent people, tested
    once each, who would tell as much.
    """
    deleted = delete_one(frame)
    wrong = (frame["label"] != frame["decision"]).to_numpy()
    rows = {}
    for name in MEASURES:
        errors = misordered(frame) if name == "auc" else wrong
        rows[name] = _share(deleted, name, _behind(frame, name), _erring(frame, name, errors), ratio)
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def difference_over_folds(
    one: pd.DataFrame, other: pd.DataFrame, name: str, *, ratio: float
) -> tuple[float, float, float]:
    """A measure of ``one`` minus that of ``other``: mean over folds and 95% interval, fractions.

    Both hold the same rows, decided by two methods with the same folds, so that what they share cancels. A row differs
    where its decision does, for AUC where only one of them has it on the wrong side. Raises ValueError when the rows
    are not the same.
    """
    keys = ["fold", "subject_id", "label"]
    if not np.array_equal(one[keys].to_numpy(), other[keys].to_numpy()):
        raise ValueError("a paired difference needs the same slices of the same subjects in the same order")
    first, second = delete_one(one), delete_one(other)
    mean = first.observed[name] - second.observed[name]
    variance, freedom = _variance(first.without[name] - second.without[name], mean, first.groups)
    counted = _counted(one, name) | _counted(other, name)
    differs = counted & _differs(one, other, name)
    people = kish(min(_behind(one, name), _behind(other, name), key=kish))
    if np.isnan(mean) or not people:
        return float("nan"), float("nan"), float("nan")
    differing = one["subject_id"][differs].nunique()
    share = (people * differs.sum() / counted.sum() + 1) / (people + 2)
    alike, quantile = share * (1 - share) / (people + 2), stats.t.ppf(0.975, freedom)
    if not differing or np.isnan(variance):
        variance, quantile = alike, Z
    half = quantile * np.sqrt((1 + ratio) * (differing * variance + alike) / (differing + 1))
    return mean, max(-1.0, float(mean - half)), min(1.0, float(mean + half))


def _differs(one: pd.DataFrame, other: pd.DataFrame, name: str) -> Array:
    """Rows that count differently in a measure of two methods, ``(n,)`` bool."""
    if name == "auc":
        return misordered(one) != misordered(other)
    return one["decision"].to_numpy() != other["decision"].to_numpy()


def delete_one(frame: pd.DataFrame) -> Deleted:
    """Every measure without each person in turn, who takes along the rows of all folds."""
    names, first, codes = np.unique(frame["subject_id"].to_numpy(dtype=object), return_index=True, return_inverse=True)
    others = codes[None, :] != np.arange(len(names))[:, None]
    means = weighted_means(frame, np.vstack([np.ones(len(frame)), others.astype(np.float64)]))
    observed = {name: float(values[0]) for name, values in means.items()}
    return Deleted(observed, {name: values[1:] for name, values in means.items()}, groups(frame)[first])


def misordered(frame: pd.DataFrame) -> Array:
    """Rows that cost some AUC, ``(n,)`` bool: one of the other label and the same fold ties or is on the wrong side."""
    found = np.zeros(len(frame), dtype=bool)
    fold, label, score = (frame[column].to_numpy() for column in ("fold", "label", "score"))
    for one in np.unique(fold):
        positive, negative = (fold == one) & (label == 1), (fold == one) & (label == 0)
        if positive.any() and negative.any():
            found |= positive & (score <= score[negative].max())
            found |= negative & (score >= score[positive].min())
    return found


def _share(deleted: Deleted, name: str, weights: Array, erring: int, ratio: float) -> tuple[float, ...]:
    """COLUMNS of a measure; weights: of the people behind it, ``(people,)``; erring: the K above."""
    mean, people = deleted.observed[name], kish(weights)
    if np.isnan(mean) or not people:
        return (float("nan"),) * 3 + (0, 0.0)
    variance, freedom = _variance(deleted.without[name], mean, deleted.groups)
    effective, quantile, different = 2 * people / (1 + ratio), Z, int((weights > 0).sum())
    if erring and 0 < mean < 1:
        spread = mean * (1 - mean)
        known, quantile = (variance, stats.t.ppf(0.975, freedom)) if variance == variance else (spread / people, Z)
        effective = spread / ((1 + ratio) * (erring * known + spread / people) / (erring + 1))
    effective = min(effective, max(erring, 1) * different)
    return (mean, *wilson(mean, effective, quantile), different, float(effective))


def _variance(without: Array, observed: float, strata: Array) -> tuple[float, float]:
    """The jackknife's variance within groups and its degrees of freedom (Satterthwaite's).

    NaN where it is unknown: no person changes the value, or a group that does is a single person.
    """
    variances, freedoms = [], []
    for group in np.unique(strata):
        own = without[strata == group]
        own = own[~np.isnan(own)]
        if len(own) >= 2:
            variances.append((len(own) - 1) * own.var())
            freedoms.append(len(own) - 1)
        elif not np.allclose(own, observed) or not len(own):
            return float("nan"), float("nan")
    total = sum(variances)
    if not total > 0:
        return float("nan"), float("nan")
    return total, total**2 / sum(part**2 / free for part, free in zip(variances, freedoms, strict=True))


def _counted(frame: pd.DataFrame, name: str) -> Array:
    """The rows that a measure is a share of, ``(n,)`` bool."""
    positive, called = frame["label"].to_numpy() == 1, frame["decision"].to_numpy() == 1
    parts = {"recall": positive, "specificity": ~positive, "precision": called, "npv": ~called, "f1": positive | called}
    return parts.get(name, np.ones(len(frame), dtype=bool))


def _behind(frame: pd.DataFrame, name: str) -> Array:
    """How much each person counts in the mean over folds, ``(people,)``; for AUC, the people of the smaller class."""
    if name == "auc":
        return min((_behind(frame, each) for each in ("recall", "specificity")), key=kish)
    counted = _counted(frame, name)
    share = counted / np.maximum(pd.Series(counted).groupby(frame["fold"].to_numpy()).transform("sum"), 1)
    return share.groupby(frame["subject_id"].to_numpy()).sum().to_numpy()


def _erring(frame: pd.DataFrame, name: str, errors: Array) -> int:
    """Different people with an error in what is counted, or with something right if those are fewer.

    For AUC those of the class with fewer people: one of them may be on the wrong side of nearly all others.
    """
    counted, people = _counted(frame, name), frame["subject_id"]
    if name == "auc":
        classes = [(frame["label"] == one).to_numpy() for one in (0, 1)]
        counted = min(classes, key=lambda own: people[own].nunique())
    return min(people[counted & errors].nunique(), people[counted & ~errors].nunique())
