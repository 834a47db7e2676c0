"""Can a printed mean and SD over folds arise from the printed fold sizes? An exact search, in the spirit of GRIM.

Brown & Heathers 2017 asked it of means of whole numbers. Here each fold's metric is a fraction of counts, and
mean and SD over the folds are printed in percent with a few decimals. A half may have been rounded either way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.metrics import METRIC_NAMES, METRICS, Confusion, six_metrics

Array = np.ndarray[Any, Any]
MeanSd = tuple[float, float]
Wrong = tuple[tuple[int, int], ...]  # (false negatives, false positives) of every fold

EPSILON = 1e-9  # points; far above float64's error in a sum over folds, far below a printed digit
MOST = 2_000_000  # combinations of half the folds, or tables, that are looked at
BLOCK = 200_000  # of them at a time
THINNED = 70  # values left of each fold when all would be too many
STARTS = 6  # tables from which the nearest one is looked for


@dataclass(frozen=True)
class FoldSizes:
    """Positive and negative test samples of every fold (Table 1), two folds or more."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.positive) != len(self.negative) or len(self.positive) < 2:
            raise ValueError(f"{len(self.positive)} and {len(self.negative)} fold sizes: give two or more of each")


@dataclass(frozen=True)
class Verdict:
    """Whether the printed mean and SD of one metric can arise, taken alone.

    attainable: None when the search was not exhaustive and found nothing. ways: number of different fold results
    that give the print; at least so many when not ``exhaustive``. wrong: counts of one of these ways, with as few
    false negatives as will do; empty without one. nearest: the attainable (mean, sd), percent, that differs least
    from the print in the larger of its two differences; None when unknown.
    """

    attainable: bool | None
    ways: int
    exhaustive: bool
    wrong: Wrong
    nearest: MeanSd | None


@dataclass(frozen=True)
class Joint:
    """Whether one confusion table per fold gives the printed values of all six metrics at once.

    attainable: None when undecided. wrong: counts of the nearest table; values: its metrics, percent. distance: its
    largest difference from a printed mean or SD, percentage points. proven: no table is nearer; otherwise it is
    the nearest that was found.
    """

    attainable: bool | None
    wrong: Wrong
    values: dict[str, MeanSd]
    distance: float
    proven: bool


def check_metric(metric: str, sizes: FoldSizes, printed: MeanSd, *, ddof: int, decimals: int = 2) -> Verdict:
    """The verdict on one metric of METRICS; printed: mean and SD over folds, percent.

    Accuracy, recall and specificity have so few values per fold that all combinations are covered. The others
    may have thousands: then evenly spread ones are tried, which can say "yes" but not "no".
    """
    options = [_options(metric, *size) for size in zip(sizes.positive, sizes.negative, strict=True)]
    half = _half(decimals)
    found, exhaustive = _search([values for values, _ in options], printed, ddof, half)
    for row in found:
        wrong = tuple(option[1][place] for option, place in zip(options, row, strict=True))
        if _is_exact(metric, sizes, wrong, printed, ddof, half):
            return Verdict(True, len(found), exhaustive, wrong, metrics_of(sizes, wrong, ddof=ddof)[metric])
    nearest = _nearest_alone([values for values, _ in options], printed, ddof, half) if exhaustive else None
    return Verdict(False if exhaustive else None, 0, exhaustive, (), nearest)


def check_jointly(sizes: FoldSizes, printed: Mapping[str, MeanSd], *, ddof: int, decimals: int = 2) -> Joint:
    """The verdict on all six metrics at once.

    Every table with the printed recall and specificity is held against the other metrics, so a "no" is exact. The
    nearest table is found by descent from the best of these, one or two counts at a time, and proven by
    looking at every table that could be nearer, where these are few.
    """
    half = _half(decimals)
    sides = [
        _side(sizes.positive, printed["recall"], ddof, half),
        _side(sizes.negative, printed["specificity"], ddof, half),
    ]
    decided = all(exhaustive for _, exhaustive in sides)
    starts = _nearest(sizes, printed, ddof, *(counts for counts, _ in sides), keep=STARTS)
    if starts and starts[0][0] <= half + EPSILON:
        return _joint(sizes, starts[0], ddof, attainable=True, proven=True)
    if not starts:
        wider = (
            _widened(sizes.positive, printed["recall"], ddof, half),
            _widened(sizes.negative, printed["specificity"], ddof, half),
        )
        starts = _nearest(sizes, printed, ddof, *wider, keep=STARTS)
    best = min((_descended(sizes, printed, ddof, start) for start in starts), key=lambda one: one[0])
    best, proven = _proven(sizes, printed, ddof, best)
    reached = best[0] <= half + EPSILON
    return _joint(sizes, best, ddof, attainable=True if reached else False if decided else None, proven=proven)


