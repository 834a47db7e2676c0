"""Ilium boxes of a subject's slices: from the boxes table, the outlines of ilia, or proposed from all bone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.cohort.proposed_boxes import propose_ilium_boxes
from sijstudy.cohort.schema import BOX_COLUMNS
from sijstudy.cohort.side_tables import Place, SideTable
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.outlines import Segmentation
from sijstudy.images.read import read_plane
from sijstudy.records import Box, IliumBoxes


@dataclass(frozen=True)
class SliceBoxes:
    """boxes: UID -> boxes, None where no ilium is in view. proposed: UIDs of slices whose boxes are a proposal."""

    boxes: Mapping[str, IliumBoxes | None]
    proposed: frozenset[str]


def boxes_of_slices(
    ordered: Sequence[DicomHeader],
    places: Mapping[str, Place],
    outlines: Segmentation | None,
    table: SideTable[IliumBoxes | None] | None,
) -> SliceBoxes:
    """Boxes of a subject's slices, in their order in the body.

    A row of the table comes first; then outlined ilia; where neither ilium is outlined on any slice but all bone is,
    a proposal for slices without a row. StudyError names a slice whose boxes cannot be.
    """
    proposals = _proposals(ordered, outlines) if outlines and _only_bone(outlines) else {}
    boxes: dict[str, IliumBoxes | None] = {}
    proposed = set()
    for header in ordered:
        place, uid = places[header.uid], header.uid
        own = table.of(place) if table else None
        own = own or (outlines.ilium_boxes(uid) if outlines else None)
        if proposals and not (table and table.has(place)):
            own = proposals[uid]
            proposed.add(uid)
        _check(own, header)
        boxes[uid] = own
    return SliceBoxes(boxes, frozenset(proposed))


def edges(boxes: IliumBoxes | None) -> dict[str, Any]:
    """The boxes as cells of BOX_COLUMNS."""
    sides: dict[str, Box | None] = {"left": boxes.left if boxes else None, "right": boxes.right if boxes else None}
    return {
        column: None if box is None else getattr(box, column.split("_")[1])
        for side, box in sides.items()
        for column in BOX_COLUMNS[side]
    }


def _only_bone(outlines: Segmentation) -> bool:
    return "bone" in outlines.segments and not {"left ilium", "right ilium"} & outlines.segments


def _proposals(ordered: Sequence[DicomHeader], outlines: Segmentation) -> dict[str, IliumBoxes | None]:
    images = np.stack([read_plane(header.file, header.frame).pixels for header in ordered])
    masks = [outlines.mask(header.uid, "bone") for header in ordered]
    bone = np.stack([np.zeros(images.shape[1:], bool) if mask is None else mask for mask in masks])
    boxes = propose_ilium_boxes(images, bone, ordered[0].spacing[0])
    return {header.uid: own for header, own in zip(ordered, boxes, strict=True)}


def _check(boxes: IliumBoxes | None, header: DicomHeader) -> None:
    rows, columns = header.shape
    for box in (boxes.left, boxes.right) if boxes else ():
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= columns and box.y1 <= rows):
            raise StudyError(f"{header.file}: {box} lies outside its {rows} x {columns} image; correct the box")
    if boxes and boxes.left and boxes.right and boxes.left.centre_x <= boxes.right.centre_x:
        raise StudyError(
            f"{header.file}: the subject's left ilium lies on the left of the image; name outlines by the subject's "
            "own side, and export images unmirrored"
        )
