"""Folder of images, tables -> manifest: the one way in, for the synthetic cohort as for a hospital's."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from sijstudy.cohort.account import account_page, account_table
from sijstudy.cohort.edema_region import BONE
from sijstudy.cohort.gather import CohortFiles, Places, gather
from sijstudy.cohort.manifest import FORMAT, Manifest, check_source
from sijstudy.cohort.manifest_account import Fates, account_rows, chosen_series, fates_of, image_keys
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.region_account import elsewhere_rows, region_lines
from sijstudy.cohort.region_masks import KEY, stated_region
from sijstudy.cohort.schema import SLICES, SUBJECTS, read_validated
from sijstudy.cohort.series_choice import checked_contrast
from sijstudy.cohort.side_tables import Tables, read_tables
from sijstudy.cohort.slice_names import slice_name
from sijstudy.cohort.subject_rows import Settings, SubjectFiles, SubjectRows, subject_rows
from sijstudy.cohort.subject_series import SubjectImages
from sijstudy.cohort.unread import UNREAD
from sijstudy.cohort.write import Draft, write_draft
from sijstudy.errors import StudyError
from sijstudy.images.segment_names import SegmentTable, read_segment_table
from sijstudy.images.subject_outlines import OutlineRules

FEW = 300  # slices below which starting processes takes longer than reading


def build_manifest(
    dicom_root: Path, manifest_folder: Path, options: BuildOptions, *, workers: int = 1, progress: bool = True
) -> Manifest:
    """Write ``manifest_folder`` for the DICOM files under ``dicom_root`` and return it, checked.

    The folder may be laid out in any way. A file belongs to the subject whose subject_id a folder on its path bears,
    else to the one its PatientID names. Of each subject one series is used: ``wanted`` and ``series_choice`` say which.
    Outlines are DICOM SEG files in ``dicom_root`` or in ``annotations``; segments_csv says what their labels mean. A
    slice's label is its readers' majority (votes_csv), else labels_csv; without both tables, whether the SEG outlines
    edema on it. With keep_unread, slices that then have none are kept in unread.csv. The manifest keeps the outlines,
    laid on its slices, in files of its own. Ilium boxes come from boxes_csv, else from the SEG (else they are proposed
    from outlined bone); with require_boxes, slices that then have none are left out. ``account.csv`` and ``account.md``
    tell what became of every file. Raises StudyError naming the file, row or subject; an earlier manifest in the folder
    then stays as it was.
    """
    check_source(options.source, manifest_folder)
    options = replace(options, name=options.name or manifest_folder.resolve().name)
    subjects = read_validated(options.subjects_csv, SUBJECTS)
    tables = read_tables(options.votes_csv, options.labels_csv, options.boxes_csv)
    segments = read_segment_table(options.segments_csv) if options.segments_csv else SegmentTable()
    places = Places(dicom_root, options.subjects_csv, options.annotations, without=manifest_folder)
    files = gather(places, subjects["subject_id"], options.wanted, segments, workers=workers, progress=progress)
    settings = _settings(options, tables, segments)
    built = _read_subjects(files, settings, workers=workers, progress=progress)
    fates = fates_of(files, built, options.tables)
    slices = _checked_rows(files, built, tables, fates)
    account = account_table(account_rows(files, fates))
    page = account_page(account, chosen_series(files, built), options.name, _where_edema_counts(options, built))
    boxes = [row for subject in built for row in subject.proposed]
    drafts = any(_has_draft(subject) for subject in built)
    outlines = {f"{one.subject_id}.npz": one.outlines for one in built if one.outlines is not None}
    about = {
        **_about(options, segments, drawn=bool(outlines), proposed=drafts),
        "root": _root(manifest_folder, files),
    }
    unread = pd.DataFrame([row for subject in built for row in subject.unread], columns=list(UNREAD.columns))
    draft = Draft(slices, subjects, account, page, about, outlines, pd.DataFrame(boxes) if boxes else None, unread)
    return write_draft(manifest_folder, draft)


def _settings(options: BuildOptions, tables: Tables, segments: SegmentTable) -> Settings:
    rules = OutlineRules(segments, options.rule, options.wanted.skip_broken)
    return Settings(
        tables,
        rules,
        options.wanted.skip_broken,
        options.require_boxes,
        options.keep_unread,
        options.propose_boxes,
        options.region,
    )


def _where_edema_counts(
    options: BuildOptions, built: Sequence[SubjectRows]
) -> tuple[list[str], list[tuple[str, str, str, str]]]:
    """The account's sentences and rows on it."""
    edema = [one for subject in built for one in subject.edema]
    return region_lines(options.region, edema, tables=options.labels_given), elsewhere_rows(edema)


def _about(options: BuildOptions, segments: SegmentTable, *, drawn: bool, proposed: bool) -> dict[str, Any]:
    """The content of cohort.json but for where the images lie."""
    about = {**options.provenance, "format": FORMAT, "name": options.name, "source": options.source}
    if options.wanted.volumes and (contrast := checked_contrast(options.wanted.contrast)):
        about["contrast"] = contrast  # a volume has no header that could say it
    if segments.rows:
        about["segments"] = segments.cells()
    if drawn:
        about["edema"] = asdict(options.rule)
    if drawn or options.region.region != BONE:
        about[KEY] = stated_region(options.region, tables=options.labels_given)
    if proposed:
        about["boxes"] = "proposed"
    return about


def _has_draft(subject: SubjectRows) -> bool:
    """Whether a box of a slice that is kept was proposed, or none was found there."""
    sought = {row["file"] for row in subject.proposed}
    return any(slice_name(row["file"], row["frame"]) in sought for row in (*subject.rows, *subject.unread))


def _root(manifest_folder: Path, files: CohortFiles) -> str:
    """Where the images lie, as seen from the manifest's folder."""
    return Path(os.path.relpath(files.root.resolve(), manifest_folder.resolve())).as_posix()


def _read_subjects(files: CohortFiles, settings: Settings, *, workers: int, progress: bool) -> list[SubjectRows]:
    found = {image.sop_uid for file in files.found for image in file.images}
    subjects = [_subject_files(own, files, found) for own in files.subjects]
    jobs = [delayed(subject_rows)(files.root, own, settings) for own in subjects]
    many = sum(len(own.slices) for own in subjects) > FEW
    done = Parallel(n_jobs=workers if many else 1, return_as="generator")(jobs)
    return list(tqdm(done, total=len(jobs), desc="building the manifest", unit="subject", disable=not progress))


def _subject_files(own: SubjectImages, files: CohortFiles, found: set[str]) -> SubjectFiles:
    """found: SOP Instance UIDs of all images."""
    outlines = tuple(files.outlines.files.get(own.subject_id, ()))
    paths = {*outlines, *(path for path, _ in own.sources)}
    hashes = {path: files.hashes[path] for path in paths if path in files.hashes}
    used = {image.sop_uid for image in own.slices}
    return SubjectFiles(own.subject_id, own.sources, outlines, hashes, frozenset(found - used))


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