def metrics_of(sizes: FoldSizes, wrong: Sequence[tuple[int, int]], *, ddof: int) -> dict[str, MeanSd]:
    """Mean and SD over folds, percent, of the six metrics for the (fn, fp) of every fold."""
    counts = np.array(wrong)
    moments = _moments(sizes, counts[None, :, 0], counts[None, :, 1], ddof)
    return {name: (float(mean[0]), float(sd[0])) for name, (mean, sd) in moments.items()}


def consistency_table(sizes: FoldSizes, printed: Mapping[str, MeanSd], name: str) -> tuple[pd.DataFrame, str]:
    """The verdicts on a printed table as a readable one, a row per metric, and in plain words; ``name`` opens them.

    Both readings of "SD" are tried; the nearest joint table is that of the reading under which it is nearer.
    """
    alone = {ddof: {metric: check_metric(metric, sizes, printed[metric], ddof=ddof) for metric in METRICS}
             for ddof in (1, 0)}  # fmt: skip
    joints = {ddof: check_jointly(sizes, printed, ddof=ddof) for ddof in (1, 0)}
    ddof = min(joints, key=lambda one: (joints[one].distance, -one))
    rows = {}
    for metric in METRICS:
        example = next((alone[one][metric] for one in (1, 0) if alone[one][metric].attainable), alone[1][metric])
        rows[METRIC_NAMES[metric]] = {
            "printed": _text(printed[metric]),
            "with ddof 1": _alone(alone[1][metric]),
            "with ddof 0": _alone(alone[0][metric]),
            "nearest for all six": _text(joints[ddof].values[metric]),
            "example by fold": _counts(example.wrong),
        }
    words = [_words_alone(alone), _words_jointly(joints[ddof], ddof), _words_no_missed(sizes, printed, alone[1])]
    return pd.DataFrame.from_dict(rows, orient="index"), f"{name}: " + " ".join(filter(None, words))


def _half(decimals: int) -> float:
    """How far a number may lie from its print."""
    return 0.5 * 10.0**-decimals


def _options(metric: str, positive: int, negative: int) -> tuple[Array, list[tuple[int, int]]]:
    """The values a metric can take in one fold, ascending, percent, each with an (fn, fp) that gives it."""
    fn, fp = (side.ravel() for side in np.mgrid[: positive + 1, : negative + 1])
    values = 100 * six_metrics(Confusion(positive - fn, fp, negative - fp, fn))[metric]
    defined = np.flatnonzero(~np.isnan(values))
    distinct, first = np.unique(values[defined], return_index=True)
    chosen = defined[first]
    return distinct, list(zip(fn[chosen].tolist(), fp[chosen].tolist(), strict=True))


