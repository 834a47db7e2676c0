"""One subject's chosen slices and outlines -> the subject's rows of slices.csv."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sijstudy.cohort.box_cells import cells_of
from sijstudy.cohort.columns import READERS
from sijstudy.cohort.edema_region import EdemaRegion
from sijstudy.cohort.field_of_view import check_field_of_view
from sijstudy.cohort.grey_scale import is_normalised
from sijstudy.cohort.ilium_boxes import SliceBoxes, boxes_of_slices
from sijstudy.cohort.normal_marrow import marrow_cells
from sijstudy.cohort.region_masks import SliceEdema, settle_within, slices_with_edema, why_ruled_out
from sijstudy.cohort.side_tables import Place, Tables
from sijstudy.cohort.slice_names import slice_name
from sijstudy.cohort.slice_steps import slice_indices
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.dicom import DicomHeader, DicomSlice
from sijstudy.images.read import Source, read_planes
from sijstudy.images.seg_frames import Slices
from sijstudy.images.slice_order import slice_order
from sijstudy.images.subject_outlines import DrawnSubject, OutlineRules, read_subject_outlines

Row = dict[str, Any]
MAJORITY = 2  # readers who must agree at least [2.1]


@dataclass(frozen=True)
class Settings:
    """How slices are read and labelled.

    skip_broken: leave out slices that cannot be read, instead of stopping. require_boxes: leave out slices without
    an ilium box, which give no ROI patch. keep_unread: keep slices without a label for the course, instead of leaving
    them out or stopping. seek_boxes: let the network find boxes where nobody gave any. region: where outlined edema
    counts.
    """

    tables: Tables
    outlines: OutlineRules
    skip_broken: bool = False
    require_boxes: bool = False
    keep_unread: bool = False
    seek_boxes: bool = False
    region: EdemaRegion = EdemaRegion()  # noqa: RUF009


@dataclass(frozen=True)
class SubjectFiles:
    """What a subject's rows are made of: its slices, the files with its outlines, what is known of SHA-256s.

    unused: SOP Instance UIDs of its images that are no slices.
    """

    subject_id: str
    slices: tuple[Source, ...]
    outlines: tuple[Path, ...]
    hashes: Mapping[Path, str] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SubjectRows:
    """Rows of slices.csv, lowest slice first, and the PatientID that the files carry ("" when they carry none).

    left_out: slices that are no rows, and frames of a SEG on no slice -> why. outlines: content of the outlines' file
    that the manifest keeps, None without outlines. proposed: rows of the table of proposed boxes, of all slices
    of the series for which boxes were sought, as it may be a box, or its absence, that left a slice out. unread: rows
    of unread.csv, lowest slice first; why_unread: why these slices have no label. edema: where agreed edema of the
    slices lies, when it does not count everywhere in bone.
    """

    subject_id: str
    patient_id: str
    rows: list[Row]
    left_out: dict[Source, str]
    outlines: bytes | None = None
    proposed: tuple[Row, ...] = ()
    unread: list[Row] = field(default_factory=list)
    why_unread: dict[Source, str] = field(default_factory=dict)
    edema: tuple[SliceEdema, ...] = ()


class _NotRead(StudyError):
    """A slice has no label where each must have one."""


def subject_rows(root: Path, files: SubjectFiles, settings: Settings) -> SubjectRows:
    """Read a subject's slices, pixels included, and its outlines. StudyError names the file at fault.

    root: folder that the manifest's ``file`` is relative to.
    """
    hashes = FileHashes(files.hashes)
    planes, left_out = _read(files, hashes, skip_broken=settings.skip_broken)
    planes = [planes[place] for place in slice_order([plane.header for plane in planes])]
    ordered = [plane.header for plane in planes]
    drawn = read_subject_outlines(files.outlines, Slices(ordered, files.unused), settings.outlines, files.subject_id)
    left_out |= drawn.left_out if drawn else {}
    places = {header.uid: _place(root, header, files.subject_id) for header in ordered}
    segmentation = drawn.segmentation if drawn else None
    boxes = boxes_of_slices(planes, places, segmentation, settings.tables.boxes, seek=settings.seek_boxes)
    drawn = drawn and settle_within(drawn, ordered, boxes, settings.region, settings.outlines.edema)
    of_outlines = _outlines_cells(planes, drawn)
    kept: dict[Source, Row] = {}
    why_unread: dict[Source, str] = {}
    for index, header in zip(slice_indices(ordered), ordered, strict=True):
        row, why = _row(index, header, places[header.uid], drawn, settings)
        source, box = (header.file, header.frame), boxes.boxes[header.uid]
        if why and not settings.keep_unread:
            left_out[source] = why
        elif settings.require_boxes and box is None:
            left_out[source] = "no ilium is outlined or boxed on it"
        else:
            kept[source] = {**row, **cells_of(box), **of_outlines[header.uid], "sha256": hashes[header.file]}
            why_unread |= {source: why} if why else {}
    _check_some(kept, why_unread, files.subject_id)
    proposed = tuple(_proposal(header, places[header.uid], boxes) for header in ordered if header.uid in boxes.proposed)
    rows = [row for source, row in kept.items() if source not in why_unread]
    unread = [row for source, row in kept.items() if source in why_unread]
    content, patient_id = drawn.content if drawn else None, ordered[0].patient_id
    edema = slices_with_edema(drawn, ordered, places, rows) if drawn else ()
    return SubjectRows(files.subject_id, patient_id, rows, left_out, content, proposed, unread, why_unread, edema)


def _check_some(kept: Mapping[Source, Row], why_unread: Mapping[Source, str], subject_id: str) -> None:
    if len(kept) == len(why_unread):
        raise StudyError(
            f"subject {subject_id}: no slice has a label its readers agree on, and a box where one is required; "
            "settle some of them"
        )


def _proposal(header: DicomHeader, place: Place, boxes: SliceBoxes) -> Row:
    """A row of the table of proposed boxes; of a slice without any it is empty, with confidence 0."""
    stored = boxes.stored(header)
    sure = boxes.proposed[header.uid] if stored else 0.0
    return {"subject_id": place.subject_id, "file": place.file, **cells_of(stored), "confidence": sure}


def _outlines_cells(planes: Sequence[DicomSlice], drawn: DrawnSubject | None) -> dict[str, Row]:
    """UID -> where the manifest keeps the subject's outlines, the same on all its rows, and the levels of marrow."""
    shared: Row = {"segmentation": None, "segmentation_sha256": None}
    if drawn is not None:
        name, content = drawn.segmentation.file.name, drawn.content
        shared = {"segmentation": name, "segmentation_sha256": hashlib.sha256(content).hexdigest()}
    measured = drawn is not None and not is_normalised(planes)  # a median round 0 is no unit of brightness
    levels = marrow_cells(planes, drawn.segmentation if drawn and measured else None)
    return {uid: {**shared, **own} for uid, own in levels.items()}


