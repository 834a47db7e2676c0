"""Data -> matplotlib Figure: readers of another cohort, their curves, scores and outlines. Reads no file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sijstudy.figures.colours import BLUE, GREEN, GREY, LABEL_COLOURS, ORANGE, PURPLE, SKY, SMALL, TITLE, VERMILION
from sijstudy.figures.overlays import draw_image, draw_outline
from sijstudy.figures.plain import plain_style
from sijstudy.metrics import Roc
from sijstudy.roi import RoiBoxes

Array = np.ndarray[Any, Any]
SOLID = {"segmentation": VERMILION, "both": PURPLE}  # column -> colour
MASKS = {"bone": (GREEN, 0.7), "truth": (ORANGE, 1.4), "seen": (PURPLE, 1.4)}  # name -> colour, width in points
_COLUMNS = 4


@plain_style()
def external_rocs(curves: Mapping[str, Roc], names: Mapping[str, str]) -> Figure:
    """The mean score's curve, each network's thinly behind it, the segmentation's, the baselines dashed.

    curves: column -> curve: ``score``, ``fold_1`` ..., SOLID, then the baselines; without both classes left out.
    """
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    axis = figure.subplots()
    baselines = iter((ORANGE, GREEN, GREY, "black"))
    for column, curve in curves.items():
        if not len(curve.fpr):
            continue
        label = f"{names[column]}: AUC {curve.auc:.3f}"
        if column.startswith("fold_"):
            axis.plot(curve.fpr, curve.tpr, color=SKY, linewidth=0.9, label=label)
        elif column == "score":
            axis.plot(curve.fpr, curve.tpr, color=BLUE, linewidth=2.4, zorder=3, label=label)
        elif column in SOLID:
            axis.plot(curve.fpr, curve.tpr, color=SOLID[column], linewidth=2.0, label=label)
        else:
            axis.plot(curve.fpr, curve.tpr, color=next(baselines), linestyle="--", linewidth=1.6, label=label)
    axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    axis.set(xlabel="1 - specificity", ylabel="recall", aspect="equal", xlim=(-0.01, 1), ylim=(0, 1.01))
    figure.legend(frameon=False, fontsize=SMALL - 1, loc="outside lower center", ncols=2)
    axis.grid(True)
    return figure


@plain_style()
def score_strips(frame: pd.DataFrame, readers: Mapping[str, str], limits: Mapping[str, float]) -> Figure:
    """A panel per reader: every slice's score, without edema at the left and with it at the right; medians as bars.

    frame: label 0/1 and a column of scores per key of ``readers``, whose values are titles. limits: column ->
    threshold, of those that have one. Slices are moved sideways, so that none hides another.
    """
    rows = -(-len(readers) // _COLUMNS)
    figure = Figure(figsize=(2.4 * _COLUMNS, 2.7 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, _COLUMNS)).ravel()
    for axis, (column, title) in zip(axes, readers.items(), strict=False):
        scores = frame[["label", column]].dropna()
        sns.swarmplot(scores, x="label", y=column, hue="label", order=(0, 1), palette=LABEL_COLOURS, size=2.6,
                      alpha=0.6, warn_thresh=1, legend=False, ax=axis)  # fmt: skip
        for label, median in scores.groupby("label")[column].median().items():
            axis.hlines(median, label - 0.35, label + 0.35, color=LABEL_COLOURS[label], linewidth=2)
        if column in limits:
            axis.axhline(limits[column], color=GREY, linestyle=":", linewidth=1)
        axis.set(xticks=(0, 1), xticklabels=("no edema", "edema"), xlim=(-0.6, 1.6), xlabel="", ylabel="")
        axis.tick_params(labelsize=SMALL - 1)
        axis.set_title(_wrapped(title), fontsize=SMALL)
    for axis in axes[len(readers) :]:
        axis.set_axis_off()
    return figure


@plain_style()
def seen_slices(slices: Sequence[tuple[str, Array, Mapping[str, Array], RoiBoxes]]) -> Figure:
    """(title, image ``(H, W)``, name in MASKS -> mask ``(H, W)`` bool, ROI boxes): above as is, below outlined."""
    figure = Figure(figsize=(4.0 * len(slices), 7.8), layout="constrained")
    axes = np.reshape(figure.subplots(2, len(slices)), (2, len(slices)))
    for (plain, marked), (title, image, masks, rois) in zip(axes.T, slices, strict=True):
        draw_image(plain, image)
        plain.set_title(title, fontsize=TITLE)
        draw_image(marked, image)
        for name, (colour, width) in MASKS.items():
            if name in masks:
                draw_outline(marked, masks[name], colour, width)
        for box in (rois.image_left, rois.image_right):
            if box is not None:
                corner = (box.x0 - 0.5, box.y0 - 0.5)
                marked.add_patch(Rectangle(corner, box.width, box.height, fill=False, edgecolor=SKY, linewidth=1.5))
        for axis in (plain, marked):
            axis.set_axis_off()
    return figure


def _wrapped(title: str) -> str:
    return "\n".join(textwrap.wrap(title, 26))
