"""Ilium boxes proposed from an outline of all bone, for cohorts that do not outline the ilia.

Every rule here is ASSUMED and was set by eye on three public subjects: a proposal saves drawing boxes, it does not
replace looking at them (notebook 01 shows them, ``--boxes`` takes corrected ones).

On each side the sacroiliac joint is sought as a straight dark line through the bone, from above and lateral to
below and medial, that moves little from slice to slice. What lies lateral of it is ilium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.measure import label as connected_components

from sijstudy.records import Box, IliumBoxes

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Spacing = tuple[float, float]  # mm from row to row, and from column to column
Line = tuple[float, float]  # distance from the midline, mm, at the pelvis' top and JOINT_HEIGHT below

# Lengths in mm, of an adult.
LATERAL = 40.0  # bone whose middle is further from the midline is pelvis, not spine
INNERMOST = 12.0  # no ilium is nearer to the midline
JOINT_TOP, JOINT_BOTTOM, JOINT_HEIGHT = (25.0, 80.0), (12.0, 60.0), 60.0
STEP = 1.5  # grid of a line's two distances
SMALLEST_AREA = 100.0  # square mm of ilium that make a box worth while
FINE, COARSE, CORTEX = 0.9, 5.0, 2.0  # smoothing of the line and of what surrounds it; cortex is dark as well

# Darkness is a share of the surrounding bone's signal.
BASELINE = 0.05  # below this, bone is no joint
CLARITY = 3.0  # darkness above BASELINE, summed over the mm of a line, that makes it a joint
STIFFNESS = 0.02  # cost of moving a line's end by 1 mm to the next slice, squared


@dataclass(frozen=True)
class _Side:
    """One side of the pelvis: mm from the midline outwards by column, mm down from the pelvis' top by row."""

    aside: Array
    down: Array
    spacing: Spacing


def propose_ilium_boxes(images: Array, bone: Mask, spacing: Spacing) -> list[IliumBoxes | None]:
    """Boxes of both ilia on each slice, None where no ilium is in view.

    images ``(N, H, W)`` float32 and bone ``(N, H, W)`` bool: one subject's slices in their order in the body, upright,
    the subject's right on the left of the image. spacing: mm between rows, and between columns.
    """
    if not bone.any():
        return [None] * len(bone)
    dark = np.stack([_darkness(image, mask, spacing) for image, mask in zip(images, bone, strict=True)])
    right, left = (_side_boxes(bone, dark, _side(bone, sign, spacing)) for sign in (-1, 1))
    return [
        None if own_left is None and own_right is None else IliumBoxes(own_left, own_right)
        for own_left, own_right in zip(left, right, strict=True)
    ]


def _side(bone: Mask, sign: int, spacing: Spacing) -> _Side:
    """ASSUMED: the midline is the median middle of the bone over slices, the top that of the lateral bone."""
    columns = [np.flatnonzero(mask.any(axis=0)) for mask in bone if mask.any()]
    midline = float(np.median([(own[0] + own[-1] + 1) / 2 for own in columns]))
    aside = sign * (np.arange(bone.shape[2]) + 0.5 - midline) * spacing[1]
    rows = [np.flatnonzero(mask[:, np.abs(aside) > LATERAL].any(axis=1)) for mask in bone]
    top = float(np.median([own[0] for own in rows if len(own)] or [0]))
    return _Side(aside, (np.arange(bone.shape[1]) - top) * spacing[0], spacing)


def _darkness(image: Array, mask: Mask, spacing: Spacing) -> Array:
    """How much darker ``(H, W)`` than the bone around, above BASELINE; 0 outside the bone and in its cortex."""
    weight = mask.astype(np.float32)

    def mean(size: float) -> Array:
        pixels = [size / mm for mm in spacing]
        near = np.maximum(ndimage.gaussian_filter(weight, pixels), 1e-3)
        average: Array = ndimage.gaussian_filter(image * weight, pixels) / near
        return average

    around = mean(COARSE)
    share = (around - mean(FINE)) / np.maximum(np.abs(around), 1e-6)
    inside = ndimage.distance_transform_edt(mask, spacing) > CORTEX
    darkness: Array = np.where(inside, np.clip(share, 0, 0.5) - BASELINE, 0).astype(np.float32)
    return darkness


