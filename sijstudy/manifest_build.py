"""DICOM folder and tables -> manifest: the one door, for the synthetic cohort and for a hospital's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sijstudy.annotations import Segmentation, is_segmentation, read_seg
from sijstudy.artifacts import write_csv, write_json
from sijstudy.dicom import DicomHeader, normal_of, read_slice, slice_order
from sijstudy.errors import StudyError
from sijstudy.manifest import (
    BOX_COLUMNS,
    READERS,
    SLICES,
    SUBJECTS,
    Manifest,
    file_hash,
    load_manifest,
    read_table,
    validated,
)
from sijstudy.records import Box, IliumBoxes

MAJORITY = 2  # readers who must agree [2.1]


@dataclass(frozen=True)
class Tables:
    """What comes beside the images, by SOP instance UID; empty where a cohort has none."""

    votes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    boxes: Mapping[str, IliumBoxes] = field(default_factory=dict)


def build_manifest(
    dicom_root: Path,
    manifest_folder: Path,
    *,
    name: str,
    source: str,
    subjects_csv: Path,
    votes_csv: Path | None = None,
    labels_csv: Path | None = None,
    boxes_csv: Path | None = None,
    provenance: Mapping[str, Any] | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Manifest:
    """Write ``manifest_folder`` for the DICOM files under ``dicom_root`` and return it, checked.

    Every sub-folder of ``dicom_root`` is a subject, named as in ``subjects_csv``, with its MR slices and at most one
    DICOM SEG in it. A slice's label is the vote of two of three readers (votes_csv), else labels_csv, else
    whether the SEG outlines edema on it. Ilium boxes come from boxes_csv, else from the SEG.
    Raises StudyError naming the file, row or subject; ``cohort.json`` is written last, so that a broken
    build is never taken for a manifest.
    """
    subjects = validated(read_table(subjects_csv), SUBJECTS, subjects_csv)
    tables = Tables(_read_votes(votes_csv), _read_labels(labels_csv), _read_boxes(boxes_csv))
    folders = _subject_folders(dicom_root, set(subjects["subject_id"]), subjects_csv)
    jobs = [delayed(_subject_rows)(dicom_root, folder, tables) for folder in folders]
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    shown = tqdm(done, total=len(folders), desc="building the manifest", unit="subject", disable=not progress)
    slices = pd.DataFrame([row for rows in shown for row in rows], columns=list(SLICES.columns))
    _check_unused(tables, set(slices["sop_instance_uid"]), (votes_csv, labels_csv, boxes_csv))
    root = os.path.relpath(dicom_root.resolve(), manifest_folder.resolve())
    write_csv(manifest_folder / "slices.csv", slices)
    write_csv(manifest_folder / "subjects.csv", subjects)
    about = {"name": name, "source": source, "root": Path(root).as_posix(), **(provenance or {})}
    write_json(manifest_folder / "cohort.json", about)
    try:
        return load_manifest(manifest_folder)
    except StudyError:
        (manifest_folder / "cohort.json").unlink()
        raise


def _subject_folders(root: Path, known: set[str], subjects_csv: Path) -> list[Path]:
    if not root.is_dir():
        raise StudyError(f"{root}: no such folder; give the folder that holds the DICOM files")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    names = {path.name for path in folders}
    if names - known:
        raise StudyError(f"{root / min(names - known)}: this subject has no row in {subjects_csv}; add one")
    if known - names:
        raise StudyError(f"{subjects_csv}: subject {min(known - names)} has no folder in {root}; remove its row")
    if not folders:
        raise StudyError(f"{root}: holds no subject's folder; put each subject's DICOM files into one of its own")
    return folders


def _subject_rows(root: Path, folder: Path, tables: Tables) -> list[dict[str, Any]]:
    """The manifest's rows of one subject, in slice order."""
    headers, outlines = _read_subject(folder)
    duplicates = {header.uid: header.file for header in headers}
    for header in headers:
        if duplicates[header.uid] != header.file:
            raise StudyError(f"{header.file}: has the SOP Instance UID of {duplicates[header.uid].name}; remove one")
    if outlines is not None and not set(outlines.masks) & set(duplicates):
        raise StudyError(f"{outlines.file}: refers to no slice of its folder; put it beside the series it outlines")
    ordered = [headers[place] for place in slice_order(headers)]
    return [
        _row(root, folder.name, place, header, outlines, tables)
        for place, header in zip(_steps(ordered), ordered, strict=True)
    ]


def _read_subject(folder: Path) -> tuple[list[DicomHeader], Segmentation | None]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    segs = [path for path in files if is_segmentation(path)]
    if len(segs) > 1:
        raise StudyError(f"{segs[1]}: a second segmentation beside {segs[0].name}; keep one per subject")
    headers = [read_slice(path).header for path in files if path not in segs]
    if not headers:
        raise StudyError(f"{folder}: holds no MR slice; add its DICOM files or remove the subject")
    return headers, read_seg(segs[0]) if segs else None


def _steps(ordered: list[DicomHeader]) -> list[int]:
    """Slice indices from positions, in steps of the slice distance, so that left-out slices leave gaps."""
    normal = normal_of(ordered[0].orientation)
    heights = [sum(p * n for p, n in zip(header.position, normal, strict=True)) for header in ordered]
    distance = ordered[0].acquisition.get("spacing_between_slices_mm")
    gaps = [above - below for below, above in itertools.pairwise(heights)]
    if not gaps:
        return [0]
    step = float(distance) if distance else min(gaps)
    indices = [0]
    for gap in gaps:
        indices.append(indices[-1] + max(1, round(gap / step)))
    return indices


