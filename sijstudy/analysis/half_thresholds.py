"""What a threshold chosen on half of another cohort's subjects does on the other half [2.4].

Scores may rank another cohort's slices well and lie too low or too high throughout; whether it is enough to choose a
threshold anew, on some of its subjects, is asked here. Nothing else of the study uses such a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.metrics import confusion, roc, six_metrics

Array = np.ndarray[Any, Any]
HALVINGS = 200  # ASSUMED; each is used both ways round
LEAST = 4  # subjects: two on either side
SHOWN = ("recall", "specificity", "accuracy")


def chosen_threshold(labels: Array, scores: Array) -> float:
    """The threshold, positive at or above it, with the largest recall + specificity (Youden's index).

    labels ``(n,)`` 0/1, both of them there; scores ``(n,)``. ASSUMED: halfway to the next lower score, the highest one
    of several that are as good.
    """
    curve = roc(labels, scores)
    chosen = curve.thresholds[1:][int(np.argmax((curve.tpr - curve.fpr)[1:]))]
    lower = scores[scores < chosen]
    return float((chosen + lower.max()) / 2 if len(lower) else chosen)


def halvings(frame: pd.DataFrame, count: int, seed: int) -> list[tuple[Array, Array]]:
    """Random halves of the subjects: rows of the one half ``(n,)`` bool, rows of the other, ``count`` times.

    frame: subject_id, label. Subjects with a positive slice are halved apart from those without. Of an odd number the
    one in the middle goes to either side by chance. Empty with fewer than LEAST subjects.
    """
    positive = frame.groupby("subject_id")["label"].max()
    if len(positive) < LEAST:
        return []
    rng, found = np.random.default_rng(seed), []
    strata = [positive.index[positive == label].tolist() for label in (1, 0)]
    for _ in range(count):
        first: list[str] = []
        for names in strata:
            order = rng.permutation(len(names))
            first += [names[place] for place in order[: (len(order) + int(rng.integers(2))) // 2]]
        inside = frame["subject_id"].isin(first).to_numpy()
        found.append((inside, ~inside))
    return found


def half_thresholds(
    frame: pd.DataFrame, readers: Mapping[str, str], *, own: Mapping[str, float], seed: int, count: int = HALVINGS
) -> pd.DataFrame:
    """Each reader at a threshold of the other half, and at its own: a row per reader, fractions.

    frame: subject_id, label, and a column of scores per key of ``readers``, whose values name the rows. own: column ->
    threshold, of those that have one. Columns: SHOWN, each the mean over all halves tested; "SHOWN low" and "SHOWN
    high", the 5th and 95th percentile of these halves, no confidence interval; "SHOWN own", on all slices at the
    reader's own threshold; halves, how many were tested. A half that has slices of one class alone teaches nothing. NaN
    where there is none.
    """
    sides = [pair for both in halvings(frame, count, seed) for pair in (both, both[::-1])]
    labels = frame["label"].to_numpy()
    sides = [(taught, tested) for taught, tested in sides if len(np.unique(labels[taught])) == 2 and tested.any()]
    rows = {}
    for column, name in readers.items():
        scores = frame[column].to_numpy()
        found = []
        for taught, tested in sides:
            limit = chosen_threshold(labels[taught], scores[taught])
            found.append(_at(labels[tested], scores[tested], limit))
        rows[name] = _summary(np.array(found).reshape(-1, len(SHOWN)))
        mine = _at(labels, scores, own[column]) if column in own else [float("nan")] * len(SHOWN)
        rows[name] |= {f"{measure} own": value for measure, value in zip(SHOWN, mine, strict=True)}
        rows[name]["halves"] = len(sides)
    return pd.DataFrame.from_dict(rows, orient="index")


def format_halves(table: pd.DataFrame) -> pd.DataFrame:
    """``half_thresholds`` as text cells, percent."""
    cells = pd.DataFrame({"reader": table.index})
    for measure in SHOWN:
        mean, low, high, own = (
            table[name] for name in (measure, f"{measure} low", f"{measure} high", f"{measure} own")
        )
        cells[f"{measure}, %"] = [
            "–" if np.isnan(value) else f"{100 * value:.0f} ({100 * least:.0f} to {100 * most:.0f})"
            for value, least, most in zip(mean, low, high, strict=True)
        ]
        cells[f"{measure} at its own threshold, %"] = [
            "–" if np.isnan(value) else f"{100 * value:.0f}" for value in own
        ]
    return cells


def halves_sentence(table: pd.DataFrame, frame: pd.DataFrame) -> str:
    """Of what halves the table is made, or why there are none."""
    people = frame.groupby("subject_id")["label"].max()
    if len(people) < LEAST:
        return (
            f"{len(people)} subject{'s' * (len(people) > 1)} cannot be halved into two and two: no threshold is chosen."
        )
    halves = int(table["halves"].iloc[0])
    if not halves:
        return "No half of the subjects has slices with edema and without: no threshold is chosen."
    with_edema = int(people.sum())
    return (
        f"{halves} halves of {len(people)} subjects, {with_edema} with edema on a slice and {len(people) - with_edema} "
        "without, which are halved apart; each half is tested at the threshold that the other one gives (largest "
        "recall + specificity). Brackets hold nine tenths of the halves; they are no confidence interval."
    )


def _at(labels: Array, scores: Array, threshold: float) -> list[float]:
    measures = six_metrics(confusion(labels, (scores >= threshold).astype(int)))
    return [float(measures[name]) for name in SHOWN]


def _summary(values: Array) -> dict[str, float]:
    row: dict[str, float] = {}
    for measure, column in zip(SHOWN, values.T, strict=True):
        kept = column[~np.isnan(column)]
        low, high = np.percentile(kept, [5, 95]) if len(kept) else (np.nan, np.nan)
        row |= {measure: kept.mean() if len(kept) else np.nan, f"{measure} low": low, f"{measure} high": high}
    return row
