"""One subject's chosen slices and outlines -> the subject's rows of slices.csv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.annotation_files import read_subject_outlines
from sijstudy.annotations import Segmentation
from sijstudy.dicom import DicomHeader, read_slice
from sijstudy.errors import StudyError
from sijstudy.manifest import file_hash
from sijstudy.manifest_schema import BOX_COLUMNS, READERS
from sijstudy.manifest_tables import Place, Tables
from sijstudy.records import Box, IliumBoxes
from sijstudy.segment_table import SegmentTable
from sijstudy.slice_order import normal_of, slice_order

Row = dict[str, Any]
Source = tuple[Path, int | None]  # a slice's file, and its frame in a multi-frame file
MAJORITY = 2  # readers who must agree at least [2.1]


@dataclass(frozen=True)
class Layout:
    """Where files lie: folders that the manifest's ``file`` and ``segmentation`` are relative to."""

    root: Path
    outlines_root: Path


@dataclass(frozen=True)
class SubjectFiles:
    """What a subject's rows are made of: its slices and the files with its outlines."""

    subject_id: str
    slices: tuple[Source, ...]
    outlines: tuple[Path, ...]


@dataclass(frozen=True)
class SubjectRows:
    """Rows of slices.csv, lowest slice first, and the PatientID that the files carry ("" when they carry none).

    left_out: slices that are no rows -> why.
    """

    subject_id: str
    patient_id: str
    rows: list[Row]
    left_out: dict[Source, str]


def subject_rows(
    layout: Layout, files: SubjectFiles, tables: Tables, segments: SegmentTable, *, skip_broken: bool = False
) -> SubjectRows:
    """Read a subject's slices, pixels included, and its segmentation. StudyError names the file at fault.

    skip_broken: leave out slices that cannot be read, instead.
    """
    headers, left_out = _read(files, skip_broken)
    _check_one_person(headers)
    _check_uids(headers)
    outlines = read_subject_outlines(files.outlines, segments)
    if outlines is not None:
        _check_outlines(outlines, headers)
    ordered = [headers[place] for place in slice_order(headers)]
    seg: Row = {"segmentation": None, "segmentation_sha256": None}
    if outlines is not None:
        name = outlines.file.relative_to(layout.outlines_root).as_posix()
        seg = {"segmentation": name, "segmentation_sha256": file_hash(outlines.file)}
    hashes = {header.file: file_hash(header.file) for header in headers}
    rows = []
    for index, header in zip(_indices(ordered), ordered, strict=True):
        row = _row(layout.root, files.subject_id, index, header, outlines, tables)
        if row["label"] is None:
            left_out[header.file, header.frame] = _disagreement(row)
        else:
            rows.append({**row, **seg, "sha256": hashes[header.file]})
    if not rows:
        raise StudyError(f"subject {files.subject_id}: no slice has a label its readers agree on; settle some of them")
    return SubjectRows(files.subject_id, headers[0].patient_id, rows, left_out)


def _read(files: SubjectFiles, skip_broken: bool) -> tuple[list[DicomHeader], dict[Source, str]]:
    headers, left_out = [], {}
    for path, frame in files.slices:
        try:
            headers.append(read_slice(path, frame).header)
        except StudyError as error:
            if not skip_broken:
                raise
            left_out[path, frame] = f"cannot be read: {str(error).removeprefix(f'{path}: ')}"
    if not headers:
        raise StudyError(f"subject {files.subject_id} has no MR slice; add its DICOM files or remove the subject")
    return headers, left_out


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
    if not any(outlines.covers(header.uid) for header in headers):
        raise StudyError(f"{outlines.file}: refers to no slice of its subject; draw on the series that is used")
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
    file = header.file.relative_to(root).as_posix()
    place = Place(header.uid, file if header.frame is None else f"{file}#{header.frame}", subject_id)
    votes = (tables.votes.of(place) if tables.votes else None) or (None,) * len(READERS)
    boxes = tables.boxes.of(place) if tables.boxes else None
    boxes = boxes or (outlines.ilium_boxes(header.uid) if outlines else None)
    _check_boxes(boxes, header)
    return {
        "subject_id": subject_id,
        "slice_index": index,
        "label": _label(header, place, outlines, tables),
        "file": file,
        "frame": header.frame,
        "sop_instance_uid": header.uid,
        **_edges(boxes),
        "lesions": outlines.lesion_count(header.uid) if outlines else None,
        **dict(zip(READERS, votes, strict=True)),
    }


def _label(header: DicomHeader, place: Place, outlines: Segmentation | None, tables: Tables) -> int | None:
    """The readers' majority, else the labels table; edema outlines only where a cohort brings neither table.

    None when two readers or more voted and no majority came of it: such a slice is left out.
    """
    votes = [vote for vote in (tables.votes and tables.votes.of(place)) or () if vote is not None]
    for answer in (1, 0):
        if votes.count(answer) >= max(MAJORITY, len(votes) // 2 + 1):
            return answer
    label = tables.labels.of(place) if tables.labels else None
    if label is not None or len(votes) >= MAJORITY:
        return label
    if votes:
        raise StudyError(f"{header.file}: has one reader's vote only; let another read it, or settle it as a label")
    given = [str(table.path) for table in (tables.votes, tables.labels) if table]
    if given:
        raise StudyError(f"{header.file}: has no label in {' or '.join(given)}; add its row or leave the slice out")
    lesions = outlines.lesion_count(header.uid) if outlines else None
    if lesions is None:
        raise StudyError(f"{header.file}: has no label; give votes, a labels table or a DICOM SEG with segment 'edema'")
    return int(lesions > 0)


def _disagreement(row: Row) -> str:
    votes = ", ".join(str(row[reader]) for reader in READERS if row[reader] is not None)
    return f"no majority of the readers' votes '{votes}'"


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
