"""Which file with outlines belongs to whom: told by the slices it refers to, not by its name or folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sijstudy.cohort.scan import FoundFile
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.segment_names import SegmentTable


@dataclass(frozen=True)
class SliceOwners:
    """Where SOP Instance UIDs lead. used: those of chosen slices -> subject. known: of every MR image -> series."""

    used: Mapping[str, str]
    known: Mapping[str, str]


@dataclass(frozen=True)
class Assigned:
    """files: subject -> the files with its outlines. left_out: file -> why it is not used."""

    files: Mapping[str, list[Path]]
    left_out: Mapping[Path, str]


@dataclass(frozen=True)
class FileOwners:
    """Whose a file is by where it lies. folders: file -> the subject in whose folder it lies. patients: file -> that
    subject, else the one that its PatientID names. known: ids of all subjects.
    """

    folders: Mapping[Path, str]
    patients: Mapping[Path, str]
    known: frozenset[str] = frozenset()


def assign_segs(
    segs: Iterable[FoundFile], owners: SliceOwners, table: SegmentTable, whose: FileOwners, hashes: FileHashes
) -> Assigned:
    """DICOM SEG files by subject: that of the slices it refers to. One that refers to no image found here is its
    owner's by folder or PatientID, and its frames are placed by their positions.

    A SEG of another series than the chosen one, a copy, and one that speaks of nothing of ours is left out. StudyError
    when it outlines slices of two subjects, lies in another subject's folder, or is nobody's.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    left_out: dict[Path, str] = {}
    for seg in segs:
        subjects = {owners.used[uid] for uid in seg.sources if uid in owners.used}
        if why := _why_unused(seg, owners, table, used=bool(subjects)):
            left_out[seg.path] = why
            continue
        subject = _one(subjects, seg, whose)
        if any(hashes[other] == hashes[seg.path] for other in files[subject]):
            left_out[seg.path] = f"a copy of '{files[subject][0].name}'"
            continue
        files[subject].append(seg.path)
    return Assigned(dict(files), left_out)


def _why_unused(seg: FoundFile, owners: SliceOwners, table: SegmentTable, *, used: bool) -> str:
    """Why a SEG is left out, "" for one that is not. used: it refers to slices that are used."""
    series = sorted({owners.known[uid] for uid in seg.sources if uid in owners.known})
    if series and not used:
        return f"outlines series '{series[0]}', which is not used"
    meanings = [table.meaning(seg.path, segment) for segment in seg.segments]
    if used:
        ours = not meanings or any(meaning is None or meaning.segment for meaning in meanings)
        return "" if ours else "has none of the study's segments"
    if any(meaning is not None and meaning.segment for meaning in meanings):
        return ""
    return "refers to no slice found here, and has none of the study's segments"


def _one(subjects: set[str], seg: FoundFile, whose: FileOwners) -> str:
    if len(subjects) > 1:
        names = " and ".join(sorted(subjects)[:2])
        raise StudyError(f"{seg.path}: outlines slices of the subjects {names}; give each subject a file of its own")
    if not subjects and seg.path not in whose.patients:
        raise StudyError(
            f"{seg.path}: refers to no slice of any subject, and lies in nobody's folder; export images and outlines "
            "in one pass, move it into its subject's folder, or remove it"
        )
    subject = next(iter(subjects), whose.patients.get(seg.path, ""))
    if seg.patient_id.casefold() in {name.casefold() for name in whose.known} - {subject.casefold()}:
        raise StudyError(
            f"{seg.path}: belongs to subject {subject} by its slices or folder, its PatientID is subject "
            f"{seg.patient_id}; move it, or correct the one that is wrong"
        )
    if whose.folders.get(seg.path, subject) != subject:
        raise StudyError(
            f"{seg.path}: lies in the folder of subject {whose.folders[seg.path]}, but outlines slices of {subject}; "
            "move it"
        )
    return subject