def _side_boxes(bone: Mask, dark: Array, side: _Side) -> list[Box | None]:
    lines = _joint_lines(dark, side)
    ilia = np.stack([_ilium(mask, side, line) for mask, line in zip(bone, lines, strict=True)])
    return _boxes(ilia, side)


def _joint_lines(dark: Array, side: _Side) -> list[Line | None]:
    """The joint on each slice, None where no line is dark enough.

    Of all courses of a line through the slices the darkest that moves least, by dynamic programming.
    """
    lines = np.array([
        (top, bottom)
        for top in np.arange(JOINT_TOP[0], JOINT_TOP[1] + STEP, STEP)
        for bottom in np.arange(JOINT_BOTTOM[0], JOINT_BOTTOM[1] + STEP, STEP)
        if bottom <= top
    ])  # fmt: skip
    scores = _line_scores(dark, lines, side)
    moving = STIFFNESS * ((lines[:, None] - lines[None]) ** 2).sum(axis=2)
    total, origins = scores[0], []
    for score in scores[1:]:
        reached = total[None] - moving
        origins.append(reached.argmax(axis=1))
        total = reached.max(axis=1) + score
    course = [int(total.argmax())]
    for origin in reversed(origins):
        course.append(int(origin[course[-1]]))
    return [
        (float(lines[place][0]), float(lines[place][1])) if score[place] > CLARITY else None
        for score, place in zip(scores, reversed(course), strict=True)
    ]


def _line_scores(dark: Array, lines: Array, side: _Side) -> Array:
    """Darkness ``(N, L)`` along each line on each slice, summed over mm of height."""
    rows = np.flatnonzero((side.down > -0.25 * JOINT_HEIGHT) & (side.down < 1.5 * JOINT_HEIGHT))
    distance = lines[:, :1] + (lines[:, 1:] - lines[:, :1]) * side.down[rows] / JOINT_HEIGHT  # (L, rows)
    outwards = np.argsort(side.aside, kind="stable")
    columns = np.searchsorted(side.aside[outwards], distance)
    known = (columns < len(outwards)) & (distance > INNERMOST)
    columns = outwards[np.minimum(columns, len(outwards) - 1)]
    scores: Array = np.stack([(plane[rows, columns] * known).sum(axis=1) for plane in dark]) * side.spacing[0]
    return scores


def _ilium(mask: Mask, side: _Side, line: Line | None) -> Mask:
    """The largest lateral part ``(H, W)`` bool of the bone, cut along the joint where there is one."""
    inner = np.full(len(side.down), INNERMOST)
    if line is not None:
        inner = np.maximum(inner, line[0] + (line[1] - line[0]) * side.down / JOINT_HEIGHT)
    parts = connected_components(mask & (side.aside[None] > inner[:, None]), connectivity=1)
    best: Mask = np.zeros_like(mask)
    for number in range(1, int(parts.max()) + 1):
        part = parts == number
        middle = side.aside[np.nonzero(part)[1]].mean()
        if middle > LATERAL and part.sum() > max(best.sum(), SMALLEST_AREA / (side.spacing[0] * side.spacing[1])):
            best = part
    return best


def _boxes(ilia: Mask, side: _Side) -> list[Box | None]:
    """Tight boxes; the inner edge, where the joint was guessed, is the median of its neighbours' and its own."""
    rows = [np.flatnonzero(ilium.any(axis=1)) for ilium in ilia]
    columns = [np.flatnonzero(ilium.any(axis=0)) for ilium in ilia]
    towards_left = side.aside[0] > side.aside[-1]  # the image's left half
    inner = [None if not len(own) else int(own[-1] if towards_left else own[0]) for own in columns]
    boxes: list[Box | None] = []
    for place, own in enumerate(columns):
        if not len(own):
            boxes.append(None)
            continue
        near = [edge for edge in inner[max(0, place - 1) : place + 2] if edge is not None]
        edge = float(np.median(near)) if len(near) == 3 else float(inner[place] or 0)
        x0, x1 = (float(own[0]), edge + 1) if towards_left else (edge, float(own[-1] + 1))
        boxes.append(Box(x0, float(rows[place][0]), x1, float(rows[place][-1] + 1)))
    return boxes
