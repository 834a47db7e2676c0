"""One new subject's folder -> its slices in order, without labels, with ilium boxes where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sijstudy.annotations import is_segmentation
from sijstudy.dicom import read_patient_id
from sijstudy.errors import StudyError
from sijstudy.manifest_rows import subject_rows
from sijstudy.manifest_schema import BOX_COLUMNS
from sijstudy.manifest_tables import Place, SideTable, Tables, read_tables
from sijstudy.records import Box, IliumBoxes, Slice

DOCUMENTS = (".csv", ".html", ".json", ".md", ".pdf", ".txt", ".xlsx", ".yaml")  # may lie among the images


@dataclass(frozen=True)
class SubjectFolder:
    """A subject as found in a folder, named as the folder is.

    slices: from the lower to the upper pelvis; label is 0 everywhere and means nothing. boxes_from: where the ilium
    boxes come from, "" when no slice has one.
    """

    subject_id: str
    slices: tuple[Slice, ...]
    boxes_from: str


class _NoLabels(SideTable[int]):
    """Stands where a cohort has its labels: a new subject has none, and every slice is taken."""

    def of(self, place: Place) -> int:
        return 0


def read_subject(folder: Path, boxes_csv: Path | None = None) -> SubjectFolder:
    """Read one subject's MR slices, pixels checked, and the ilium boxes: from ``boxes_csv``, else from a DICOM SEG.

    Hidden files and documents are left out. Raises StudyError naming the file at fault, or the persons when the
    folder holds several.
    """
    files = _files(folder)
    _check_one_person(folder, files)
    given = read_tables(None, None, boxes_csv)
    tables = Tables(labels=_NoLabels(folder, {}), boxes=given.boxes)
    rows = subject_rows(folder, folder.resolve().name, files, tables).rows
    if given.boxes:
        given.boxes.check_used({row[key] for row in rows for key in ("sop_instance_uid", "file")})
    slices = tuple(_slice(folder, row) for row in rows)
    source = boxes_csv.name if boxes_csv else "the DICOM SEG in its folder"
    return SubjectFolder(folder.resolve().name, slices, source if any(item.boxes for item in slices) else "")


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; give the folder with one subject's DICOM files")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.suffix.lower() not in DOCUMENTS
        and path.name != "DICOMDIR"
    ]
    if not files:
        raise StudyError(f"{folder}: holds no DICOM file; give the folder with one subject's MR slices")
    if all(is_segmentation(path) for path in files):
        raise StudyError(f"{folder}: holds no MR slice, only segmentations; add the images they were drawn on")
    return files


def _check_one_person(folder: Path, files: list[Path]) -> None:
    persons = sorted({read_patient_id(path) for path in files})
    if len(persons) > 1:
        raise StudyError(
            f"{folder}: holds {len(persons)} subjects (PatientID {', '.join(persons)}); give the folder of one of them"
        )


def _slice(folder: Path, row: dict[str, Any]) -> Slice:
    frame = row.get("frame")
    return Slice(
        subject_id=row["subject_id"],
        index=row["slice_index"],
        label=0,
        file=folder / row["file"],
        frame=None if frame is None or pd.isna(frame) else int(frame),
        uid=row["sop_instance_uid"],
        sha256=row["sha256"],
        boxes=_boxes(row),
        segmentation=folder / row["segmentation"] if row["segmentation"] else None,
    )


def _boxes(row: dict[str, Any]) -> IliumBoxes | None:
    left, right = (
        None if row[columns[0]] is None else Box(*(float(row[column]) for column in columns))
        for columns in BOX_COLUMNS.values()
    )
    return None if left is None and right is None else IliumBoxes(left, right)
