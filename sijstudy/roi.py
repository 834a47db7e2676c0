"""Ilium boxes -> ROI boxes -> one patch with both joints, for the network's input [2.2, Fig. 3].

All geometry is in pixels of the upright slice, see ``records.Box``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from sijstudy.errors import StudyError
from sijstudy.fresh_torch import fresh_torch
from sijstudy.records import Box, IliumBoxes

Image = np.ndarray[Any, np.dtype[np.float32]]
Order = Literal["linear", "nearest"]


@dataclass(frozen=True)
class RoiBoxes:
    """The two ROI boxes of a slice by their place in the image; a missing side is None, not both."""

    image_left: Box | None
    image_right: Box | None


def roi_boxes(ilium: IliumBoxes, image_shape: tuple[int, int], *, reading: str, factor: float, height: str) -> RoiBoxes:
    """ROI boxes of a slice from its ilium boxes.

    image_shape: (H, W). factor: in units of each ilium box's width, > 0; the paper's is 0.8.
    reading: how the wording of [2.2] is interpreted (ASSUMED, it allows three):

    - ``centre_inward`` (default): "based on the centers of the bounding boxes ... inward by as much as 0.8 times
      the width": from the centre of the ilium box towards the sacrum, ``factor`` x width in all. It takes the
      words as they stand, and spans the medial ilium, the joint and the lateral sacrum.
    - ``beyond_edge``: "additionally designating areas outside the bounding boxes ... as well as half the
      area": the inner half of the ilium box and ``factor`` x width beyond its inner edge.
    - ``shifted_box``: "bounding boxes inward by as much as": the whole box moved inward by ``factor`` x width.

    height (ASSUMED): ``extend`` grows the lower box about its own middle to the height of the higher;
    ``stretch`` leaves the boxes and lets the patch stretch the lower one.

    Inward is towards the other ilium's centre, or the image's vertical midline when there is no other.
    Boxes are clipped to the image. ROI boxes that cross are cut at the middle of their overlap, so no pixel
    comes in twice. Raises StudyError when nothing of a box is left, or the image sides of the ilia coincide.
    """
    left, right = _by_image_side(ilium, image_shape[1])
    rois = [None if box is None else _inward(box, sign, reading, factor) for box, sign in ((left, 1.0), (right, -1.0))]
    first, second = (None if roi is None else _clipped(roi, image_shape) for roi in rois)
    if first is not None and second is not None:
        if height == "extend":
            first, second = _same_height(first, second, image_shape[0])
        first, second = _apart(first, second)
    return RoiBoxes(first, second)


def roi_patch(image: Image, rois: RoiBoxes, size: int, *, order: Order = "linear") -> Image:
    """Both ROI boxes resampled and joined, left to right, into ``(size, size)`` float32.

    image ``(H, W)``. Boxes are rounded outward to whole pixels. Each side takes a share of the patch's
    columns in proportion to its box's width; a missing side takes half of them and is 0 (ASSUMED).
    order: ``linear`` averages when it shrinks; ``nearest`` keeps the values of label masks.
    """
    left, right = rois.image_left, rois.image_right
    columns = _left_columns(left, right, size)
    patch = np.zeros((size, size), dtype=np.float32)
    if left is not None:
        patch[:, :columns] = _resample(_crop(image, left), (size, columns), order)
    if right is not None:
        patch[:, columns:] = _resample(_crop(image, right), (size, size - columns), order)
    return patch


def pixels_of(box: Box) -> tuple[slice, slice]:
    """Rows and columns of a slice that a patch of the box is made of: rounded outward to whole pixels."""
    return slice(math.floor(box.y0), math.ceil(box.y1)), slice(math.floor(box.x0), math.ceil(box.x1))


def roi_mask(rois: RoiBoxes, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Pixels of a slice that the patch of the ROI boxes is made of, of the ``shape`` (H, W), bool."""
    inside = np.zeros(shape, bool)
    for box in filter(None, (rois.image_left, rois.image_right)):
        inside[pixels_of(box)] = True
    return inside


def whole_image(image: Image, size: int, *, order: Order = "linear") -> Image:
    """The slice as it is, resized to ``(size, size)`` float32: the paper's "original" arm [3.1, Table 2]."""
    return _resample(image, (size, size), order)


def _by_image_side(ilium: IliumBoxes, width: int) -> tuple[Box | None, Box | None]:
    """The boxes as (left in the image, right in the image)."""
    boxes = [box for box in (ilium.left, ilium.right) if box is not None]
    if len(boxes) == 1:
        return (boxes[0], None) if boxes[0].centre_x < width / 2 else (None, boxes[0])
    first, second = sorted(boxes, key=lambda box: box.centre_x)
    if first.centre_x == second.centre_x:
        raise StudyError(f"ilium boxes {first} and {second} have the same centre along x; correct one of them")
    return first, second


def _inward(box: Box, sign: float, reading: str, factor: float) -> Box:
    """The ROI box of an ilium box; sign +1 when inward is to the right in the image."""
    reach = factor * box.width
    inner = box.x1 if sign > 0 else box.x0
    outer = box.x0 if sign > 0 else box.x1
    start, end = {
        "centre_inward": (box.centre_x, box.centre_x + sign * reach),
        "beyond_edge": (box.centre_x, inner + sign * reach),
        "shifted_box": (outer + sign * reach, inner + sign * reach),
    }[reading]
    return replace(box, x0=min(start, end), x1=max(start, end))


def _clipped(box: Box, image_shape: tuple[int, int]) -> Box:
    rows, columns = image_shape
    x0, x1 = max(0.0, box.x0), min(float(columns), box.x1)
    y0, y1 = max(0.0, box.y0), min(float(rows), box.y1)
    if x1 <= x0 or y1 <= y0:
        raise StudyError(f"ROI {box} lies outside the {rows} x {columns} image; correct its ilium box")
    return Box(x0, y0, x1, y1)


def _same_height(first: Box, second: Box, rows: int) -> tuple[Box, Box]:
    """Both at the height of the higher one, the grown one shifted to stay inside the image."""
    height = max(first.height, second.height)

    def grown(box: Box) -> Box:
        if box.height == height:
            return box
        y0 = min(max(0.0, box.centre_y - height / 2), rows - height)
        return replace(box, y0=y0, y1=y0 + height)

    return grown(first), grown(second)


def _apart(first: Box, second: Box) -> tuple[Box, Box]:
    if first.x1 <= second.x0:
        return first, second
    middle = round((first.x1 + second.x0) / 2)  # on a pixel border, so that the crops share no column
    if not first.x0 < middle < second.x1:
        raise StudyError(f"ROI boxes {first} and {second} lie on top of each other; correct the ilium boxes")
    return replace(first, x1=float(middle)), replace(second, x0=float(middle))


def _left_columns(left: Box | None, right: Box | None, size: int) -> int:
    if left is None or right is None:
        return size // 2
    share = round(size * left.width / (left.width + right.width))
    return min(max(share, 1), size - 1)


def _crop(image: Image, box: Box) -> Image:
    crop = image[pixels_of(box)]
    if crop.size == 0:
        raise StudyError(f"{box} lies outside the image of shape {image.shape}; correct it")
    return crop


@fresh_torch()
def _resample(image: Image, shape: tuple[int, int], order: Order) -> Image:
    tensor = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    if order == "nearest":
        resized = torch.nn.functional.interpolate(tensor, shape, mode="nearest-exact")
    else:
        resized = torch.nn.functional.interpolate(tensor, shape, mode="bilinear", antialias=True)
    result: Image = resized[0, 0].numpy()
    return result
