"""How well a network outlines drawings it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from sijstudy.records import Box
from sijstudy.segmentation.classes import BONES, SACRUM
from sijstudy.segmentation.drawings import EDEMA, Drawings
from sijstudy.segmentation.edema_amount import edema_mask
from sijstudy.segmentation.joint_boxes import FoundBoxes, joint_boxes
from sijstudy.segmentation.network import PIXEL_MM, Pair
from sijstudy.segmentation.outline import Outlined, outline

Array = np.ndarray[Any, Any]
_SPACING = (PIXEL_MM, PIXEL_MM)


def score(network: Pair, drawings: Drawings) -> dict[str, float]:
    """Scores in [0, 1], by name. IoU of each bone and Dice of edema over all pixels, IoU of boxes: mean over boxes.

    boxes found: share of the true boxes for which there is one. boxes too many: share of those found for which there
    is no true one. Examinations are outlined as a whole, slices that lie anywhere each by itself.
    """
    size = drawings.slices if drawings.apart else 1
    parts = []
    for first in range(0, len(drawings.images), size):
        own = slice(first, first + size)
        stack = replace(drawings, images=drawings.images[own], labels=drawings.labels[own])
        parts.append((outline(stack.images.astype(np.float32), _SPACING, network), outlined_truth(stack)))
    seen, true = zip(*parts, strict=True)
    found, truth = _joined(seen), _joined(true)
    scores = {f"IoU {name}": _iou(found.bone(name), truth.bone(name)) for name in BONES[:2]}
    scores["IoU sacrum"] = _iou(found.bone(*SACRUM), truth.bone(*SACRUM))
    scores["IoU lumbar"] = _iou(found.bone("lumbar"), truth.bone("lumbar"))
    scores["IoU all bone"] = _iou(found.bone(), truth.bone())
    both = _iou(edema_mask(found), edema_mask(truth))
    boxes = (
        [box for part in stacks for box in joint_boxes(part, _SPACING, drawings.apart or 0)] for stacks in (seen, true)
    )
    return {**scores, "Dice edema": 2 * both / (1 + both), **_box_scores(*boxes)}


def _joined(parts: Sequence[Outlined]) -> Outlined:
    return Outlined(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Outlined)))


def outlined_truth(drawings: Drawings) -> Outlined:
    """The drawings' own labels, as sure as can be."""
    classes = drawings.labels & (EDEMA - 1)
    return Outlined(classes, np.ones(classes.shape, np.float32), (drawings.labels >= EDEMA).astype(np.float32))


def _box_scores(found: list[FoundBoxes], truth: list[FoundBoxes]) -> dict[str, float]:
    pairs = [
        pair for one, true in zip(found, truth, strict=True) for pair in zip(_sides(one), _sides(true), strict=True)
    ]
    both = [(mine, true) for mine, true in pairs if mine and true]
    boxed, known = sum(mine is not None for mine, _ in pairs), sum(true is not None for _, true in pairs)
    return {
        "IoU boxes": float(np.mean([box_iou(mine, true) for mine, true in both])) if both else 0.0,
        "boxes found": len(both) / max(known, 1),
        "boxes too many": (boxed - len(both)) / max(boxed, 1),
    }


def _sides(found: FoundBoxes) -> tuple[Box | None, Box | None]:
    return (found.boxes.left, found.boxes.right) if found.boxes else (None, None)


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    shared = max(width, 0) * max(height, 0)
    return shared / (first.width * first.height + second.width * second.height - shared)


def _iou(found: Array, true: Array) -> float:
    return float((found & true).sum() / max((found | true).sum(), 1))
