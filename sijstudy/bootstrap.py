"""The six metrics and AUC in resamples of the subjects: their intervals, and those of paired differences [2.4]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.intervals import interval, row_weights
from sijstudy.metrics import METRICS, Confusion, ratio, six_metrics

Array = np.ndarray[Any, Any]
TAIL = 100 * (1 - 0.95) / 2  # percent; 2.5 but for the last bit, which the numbers of kept reports were made with


@dataclass(frozen=True)
class Bootstrap:
    """The mean over folds of the six metrics and AUC, fractions, NaN where no fold defines it.

    observed: name -> value of the data as they are. samples: name -> ``(samples,)``, one for each resample of
    subjects. source: what fixes the resamples; two with the same source drew the same subjects.
    """

    observed: Mapping[str, float]
    samples: Mapping[str, Array]
    source: tuple[tuple[str, ...], int, int, bool]

    def interval(self, name: str) -> tuple[float, float]:
        """The 95% CI of a metric."""
        return interval(self.samples[name], TAIL)


def bootstrap(frame: pd.DataFrame, *, samples: int, seed: int, within_groups: bool = False) -> Bootstrap:
    """Resample subjects: fold, subject_id, label (0/1), decision (0/1), score -> the metrics in each resample.

    Each resample draws as many subjects as the frame has, with replacement; a drawn subject brings its slices of
    all folds, as slices of one subject are not independent. The metric is computed in each fold and averaged over
    folds in which it is defined. within_groups: resample the subjects of each group (``groups``) by themselves.
    """
    subjects = sorted(set(frame["subject_id"]))
    strata = groups(frame) if within_groups else None
    drawn = row_weights(frame["subject_id"].to_numpy(), samples, seed, strata)
    means = weighted_means(frame, np.vstack([np.ones(len(frame)), drawn]))
    observed = {name: float(values[0]) for name, values in means.items()}
    source = (tuple(subjects), samples, seed, within_groups)
    return Bootstrap(observed, {name: values[1:] for name, values in means.items()}, source)


def weighted_means(frame: pd.DataFrame, weights: Array) -> dict[str, Array]:
    """The mean over folds of the six metrics and AUC with rows that count ``weights``, ``(k, n)``: name -> ``(k,)``."""
    fold = frame["fold"].to_numpy()
    per_fold = [_fold_samples(frame[fold == one], weights[:, fold == one]) for one in np.unique(fold)]
    return {name: _mean_over_folds(np.stack([fold[name] for fold in per_fold])) for name in (*METRICS, "auc")}


def groups(frame: pd.DataFrame) -> Array:
    """The group of each row's subject, ``(n,)``: its column ``group``, or without one whether any label is positive."""
    if "group" in frame:
        return frame["group"].to_numpy()
    return frame.groupby("subject_id")["label"].transform("max").to_numpy()


def bootstrap_ci(frame: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """95% confidence intervals of the mean over folds, by resampling subjects as ``bootstrap`` does.

    Returns fractions, index the six metrics and auc, columns low, high.
    """
    drawn = bootstrap(frame, samples=samples, seed=seed)
    rows = {name: drawn.interval(name) for name in drawn.samples}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["low", "high"])


def difference(one: Bootstrap, other: Bootstrap, name: str) -> tuple[float, float, float]:
    """A metric of ``one`` minus that of ``other``: mean, and the 95% CI of this paired difference, fractions.

    Both were measured on the same subjects, and each resample drew the same of them in both, so what they share
    cancels. Raises ValueError when they were not.
    """
    if one.source != other.source:
        raise ValueError("a paired difference needs the same subjects, samples and seed on both sides")
    low, high = interval(one.samples[name] - other.samples[name], TAIL)
    return one.observed[name] - other.observed[name], low, high


def _fold_samples(part: pd.DataFrame, drawn: Array) -> dict[str, Any]:
    """Every metric of one fold's n rows in every resample: name -> ``(samples,)``; drawn: ``(samples, n)``."""
    label, decision = part["label"].to_numpy(), part["decision"].to_numpy()
    kinds = {"tp": (1, 1), "fp": (0, 1), "tn": (0, 0), "fn": (1, 0)}
    counts = {kind: drawn @ ((label == truth) & (decision == said)) for kind, (truth, said) in kinds.items()}
    return {**six_metrics(Confusion(**counts)), "auc": _weighted_auc(label, part["score"].to_numpy(), drawn)}


def _weighted_auc(label: Array, score: Array, drawn: Array) -> Array:
    """AUC of each resample: the chance that a positive slice scores higher than a negative one, ties half."""
    values, rank = np.unique(score, return_inverse=True)
    positive, negative = (np.zeros((len(drawn), len(values))) for _ in range(2))
    for row, weight in enumerate(drawn.T):
        (positive if label[row] == 1 else negative)[:, rank[row]] += weight
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + 0.5 * negative)).sum(axis=1)
    return ratio(wins, positive.sum(axis=1) * negative.sum(axis=1))


def _mean_over_folds(values: Array) -> Array:
    """Mean over folds ``(folds, samples)`` of what is defined; NaN for a resample defined in no fold."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))
