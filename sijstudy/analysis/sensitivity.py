"""Sensitivity: for which filter sizes and thresholds does each conclusion of the study hold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES, Course, follow
from sijstudy.config import StudyConfig
from sijstudy.metrics import Confusion, mean_sd, six_metrics
from sijstudy.paper import TABLE3

Array = np.ndarray[Any, Any]

SIZES = (1, 3, 5, 7, 9)
THRESHOLDS = tuple(float(value) for value in np.round(np.arange(0.05, 1.0, 0.05), 2))
SUBJECT_METRICS = ("accuracy", "recall", "specificity")
SETTINGS = ("median_size", "slice_threshold", "subject_threshold")


def filter_sizes(config: StudyConfig) -> tuple[int, ...]:
    """Sizes of the median filter to try, in slices; the study's own is among them."""
    return tuple(sorted({*SIZES, config.median_size}))


def settings_grid(config: StudyConfig) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """Filter sizes, slice thresholds and subject thresholds to try; the study's own are always among them."""
    slices, subjects = (tuple(sorted({*THRESHOLDS, own})) for own in (config.slice_threshold, config.subject_threshold))
    return filter_sizes(config), slices, subjects


def sensitivity_grid(roi: pd.DataFrame, original: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """What the study would report under every setting of ``settings_grid``, percent, mean over folds.

    roi, original: ``collect_predictions`` of either arm, in slice order. A row per median_size, slice_threshold
    and subject_threshold: slice_accuracy (ROI patches, filtered), original_accuracy (whole slices, filtered
    alike), unfiltered_accuracy (ROI patches), and the subjects' accuracy, recall and specificity (ROI patches).
    """
    sizes, slice_thresholds, subject_thresholds = settings_grid(config)
    parts = []
    for size in sizes:
        followed = _followed(roi, size, slice_thresholds, config)
        slices = {
            "slice_accuracy": _slice_accuracy(roi, [course.filtered_decision for course in followed]),
            "original_accuracy": _slice_accuracy(
                original, [course.filtered_decision for course in _followed(original, size, slice_thresholds, config)]
            ),
            "unfiltered_accuracy": _slice_accuracy(roi, [course.decision for course in followed]),
        }
        rule = RULES[config.subject_rule]
        scores = np.stack([rule.score(course) for course in followed], axis=1)  # (slice thresholds, subjects)
        for row, threshold in enumerate(slice_thresholds):
            fixed = {name: values[row] for name, values in slices.items()}
            called = np.stack([rule.positive(scores[row], limit) for limit in subject_thresholds])
            subjects = _subject_metrics(roi, called).assign(subject_threshold=subject_thresholds)
            parts.append(subjects.assign(median_size=size, slice_threshold=threshold, **fixed))
    grid = pd.concat(parts, ignore_index=True)
    return grid[[*SETTINGS, *slices, *SUBJECT_METRICS]]


def conclusions(grid: pd.DataFrame) -> dict[str, tuple[pd.Series[bool], pd.Series[str]]]:
    """Each conclusion: its sentence -> whether it holds under every setting, and the numbers behind it."""
    gain = grid["slice_accuracy"] - grid["original_accuracy"]
    mended = grid["slice_accuracy"] - grid["unfiltered_accuracy"]
    paper_accuracy, paper_recall = TABLE3["accuracy"][0], TABLE3["recall"][0]
    small = 1e-9  # percent; sums of the same counts may differ in their last digit
    return {
        "ROI patches classify slices better than whole slices": (gain > small, gain.map("{:+.1f} points".format)),
        "The median filter raises slice accuracy": (mended > small, mended.map("{:+.1f} points".format)),
        f"Subject recall reaches the paper's {paper_recall:.0f}%": (
            grid["recall"] >= paper_recall - small,
            grid["recall"].map("{:.1f}%".format),
        ),
        f"Subject accuracy reaches the paper's {paper_accuracy:.1f}%": (
            grid["accuracy"] >= paper_accuracy - small,
            grid["accuracy"].map("{:.1f}%".format),
        ),
        "Every subject of every fold is diagnosed correctly": (
            grid["accuracy"] >= 100 - small,
            grid["accuracy"].map("{:.1f}%".format),
        ),
    }


def sensitivity_table(grid: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Each conclusion at the study's own settings, and the settings for which it holds.

    The ranges vary one setting and keep the study's others; "of all" counts the whole grid. A conclusion that
    does not depend on a setting holds for all or none of it.
    """
    own = at_settings(grid, config)
    rows = {}
    for sentence, (holds, numbers) in conclusions(grid).items():
        rows[sentence] = {
            "at the study's settings": _verdict(holds[own].item(), numbers[own].item()),
            **{label: _range_along(grid, holds, name, config) for label, name in _LABELS.items()},
            "of all settings": f"{100 * holds.mean():.0f}%",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def at_settings(grid: pd.DataFrame, config: StudyConfig, *, free: str = "") -> pd.Series[bool]:
    """Which rows have the study's own settings; the setting named ``free`` may take any value."""
    chosen = pd.Series(True, index=grid.index)
    for name in SETTINGS:
        if name != free:
            chosen &= grid[name] == getattr(config, name)
    return chosen


_LABELS = {
    "filter sizes": "median_size",
    "slice thresholds": "slice_threshold",
    "subject thresholds": "subject_threshold",
}


def _range_along(grid: pd.DataFrame, holds: pd.Series[bool], name: str, config: StudyConfig) -> str:
    """The values of one setting for which a conclusion holds, the others being the study's."""
    rows = at_settings(grid, config, free=name)
    values, true = grid.loc[rows, name].tolist(), holds[rows].tolist()
    return runs_of(values, true)


def runs_of(values: Sequence[float], holds: Sequence[bool]) -> str:
    """Ascending values as text, those that hold joined to runs: ``0.1 to 0.4, 0.6``; all, or none."""
    if all(holds):
        return "all"
    runs: list[list[float]] = []
    for position, (value, true) in enumerate(zip(values, holds, strict=True)):
        if not true:
            continue
        if runs and position > 0 and holds[position - 1]:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(f"{run[0]:g} to {run[-1]:g}" if len(run) > 1 else f"{run[0]:g}" for run in runs) or "none"


def _followed(frame: pd.DataFrame, size: int, thresholds: Sequence[float], config: StudyConfig) -> list[Course]:
    """The courses of every fold's subjects, in the order of the rows, each at all slice thresholds."""
    limits = np.array(thresholds)
    return [
        follow(
            part["score"].to_numpy(),
            part["slice_index"].to_numpy(),
            size=size,
            threshold=limits,
            on=config.median_input,
        )
        for _, part in frame.groupby(["fold", "subject_id"], sort=False)
    ]


def _slice_accuracy(frame: pd.DataFrame, decisions: Sequence[Array]) -> Array:
    """Accuracy of slices at each threshold, percent, mean over folds: ``(thresholds,)``.

    decisions: ``(thresholds, n)`` of each subject, in the order of the rows.
    """
    right = np.concatenate(decisions, axis=1) == frame["label"].to_numpy()
    fold = frame["fold"].to_numpy()
    accuracy: Array = 100 * np.mean([right[:, fold == number].mean(axis=1) for number in np.unique(fold)], axis=0)
    return accuracy


def _subject_metrics(frame: pd.DataFrame, called: Array) -> pd.DataFrame:
    """The subjects' metrics, percent, mean over the folds in which they are defined: a row for each row of called.

    called: ``(k, subjects)`` bool, subjects in the order of the frame's rows.
    """
    heads = frame.drop_duplicates(["fold", "subject_id"])
    fold, label = heads["fold"].to_numpy(), (heads["group"] == "axSpA").to_numpy()
    by_fold = []
    for number in np.unique(fold):
        said, truth = called[:, fold == number], label[fold == number]
        counts = Confusion(
            (said & truth).sum(1), (said & ~truth).sum(1), (~said & ~truth).sum(1), (~said & truth).sum(1)
        )
        by_fold.append([six_metrics(counts)[name] for name in SUBJECT_METRICS])
    means = [[mean_sd(values)[0] for values in metric] for metric in np.transpose(by_fold, (1, 2, 0))]
    return pd.DataFrame(dict(zip(SUBJECT_METRICS, 100 * np.array(means), strict=True)))


def _verdict(holds: bool, number: str) -> str:
    """Whether a conclusion holds, with its number, which carries a true minus."""
    return f"{'holds' if holds else 'does not hold'} ({number.replace('-', '−')})"
