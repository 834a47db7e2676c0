"""(coverage) What the interval over folds is measured against: resampling subjects, with the trained networks fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.intervals import interval, row_weights
from sijstudy.weighted_metrics import groups, weighted_means

Array = np.ndarray[Any, Any]


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
        return interval(self.samples[name])


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


def difference(one: Bootstrap, other: Bootstrap, name: str) -> tuple[float, float, float]:
    """A metric of ``one`` minus that of ``other``: mean, and the 95% CI of this paired difference, fractions.

    Both were measured on the same subjects, and each resample drew the same of them in both, so what they share
    cancels. Raises ValueError when they were not.
    """
    if one.source != other.source:
        raise ValueError("a paired difference needs the same subjects, samples and seed on both sides")
    low, high = interval(one.samples[name] - other.samples[name])
    return one.observed[name] - other.observed[name], low, high