def _search(values: Sequence[Array], printed: MeanSd, ddof: int, within: float) -> tuple[Array, bool]:
    """Places ``(k, folds)`` in the folds' values that give mean and SD within ``within``; whether these are all.

    Meet in the middle: the sums of one half of the folds are sorted, those of the other half looked up in them.
    """
    kept = [_reachable(fold, len(values), printed, ddof, within) for fold in values]
    middle = len(kept) // 2
    exhaustive = math.prod(map(len, kept[middle:])) <= MOST
    if not exhaustive:
        kept = [_thinned(places) for places in kept]
    distances = [fold[places] - printed[0] for fold, places in zip(values, kept, strict=True)]
    left, right = _Half.of(distances[:middle]), _Half.of(distances[middle:])
    n, found = len(kept), []
    low = np.searchsorted(right.sums, -n * within - left.sums - EPSILON)
    high = np.searchsorted(right.sums, n * within - left.sums + EPSILON, side="right")
    for one, other in _pairs(low, high):
        mean = (left.sums[one] + right.sums[other]) / n
        sd = np.sqrt(np.maximum(left.squares[one] + right.squares[other] - n * mean**2, 0) / (n - ddof))
        fits = np.abs(sd - printed[1]) <= within + EPSILON
        found.append(np.hstack([left.places[one[fits]], right.places[other[fits]]]))
        if fits.any() and not exhaustive:
            break  # one answer will do, as not all can be counted
    places = np.concatenate(found) if found else np.empty((0, n), dtype=np.int64)
    rows = np.stack([kept[fold][places[:, fold]] for fold in range(n)], axis=1)
    return rows[np.lexsort(-rows.T[::-1])], exhaustive


@dataclass(frozen=True)
class _Half:
    """All combinations of some folds, by ascending sum: places ``(k, folds)``, sums and sums of squares ``(k,)``."""

    places: Array
    sums: Array
    squares: Array

    @classmethod
    def of(cls, distances: Sequence[Array]) -> _Half:
        places = np.indices([len(fold) for fold in distances]).reshape(len(distances), -1).T
        chosen = np.stack([fold[places[:, number]] for number, fold in enumerate(distances)], axis=1)
        order = np.argsort(chosen.sum(axis=1), kind="stable")
        return cls(places[order], chosen.sum(axis=1)[order], (chosen**2).sum(axis=1)[order])


def _pairs(low: Array, high: Array) -> Iterator[tuple[Array, Array]]:
    """Each row number of ``low`` with each number from low to high, in blocks of about BLOCK pairs."""
    counts = np.maximum(high - low, 0)
    ends = np.cumsum(counts)
    for block in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(ends // BLOCK)) + 1):
        inside = counts[block]
        one = np.repeat(block, inside)
        yield one, np.arange(len(one)) - np.repeat(np.cumsum(inside) - inside, inside) + low[one]


def _reachable(values: Array, n: int, printed: MeanSd, ddof: int, within: float) -> Array:
    """Places of the values that such a sample of n can hold at all (Samuelson's inequality)."""
    reach = (printed[1] + within) * math.sqrt((n - ddof) * (n - 1) / n) + within
    return np.flatnonzero(np.abs(values - printed[0]) <= reach + EPSILON)


def _thinned(places: Array) -> Array:
    return places[np.linspace(0, len(places) - 1, THINNED).round().astype(int)] if len(places) > THINNED else places


def _is_exact(metric: str, sizes: FoldSizes, wrong: Wrong, printed: MeanSd, ddof: int, within: float) -> bool:
    """The same in whole-number arithmetic, so that no rounding of the computer's decides."""
    folds = zip(sizes.positive, sizes.negative, wrong, strict=True)
    values = [100 * _fraction(metric, p - fn, fp, n - fp, fn) for p, n, (fn, fp) in folds]
    mean = sum(values, Fraction(0)) / len(values)
    variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - ddof)
    centre, spread, half = (Fraction(str(round(number, 9))) for number in (*printed, within))
    return abs(mean - centre) <= half and max(spread - half, Fraction(0)) ** 2 <= variance <= (spread + half) ** 2


def _fraction(metric: str, tp: int, fp: int, tn: int, fn: int) -> Fraction:
    pair = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "recall": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
        "npv": (tn, tn + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }[metric]
    return Fraction(*pair)


def _widening(half: float) -> Iterator[float]:
    """Ever larger distances from the print, up to all there is."""
    return itertools.takewhile(lambda within: within < 200, (half * 2.0**step for step in itertools.count(1)))


def _nearest_alone(values: Sequence[Array], printed: MeanSd, ddof: int, half: float) -> MeanSd | None:
    """The attainable mean and SD nearest to the print; None when there are too many combinations to tell."""
    for within in _widening(half):
        found, exhaustive = _search(values, printed, ddof, within)
        if not exhaustive:
            return None
        if len(found):
            chosen = np.stack([fold[found[:, number]] for number, fold in enumerate(values)], axis=1)
            mean, sd = chosen.mean(axis=1), chosen.std(axis=1, ddof=ddof)
            best = np.maximum(np.abs(mean - printed[0]), np.abs(sd - printed[1])).argmin()
            return float(mean[best]), float(sd[best])
    return None