def _read(files: SubjectFiles, hashes: FileHashes, *, skip_broken: bool) -> tuple[list[DicomSlice], dict[Source, str]]:
    planes, left_out = [], {}
    for source, plane in read_planes(files.slices, hashes):
        if isinstance(plane, DicomSlice):
            check_field_of_view(plane.header)
            planes.append(plane)
        elif skip_broken:
            left_out[source] = f"cannot be read: {str(plane).removeprefix(f'{source[0]}: ')}"
        else:
            raise plane
    if not planes:
        raise StudyError(f"subject {files.subject_id} has no MR slice; add its DICOM files or remove the subject")
    return planes, left_out


def _place(root: Path, header: DicomHeader, subject_id: str) -> Place:
    file = header.file.relative_to(root).as_posix()
    return Place(header.uid, slice_name(file, header.frame), subject_id)


def _row(
    index: int, header: DicomHeader, place: Place, drawn: DrawnSubject | None, settings: Settings
) -> tuple[Row, str]:
    """The cells that hang on no box and no file's content, and why the slice has no label; "" where it has one."""
    tables = settings.tables
    given = tables.votes.of(place) if tables.votes else None
    votes = given or (drawn and drawn.votes.get(header.uid)) or (None,) * len(READERS)
    label, why = None, ""
    try:
        label = _label(header, place, drawn, tables)
    except _NotRead as error:
        if not settings.keep_unread:
            raise
        why = str(error).removeprefix(f"{header.file}: ").split(";")[0]
    if label is None and not why:
        why = _disagreement(votes, header, drawn, settings)
    row = {
        "subject_id": place.subject_id,
        "slice_index": index,
        "label": label,
        "file": place.file if header.frame is None else place.file.removesuffix(f"#{header.frame}"),
        "frame": header.frame,
        "sop_instance_uid": header.uid,
        "lesions": drawn.segmentation.lesion_count(header.uid) if drawn else None,
        **dict(zip(READERS, votes, strict=True)),
    }
    return row, why


def _label(header: DicomHeader, place: Place, drawn: DrawnSubject | None, tables: Tables) -> int | None:
    """The readers' majority, else the labels table; edema outlines only where a cohort brings neither table.

    None when two readers or more voted and no majority came of it, or drew and came to no label, or drew on other
    slices. Raises _NotRead where a label is missing that a cohort of labelled slices ought to have.
    """
    votes = [vote for vote in (tables.votes and tables.votes.of(place)) or () if vote is not None]
    for answer in (1, 0):
        if votes.count(answer) >= max(MAJORITY, len(votes) // 2 + 1):
            return answer
    label = tables.labels.of(place) if tables.labels else None
    if label is not None or len(votes) >= MAJORITY:
        return label
    if votes:
        raise _NotRead(f"{header.file}: has one reader's vote only; let another read it, or settle it as a label")
    given = [str(table.path) for table in (tables.votes, tables.labels) if table]
    if given:
        raise _NotRead(f"{header.file}: has no label in {' or '.join(given)}; add its row or leave the slice out")
    if drawn is None or "edema" not in drawn.segmentation.segments:
        raise _NotRead(f"{header.file}: has no label; give votes, a labels table or outlines with a segment 'edema'")
    if header.uid not in drawn.labels and drawn.seg is not None:
        raise _NotRead(f"{header.file}: has no label; {drawn.seg.name} was not drawn on it")
    return drawn.labels.get(header.uid)


def _disagreement(
    votes: Sequence[int | None], header: DicomHeader, drawn: DrawnSubject | None, settings: Settings
) -> str:
    if settings.tables.votes or settings.tables.labels or drawn is None:
        given = ", ".join(str(vote) for vote in votes if vote is not None)
        return f"no majority of the readers' votes '{given}'"
    if header.uid not in drawn.labels:
        return "no reading of edema covers it"
    if header.uid in drawn.ruled_out:
        return why_ruled_out(drawn, header, settings.region, settings.outlines.edema)
    return "some readings mark edema, too few agree on enough of it"
