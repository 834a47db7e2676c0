"""Data -> matplotlib Figure: what was found on the slices of one examination. Reads no file, keeps no state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sijstudy.figures.colours import GREEN, ORANGE, SKY, SMALL, VERMILION
from sijstudy.figures.overlays import draw_image, draw_outline
from sijstudy.figures.plain import plain_style
from sijstudy.records import Box

Array = np.ndarray[Any, Any]
ROW = 4  # slices side by side
OUTLINES = {"left ilium": SKY, "right ilium": SKY, "sacrum": GREEN, "edema": ORANGE}
KEY = {"ilia": (SKY, "-"), "sacrum": (GREEN, "-"), "edema": (ORANGE, "-"), "ilium boxes": (VERMILION, "-"),
       "ROI": (VERMILION, ":")}  # fmt: skip


@dataclass(frozen=True)
class SeenSlice:
    """image ``(H, W)``, NaN where padded. masks: of OUTLINES, ``(H, W)`` bool. boxes, rois: in pixels of the image."""

    title: str
    image: Array
    masks: Mapping[str, Array]
    boxes: Sequence[Box]
    rois: Sequence[Box]


@plain_style()
def seen_joints(slices: Sequence[SeenSlice]) -> Figure:
    """The slices with outlined bones and edema, the boxes round the ilia, and the ROI that is cut out."""
    columns = min(ROW, len(slices))
    rows = -(-len(slices) // columns)
    beside = columns + 1  # names of the legend, so that it fits the width
    lines = -(-len(KEY) // beside)
    figure = Figure(figsize=(max(2.4 * columns, 2.8), 2.7 * rows + 0.2 + 0.2 * lines), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.set_axis_off()
    for axis, one in zip(axes, slices, strict=False):
        draw_image(axis, one.image)
        for name, colour in OUTLINES.items():
            draw_outline(axis, one.masks[name], colour, 0.8)
        _draw_boxes(axis, one.boxes, *KEY["ilium boxes"])
        _draw_boxes(axis, one.rois, *KEY["ROI"])
        axis.set_title(one.title, fontsize=SMALL)
    handles = [axes[0].plot([], [], color=colour, linestyle=line)[0] for colour, line in KEY.values()]
    figure.legend(handles, list(KEY), frameon=False, loc="outside lower center", ncols=min(beside, len(KEY)))
    return figure


def _draw_boxes(axis: Axes, boxes: Sequence[Box], colour: str, line: str) -> None:
    for box in boxes:
        corner = (box.x0 - 0.5, box.y0 - 0.5)  # an image's first pixel has its centre at 0
        size = (box.x1 - box.x0, box.y1 - box.y0)
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linestyle=line, linewidth=1.1))
