"""Ilium boxes of a subject's slices: from the boxes table, the outlines of ilia, or proposed from all bone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sijstudy.cohort.proposed_boxes import propose_ilium_boxes
from sijstudy.cohort.side_tables import Place, SideTable
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader, DicomSlice
from sijstudy.images.outlines import Segmentation
from sijstudy.intensity import without_padding
from sijstudy.records import IliumBoxes


@dataclass(frozen=True)
class SliceBoxes:
    """boxes: UID -> boxes, None where no ilium is in view. proposed: UIDs of slices whose boxes are a proposal."""

    boxes: Mapping[str, IliumBoxes | None]
    proposed: frozenset[str]

    def stored(self, header: DicomHeader) -> IliumBoxes | None:
        """The boxes of a slice in pixels of the image as it is stored, as tables of boxes have them."""
        return header.turn.back.boxes(self.boxes[header.uid], header.shape)


def boxes_of_slices(
    ordered: Sequence[DicomSlice],
    places: Mapping[str, Place],
    outlines: Segmentation | None,
    table: SideTable[IliumBoxes | None] | None,
) -> SliceBoxes:
    """Boxes of a subject's slices, in their order in the body.

    A row of the table comes first, in pixels of the stored image, and turned as the slice is; then outlined ilia; where
    neither ilium is outlined on any slice but all bone is, a proposal for slices without a row. StudyError names a
    slice whose boxes cannot be.
    """
    proposals = _proposals(ordered, outlines) if outlines and _only_bone(outlines) else {}
    boxes: dict[str, IliumBoxes | None] = {}
    proposed = set()
    for header in (plane.header for plane in ordered):
        place, uid = places[header.uid], header.uid
        own = (table and _upright(table.of(place), header)) or (outlines.ilium_boxes(uid) if outlines else None)
        if proposals and not (table and table.has(place)):
            own = proposals[uid]
            proposed.add(uid)
        _check_sides(own, header)
        boxes[uid] = own
    return SliceBoxes(boxes, frozenset(proposed))


def _only_bone(outlines: Segmentation) -> bool:
    return "bone" in outlines.segments and not {"left ilium", "right ilium"} & outlines.segments


def _proposals(ordered: Sequence[DicomSlice], outlines: Segmentation) -> dict[str, IliumBoxes | None]:
    images = np.stack([without_padding(plane.pixels) for plane in ordered])
    masks = [outlines.mask(plane.header.uid, "bone") for plane in ordered]
    bone = np.stack([np.zeros(images.shape[1:], bool) if mask is None else mask for mask in masks])
    boxes = propose_ilium_boxes(images, bone, ordered[0].header.spacing[0])
    return {plane.header.uid: own for plane, own in zip(ordered, boxes, strict=True)}


def _upright(boxes: IliumBoxes | None, header: DicomHeader) -> IliumBoxes | None:
    """Boxes of a stored image on the upright slice. StudyError when one lies outside the image."""
    rows, columns = header.stored_plane.shape
    for box in (boxes.left, boxes.right) if boxes else ():
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= columns and box.y1 <= rows):
            raise StudyError(f"{header.file}: {box} lies outside its {rows} x {columns} image; correct the box")
    return header.turn.boxes(boxes, (rows, columns))


def _check_sides(boxes: IliumBoxes | None, header: DicomHeader) -> None:
    if boxes and boxes.left and boxes.right and boxes.left.centre_x <= boxes.right.centre_x:
        raise StudyError(
            f"{header.file}: the subject's left ilium lies on the left of the image; name outlines and boxes by the "
            "subject's own side, boxes in pixels of the image as it is stored"
        )
