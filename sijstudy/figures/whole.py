"""Data -> matplotlib Figure: courses along whole examinations, as Figure 6, with the truth below."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sijstudy.figures.colours import BLUE, GREY, SMALL, TITLE, VERMILION
from sijstudy.figures.plain import plain_style


@plain_style()
def whole_courses(courses: Mapping[str, pd.DataFrame], threshold: float, size: int) -> Figure:
    """A panel per subject: scores, filtered results, and under them the slices with edema, and those without a label.

    courses: title -> rows of one subject in slice order with slice_index, label (NaN where there is none), score
    and filtered_decision (NaN where no network read the slice). threshold: of a slice. size: of the median filter, in
    slices.
    """
    figure = Figure(figsize=(7.6, 2.0 * len(courses)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(courses), 1, sharex=True))
    for axis, (title, rows) in zip(axes, courses.items(), strict=True):
        place = rows["slice_index"].to_numpy()
        axis.plot(place, rows["score"], color=GREY, linewidth=0.9, marker=".", markersize=4, label="score")
        axis.step(
            place, rows["filtered_decision"], where="mid", color=BLUE, linewidth=1.6, label=f"median of {size} slices"
        )
        axis.axhline(threshold, color=GREY, linestyle=":", linewidth=0.9)
        true = place[rows["label"].to_numpy() == 1]
        axis.plot(true, np.full(len(true), -0.16), "s", color=VERMILION, markersize=4.5, label="edema (truth)")
        unread = place[rows["label"].isna().to_numpy()]
        if len(unread):
            axis.plot(
                unread, np.full(len(unread), -0.16), "s", mfc="none", color=GREY, markersize=4.5, label="no label"
            )
        axis.set(ylim=(-0.26, 1.08), yticks=(0, 0.5, 1))
        axis.tick_params(labelsize=SMALL)
        axis.set_title(title, fontsize=TITLE, loc="left")
        axis.grid(True)
    axes[-1].set_xlabel("slice, from the lower to the upper pelvis", fontsize=SMALL)
    drawn = {line.get_label(): line for axis in axes for line in axis.get_legend_handles_labels()[0]}
    figure.legend(drawn.values(), drawn.keys(), frameon=False, loc="outside lower center", ncols=4)
    return figure
