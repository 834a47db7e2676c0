"""What became of every file of a cohort -> the rows of its account."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sijstudy.cohort.account import LEFT_OUT, UNREAD, AccountRow, ChosenSeries
from sijstudy.cohort.gather import CohortFiles
from sijstudy.cohort.scan import FoundFile
from sijstudy.cohort.series import MrImage
from sijstudy.cohort.slice_names import slice_name
from sijstudy.cohort.subject_rows import SubjectRows
from sijstudy.images.read import Source


@dataclass(frozen=True)
class Fates:
    """What became of files and slices. left_out: file -> why. slices: slices of used files that are no rows -> why.

    unread: slices that are kept without a label -> why they have none. series: MR file -> UID and text of the series it
    counts to. tables: tables that an option named.
    """

    left_out: Mapping[Path, str]
    slices: Mapping[Source, str]
    unread: Mapping[Source, str]
    series: Mapping[Path, tuple[str, str]]
    tables: Collection[Path]


def fates_of(files: CohortFiles, built: Sequence[SubjectRows], tables: Collection[Path]) -> Fates:
    """Put together what gathering the files and reading the slices left out."""
    left_out: dict[Path, str] = {file.path: file.note for file in files.found if file.note}
    left_out |= {path: reason for subject in files.subjects for path, reason in subject.left_out.items()}
    left_out |= {**files.outlines.left_out, **files.broken}
    used = {image.file for subject in files.subjects for image in subject.slices if image.frame}
    slices = {
        (image.file, image.frame): reason
        for subject in files.subjects
        for one, reason in subject.choice.left_out
        for image in one.images
        if image.file in used  # frames of another part or phase
    }
    slices |= {source: reason for subject in built for source, reason in subject.left_out.items()}
    series = {
        image.file: (one.first.series_uid, one.text)
        for subject in files.subjects
        for one in (*(other for other, _ in subject.choice.left_out), subject.choice.chosen)
        for image in one.images
    }
    unread = {source: reason for subject in built for source, reason in subject.why_unread.items()}
    return Fates(left_out, slices, unread, series, {path.resolve() for path in tables})


def account_rows(files: CohortFiles, fates: Fates) -> list[AccountRow]:
    """A row per file, and one per slice of a used multi-frame file that is left out or has no label."""
    used = {image.file for subject in files.subjects for image in subject.slices}
    used |= {path for paths in files.outlines.files.values() for path in paths}
    rows = []
    for file in files.found:
        row = _row(file, files, fates)
        if file.path in used:
            own = {
                source: (outcome, reason)
                for outcome, fate in ((LEFT_OUT, fates.slices), (UNREAD, fates.unread))
                for source, reason in fate.items()
                if source[0] == file.path
            }
            rows += _of_used(row, own, slices=len(file.images))
        elif file.kind == "table" and file.path.resolve() in fates.tables:
            rows.append(row)
        else:
            rows.append(replace(row, outcome=LEFT_OUT, reason=fates.left_out.get(file.path) or "no option asks for it"))
    return rows


def chosen_series(files: CohortFiles, built: Sequence[SubjectRows]) -> list[ChosenSeries]:
    """The series of each subject, what chose it, how many slices it gave."""
    return [
        ChosenSeries(own.subject_id, own.choice.chosen.text, own.choice.rule, len(done.rows))
        for own, done in zip(files.subjects, built, strict=True)
    ]


def image_keys(files: CohortFiles, fates: Fates) -> tuple[set[str], dict[str, str]]:
    """How tables may name images: UIDs and files of the chosen slices, and those of all other images -> why not."""
    used: set[str] = set()
    for subject in files.subjects:
        for image in subject.slices:
            used |= _keys(image, files.root)
    others = {
        key: fates.slices.get((file.path, image.frame)) or fates.left_out.get(file.path, "not used")
        for file in files.found
        for image in file.images
        for key in _keys(image, files.root)
    }
    return used, {key: reason for key, reason in others.items() if key not in used}


def _keys(image: MrImage, root: Path) -> set[str]:
    return {image.uid, slice_name(_seen_from(root, image.file), image.frame)}


def _row(file: FoundFile, files: CohortFiles, fates: Fates) -> AccountRow:
    uid, text = fates.series.get(file.path, ("", ""))
    owner = files.owners.get(file.path, "")
    return AccountRow(_seen_from(files.root, file.path), file.kind, owner, uid, text)


def _of_used(row: AccountRow, others: Mapping[Source, tuple[str, str]], *, slices: int) -> list[AccountRow]:
    """The row of a used file, and its slices with another outcome; where these are all it has, no row of its own."""
    gone = [
        replace(row, file=row.file if frame is None else f"{row.file} #{frame}", outcome=outcome, reason=reason)
        for (_, frame), (outcome, reason) in others.items()
    ]
    return gone if 0 < slices <= len(gone) else [row, *gone]


def _seen_from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
