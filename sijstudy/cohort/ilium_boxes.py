"""Ilium boxes of a subject's slices: from the boxes table, the outlines of ilia, or proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sijstudy.cohort.proposed_boxes import propose_ilium_boxes
from sijstudy.cohort.side_tables import Place, SideTable
from sijstudy.cohort.slice_names import slice_name
from sijstudy.cohort.stack_grid import spacing_of
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader, DicomSlice
from sijstudy.images.outlines import Segmentation
from sijstudy.intensity import without_padding
from sijstudy.records import IliumBoxes
from sijstudy.segmentation.joint_boxes import FoundBoxes, on_own_sides


@dataclass(frozen=True)
class SliceBoxes:
    """boxes: UID -> boxes, None where none is known. proposed: UID -> confidence in [0, 1] of slices whose boxes
    are a proposal, NaN where it is made from outlined bone.
    """

    boxes: Mapping[str, IliumBoxes | None]
    proposed: Mapping[str, float]

    def stored(self, header: DicomHeader) -> IliumBoxes | None:
        """The boxes of a slice in pixels of the image as it is stored, as tables of boxes have them."""
        return header.turn.back.boxes(self.boxes[header.uid], header.shape)


def boxes_of_slices(
    ordered: Sequence[DicomSlice],
    places: Mapping[str, Place],
    outlines: Segmentation | None,
    table: SideTable[IliumBoxes | None] | None,
    *,
    seek: bool = False,
) -> SliceBoxes:
    """Boxes of a subject's slices, in their order in the body.

    A row of the table comes first, in pixels of the stored image, and turned as the slice is; then outlined ilia; where
    neither ilium is outlined on any slice, a proposal for slices without a row: with ``seek`` what the network finds,
    and where that finds none, or without ``seek``, what is made from the outline of all bone. StudyError names a slice
    whose boxes cannot be.
    """
    proposals = _proposals(ordered, outlines, seek)
    boxes: dict[str, IliumBoxes | None] = {}
    proposed: dict[str, float] = {}
    for header in (plane.header for plane in ordered):
        place, uid, name = places[header.uid], header.uid, slice_name(header.file, header.frame)
        own = outlines.ilium_boxes(uid) if outlines else None
        if table and table.has(place):
            row = f"{table.where(place)}: {name}"
            given = _upright(table.of(place), header, row)
            own, name = (given, row) if given else (own, name)
        elif proposals:
            own, proposed[uid] = proposals[uid].boxes, proposals[uid].confidence
        _check_sides(own, header, name)
        boxes[uid] = own
    return SliceBoxes(boxes, proposed)


def _proposals(ordered: Sequence[DicomSlice], outlines: Segmentation | None, seek: bool) -> dict[str, FoundBoxes]:
    """UID -> a proposal, without boxes where no joint was found; empty where ilia are outlined, or none is sought."""
    known = outlines.segments if outlines else frozenset()
    if {"left ilium", "right ilium"} & known:
        return {}
    from_bone = _from_bone(ordered, outlines) if outlines and "bone" in known else {}
    if not seek:
        return from_bone
    from sijstudy.cohort.seen_joints import see_planes  # here, as most cohorts need no network

    found = {plane.header.uid: own for plane, own in zip(ordered, see_planes(ordered).boxes(), strict=True)}
    return {uid: own if own.boxes else from_bone.get(uid, own) for uid, own in found.items()}


def _from_bone(ordered: Sequence[DicomSlice], outlines: Segmentation) -> dict[str, FoundBoxes]:
    spacing = spacing_of(ordered)
    images = np.stack([without_padding(plane.pixels) for plane in ordered])
    masks = [outlines.mask(plane.header.uid, "bone") for plane in ordered]
    bone = np.stack([np.zeros(images.shape[1:], bool) if mask is None else mask for mask in masks])
    boxes = [
        own if own and on_own_sides(own, images.shape[-1]) else None
        for own in propose_ilium_boxes(images, bone, spacing)
    ]
    return {plane.header.uid: FoundBoxes(own, np.nan) for plane, own in zip(ordered, boxes, strict=True)}


def _upright(boxes: IliumBoxes | None, header: DicomHeader, name: str) -> IliumBoxes | None:
    """Boxes of a stored image on the upright slice. StudyError when one lies outside the image.

    name: how the error calls table, row and slice.
    """
    rows, columns = header.stored_plane.shape
    for box in (boxes.left, boxes.right) if boxes else ():
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= columns and box.y1 <= rows):
            raise StudyError(f"{name}: {box} lies outside its {rows} x {columns} image; correct the box")
    return header.turn.boxes(boxes, (rows, columns))


def _check_sides(boxes: IliumBoxes | None, header: DicomHeader, name: str) -> None:
    """StudyError, which calls the slice ``name``, where boxes lie on the other one's side."""
    if boxes is None or on_own_sides(boxes, header.shape[1]):
        return
    if boxes.left and boxes.right:
        raise StudyError(
            f"{name}: the subject's left ilium lies on the left of the image; name outlines and boxes by the "
            "subject's own side, boxes in pixels of the image as it is stored"
        )
    side = "left" if boxes.left else "right"
    raise StudyError(
        f"{name}: the slice's only ilium, the subject's {side}, lies in the {side} half of the image, where the "
        "other one belongs, and its ROI would lead away from the joint; name it by the subject's own side, give both "
        "ilia, or leave the slice out"
    )
