"""A cohort's NIfTI files by subject: volumes that are its images, label maps drawn on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sijstudy.cohort.field_of_view import check_volume
from sijstudy.cohort.files_by_name import label_maps_by_subject, volumes_by_subject
from sijstudy.cohort.files_by_uid import Assigned
from sijstudy.cohort.scan import FoundFile
from sijstudy.cohort.series import MrImage, Series
from sijstudy.cohort.series_choice import Choice
from sijstudy.cohort.subject_series import SubjectImages
from sijstudy.files import FileHashes
from sijstudy.images.nifti import read_volume_headers
from sijstudy.images.segment_names import SegmentTable

LABEL_MAP_KINDS = ("NIfTI volume", "label map")  # a name does not tell which of the two a NIfTI file is


@dataclass(frozen=True)
class Folder:
    """A folder that was scanned, and what lies in it."""

    root: Path
    found: Sequence[FoundFile]


def volume_subjects(
    folder: Folder, subjects: set[str], pattern: str, table: SegmentTable, hashes: FileHashes
) -> tuple[list[FoundFile], tuple[SubjectImages, ...]]:
    """What was found, volumes with their planes as images; and the subjects whose volumes ``pattern`` names.

    Label maps that ``table`` names are no volumes, whatever ``pattern`` says. StudyError as ``volumes_by_subject``.
    """
    paths = [file.path for file in folder.found if file.kind == "NIfTI volume" and not table.declared(file.path)]
    named = volumes_by_subject(paths, folder.root, subjects, pattern)
    images = {own[0]: plane_images(own[0], hashes) for own in named.files.values()}
    found = [replace(file, images=images.get(file.path, ())) for file in folder.found]
    chosen = []
    for subject, (path,) in sorted(named.files.items()):
        series = Series(images[path])
        chosen.append(SubjectImages(subject, Choice(series, f"--volumes {pattern}", (series,), ()), series.images, {}))
    return found, tuple(chosen)


def assign_label_maps(folders: Iterable[Folder], used: set[Path], subjects: set[str], table: SegmentTable) -> Assigned:
    """Label maps by subject; ``used``: volumes that are images. StudyError when one is nobody's."""
    files: dict[str, list[Path]] = {}
    left_out: dict[Path, str] = {}
    for folder in folders:
        paths = [file.path for file in folder.found if file.kind in LABEL_MAP_KINDS and file.path not in used]
        named = label_maps_by_subject(paths, folder.root, subjects, table)
        for subject, own in named.files.items():
            files.setdefault(subject, []).extend(own)
        left_out |= named.left_out
    return Assigned(files, left_out)


def as_label_maps(found: Iterable[FoundFile], maps: Assigned) -> list[FoundFile]:
    """What was found, the files that are label maps called so: a NIfTI file's name does not tell."""
    paths = {path for own in maps.files.values() for path in own}
    return [replace(file, kind="label map") if file.path in paths else file for file in found]


def plane_images(path: Path, hashes: FileHashes) -> tuple[MrImage, ...]:
    """The planes of a volume; its name is all that tells what they show. StudyError as ``check_volume``."""
    check_volume(path)
    return tuple(
        MrImage(
            file=path,
            frame=header.frame,
            sop_uid=header.series_uid,
            patient_id="",
            series_uid=header.series_uid,
            number="",
            description=path.name,
            image_type=(),
            orientation=header.orientation,
            repetition_time=None,
            echo_time=None,
            words="",
            contrast_agent="",
        )
        for header in read_volume_headers(path, hashes[path])
    )
