"""Data -> matplotlib Figure: one case of the failure gallery. Reads no file, keeps no state."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sijstudy.analysis.failures import Case
from sijstudy.figures.colours import BLUE, GREY, ORANGE, SMALL, TITLE, VERMILION
from sijstudy.figures.overlays import draw_image, draw_map, draw_outline
from sijstudy.figures.plain import plain_style

CELL, COLUMNS = 1.9, 4  # inches of one slice, slices beside each other


@plain_style()
def failure_case(case: Case, threshold: float, *, course: bool = True) -> Figure:
    """The subject's course above, then the shown slices with edema outlined (orange), each with its map below.

    The course has every score, the filtered results as steps, a cross where they are wrong, and a mark at each
    slice shown below. course=False leaves it out, for slices of different subjects.
    """
    blocks = math.ceil(len(case.shown) / COLUMNS)
    rows = [1.2] * course + [CELL + 0.35, CELL] * blocks
    figure = Figure(figsize=(CELL * COLUMNS, sum(rows) + 0.5), layout="constrained")
    grid = figure.add_gridspec(len(rows), COLUMNS, height_ratios=rows)
    if course:
        _draw_course(figure.add_subplot(grid[0, :]), case, threshold)
    figure.suptitle(case.title, fontsize=TITLE)
    for number in range(blocks * COLUMNS):
        row, column = 2 * (number // COLUMNS) + course, number % COLUMNS
        above, below = figure.add_subplot(grid[row, column]), figure.add_subplot(grid[row + 1, column])
        above.set_axis_off()
        below.set_axis_off()
        if number < len(case.shown):
            _draw_slice(above, below, case, number, with_subject=not course)
    return figure


def _draw_course(axis: Axes, case: Case, threshold: float) -> None:
    rows = case.course
    index, filtered = rows["slice_index"].to_numpy(), rows["filtered_decision"].to_numpy()
    wrong = filtered != rows["label"].to_numpy()
    axis.plot(index, rows["score"], color=GREY, marker=".", linewidth=0.9, label="score")
    axis.step(index, filtered, where="mid", color=BLUE, linewidth=1.4, label="filtered result")
    axis.scatter(index[wrong], filtered[wrong], color=VERMILION, marker="x", zorder=3, label="misclassified")
    axis.axhline(threshold, color=GREY, linestyle=":", linewidth=0.9)
    axis.scatter(
        case.shown["slice_index"], np.full(len(case.shown), -0.16), s=22, color="black", marker="^",
        label="shown below", clip_on=False,
    )  # fmt: skip
    axis.set(ylim=(-0.2, 1.1), yticks=[0, 1], yticklabels=["negative", "positive"])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel("slice, lower to upper pelvis", fontsize=SMALL)
    axis.legend(frameon=False, fontsize=SMALL, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, columnspacing=1.2)


def _draw_slice(above: Axes, below: Axes, case: Case, number: int, *, with_subject: bool) -> None:
    row = case.shown.iloc[number]
    patch, mask, cam = case.patches[number], case.masks[number], case.maps[number]
    result = {0: "neg.", 1: "pos."}
    head = f"{row['subject_id']}, " if with_subject else "slice "
    results = " → ".join(result[row[name]] for name in ("decision", "filtered_decision"))
    title = f"{head}{row['slice_index']}\n{row['score']:.2f}: {results}"
    wrong = row["filtered_decision"] != row["label"]
    for axis in (above, below):
        draw_image(axis, patch)
    above.set_title(title, fontsize=9.5, color="#A33C00" if wrong else "black")
    draw_map(below, cam)
    for axis, colour in ((above, ORANGE), (below, "white")):
        draw_outline(axis, mask, colour, width=1.0)
