"""Data -> matplotlib Figure: how far the scores can be trusted. Reads no file, keeps no state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sijstudy.analysis.sensitivity import at_settings
from sijstudy.config import StudyConfig
from sijstudy.figures.colours import BLUE, GREEN, GREY, LABEL_COLOURS, ORANGE, SMALL, TITLE, VERMILION
from sijstudy.figures.plain import plain_style


def _panels(columns: int, rows: int = 1, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(rows, columns)).ravel().tolist()


@plain_style()
def learning_curves(histories: Mapping[str, Mapping[int, pd.DataFrame]]) -> Figure:
    """Training loss (above) and training accuracy (below) by epoch, a column per arm, a line per fold.

    histories: arm -> fold -> ``FitRun.history()``.
    """
    figure, axes = _panels(len(histories), 2, width=4.0, height=2.5)
    for column, (arm, folds) in enumerate(histories.items()):
        loss, accuracy = axes[column], axes[column + len(histories)]
        for fold, history in folds.items():
            style: dict[str, Any] = {"linewidth": 1.3}
            if len(history) < 15:
                style["marker"] = "."
            loss.plot(history["epoch"], history["train_loss"], label=f"fold {fold}", **style)
            accuracy.plot(history["epoch"], 100 * history["train_accuracy"], **style)
        loss.set_title(arm, fontsize=TITLE)
        loss.set(ylabel="training loss", ylim=(0, None))
        accuracy.set(xlabel="epoch", ylabel="training accuracy (%)")
    _share_range(axes[: len(histories)])
    _share_range(axes[len(histories) :])
    for axis in axes:
        axis.grid(True)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
    return figure


def _share_range(axes: Sequence[Axes]) -> None:
    """One range of values for all, so that panels can be compared."""
    ends = np.array([axis.get_ylim() for axis in axes])
    for axis in axes:
        axis.set_ylim(ends[:, 0].min(), ends[:, 1].max())


@plain_style()
def reliability_curves(curves: Mapping[str, pd.DataFrame], scores: Mapping[str, pd.DataFrame]) -> Figure:
    """Observed share against mean score of each bin with 95% CI, above the scores' distribution, a column each.

    curves: title -> ``calibration.reliability``; scores: title -> rows with label and score in [0, 1].
    """
    figure = Figure(figsize=(3.9 * len(curves), 4.9), layout="constrained")
    axes = figure.subplots(2, len(curves), sharex=True, height_ratios=[3, 1], squeeze=False)
    for column, (title, curve) in enumerate(curves.items()):
        above, below = axes[0, column], axes[1, column]
        above.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="perfect calibration")
        spread = np.abs(curve[["low", "high"]].to_numpy().T - curve["observed"].to_numpy())
        above.errorbar(
            curve["predicted"], curve["observed"], yerr=spread, fmt="o-", color=BLUE, capsize=2, linewidth=1.2,
            label="this run, 95% CI",
        )  # fmt: skip
        above.set(ylabel="share that is positive", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        above.set_title(title, fontsize=TITLE)
        above.grid(True)
        _score_histogram(below, scores[title])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=2)
    bars = [Patch(color=LABEL_COLOURS[label], label=name) for label, name in ((1, "positive"), (0, "negative"))]
    figure.legend(handles=bars, frameon=False, loc="outside lower center", ncols=2)
    return figure


def _score_histogram(axis: Axes, frame: pd.DataFrame) -> None:
    sns.histplot(frame, x="score", hue="label", hue_order=LABEL_COLOURS, palette=LABEL_COLOURS, multiple="stack",
                 bins=np.linspace(0, 1, 21).tolist(), alpha=1, linewidth=0, legend=False, ax=axis)  # fmt: skip
    axis.set(xlabel="score", ylabel="count")


@plain_style()
def decision_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Net benefit by threshold with 95% CI beside treating everyone and no one; title -> ``decision_curve``."""
    figure, axes = _panels(len(curves), width=3.3, height=3.6)
    top = max(0.05, *(max(curve["high"].max(), curve["treat_all"].max()) for curve in curves.values()))
    for axis, (title, curve) in zip(axes, curves.items(), strict=True):
        t = curve["threshold"]
        axis.fill_between(t, curve["low"], curve["high"], color=BLUE, alpha=0.2, linewidth=0)
        axis.plot(t, curve["model"], color=BLUE, label="by the score, 95% CI")
        axis.plot(t, curve["treat_all"], color=ORANGE, linestyle="--", label="treat everyone")
        axis.axhline(0, color=GREY, linewidth=1, linestyle=":", label="treat no one")
        axis.set(xlabel="threshold probability", xlim=(0, 1), ylim=(-0.25 * top, 1.08 * top))
        axis.set_title(title, fontsize=TITLE)
        axis.grid(True)
    axes[0].set_ylabel("net benefit")
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=3)
    return figure


@plain_style()
def sensitivity_maps(grid: pd.DataFrame, config: StudyConfig) -> Figure:
    """Slice and subject accuracy by filter size and slice threshold, and subjects by their threshold.

    grid: ``sensitivity_grid``. The study's own settings are framed (maps) or dotted (lines).
    """
    figure = Figure(figsize=(10.4, 3.7), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.15])
    rows = grid[grid["subject_threshold"] == config.subject_threshold]
    for axis, name, title in (
        (axes[0], "slice_accuracy", "Slice accuracy (%)"),
        (axes[1], "accuracy", "Subject accuracy (%)"),
    ):
        _heat_map(axis, rows.pivot(index="slice_threshold", columns="median_size", values=name), config)
        axis.set_title(title, fontsize=TITLE)
    lines = grid[at_settings(grid, config, free="subject_threshold")]
    styles = (("accuracy", BLUE, "-"), ("recall", VERMILION, "--"), ("specificity", GREEN, "-."))
    for name, colour, style in styles:
        axes[2].plot(lines["subject_threshold"], lines[name], color=colour, linestyle=style, label=name)
    axes[2].axvline(config.subject_threshold, color=GREY, linestyle=":", linewidth=1)
    axes[2].set(xlabel="subject threshold", ylim=(-3, 103), xlim=(0, 1))
    axes[2].set_title("Subjects (%)", fontsize=TITLE)
    axes[2].grid(True)
    axes[2].legend(frameon=False, fontsize=SMALL, loc="lower center")
    return figure


def _heat_map(axis: Axes, table: pd.DataFrame, config: StudyConfig) -> None:
    """A cell per slice threshold (index) and filter size (columns), the study's own framed."""
    sizes, thresholds = table.columns.tolist(), table.index.tolist()
    sns.heatmap(table, cmap="cividis", xticklabels=False, yticklabels=False, ax=axis)
    axis.invert_yaxis()
    x, y = sizes.index(config.median_size), thresholds.index(config.slice_threshold)
    for colour, width in (("white", 3.0), ("black", 1.2)):
        axis.plot([x, x + 1, x + 1, x, x], [y, y, y + 1, y + 1, y], color=colour, linewidth=width)
    axis.set_xticks(np.arange(len(sizes)) + 0.5, [str(size) for size in sizes])
    shown = [row for row, value in enumerate(thresholds) if round(100 * value) % 10 == 0]
    axis.set_yticks([row + 0.5 for row in shown], [f"{thresholds[row]:g}" for row in shown])
    axis.set(xlabel="filter size (slices)", ylabel="slice threshold")
