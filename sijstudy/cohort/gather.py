"""The files of a cohort, gathered: scanned, given to their subjects, one series and its outlines chosen for each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sijstudy.cohort.files_by_name import subject_by_name
from sijstudy.cohort.files_by_uid import Assigned, SliceOwners, assign_segs
from sijstudy.cohort.scan import FoundFile, scan
from sijstudy.cohort.series import MrImage
from sijstudy.cohort.subject_series import SubjectImages, choose_images, images_by_subject, subject_of
from sijstudy.cohort.subject_volumes import Folder, as_label_maps, assign_label_maps, volume_subjects
from sijstudy.errors import StudyError
from sijstudy.images.label_maps import is_label_map_name
from sijstudy.images.segment_names import SegmentTable


@dataclass(frozen=True)
class Wanted:
    """What to look for. contrast: one of ``series_choice.CONTRASTS``. series: a regular expression, or "".

    volumes: file name pattern of the NIfTI volumes that are the images, "" when these are DICOM.
    skip_broken: leave out files that cannot be read, instead of stopping.
    """

    contrast: str = "gd_t1"
    series: str = ""
    skip_broken: bool = False
    volumes: str = ""

    def pattern(self) -> re.Pattern[str] | None:
        """``series``, compiled; None when it is empty. StudyError when it is no regular expression."""
        try:
            return re.compile(self.series, re.IGNORECASE) if self.series else None
        except re.error as error:
            raise StudyError(f"--series '{self.series}' is no regular expression ({error}); correct it") from None


@dataclass(frozen=True)
class CohortFiles:
    """Everything found under ``root`` and the annotations' folder, and what of it is used.

    owners: file -> subject, where it has one. subjects: the images of each, in the order of their ids. outlines: the
    files with outlines, relative to ``outlines_root``. broken: files left out as they cannot be read -> why.
    """

    root: Path
    outlines_root: Path
    has_label_maps: bool
    found: tuple[FoundFile, ...]
    owners: Mapping[Path, str]
    subjects: tuple[SubjectImages, ...]
    outlines: Assigned
    broken: Mapping[Path, str]


def gather(
    root: Path,
    subjects_csv: Path,
    subject_ids: Iterable[str],
    wanted: Wanted,
    segments: SegmentTable,
    *,
    annotations: Path | None = None,
    without: Path | None = None,
    workers: int = 1,
    progress: bool = True,
) -> CohortFiles:
    """Scan ``root`` and ``annotations``, sort what is found. ``without``: a folder to leave aside.

    Raises StudyError naming the file or subject: a broken file, an image that is nobody's, a subject without images,
    a series that cannot be chosen, outlines that belong to nobody.
    """
    known = set(subject_ids)
    found = scan(root, without=without, workers=workers, progress=progress)
    drawn = []
    if annotations is not None and not annotations.resolve().is_relative_to(root.resolve()):
        drawn = scan(annotations, without=without, workers=workers, progress=progress)
    broken = broken_files([*found, *drawn], skip=wanted.skip_broken)
    if wanted.volumes:
        found, subjects = volume_subjects(Folder(root, found), known, wanted.volumes, segments)
        images = {own.subject_id: list(own.slices) for own in subjects}
    else:
        pattern, images = wanted.pattern(), images_by_subject(found, root, known, subjects_csv)
        subjects = tuple(
            choose_images(subject, own, contrast=wanted.contrast, pattern=pattern)
            for subject, own in sorted(images.items())
        )
    owners = {file.path: owner for file in found if (owner := _owner(file, root, known))}
    folders = {path: owner for path, owner in owners.items() if owner in path.relative_to(root).parts[:-1]}
    seg_files = [file for file in (*found, *drawn) if file.kind == "SEG"]
    segs = assign_segs(seg_files, slice_owners(subjects, images), segments, folders)
    places = [Folder(root, found), *([Folder(annotations, drawn)] if annotations and drawn else [])]
    maps = assign_label_maps(places, {image.file for own in subjects for image in own.slices}, known, segments)
    outlines = _together(segs, maps)
    return CohortFiles(
        root=root,
        outlines_root=_outlines_root(segs, root, annotations),
        has_label_maps=bool(maps.files),
        found=tuple(as_label_maps((*found, *drawn), maps)),
        owners={**owners, **{path: name for name, paths in outlines.files.items() for path in paths}},
        subjects=subjects,
        outlines=outlines,
        broken=broken,
    )


def _owner(file: FoundFile, root: Path, subjects: set[str]) -> str:
    """A DICOM file's owner is in it, or its folder; that of a volume or label map may be in its name."""
    return (
        subject_by_name(file.path, root, subjects) if is_label_map_name(file.path) else subject_of(file, root, subjects)
    )


def _together(segs: Assigned, maps: Assigned) -> Assigned:
    files = {name: [*segs.files.get(name, ()), *maps.files.get(name, ())] for name in {*segs.files, *maps.files}}
    return Assigned(files, {**segs.left_out, **maps.left_out})


def broken_files(found: Sequence[FoundFile], *, skip: bool) -> dict[Path, str]:
    """Files that may have been slices and cannot be read -> why. StudyError on the first of them unless ``skip``."""
    broken = {file.path: file.broken for file in found if file.broken}
    if broken and not skip:
        raise StudyError(f"{next(iter(broken.values()))}, or leave broken files out with --skip-broken")
    return {path: f"cannot be read: {error.removeprefix(f'{path}: ')}" for path, error in broken.items()}


def slice_owners(subjects: Iterable[SubjectImages], images: Mapping[str, Sequence[MrImage]]) -> SliceOwners:
    """Whose slices SOP Instance UIDs name. StudyError when one UID is that of two subjects' slices."""
    used: dict[str, str] = {}
    files: dict[str, Path] = {}
    for own in subjects:
        for image in own.slices:
            other = files.setdefault(image.sop_uid, image.file)
            if other != image.file:
                raise StudyError(f"{image.file}: has the SOP Instance UID of {other}; remove one of the two")
            used[image.sop_uid] = own.subject_id
    known = {image.sop_uid: f"{image.number} {image.description}".strip() for own in images.values() for image in own}
    return SliceOwners(used, known)


def _outlines_root(outlines: Assigned, root: Path, annotations: Path | None) -> Path:
    """The folder that holds all outlines in use: the cohort's, the annotations', or the one above both."""
    paths = [path for own in outlines.files.values() for path in own]
    for folder in filter(None, (root, annotations)):
        if all(path.is_relative_to(folder) for path in paths):
            return folder
    return Path(os.path.commonpath([root.resolve(), *(annotations.resolve() for _ in "1" if annotations)]))
