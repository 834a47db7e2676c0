"""Decision curves: is acting on a score better than treating everyone, or no one (Vickers & Elkin 2006)?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sijstudy.intervals import intervals, row_weights
from sijstudy.weighted_metrics import groups

Array = np.ndarray[Any, Any]

THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)

# ASSUMED: for illustration only, about the share of axSpA among patients referred with chronic back pain.
CLINIC_PREVALENCE = 0.3


def net_benefit(
    recall: Array | float, specificity: Array | float, prevalence: Array | float, thresholds: Array
) -> Array:
    """True positives minus false positives weighed by the odds of the threshold, per case: broadcast shape.

    At threshold t one accepts t / (1 - t) false alarms for each case found; 0 is to treat no one.
    """
    odds = thresholds / (1 - thresholds)
    benefit: Array = recall * prevalence - (1 - specificity) * (1 - prevalence) * odds
    return benefit


def decision_curve(
    frame: pd.DataFrame, *, samples: int, seed: int, prevalence: float | None = None, thresholds: Array = THRESHOLDS
) -> pd.DataFrame:
    """Net benefit by threshold, pooled over folds, with 95% CI given these networks.

    The CI resamples the subjects of each group by themselves; recall or specificity without an error is Jeffreys'.
    frame: subject_id, label (0/1), score in [0, 1]; a case is acted on when its score reaches the threshold.
    prevalence: that of the cohort by default; another one keeps recall and specificity as measured.
    Columns threshold, model, low, high, treat_all (treating no one has 0), and gain_low: the lower end of the 95% CI of
    what the model gains over the better of the two, in the same resamples. NaN when a class is missing.
    """
    drawn = row_weights(frame["subject_id"].to_numpy(), samples, seed, groups(frame))
    once = np.ones((1, len(frame)))
    model = _curve(frame, once, prevalence, thresholds)[0]
    resampled = _curve(frame, drawn, prevalence, thresholds)
    low, high = intervals(resampled)
    shares = (
        drawn @ frame["label"].to_numpy(float) / drawn.sum(axis=1) if prevalence is None else np.array([prevalence])
    )
    gain_low, _ = intervals(resampled - net_benefit(1.0, 0.0, shares[:, None], thresholds).clip(min=0))
    share = float(frame["label"].mean()) if prevalence is None else prevalence
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "model": model,
            "low": low,
            "high": np.maximum(high, model),
            "treat_all": net_benefit(1.0, 0.0, share, thresholds),
            "gain_low": gain_low,
        }
    )


def useful_thresholds(curve: pd.DataFrame) -> Array:
    """Thresholds at which the score surely beats both treating everyone and treating no one: ``(k,)``, maybe empty.

    Surely: the lower end of the gain's 95% CI is above 0, not the estimate alone.
    """
    return curve.loc[curve["gain_low"] > 1e-9, "threshold"].to_numpy()


def useful_text(curve: pd.DataFrame) -> str:
    """The same in words: the lowest and the highest of them, all, or none."""
    useful = useful_thresholds(curve)
    if len(useful) == 0:
        return "none"
    if len(useful) == len(curve):
        return "all"
    span = f"{useful[0]:.2f} to {useful[-1]:.2f}"
    gaps = len(useful) < np.count_nonzero(curve["threshold"].between(useful[0], useful[-1]))
    return f"{span}, with gaps" if gaps else span


def _curve(frame: pd.DataFrame, weights: Array, prevalence: float | None, thresholds: Array) -> Array:
    """Net benefit under each row of weights ``(samples, n)``: ``(samples, thresholds)``."""
    label = frame["label"].to_numpy(float)
    acted = (frame["score"].to_numpy(float)[:, None] >= thresholds).astype(float)  # (n, thresholds)
    positives, negatives = weights @ label, weights @ (1 - label)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = (weights * label) @ acted / positives[:, None]
        specificity = 1 - (weights * (1 - label)) @ acted / negatives[:, None]
    if len(weights) > 1:  # resamples; who treats everyone, or no one, makes no error for certain
        telling = (acted != acted[:1]).any(axis=0)
        recall = np.where(telling, _unsure(frame[label == 1], recall), recall)
        specificity = np.where(telling, _unsure(frame[label == 0], specificity), specificity)
    share = (positives / weights.sum(axis=1))[:, None] if prevalence is None else prevalence
    return net_benefit(recall, specificity, share, thresholds)


def _unsure(rows: pd.DataFrame, shares: Array) -> Array:
    """Resampled shares ``(samples, thresholds)`` of what is right, spread out where no resample can hold an error.

    There they are the quantiles of Jeffreys' posterior for as many people as the rows have, all of them right, in an
    order that has nothing to do with the other resamples.
    """
    people, samples = rows["subject_id"].nunique(), len(shares)
    if not people:
        return shares
    quantiles = stats.beta.ppf((np.arange(samples) + 0.5) / samples, people + 0.5, 0.5)
    mixed = quantiles[np.random.default_rng(people).permutation(samples)]
    return np.where((shares == 1).all(axis=0), mixed[:, None], shares)
