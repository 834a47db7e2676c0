"""Figures of the audit: data -> matplotlib Figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from sijstudy.audit.flow import Flow, Step
from sijstudy.figures.colours import BLUE, GREY, SMALL, VERMILION
from sijstudy.figures.plain import plain_style

LINE = 0.21  # inches from one line of text to the next
GAP = 0.4  # inches between two boxes
WRAP = 46  # characters of a line beside the main column
WIDTH = 9.4  # inches
MIDDLE, SIDE = 2.75, 5.6  # inches from the left: middle of the main column, left edge of what is left out
HALF = 2.0  # inches, half the width of a main box


@plain_style()
def flow_diagram(flow: Flow) -> Figure:
    """The cohort's flow, top to bottom: a box per step, what is left out beside its arrow, the groups at the end."""
    texts = [step.text for step in flow.steps]
    beside = [_wrapped(step) for step in flow.steps]
    heights = [_height(text) for text in texts]
    gaps = [max(GAP, _height(text) + 0.2) if text else GAP for text in beside]
    group_height = max(map(_height, flow.groups))
    total = sum(heights) + sum(gaps) + group_height + 0.1
    figure = Figure(figsize=(WIDTH if any(beside) else 2 * MIDDLE, total))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, figure.get_figwidth()), ylim=(0, total))
    axis.set_axis_off()
    top = total - 0.05
    for number, (text, left_out, height, gap) in enumerate(zip(texts, beside, heights, gaps, strict=True)):
        _box(axis, (MIDDLE, top - height / 2), (2 * HALF, height), text, GREY)
        top -= height
        if number < len(texts) - 1:
            _arrow(axis, (MIDDLE, top), (MIDDLE, top - gap))
        if left_out:
            _left_out(axis, top - gap / 2, left_out)
        top -= gap
    _groups(axis, flow.groups, top, gaps[-1], group_height)
    return figure


def _groups(axis: Axes, groups: Sequence[str], top: float, gap: float, height: float) -> None:
    for number, (text, colour) in enumerate(zip(groups, (VERMILION, BLUE), strict=False)):
        middle = MIDDLE + (number - 0.5) * 2.6
        _arrow(axis, (MIDDLE, top + gap), (middle, top))
        _box(axis, (middle, top - height / 2), (2 * 1.15, height), text, colour)


def _box(axis: Axes, centre: tuple[float, float], size: tuple[float, float], text: str, colour: str) -> None:
    (x, y), (width, height) = centre, size
    frame: Any = {"boxstyle": "round,pad=0.06", "edgecolor": colour, "facecolor": "white", "linewidth": 1.3}
    axis.add_patch(FancyBboxPatch((x - width / 2, y - height / 2 + 0.06), width, height - 0.12, **frame))
    axis.text(x, y, text, ha="center", va="center", fontsize=SMALL)


def _left_out(axis: Axes, y: float, text: str) -> None:
    axis.annotate("", (SIDE - 0.1, y), (MIDDLE, y), arrowprops={"arrowstyle": "->", "color": GREY})
    axis.text(SIDE, y, text, va="center", fontsize=SMALL, color=GREY)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 0, "shrinkB": 0})


def _wrapped(step: Step) -> str:
    lines = [textwrap.fill(line, WRAP, subsequent_indent="   ") for line in step.left_out]
    return "\n".join([f"{step.heading}:", *lines]) if lines else ""


def _height(text: str) -> float:
    """Inches that a text takes as a box."""
    return LINE * (text.count("\n") + 1) + 0.2
