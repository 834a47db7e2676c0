"""DICOM folder and tables -> manifest: the one door, for the synthetic cohort and for a hospital's."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sijstudy.cohort.account import account_page, account_table
from sijstudy.cohort.gather import CohortFiles, Wanted, gather
from sijstudy.cohort.manifest import Manifest, check_source, load_manifest
from sijstudy.cohort.manifest_account import Fates, account_rows, chosen_series, fates_of, image_keys
from sijstudy.cohort.schema import SLICES, SUBJECTS, validated
from sijstudy.cohort.side_tables import Tables, read_tables
from sijstudy.cohort.subject_rows import Layout, Settings, SubjectFiles, SubjectRows, subject_rows
from sijstudy.errors import StudyError
from sijstudy.files import read_table, write_atomic, write_csv, write_json
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.segment_names import SegmentTable, read_segment_table
from sijstudy.images.subject_outlines import must_be_combined

OUTLINES, BOXES = "outlines", "boxes_proposed.csv"  # where label maps' outlines and proposed boxes are kept
# cohort.json last: it makes a folder a manifest
PARTS = ("account.csv", "account.md", "slices.csv", "subjects.csv", "cohort.json")

FEW = 300  # slices below which starting processes takes longer than reading


@dataclass(frozen=True)
class Draft:
    """What a manifest's folder is to hold."""

    slices: pd.DataFrame
    subjects: pd.DataFrame
    account: pd.DataFrame
    page: str
    about: Mapping[str, Any]
    outlines: Mapping[str, bytes]
    boxes: pd.DataFrame | None


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
    annotations: Path | None = None,
    segments_csv: Path | None = None,
    wanted: Wanted = Wanted(),  # noqa: B008  (frozen)
    rule: EdemaRule = EdemaRule(),  # noqa: B008
    require_boxes: bool = False,
    provenance: Mapping[str, Any] | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Manifest:
    """Write ``manifest_folder`` for the DICOM files under ``dicom_root`` and return it, checked.

    The folder may be laid out in any way. A file belongs to the subject whose subject_id a folder on its path bears,
    else to the one its PatientID names. Of each subject one series is used: ``wanted`` and ``series_choice`` say
    which. Outlines are DICOM SEG files in ``dicom_root`` or in ``annotations``; segments_csv says what their labels
    mean. A slice's label is its readers' majority (votes_csv), else labels_csv; without both tables, whether the SEG
    outlines edema on it. Ilium boxes come from boxes_csv, else from the SEG (else they are proposed from outlined
    bone); with require_boxes, slices that then have none are left out. ``account.csv`` and ``account.md`` tell what
    became of every file. Raises StudyError naming the file, row or subject; an earlier manifest in the folder then
    stays as it was.
    """
    check_source(source, manifest_folder)
    subjects = validated(read_table(subjects_csv), SUBJECTS, subjects_csv)
    tables = read_tables(votes_csv, labels_csv, boxes_csv)
    segments = read_segment_table(segments_csv) if segments_csv else SegmentTable()
    files = gather(
        dicom_root, subjects_csv, subjects["subject_id"], wanted, segments,
        annotations=annotations, without=manifest_folder, workers=workers, progress=progress,
    )  # fmt: skip
    combine = must_be_combined([path for own in files.outlines.files.values() for path in own], segments)
    settings = Settings(tables, segments, rule, combine, wanted.skip_broken, require_boxes)
    built = _read_subjects(files, settings, workers=workers, progress=progress)
    given = [path for path in (subjects_csv, votes_csv, labels_csv, boxes_csv, segments_csv) if path]
    fates = fates_of(files, built, given)
    rows = _checked_rows(files, built, tables, fates)
    account = account_table(account_rows(files, fates))
    page = account_page(account, chosen_series(files, built), name)
    about = {**(provenance or {}), "name": name, "source": source, **_places(files, manifest_folder)}
    if segments.rows:
        about["segments"] = segments.cells()
    outlines = {f"{one.subject_id}.npz": one.outlines for one in built if one.outlines is not None}
    if combine:
        about |= {"outlines": OUTLINES, "edema": asdict(rule)}
    boxes = [row for one in built for row in one.proposed]
    if boxes:
        about["boxes"] = "proposed"
    proposed = pd.DataFrame(boxes) if boxes else None
    return _write(manifest_folder, Draft(rows, subjects, account, page, about, outlines, proposed))


