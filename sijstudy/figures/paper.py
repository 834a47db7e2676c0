"""Data -> matplotlib Figure: the paper's figures and those that stand beside them. Reads no file, keeps no state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from sijstudy.figures.colours import (
    BLUE,
    GREY,
    GROUP_COLOURS,
    ORANGE,
    SEGMENT_COLOURS,
    SKY,
    SMALL,
    TITLE,
    VERMILION,
)
from sijstudy.figures.overlays import draw_image, draw_map, draw_outline
from sijstudy.figures.plain import plain_style
from sijstudy.metrics import METRIC_NAMES, METRICS, Roc
from sijstudy.records import Box, IliumBoxes
from sijstudy.roi import RoiBoxes

Array = np.ndarray[Any, Any]
DODGED = 0.2  # how far seaborn moves each of two groups from their fold


def _figure(
    columns: int, rows: int = 1, *, width: float = 2.4, height: float = 2.6, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, sharex=sharex)).ravel().tolist()
    return figure, axes


def _image(axis: Axes, image: Array, title: str = "") -> None:
    draw_image(axis, image)
    axis.set_title(title, fontsize=TITLE)
    axis.set_axis_off()


def _box(axis: Axes, box: Box | None, colour: str, **style: Any) -> None:
    if box is not None:
        corner = (box.x0 - 0.5, box.y0 - 0.5)
        axis.add_patch(Rectangle(corner, box.width, box.height, fill=False, edgecolor=colour, **style))


@plain_style()
def annotated_slices(slices: Sequence[tuple[str, Array, Mapping[str, Array]]]) -> Figure:
    """Fig. 2: (title, image ``(H, W)``, segment name -> mask ``(H, W)`` bool), above as is, below with outlines."""
    figure, axes = _figure(len(slices), 2)
    for plain, marked, (title, image, masks) in zip(axes, axes[len(slices) :], slices, strict=False):
        _image(plain, image, title)
        _image(marked, image)
        for name, mask in masks.items():
            draw_outline(marked, mask, SEGMENT_COLOURS[name])
    return figure


@plain_style()
def boxed_slices(slices: Sequence[tuple[str, Array, IliumBoxes | None]], columns: int) -> Figure:
    """Slices ``(H, W)`` with their ilium boxes, the subject's left light blue, the right orange; a title each."""
    rows = -(-len(slices) // columns)
    figure, axes = _figure(columns, rows, width=1.9, height=2.0)
    for axis, (title, image, boxes) in zip(axes, slices, strict=False):
        _image(axis, image, title)
        if boxes is not None:
            _box(axis, boxes.left, SKY, linewidth=1.5)
            _box(axis, boxes.right, ORANGE, linewidth=1.5)
    for axis in axes[len(slices) :]:
        axis.set_axis_off()
    return figure


@plain_style()
def demographics(subjects: pd.DataFrame, slices: pd.DataFrame) -> Figure:
    """Age, where known, and number of slices of every subject, by group; columns as in the manifest."""
    figure, axes = _figure(2, width=3.8, height=2.8)
    counts = slices.groupby("subject_id").size().rename("slices")
    table = subjects.join(counts, on="subject_id")
    for axis, column, label in ((axes[0], "age_years", "age (years)"), (axes[1], "slices", "slices per subject")):
        values = table.assign(value=table[column].astype(float)).dropna(subset="value")
        if values.empty:
            axis.text(0.5, 0.5, "not known", transform=axis.transAxes, ha="center", color=GREY)
            axis.set(xlabel=label, xticks=[], yticks=[])
            continue
        edges = np.histogram_bin_edges(values["value"], bins=12).tolist()
        sns.histplot(values, x="value", hue="group", hue_order=GROUP_COLOURS, palette=GROUP_COLOURS, bins=edges,
                     alpha=0.55, ax=axis)  # fmt: skip
        axis.set(xlabel=label, ylabel="subjects")
        if (legend := axis.get_legend()) is not None:
            legend.set(title="", frame_on=False)
    return figure


@plain_style()
def roi_interpretations(image: Array, ilium: IliumBoxes, drawn: Mapping[str, tuple[RoiBoxes, Array]]) -> Figure:
    """Fig. 3a for each interpretation of the wording: boxes on the slice above, the patch they give below.

    drawn: name -> (ROI boxes, patch ``(S, S)``). Ilium boxes black on white, ROI boxes blue, as in the paper.
    """
    figure, axes = _figure(len(drawn), 2)
    for above, below, (name, (rois, patch)) in zip(axes, axes[len(drawn) :], drawn.items(), strict=False):
        _image(above, image, name)
        for box in (ilium.left, ilium.right):
            _box(above, box, "white", linewidth=2.6)
            _box(above, box, "black", linewidth=1.2)
        for roi in (rois.image_left, rois.image_right):
            _box(above, roi, SKY, linewidth=1.8)
        _image(below, patch, "its ROI patch")
    return figure


@plain_style()
def noisy_versions(patches: Mapping[str, Array]) -> Figure:
    """Fig. 3b: one patch without noise and with each interpretation of the noise; name -> ``(S, S)``.

    All on the 8-bit scale, as an image file would show them: 0 is black, 255 and all beyond white.
    """
    figure, axes = _figure(len(patches))
    for axis, (name, patch) in zip(axes, patches.items(), strict=True):
        axis.imshow(patch, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(name.replace(": ", ":\n"), fontsize=TITLE)
        axis.set_axis_off()
    return figure


@plain_style()
def selection_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Fig. 5: training and validation accuracy by epoch, a panel per backbone."""
    figure, axes = _figure(len(histories), width=3.8, height=3)
    for axis, (backbone, history) in zip(axes, histories.items(), strict=True):
        axis.plot(history["epoch"], 100 * history["train_accuracy"], color=BLUE, marker=".", label="training")
        axis.plot(history["epoch"], 100 * history["held_out_accuracy"], color=VERMILION, marker=".", label="validation")
        axis.set(title=backbone, xlabel="epoch", ylabel="accuracy (%)", ylim=(30, 102))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(True)
    axes[0].legend(frameon=False, loc="lower right")
    return figure


@plain_style()
def slice_courses(courses: Mapping[str, pd.DataFrame], threshold: float, size: int) -> Figure:
    """Fig. 6: slice results along the slices of some subjects, above before and below after the median filter.

    courses: title -> rows of one subject in slice order with label, score, decision, filtered_decision.
    """
    figure, axes = _figure(len(courses), 2, width=3.8, height=2.3, sharex=True)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for above, below, (title, course) in zip(axes, axes[len(courses) :], courses.items(), strict=False):
        _course(above, course, course["decision"], f"{title}\nbefore filtering")
        above.plot(course["slice_index"], course["score"], color=GREY, linewidth=0.9, label="score")
        above.axhline(threshold, color=GREY, linestyle=":", linewidth=0.9)
        _course(below, course, course["filtered_decision"], f"median of {size} slices")
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=3)
    return figure


def _course(axis: Axes, course: pd.DataFrame, decision: Any, title: str) -> None:
    index, decided = course["slice_index"].to_numpy(), np.asarray(decision)
    axis.step(index, decided, where="mid", color=BLUE, linewidth=1.4, label="slice result")
    wrong = decided != course["label"].to_numpy()
    axis.scatter(index[wrong], decided[wrong], color=VERMILION, marker="x", zorder=3, label="misclassified")
    axis.set(ylim=(-0.08, 1.08), yticks=[0, 1], yticklabels=["negative", "positive"])
    axis.set_xlabel("slice, lower to upper pelvis", fontsize=SMALL)
    axis.set_title(title, fontsize=TITLE)
    axis.label_outer()


@plain_style()
def roc_curves(rocs: Mapping[int, Roc], paper_auc: Sequence[float] = ()) -> Figure:
    """Fig. 7: the ROC curve of every fold, with the paper's AUC of the same fold number in the legend."""
    figure, (axis,) = _figure(1, width=5.6, height=4.8)
    for number, (fold, curve) in enumerate(rocs.items()):
        paper = f" (paper {paper_auc[number]:.2f})" if number < len(paper_auc) else ""
        axis.plot(curve.fpr, curve.tpr, label=f"fold {fold}: AUC {curve.auc:.3f}{paper}")
    axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
    axis.set(xlabel="1 - specificity", ylabel="recall", aspect="equal", xlim=(-0.01, 1), ylim=(0, 1.01))
    axis.legend(frameon=False, fontsize=SMALL, loc="lower right")
    axis.grid(True)
    return figure


@plain_style()
def metrics_beside_paper(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel per arm: the six metrics with 95% CI beside the paper's mean and SD, in percent (``beside_paper``)."""
    figure, axes = _figure(len(tables), width=2.9, height=3.4, sharex=True)
    rows = np.arange(len(METRICS))[::-1]
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        part = table.loc[list(METRICS)]
        spread = np.abs(part[["low", "high"]].to_numpy().T - part["mean"].to_numpy())
        axis.errorbar(part["mean"], rows + 0.14, xerr=spread, fmt="o", color=BLUE, label="this run, 95% CI", capsize=2)
        axis.errorbar(
            part["paper_mean"], rows - 0.14, xerr=part["paper_sd"], fmt="D", color=ORANGE, label="paper, SD", capsize=2
        )
        axis.set(yticks=rows, yticklabels=[METRIC_NAMES[name] for name in METRICS], xlabel="%")
        axis.set_title(name, fontsize=TITLE)
        axis.grid(True, axis="x")
        axis.label_outer()
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    return figure


@plain_style()
def subject_scores(subjects: pd.DataFrame, threshold: float) -> Figure:
    """Score of every test subject by fold, misclassified ones ringed; columns of ``subject_predictions``."""
    figure, (axis,) = _figure(1, width=6.5, height=3)
    sns.stripplot(subjects, x="fold", y="score", hue="group", hue_order=GROUP_COLOURS, palette=GROUP_COLOURS,
                  dodge=True, jitter=False, native_scale=True, alpha=0.6, size=5, ax=axis)  # fmt: skip
    wrong = subjects[subjects["label"] != subjects["decision"]]
    places = wrong["fold"] + np.where(wrong["group"] == "axSpA", -DODGED, DODGED)
    axis.scatter(places, wrong["score"], s=90, facecolors="none", edgecolors="black", label="misclassified")
    axis.axhline(threshold, color=GREY, linestyle=":", label="threshold")
    axis.set(xlabel="fold", ylabel="subject score", ylim=(-0.05, 1.05), xticks=sorted(subjects["fold"].unique()))
    axis.legend(frameon=False, fontsize=SMALL, loc="center left", bbox_to_anchor=(1, 0.5), title="")
    return figure


@plain_style()
def cam_gallery(examples: Sequence[tuple[str, Array, Array, Array]]) -> Figure:
    """Fig. 8: (title, patch ``(S, S)``, edema outline ``(S, S)`` bool, map ``(S, S)`` in [0, 1]) of some slices.

    Above the patch with its edema outlined, below the map laid over it (paper's colours: red highest).
    """
    figure, axes = _figure(len(examples), 2, width=2.3, height=2.6)
    for above, below, (title, patch, mask, cam) in zip(axes, axes[len(examples) :], examples, strict=False):
        _image(above, patch, title)
        draw_outline(above, mask, ORANGE)
        _image(below, patch)
        draw_map(below, cam)
        draw_outline(below, mask, "white")
    return figure
