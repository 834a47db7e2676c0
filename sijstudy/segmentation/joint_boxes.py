"""Outlined bones of a stack -> a box round each ilium where its joint is in view, with how sure it is.

ASSUMED: every rule here. A box says where the joint is; on slices behind or below the joint there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from sijstudy.aggregation import neighbours
from sijstudy.records import Box, IliumBoxes
from sijstudy.segmentation.classes import SACRUM
from sijstudy.windows import around

if TYPE_CHECKING:  # for their types alone: whoever only has boxes needs no torch
    from sijstudy.segmentation.outline import Outlined, Spacing

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Edges = tuple[float, float, float, float]  # x0, y0, x1, y1

SMALLEST_ILIUM = 100.0  # square mm
JOINT_GAP = 10.0  # mm from the ilium to the sacrum, at most, where it is a joint (ligament holds its upper part)
BEYOND = 10.0  # mm
JOINT_HEIGHT = 10.0  # mm of height over which they are so near, at least


@dataclass(frozen=True)
class FoundBoxes:
    """Ilium boxes of a slice. confidence: mean certainty of the pixels called ilium, in [0, 1], the lower of two sides;
    half of its neighbours' lower one where an ilium was missed between them; 0 without a box.
    """

    boxes: IliumBoxes | None
    confidence: float


def joint_boxes(
    outlined: Outlined, spacing: Spacing, step_mm: float = 0.0, places: Sequence[int] | None = None
) -> list[FoundBoxes]:
    """Boxes of each slice, tight round the ilium; an edge is the median of its neighbours' and its own.

    step_mm: from place to place. With it an ilium also has a box on the slices up to BEYOND mm before the first and
    behind the last that shows its joint, bone under the joint's rim, and where it is missed between two such slices.
    places: as in ``outline``.
    """
    beyond = int(BEYOND / step_mm) if step_mm > 0 else 0
    order = np.arange(len(outlined.classes)) if places is None else np.asarray(places)
    left, right = (_side(outlined, f"{side} ilium", spacing, order, beyond) for side in ("left", "right"))
    found = []
    for own_left, own_right in zip(left, right, strict=True):
        sides = [side for side in (own_left, own_right) if side]
        boxes = IliumBoxes(own_left and own_left[0], own_right and own_right[0]) if sides else None
        if boxes and not on_own_sides(boxes, outlined.classes.shape[-1]):
            boxes, sides = None, []  # not understood
        found.append(FoundBoxes(boxes, min((certainty for _, certainty in sides), default=0.0)))
    return found


def on_own_sides(boxes: IliumBoxes, width: int) -> bool:
    """Whether the subject's right ilium lies on the left of the upright image, and the left one on its right.

    Two boxes are compared with each other, a single one with the middle of the image, ``width`` pixels wide: the ROI is
    laid from there inward (``roi.roi_boxes``), so that of a box in the other half would lead away from the joint.
    """
    left, right = boxes.left, boxes.right
    if left and right:
        return left.centre_x > right.centre_x
    return left.centre_x >= width / 2 if left else right is None or right.centre_x < width / 2


def _side(
    outlined: Outlined, name: str, spacing: Spacing, places: Array, beyond: int
) -> list[tuple[Box, float] | None]:
    ilia, sacra = outlined.bone(name), outlined.bone(*SACRUM)
    joint = np.array([_has_joint(*both, spacing) for both in zip(ilia, sacra, strict=True)], dtype=bool)
    near = (abs(places[:, None] - places[joint]) <= beyond).any(axis=1)
    edges = [_edges(ilium) if own and _large(ilium, spacing) else None for own, ilium in zip(near, ilia, strict=True)]
    sure = [
        float(one[ilium].mean()) if ilium.any() else 0.0 for one, ilium in zip(outlined.certainty, ilia, strict=True)
    ]
    beside = neighbours(places, 3).tolist()
    boxes = [
        None if own is None else (Box(*_steady(own, edges[below], edges[above])), sure[at])
        for own, (below, at, above) in zip(edges, beside, strict=True)
    ]
    return _without_holes(boxes, places, beyond)


def _without_holes(boxes: list[tuple[Box, float] | None], places: Array, beyond: int) -> list[tuple[Box, float] | None]:
    """An ilium that is missed between two slices that have it lies between theirs, if those are ``2 * beyond`` places
    apart at most; it is half as sure as the less sure of the two.
    """
    have = [at for at, own in enumerate(boxes) if own]
    filled = list(boxes)
    for below, above in pairwise(have):
        if places[above] - places[below] <= 2 * beyond and (lower := boxes[below]) and (upper := boxes[above]):
            for at in range(below + 1, above):
                share = (places[at] - places[below]) / (places[above] - places[below])
                edges = ((1 - share) * np.array(astuple(lower[0])) + share * np.array(astuple(upper[0]))).tolist()
                filled[at] = Box(*edges), min(lower[1], upper[1]) / 2
    return filled


def _large(ilium: Mask, spacing: Spacing) -> bool:
    return bool(ilium.sum() * spacing[0] * spacing[1] >= SMALLEST_ILIUM)


def _has_joint(ilium: Mask, sacrum: Mask, spacing: Spacing) -> bool:
    """Whether the ilium faces the sacrum across a joint on this slice."""
    if not _large(ilium, spacing) or not sacrum.any():
        return False
    window = around(ilium, [int(JOINT_GAP / mm) + 1 for mm in spacing])  # what lies further off is no joint of it
    if not sacrum[window].any():
        return False
    near = ilium[window] & (ndimage.distance_transform_edt(~sacrum[window], sampling=spacing) <= JOINT_GAP)
    return bool(near.any(axis=1).sum() * spacing[0] >= JOINT_HEIGHT)


def _edges(mask: Mask) -> Edges:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _steady(own: Edges, below: Edges | None, above: Edges | None) -> Edges:
    """The slice's edges; between two neighbours that have some, the median of the three."""
    if below is None or above is None:
        return own
    x0, y0, x1, y1 = np.median(np.array([below, own, above]), axis=0)
    return float(x0), float(y0), float(x1), float(y1)