def _side(samples: Sequence[int], printed: MeanSd, ddof: int, within: float) -> tuple[Array, bool]:
    """Wrong samples of one class in every fold, ``(k, folds)``, for its recall (or specificity) as printed."""
    values = [100 * (n - np.arange(n, -1, -1)) / n for n in samples]  # ascending
    found, exhaustive = _search(values, printed, ddof, within)
    return np.array(samples) - found, exhaustive


def _widened(samples: Sequence[int], printed: MeanSd, ddof: int, half: float) -> Array:
    """The wrong samples of one class for a recall that comes as near to the print as can be."""
    sides = (_side(samples, printed, ddof, within)[0] for within in (half, *_widening(half)))
    return next((side for side in sides if len(side)), np.zeros((1, len(samples)), dtype=np.int64))


def _moments(sizes: FoldSizes, fn: Array, fp: Array, ddof: int) -> dict[str, tuple[Array, Array]]:
    """Mean and SD ``(k,)`` of the six metrics, percent, of k tables: fn and fp ``(k, folds)``.

    NaN where a fold leaves a metric undefined: such a table gives no printed mean over all folds.
    """
    positive, negative = np.array(sizes.positive), np.array(sizes.negative)
    values = six_metrics(Confusion(positive - fn, fp, negative - fp, fn))
    return {name: (100 * value.mean(axis=1), 100 * value.std(axis=1, ddof=ddof)) for name, value in values.items()}


def _distances(sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, fn: Array, fp: Array) -> Array:
    """The largest difference ``(k,)`` of each table from a printed number, percentage points."""
    moments = _moments(sizes, fn, fp, ddof)
    gaps = [np.abs(moments[name][part] - printed[name][part]) for name in METRICS for part in (0, 1)]
    worst: Array = np.nan_to_num(np.max(gaps, axis=0), nan=np.inf)
    return worst


def _nearest(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, fn: Array, fp: Array, *, keep: int
) -> list[tuple[float, Array]]:
    """Of all tables with a row of fn and a row of fp, the ``keep`` nearest: distance, counts ``(folds, 2)``."""
    best: list[tuple[float, Array]] = []
    for one, other in _pairs(np.zeros(len(fn), dtype=np.int64), np.full(len(fn), len(fp))):
        distances = _distances(sizes, printed, ddof, fn[one], fp[other])
        for place in np.argsort(distances, kind="stable")[:keep]:
            best.append((float(distances[place]), np.stack([fn[one[place]], fp[other[place]]], axis=1)))
    return sorted(best, key=lambda table: table[0])[:keep]


def _descended(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, start: tuple[float, Array]
) -> tuple[float, Array]:
    """The table reached by always taking the best change of one or two counts by up to 3, until none helps."""
    most = np.array([sizes.positive, sizes.negative]).T
    steps = _steps(most.size).reshape(-1, *most.shape)
    distance, counts = start
    while True:
        tables = counts + steps
        tables = tables[((tables >= 0) & (tables <= most)).all(axis=(1, 2))]
        distances = _distances(sizes, printed, ddof, tables[..., 0], tables[..., 1])
        best = distances.argmin()
        if not distances[best] < distance - EPSILON:
            return distance, counts
        distance, counts = float(distances[best]), tables[best]


def _steps(size: int) -> Array:
    """All changes ``(k, size)`` of one or two of ``size`` counts by -3 to 3."""
    rows = {}
    for first, second in itertools.combinations(range(size), 2):
        for change in itertools.product(range(-3, 4), repeat=2):
            row = np.zeros(size, dtype=np.int64)
            row[[first, second]] = change
            rows[row.tobytes()] = row
    return np.stack(list(rows.values()))


