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


def assign_segs(
    segs: Iterable[FoundFile],
    owners: SliceOwners,
    table: SegmentTable,
    folders: Mapping[Path, str],
    hashes: FileHashes,
) -> Assigned:
    """DICOM SEG files by subject. folders: file -> the subject in whose folder it lies, where it lies in one.

    A SEG of other slices than the chosen ones, a copy, and one that speaks of nothing of ours is left out. StudyError
    when it outlines slices of two subjects, lies in another subject's folder, is one of two for a subject, or
    outlines what the study wants on slices that are not there.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    left_out: dict[Path, str] = {}
    for seg in segs:
        subjects = {owners.used[uid] for uid in seg.sources if uid in owners.used}
        if not subjects:
            left_out[seg.path] = _why_unused(seg, owners, table, folders)
            continue
        subject = _one(subjects, seg, folders)
        if any(hashes[other] == hashes[seg.path] for other in files[subject]):
            left_out[seg.path] = f"a copy of '{files[subject][0].name}'"
            continue
        files[subject].append(seg.path)
    return Assigned(dict(files), left_out)


def _one(subjects: set[str], seg: FoundFile, folders: Mapping[Path, str]) -> str:
    if len(subjects) > 1:
        names = " and ".join(sorted(subjects)[:2])
        raise StudyError(f"{seg.path}: outlines slices of the subjects {names}; give each subject a file of its own")
    (subject,) = subjects
    if folders.get(seg.path, subject) != subject:
        raise StudyError(
            f"{seg.path}: lies in the folder of subject {folders[seg.path]}, but outlines slices of {subject}; move it"
        )
    return subject


def _why_unused(seg: FoundFile, owners: SliceOwners, table: SegmentTable, folders: Mapping[Path, str]) -> str:
    series = sorted({owners.known[uid] for uid in seg.sources if uid in owners.known})
    if series:
        return f"outlines series '{series[0]}', which is not used"
    meanings = [table.meaning(seg.path, label=label) for label in seg.labels]
    if any(meaning is not None and meaning.segment for meaning in meanings):
        whose = f"subject {folders[seg.path]}" if seg.path in folders else "any subject"
        raise StudyError(
            f"{seg.path}: refers to no slice of {whose}; export images and outlines in one pass, or remove the file"
        )
    return "refers to no slice found here, and has none of the study's segments"
