"""One subject's DICOM files -> the subject's rows of slices.csv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.annotations import Segmentation, is_segmentation, read_seg
from sijstudy.dicom import DicomHeader, read_slice
from sijstudy.errors import StudyError
from sijstudy.manifest import file_hash, inside
from sijstudy.manifest_schema import BOX_COLUMNS, READERS
from sijstudy.manifest_tables import Place, Tables
from sijstudy.records import Box, IliumBoxes
from sijstudy.slice_order import normal_of, slice_order

Row = dict[str, Any]
MAJORITY = 2  # readers who must agree [2.1]


@dataclass(frozen=True)
class SubjectRows:
    """Rows of slices.csv, lowest slice first, and the PatientID that the files carry ("" when they carry none)."""

    subject_id: str
    patient_id: str
    rows: list[Row]


def subject_rows(root: Path, subject_id: str, files: list[Path], tables: Tables) -> SubjectRows:
    """Read a subject's slices, pixels included, and its segmentation. StudyError names the file at fault."""
    headers, outlines = _read(root, subject_id, files)
    _check_one_person(headers)
    _check_uids(headers)
    if outlines is not None:
        _check_outlines(outlines, headers)
    ordered = [headers[place] for place in slice_order(headers)]
    seg: Row = {"segmentation": None, "segmentation_sha256": None}
    if outlines is not None:
        name = outlines.file.relative_to(root).as_posix()
        seg = {"segmentation": name, "segmentation_sha256": file_hash(outlines.file)}
    rows = [
        {**_row(root, subject_id, index, header, outlines, tables), **seg}
        for index, header in zip(_indices(ordered), ordered, strict=True)
    ]
    return SubjectRows(subject_id, headers[0].patient_id, rows)


def _read(root: Path, subject_id: str, files: list[Path]) -> tuple[list[DicomHeader], Segmentation | None]:
    segs = [path for path in files if is_segmentation(inside(root, path))]
    if len(segs) > 1:
        raise StudyError(f"{segs[1]}: a second segmentation beside {segs[0].name}; keep one per subject")
    headers = [read_slice(path).header for path in files if path not in segs]
    if not headers:
        raise StudyError(f"{root}: subject {subject_id} has no MR slice; add its DICOM files or remove the subject")
    return headers, read_seg(segs[0]) if segs else None


def _check_one_person(headers: list[DicomHeader]) -> None:
    first = headers[0]
    for header in headers[1:]:
        if header.patient_id != first.patient_id:
            raise StudyError(
                f"{header.file}: PatientID is '{header.patient_id}', that of {first.file.name} is "
                f"'{first.patient_id}'; give each person a folder"
            )


def _check_uids(headers: list[DicomHeader]) -> None:
    seen: dict[str, Path] = {}
    for header in headers:
        if header.uid in seen:
            raise StudyError(f"{header.file}: has the SOP Instance UID of {seen[header.uid]}; remove one of the two")
        seen[header.uid] = header.file


def _check_outlines(outlines: Segmentation, headers: list[DicomHeader]) -> None:
    if not outlines.slices & {header.uid for header in headers}:
        raise StudyError(f"{outlines.file}: refers to no slice of its subject; put it beside the series it outlines")
    for header in headers:
        for mask in outlines.masks.get(header.uid, {}).values():
            if mask.shape != header.shape:
                raise StudyError(
                    f"{outlines.file}: its outlines are {mask.shape[0]} x {mask.shape[1]} pixels, {header.file.name} "
                    f"has {header.shape[0]} x {header.shape[1]}; draw on the original slices"
                )


def _indices(ordered: list[DicomHeader]) -> list[int]:
    """Slice indices in steps of the slice distance, so that a left-out slice leaves a gap.

    "Two consecutive slices" [2.1] then means neighbours in the body, even where a cohort keeps only some slices.
    """
    normal = normal_of(ordered[0].orientation)
    gaps = np.diff([float(np.dot(header.position, normal)) for header in ordered])
    if not len(gaps):
        return [0]
    steps = np.maximum(1, np.round(gaps / _slice_distance(ordered[0], float(gaps.min()))))
    return [0, *np.cumsum(steps).astype(int).tolist()]