def _proven(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, best: tuple[float, Array]
) -> tuple[tuple[float, Array], bool]:
    """The nearest of all tables, and True; or ``best`` and False when too many could be nearer."""
    fn, fp = (
        _near(sizes.positive, printed["recall"], ddof, best[0]),
        _near(sizes.negative, printed["specificity"], ddof, best[0]),
    )
    if fn is None or fp is None or len(fn) * len(fp) > MOST:
        return best, False
    return min([best, *_nearest(sizes, printed, ddof, fn, fp, keep=1)], key=lambda table: table[0]), True


def _near(samples: Sequence[int], printed: MeanSd, ddof: int, within: float) -> Array | None:
    """The wrong samples of one class for a recall within ``within`` of the print; None when these are too many."""
    reach = (printed[1] + within) * math.sqrt((len(samples) - ddof) * (len(samples) - 1) / len(samples)) + within
    widths = [min(n, 2 * reach * n / 100) + 1 for n in samples]
    if math.prod(widths) > 10 * MOST:
        return None
    found, exhaustive = _side(samples, printed, ddof, within)
    return found if exhaustive else None


def _joint(sizes: FoldSizes, table: tuple[float, Array], ddof: int, attainable: bool | None, proven: bool) -> Joint:
    wrong = tuple((int(fn), int(fp)) for fn, fp in table[1])
    return Joint(attainable, wrong, metrics_of(sizes, wrong, ddof=ddof), table[0], proven)


def _text(value: MeanSd) -> str:
    return f"{value[0]:.2f} ± {value[1]:.2f}"


def _alone(verdict: Verdict) -> str:
    if verdict.attainable:
        ways = f", {verdict.ways} way{'s' if verdict.ways > 1 else ''}" if verdict.exhaustive else ""
        return f"yes{ways}"
    if verdict.attainable is None:
        return "not decided"
    return f"no ({_text(verdict.nearest)})" if verdict.nearest else "no"


def _counts(wrong: Wrong) -> str:
    """The counts of all folds; a kind of which there is none is left out."""
    if not wrong:
        return "–"
    sides = zip(("FN", "FP"), zip(*wrong, strict=True), strict=True)
    return "; ".join(f"{kind} {', '.join(map(str, counts))}" for kind, counts in sides if any(counts)) or "none wrong"


def _words_alone(alone: Mapping[int, Mapping[str, Verdict]]) -> str:
    never = [_word(name) for name in METRICS if all(alone[ddof][name].attainable is False for ddof in alone)]
    only = [_word(name) for name in METRICS if alone[1][name].attainable and alone[0][name].attainable is False]
    words = f"{_listed(never)} cannot arise from the published fold sizes." if never else ""
    return " ".join(filter(None, [words, f"With ddof 0, {_listed(only)} could not arise." if only else ""]))


def _words_jointly(joint: Joint, ddof: int) -> str:
    if joint.attainable:
        return f"One table per fold gives all six metrics as printed (ddof {ddof}): {_counts(joint.wrong)}."
    known = "no table is nearer" if joint.proven else "the nearest that was found"
    verdict = "No counts give" if joint.attainable is False else "No counts were found that give"
    return (
        f"{verdict} all six metrics at once; {_counts(joint.wrong)} comes within {joint.distance:.2f} percentage "
        f"points of each printed mean and SD (ddof {ddof}; {known})."
    )


def _words_no_missed(sizes: FoldSizes, printed: Mapping[str, MeanSd], alone: Mapping[str, Verdict]) -> str:
    """Where no positive is missed, the accuracy's counts are false positives and settle the other metrics too."""
    wrong = alone["accuracy"].wrong
    if printed["recall"] != (100, 0) or not wrong or any(fn for fn, _ in wrong):
        return ""
    values = metrics_of(sizes, wrong, ddof=1)
    odd = [name for name in METRICS if _text(values[name]) != _text(printed[name])]
    if not odd:
        return ""
    given = _listed([f"{_word(name)} {_text(values[name])}" for name in odd])
    wanted = _listed([_text(printed[name]) for name in odd])
    return f"The accuracy arises from {_counts(wrong)}, but with {given}, not the printed {wanted}."


def _word(metric: str) -> str:
    """The metric's name inside a sentence."""
    return METRIC_NAMES[metric] if metric in ("npv", "f1") else metric


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
