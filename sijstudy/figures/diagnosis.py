"""Data -> matplotlib Figure: one subject's course, and where the networks looked. Reads no file, keeps no state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sijstudy.figures.colours import BLUE, GREY, SKY, SMALL, TITLE
from sijstudy.figures.overlays import draw_image, draw_map
from sijstudy.figures.plain import plain_style

Array = np.ndarray[Any, Any]
ROW = 3  # overlays side by side


@plain_style()
def subject_course(slices: pd.DataFrame, threshold: float, size: int) -> Figure:
    """As Fig. 6 for a subject without labels: results before (above) and after the median filter (below).

    slices: slice_index, score, score_low, score_high (over networks), decision, filtered_decision, in slice order.
    """
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _scores(above, slices)
    above.axhline(threshold, color=GREY, linestyle=":", linewidth=1, label="threshold")
    _steps(above, slices, "decision", "before filtering")
    _steps(below, slices, "filtered_decision", f"median of {size} slices")
    _along_the_pelvis(below)
    figure.legend(*above.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
    return figure


@plain_style()
def score_course(slices: pd.DataFrame) -> Figure:
    """The scores of ``subject_course`` alone, for a subject of whom nothing is decided: no threshold, no result."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axis = figure.subplots()
    _scores(axis, slices)
    axis.set(ylim=(-0.02, 1.02), ylabel="score")
    axis.grid(True, axis="x")
    _along_the_pelvis(axis)
    figure.legend(*axis.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


def _scores(axis: Axes, slices: pd.DataFrame) -> None:
    index = slices["slice_index"]
    axis.fill_between(index, slices["score_low"], slices["score_high"], color=SKY, alpha=0.35, label="networks, range")
    axis.plot(index, slices["score"], color=GREY, linewidth=1.2, marker=".", label="score")


def _along_the_pelvis(axis: Axes) -> None:
    low, high = axis.dataLim.intervalx
    if low == high or high - low == 1:  # a slice alone, or its step: whole numbers need room to be seen
        axis.set_xlim((low + high) / 2 - 1, (low + high) / 2 + 1)
    axis.set_xlabel("slice, lower to upper pelvis", fontsize=SMALL)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _steps(axis: Axes, slices: pd.DataFrame, column: str, title: str) -> None:
    index, results = slices["slice_index"].to_numpy(float), slices[column].to_numpy()
    if len(index) == 1:  # a step is drawn between slices
        index, results = index[0] + np.array([-0.5, 0.5]), results.repeat(2)
    axis.step(index, results, where="mid", color=BLUE, linewidth=1.5, label="slice result")
    axis.set(ylim=(-0.08, 1.08), yticks=[0, 1], yticklabels=["negative", "positive"])
    axis.set_title(title, fontsize=TITLE)
    axis.grid(True, axis="x")


@plain_style()
def cam_overlays(examples: list[tuple[str, Array, Array]]) -> Figure:
    """(title, patch ``(S, S)``, map ``(S, S)`` in [0, 1]) of some slices: the patch, and below it with its map."""
    columns = min(ROW, len(examples))
    blocks = -(-len(examples) // columns)
    figure = Figure(figsize=(2.5 * columns, 5.2 * blocks), layout="constrained")
    axes = np.atleast_2d(figure.subplots(2 * blocks, columns, squeeze=False))
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.set_axis_off()
    for number, (title, patch, cam) in enumerate(examples):
        block, column = divmod(number, columns)
        above, below = axes[2 * block, column], axes[2 * block + 1, column]
        draw_image(above, patch)
        draw_image(below, patch)
        above.set_title(title, fontsize=SMALL)
        draw_map(below, cam)
    return figure
