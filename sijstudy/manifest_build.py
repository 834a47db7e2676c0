"""DICOM folder and tables -> manifest: the one door, for the synthetic cohort and for a hospital's."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sijstudy.artifacts import write_csv, write_json
from sijstudy.dicom import read_patient_id
from sijstudy.errors import StudyError
from sijstudy.manifest import Manifest, check_source, load_manifest
from sijstudy.manifest_rows import Row, SubjectRows, subject_rows
from sijstudy.manifest_schema import SLICES, SUBJECTS, read_table, validated
from sijstudy.manifest_tables import Tables, read_tables

PARTS = ("slices.csv", "subjects.csv", "cohort.json")  # cohort.json last: it makes a folder a manifest
DOCUMENTS = (".csv", ".json", ".md", ".pdf", ".txt", ".xlsx", ".yaml")  # may lie beside the subjects' folders


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

    A sub-folder of ``dicom_root`` is a subject, named as in ``subjects_csv``; a DICOM file that lies in
    ``dicom_root`` itself belongs to the subject its PatientID names. A subject has MR slices and at most one
    DICOM SEG. A slice's label is the vote of two of three readers (votes_csv), else labels_csv; without both
    tables, whether the SEG outlines edema on it. Ilium boxes come from boxes_csv, else from the SEG.
    Raises StudyError naming the file, row or subject; an earlier manifest in the folder then stays as it was.
    """
    check_source(source, manifest_folder)
    subjects = validated(read_table(subjects_csv), SUBJECTS, subjects_csv)
    tables = read_tables(votes_csv, labels_csv, boxes_csv)
    files = _files_by_subject(dicom_root, manifest_folder)
    _check_known(set(files), set(subjects["subject_id"]), dicom_root, subjects_csv)
    found = _read_subjects(dicom_root, files, tables, workers, progress)
    _check_persons(found)
    rows = [row for subject in found for row in subject.rows]
    _check_unique(rows, dicom_root)
    keys = {row[key] for row in rows for key in ("sop_instance_uid", "file")}
    for table in (tables.votes, tables.labels, tables.boxes):
        if table:
            table.check_used(keys)
    root = Path(os.path.relpath(dicom_root.resolve(), manifest_folder.resolve())).as_posix()
    about = {**(provenance or {}), "name": name, "source": source, "root": root}
    slices = pd.DataFrame(rows, columns=list(SLICES.columns))
    return _write(manifest_folder, slices, subjects, about)


def _files_by_subject(root: Path, manifest_folder: Path) -> dict[str, list[Path]]:
    """Subject -> its files, in a fixed order; hidden files, and documents beside the folders, are left out."""
    if not root.is_dir():
        raise StudyError(f"{root}: no such folder; give the folder that holds the DICOM files")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.resolve() == manifest_folder.resolve():
            continue
        if path.is_dir():
            files[path.name] += sorted(item for item in path.rglob("*") if item.is_file() and not _hidden(item, path))
        elif path.suffix.lower() not in DOCUMENTS:
            files[read_patient_id(path)].append(path)
    if not files:
        raise StudyError(f"{root}: holds no DICOM file; put each subject's files into a folder of its own")
    return dict(files)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _check_known(found: set[str], known: set[str], root: Path, subjects_csv: Path) -> None:
    if found - known:
        raise StudyError(f"{root}: subject {min(found - known)} has files but no row in {subjects_csv}; add one")
    if known - found:
        raise StudyError(f"{subjects_csv}: subject {min(known - found)} has no DICOM file in {root}; remove its row")


def _read_subjects(
    root: Path, files: Mapping[str, list[Path]], tables: Tables, workers: int, progress: bool
) -> list[SubjectRows]:
    jobs = [delayed(subject_rows)(root, subject, own, tables) for subject, own in sorted(files.items())]
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    return list(tqdm(done, total=len(jobs), desc="building the manifest", unit="subject", disable=not progress))


def _check_persons(found: Iterable[SubjectRows]) -> None:
    """StudyError when one person is in the cohort as two subjects, who could end on both sides of a split.

    ASSUMED: a PatientID that all subjects share is a placeholder of the pseudonymisation and says nothing.
    """
    subjects = defaultdict(list)
    for subject in found:
        subjects[subject.patient_id].append(subject.subject_id)
    if len(subjects) == 1:
        return
    for patient_id, names in subjects.items():
        if patient_id and len(names) > 1:
            raise StudyError(
                f"subjects {names[0]} and {names[1]} share the PatientID '{patient_id}'; make them one subject, or "
                "give each person a PatientID of its own"
            )


def _check_unique(rows: Iterable[Row], root: Path) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        other = seen.setdefault(row["sop_instance_uid"], row["file"])
        if other != row["file"]:
            raise StudyError(f"{root / row['file']}: has the SOP Instance UID of {other}; remove one of the two")


def _write(folder: Path, slices: pd.DataFrame, subjects: pd.DataFrame, about: Mapping[str, Any]) -> Manifest:
    """Write beside ``folder``, check there as any reader would, then move the files in."""
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as draft_name:
            draft = Path(draft_name)
            write_csv(draft / "slices.csv", slices)
            write_csv(draft / "subjects.csv", subjects)
            write_json(draft / "cohort.json", about)
            _check_draft(draft, folder)
            place.mkdir(exist_ok=True)
            (place / "cohort.json").unlink(missing_ok=True)
            for part in PARTS:
                (draft / part).replace(place / part)
    except OSError as error:
        raise StudyError(f"cannot write {folder} ({error.strerror}); choose a folder you may write to") from None
    return load_manifest(folder)


def _check_draft(draft: Path, folder: Path) -> None:
    try:
        load_manifest(draft)
    except StudyError as error:
        raise StudyError(str(error).replace(str(draft), str(folder))) from None