def _row(
    root: Path, subject: str, index: int, header: DicomHeader, outlines: Segmentation | None, tables: Tables
) -> dict[str, Any]:
    boxes = tables.boxes.get(header.uid) or (outlines.ilium_boxes(header.uid) if outlines else None)
    _check_inside(boxes, header)
    votes = tables.votes.get(header.uid, (None,) * len(READERS))
    return {
        "subject_id": subject,
        "slice_index": index,
        "label": _label(header, votes, outlines, tables),
        "file": header.file.relative_to(root).as_posix(),
        "sha256": file_hash(header.file),
        "sop_instance_uid": header.uid,
        **_edges(boxes),
        "segmentation": outlines.file.relative_to(root).as_posix() if outlines else None,
        "lesions": outlines.lesion_count(header.uid) if outlines else None,
        **dict(zip(READERS, votes, strict=True)),
    }


def _label(header: DicomHeader, votes: tuple[int | None, ...], outlines: Segmentation | None, tables: Tables) -> int:
    cast = [vote for vote in votes if vote is not None]
    for answer in (1, 0):
        if cast.count(answer) >= MAJORITY:
            return answer
    if cast:
        raise StudyError(
            f"{header.file}: its readers' votes {cast} have no majority of two; settle it in the votes table"
        )
    if header.uid in tables.labels:
        return tables.labels[header.uid]
    if outlines is None:
        raise StudyError(f"{header.file}: has no label; give votes, a labels table or a DICOM SEG with edema outlined")
    mask = outlines.mask(header.uid, "edema")
    return int(mask is not None and mask.any())


def _check_inside(boxes: IliumBoxes | None, header: DicomHeader) -> None:
    rows, columns = header.shape
    for box in (boxes.left, boxes.right) if boxes else ():
        if box and (box.x0 < 0 or box.y0 < 0 or box.x1 > columns or box.y1 > rows):
            raise StudyError(f"{header.file}: {box} lies outside its {rows} x {columns} image; correct the boxes table")


def _edges(boxes: IliumBoxes | None) -> dict[str, float | None]:
    sides = {"left": boxes.left if boxes else None, "right": boxes.right if boxes else None}
    return {
        column: None if box is None else getattr(box, column.split("_")[1])
        for side, box in sides.items()
        for column in BOX_COLUMNS[side]
    }


def _by_uid(path: Path, columns: list[str]) -> dict[str, dict[str, Any]]:
    """Rows of a table keyed by its column sop_instance_uid; subject_id may stand beside it."""
    table = read_table(path)
    for name in table.columns:
        if name not in ("subject_id", "sop_instance_uid", *columns):
            raise StudyError(
                f"{path}: unknown column '{name}'; remove it (known: sop_instance_uid, {', '.join(columns)})"
            )
    for name in ("sop_instance_uid", *columns):
        if name not in table.columns:
            raise StudyError(f"{path}: column '{name}' is missing; add it, see docs/DATA.md")
    twice = table["sop_instance_uid"].duplicated()
    if twice.any():
        raise StudyError(
            f"{path}: row {int(twice.to_numpy().argmax()) + 2}: this sop_instance_uid occurs twice; remove one"
        )
    return {str(row["sop_instance_uid"]): row for row in table.to_dict("records")}


def _binary(path: Path, uid: str, column: str, value: Any) -> int | None:
    if pd.isna(value):
        return None
    if value not in ("0", "1"):
        raise StudyError(f"{path}: slice {uid}: {column}='{value}' must be 0, 1 or empty; correct it")
    return int(value)


def _read_votes(path: Path | None) -> dict[str, tuple[int | None, ...]]:
    rows = _by_uid(path, list(READERS)) if path else {}
    return {uid: tuple(_binary(path, uid, name, row[name]) for name in READERS) for uid, row in rows.items() if path}


def _read_labels(path: Path | None) -> dict[str, int]:
    labels = {}
    for uid, row in (_by_uid(path, ["label"]) if path else {}).items():
        label = _binary(path or Path(), uid, "label", row["label"])
        if label is None:
            raise StudyError(f"{path}: slice {uid} has an empty label; fill in 0 or 1, or remove the row")
        labels[uid] = label
    return labels


def _read_boxes(path: Path | None) -> dict[str, IliumBoxes]:
    columns = [*BOX_COLUMNS["left"], *BOX_COLUMNS["right"]]
    boxes = {}
    for uid, row in (_by_uid(path, columns) if path else {}).items():
        try:
            left, right = (
                None if pd.isna(row[names[0]]) else Box(*(float(row[name]) for name in names))
                for names in BOX_COLUMNS.values()
            )
            boxes[uid] = IliumBoxes(left, right)
        except ValueError as error:
            raise StudyError(f"{path}: slice {uid}: {error}; correct its boxes") from None
    return boxes


def _check_unused(tables: Tables, uids: set[str], paths: tuple[Path | None, ...]) -> None:
    for table, path in zip((tables.votes, tables.labels, tables.boxes), paths, strict=True):
        lost = set(table) - uids
        if lost:
            raise StudyError(
                f"{path}: slice {min(lost)} has a row but no DICOM file; restore the file or remove the row"
            )