def _read_subjects(files: CohortFiles, settings: Settings, *, workers: int, progress: bool) -> list[SubjectRows]:
    layout = Layout(files.root, files.outlines_root)
    subjects = [
        SubjectFiles(own.subject_id, own.sources, tuple(files.outlines.files.get(own.subject_id, ())))
        for own in files.subjects
    ]
    jobs = [delayed(subject_rows)(layout, own, settings) for own in subjects]
    many = sum(len(own.slices) for own in subjects) > FEW
    done = Parallel(n_jobs=workers if many else 1, return_as="generator")(jobs)
    return list(tqdm(done, total=len(jobs), desc="building the manifest", unit="subject", disable=not progress))


def _checked_rows(files: CohortFiles, built: Sequence[SubjectRows], tables: Tables, fates: Fates) -> pd.DataFrame:
    """The rows of slices.csv, after the checks that look at more than one subject."""
    rows = [row for subject in built for row in subject.rows]
    _check_persons(built)
    keys, left_out = image_keys(files, fates)
    for table in (tables.votes, tables.labels, tables.boxes):
        if table:
            table.check_used(keys, left_out)
    return pd.DataFrame(rows, columns=list(SLICES.columns))


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


def _places(files: CohortFiles, manifest_folder: Path) -> dict[str, str]:
    """Where images and outlines lie, as seen from the manifest's folder."""
    folders = {"root": files.root, "outlines": files.outlines_root}
    if files.outlines_root == files.root:
        del folders["outlines"]
    start = manifest_folder.resolve()
    return {name: Path(os.path.relpath(folder.resolve(), start)).as_posix() for name, folder in folders.items()}


def _write(folder: Path, content: Draft) -> Manifest:
    """Write beside ``folder``, check there as any reader would, then move the files in."""
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as draft_name:
            draft = Path(draft_name)
            write_csv(draft / "slices.csv", content.slices)
            write_csv(draft / "subjects.csv", content.subjects)
            write_csv(draft / "account.csv", content.account)
            write_atomic(draft / "account.md", lambda stream: stream.write(content.page.encode()))
            write_json(draft / "cohort.json", content.about)
            _write_extras(draft, content)
            _check_draft(draft, folder)
            place.mkdir(exist_ok=True)
            (place / "cohort.json").unlink(missing_ok=True)
            _move_extras(draft, place)
            for part in PARTS:
                (draft / part).replace(place / part)
    except OSError as error:
        raise StudyError(f"cannot write {folder} ({error.strerror}); choose a folder you may write to") from None
    return load_manifest(folder)


def _write_extras(draft: Path, content: Draft) -> None:
    """What only some manifests have: outlines made of label maps, and boxes that were proposed."""
    for name, packed in content.outlines.items():
        (draft / OUTLINES).mkdir(exist_ok=True)
        (draft / OUTLINES / name).write_bytes(packed)
    if content.boxes is not None:
        write_csv(draft / BOXES, content.boxes)


def _move_extras(draft: Path, place: Path) -> None:
    """Move them in; an earlier manifest's go, as they would no longer belong to it."""
    (place / BOXES).unlink(missing_ok=True)
    if (place / OUTLINES).is_dir():
        shutil.rmtree(place / OUTLINES)
    for name in (OUTLINES, BOXES):
        if (draft / name).exists():
            (draft / name).replace(place / name)


def _check_draft(draft: Path, folder: Path) -> None:
    try:
        load_manifest(draft)
    except StudyError as error:
        raise StudyError(str(error).replace(str(draft), str(folder))) from None