def _slice_distance(header: DicomHeader, smallest_gap: float) -> float:
    """Distance between neighbouring slices, mm.

    ASSUMED: SpacingBetweenSlices, unless it is below the slice thickness (some scanners store the gap between
    slices there) or above the smallest distance found; then that distance.
    """
    declared, thickness = (header.acquisition[name] for name in ("spacing_between_slices_mm", "slice_thickness_mm"))
    if not isinstance(declared, (int, float)) or not isinstance(thickness, (int, float, type(None))):
        return smallest_gap
    return min(float(declared), smallest_gap) if declared >= 0.9 * (thickness or 0) > 0 else smallest_gap


def _row(
    root: Path, subject_id: str, index: int, header: DicomHeader, outlines: Segmentation | None, tables: Tables
) -> Row:
    place = Place(header.uid, header.file.relative_to(root).as_posix(), subject_id)
    votes = (tables.votes.of(place) if tables.votes else None) or (None,) * len(READERS)
    boxes = tables.boxes.of(place) if tables.boxes else None
    boxes = boxes or (outlines.ilium_boxes(header.uid) if outlines else None)
    _check_boxes(boxes, header)
    return {
        "subject_id": subject_id,
        "slice_index": index,
        "label": _label(header, place, outlines, tables),
        "file": place.file,
        "sha256": file_hash(header.file),
        "sop_instance_uid": header.uid,
        **_edges(boxes),
        "lesions": outlines.lesion_count(header.uid) if outlines else None,
        **dict(zip(READERS, votes, strict=True)),
    }


def _label(header: DicomHeader, place: Place, outlines: Segmentation | None, tables: Tables) -> int:
    """Two readers' agreement, else the labels table; edema outlines only where a cohort brings neither table."""
    votes = [vote for vote in (tables.votes and tables.votes.of(place)) or () if vote is not None]
    for answer in (1, 0):
        if votes.count(answer) >= MAJORITY:
            return answer
    label = tables.labels.of(place) if tables.labels else None
    if label is not None:
        return label
    if votes:
        raise StudyError(f"{header.file}: of its readers' votes {votes} no two agree; settle it in the votes table")
    given = [str(table.path) for table in (tables.votes, tables.labels) if table]
    if given:
        raise StudyError(f"{header.file}: has no label in {' or '.join(given)}; add its row or leave the slice out")
    lesions = outlines.lesion_count(header.uid) if outlines else None
    if lesions is None:
        raise StudyError(f"{header.file}: has no label; give votes, a labels table or a DICOM SEG with segment 'edema'")
    return int(lesions > 0)


def _check_boxes(boxes: IliumBoxes | None, header: DicomHeader) -> None:
    rows, columns = header.shape
    for box in (boxes.left, boxes.right) if boxes else ():
        if box and not (box.x0 >= 0 and box.y0 >= 0 and box.x1 <= columns and box.y1 <= rows):
            raise StudyError(f"{header.file}: {box} lies outside its {rows} x {columns} image; correct the box")
    if boxes and boxes.left and boxes.right and boxes.left.centre_x <= boxes.right.centre_x:
        raise StudyError(
            f"{header.file}: the subject's left ilium lies on the left of the image; name outlines by the subject's "
            "own side, and export images unmirrored"
        )


def _edges(boxes: IliumBoxes | None) -> Row:
    sides: dict[str, Box | None] = {"left": boxes.left if boxes else None, "right": boxes.right if boxes else None}
    return {
        column: None if box is None else getattr(box, column.split("_")[1])
        for side, box in sides.items()
        for column in BOX_COLUMNS[side]
    }
