"""Scanned MR images -> whose they are, the one series of each subject, its slices without copies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sijstudy.cohort.phases import series_of
from sijstudy.cohort.scan import FoundFile
from sijstudy.cohort.series import MrImage, Series
from sijstudy.cohort.series_choice import Choice, choose_series
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes


@dataclass(frozen=True)
class SubjectImages:
    """One subject's series. slices: the chosen one's images without copies. left_out: file -> why it is not used."""

    subject_id: str
    choice: Choice
    slices: tuple[MrImage, ...]
    left_out: Mapping[Path, str]

    @property
    def sources(self) -> tuple[tuple[Path, int | None], ...]:
        """File and frame of each slice."""
        return tuple((image.file, image.frame) for image in self.slices)


def subject_of(found: FoundFile, root: Path, subjects: set[str]) -> str:
    """The subject a file belongs to, "" for nobody: the topmost folder on its path that is one, else its PatientID."""
    for folder in found.path.relative_to(root).parts[:-1]:
        if folder in subjects:
            return folder
    return found.patient_id if found.patient_id in subjects else ""


def _other_subject(found: FoundFile, root: Path, subject: str, subjects: set[str]) -> str:
    """What else says that a file of ``subject`` is another subject's, in any case of letters; "" when nothing does."""
    folders = found.path.relative_to(root).parts[:-1]
    others = {name.casefold(): name for name in subjects if name.casefold() != subject.casefold()}
    if found.patient_id != subject:
        exact = found.patient_id if found.patient_id in subjects else ""
        if other := exact or others.get(found.patient_id.casefold(), ""):
            said = "" if exact else f" '{found.patient_id}'"
            return f"lies in the folder of subject {subject}, its PatientID{said} is subject {other}"
    elif not subjects & set(folders):
        for folder in folders:
            if other := others.get(folder.casefold(), ""):
                return f"lies in the folder '{folder}' of subject {other}, its PatientID is subject {subject}"
    return ""


def _elsewhere(images: Mapping[str, Sequence[MrImage]], root: Path, subject: str) -> str:
    """Where images lie that are in a folder of ``subject`` and belong to another one; what to do."""
    for other, own in images.items():
        for image in own:
            if subject in image.file.relative_to(root).parts[:-1]:
                return (
                    f": files in a folder {subject}, such as {image.file}, lie in that of subject {other}; move them "
                    "out of it"
                )
    return "; remove its row"


def _mistaken_number(found: FoundFile, root: Path, subjects: set[str]) -> str:
    """What to do when a spreadsheet took the file's subject for a number, 7 for 007; "" when it did not."""

    def value(text: str) -> float | None:
        return float(text) if re.fullmatch(r"[0-9.]+([eE][+-]?[0-9]+)?", text) and text.count(".") < 2 else None

    for name in (*found.path.relative_to(root).parts[:-1], found.patient_id):
        for subject in sorted(subjects):
            if value(name) is not None and value(name) == value(subject):
                return (
                    f"its row has '{subject}', as a spreadsheet writes '{name}': make that column text, and correct it"
                )
    return ""


def images_by_subject(
    found: Iterable[FoundFile], root: Path, subjects: set[str], subjects_csv: Path
) -> dict[str, list[MrImage]]:
    """All MR images of each subject.

    StudyError names an image that is nobody's, or one subject's by its folder and another's by its PatientID; and a
    subject without any.
    """
    images: dict[str, list[MrImage]] = defaultdict(list)
    for file in found:
        if not file.images:
            continue
        subject = subject_of(file, root, subjects)
        if not subject:
            way = _mistaken_number(file, root, subjects) or "add a row, or take the file out"
            raise StudyError(
                f"{file.path}: an MR image of nobody: neither a folder on its path nor its PatientID "
                f"'{file.patient_id}' is a subject_id of {subjects_csv}; {way}"
            )
        if contradiction := _other_subject(file, root, subject, subjects):
            raise StudyError(f"{file.path}: {contradiction}; move it, or correct the one that is wrong")
        images[subject] += file.images
    if not images:
        raise StudyError(f"{root}: holds no DICOM file with an MR image; give the folder that holds the cohort")
    if missing := subjects - set(images):
        first = min(missing)
        raise StudyError(f"{subjects_csv}: subject {first} has no MR slice in {root}{_elsewhere(images, root, first)}")
    return dict(images)


def choose_images(
    subject_id: str, images: Sequence[MrImage], *, contrast: str, pattern: re.Pattern[str] | None, hashes: FileHashes
) -> SubjectImages:
    """Choose a subject's series. StudyError as ``choose_series``, and for a slice that is there in two versions."""
    choice = choose_series(subject_id, series_of(images), contrast=contrast, pattern=pattern)
    _check_one_person(choice.considered)
    left_out = {image.file: reason for series, reason in choice.left_out for image in series.images}
    slices, copies = _without_copies(choice.chosen, hashes)
    for image in choice.chosen.images:
        left_out.pop(image.file, None)  # another part of the same multi-frame file
    return SubjectImages(subject_id, choice, slices, {**left_out, **copies})


def _check_one_person(considered: Sequence[Series]) -> None:
    first, *others = (image for series in considered for image in series.images)
    for image in others:
        if image.patient_id != first.patient_id:
            raise StudyError(
                f"{image.file}: PatientID is '{image.patient_id}', that of {first.file.name} is "
                f"'{first.patient_id}'; give each person a folder"
            )


def _without_copies(series: Series, hashes: FileHashes) -> tuple[tuple[MrImage, ...], dict[Path, str]]:
    """Slices, each once, and the files that are copies of another one, to the byte."""
    files: dict[str, Path] = {}
    slices, copies = [], {}
    for image in series.images:
        first = files.setdefault(image.sop_uid, image.file)
        if first == image.file:
            slices.append(image)
            continue
        if image.file not in copies and hashes[first] != hashes[image.file]:
            raise StudyError(f"{image.file}: has the SOP Instance UID of {first}; remove one of the two")
        copies[image.file] = f"a copy of '{first.name}'"
    return tuple(slices), copies
