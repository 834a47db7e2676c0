"""The files of a cohort by subject: whose each is, which series is used, which outlines belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sijstudy.cohort.files_by_name import subject_by_name
from sijstudy.cohort.files_by_uid import Assigned, FileOwners, SliceOwners, assign_segs
from sijstudy.cohort.image_kind import mixture_of
from sijstudy.cohort.options import Wanted
from sijstudy.cohort.scan import FoundFile, scan
from sijstudy.cohort.series import MrImage
from sijstudy.cohort.subject_series import SubjectImages, choose_images, images_by_subject, subject_of
from sijstudy.cohort.subject_volumes import Folder, as_label_maps, assign_label_maps, volume_subjects
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.label_maps import is_label_map_name
from sijstudy.images.segment_names import SegmentTable


@dataclass(frozen=True)
class CohortFiles:
    """Everything found under ``root`` and the annotations' folder, and what of it is used.

    owners: file -> subject, where it has one. subjects: the images of each, in the order of their ids. outlines: the
    files with outlines. broken: files left out as they cannot be read -> why.
    hashes: SHA-256 of the files whose content was needed so far.
    """

    root: Path
    found: tuple[FoundFile, ...]
    owners: Mapping[Path, str]
    subjects: tuple[SubjectImages, ...]
    outlines: Assigned
    broken: Mapping[Path, str]
    hashes: Mapping[Path, str]


@dataclass(frozen=True)
class Places:
    """Where a cohort lies. root: folder of the images. subjects_csv: the table of its subjects, named in errors.

    annotations: folder with outlines, None where they lie in ``root``. without: a folder to leave aside.
    """

    root: Path
    subjects_csv: Path
    annotations: Path | None = None
    without: Path | None = None


@dataclass(frozen=True)
class _Chosen:
    """images: what lies under the images' root, and all images of each subject; subjects: the chosen ones."""

    found: Sequence[FoundFile]
    images: Mapping[str, Sequence[MrImage]]
    subjects: tuple[SubjectImages, ...]


def gather(
    places: Places,
    subject_ids: Iterable[str],
    wanted: Wanted,
    segments: SegmentTable,
    *,
    workers: int = 1,
    progress: bool = True,
) -> CohortFiles:
    """Scan the folders of ``places``, sort what is found.

    Raises StudyError naming the file or subject: a broken file, an image that is nobody's, a subject without images,
    a series that cannot be chosen, outlines that belong to nobody.
    """
    root, known, hashes = places.root, set(subject_ids), FileHashes()
    found, drawn = _scanned(places, workers=workers, progress=progress)
    broken = broken_files([*found, *drawn], skip=wanted.skip_broken)
    if wanted.volumes:
        _check_volumes_alone(wanted)
        chosen = _chosen_volumes(Folder(root, found), known, wanted.volumes, segments, hashes)
    else:
        chosen = _chosen_series(found, places, known, wanted, hashes)
    owners = {file.path: owner for file in chosen.found if (owner := _owner(file, root, known))}
    searched = [Folder(root, chosen.found), *([Folder(places.annotations, drawn)] if places.annotations else [])]
    seg_files = [file for file in (*chosen.found, *drawn) if file.kind == "SEG"]
    whose = _seg_owners(searched, known)
    segs = assign_segs(seg_files, slice_owners(chosen.subjects, chosen.images), segments, whose, hashes)
    used = {image.file for own in chosen.subjects for image in own.slices}
    maps = assign_label_maps(searched, used, known, segments)
    outlines = _together(segs, maps)
    return CohortFiles(
        root=root,
        found=tuple(as_label_maps((*chosen.found, *drawn), maps)),
        owners={**owners, **{path: name for name, paths in outlines.files.items() for path in paths}},
        subjects=chosen.subjects,
        outlines=outlines,
        broken=broken,
        hashes=hashes,
    )


def _check_volumes_alone(wanted: Wanted) -> None:
    if wanted.series:
        raise StudyError(
            f"--series '{wanted.series}' names a series of DICOM files, and --volumes '{wanted.volumes}' says that the "
            "images are NIfTI volumes; leave one of the two out"
        )


def _scanned(places: Places, *, workers: int, progress: bool) -> tuple[list[FoundFile], list[FoundFile]]:
    """What lies under the root, and what under the annotations' folder where that is another one."""
    found = scan(places.root, without=places.without, workers=workers, progress=progress)
    folder = places.annotations
    if folder is None or folder.resolve().is_relative_to(places.root.resolve()):
        return found, []
    return found, scan(folder, without=places.without, workers=workers, progress=progress)


def _chosen_volumes(
    folder: Folder, subject_ids: set[str], pattern: str, segments: SegmentTable, hashes: FileHashes
) -> _Chosen:
    found, subjects = volume_subjects(folder, subject_ids, pattern, segments, hashes)
    return _Chosen(found, {own.subject_id: own.slices for own in subjects}, subjects)


def _chosen_series(
    found: Sequence[FoundFile], places: Places, subject_ids: set[str], wanted: Wanted, hashes: FileHashes
) -> _Chosen:
    pattern, images = wanted.pattern(), images_by_subject(found, places.root, subject_ids, places.subjects_csv)
    subjects = tuple(
        choose_images(subject, own, contrast=wanted.contrast, pattern=pattern, hashes=hashes)
        for subject, own in sorted(images.items())
    )
    if wanted.contrast != "any":
        for one in subjects:
            _check_one_kind(one)
    return _Chosen(found, images, subjects)


def _check_one_kind(own: SubjectImages) -> None:
    """StudyError where a series was chosen by one of its images, and others are of another kind.

    Where planes alone differ, whoever puts the slices in order says so, and names the one that is not parallel.
    """
    mixed = mixture_of(replace(own.choice.chosen, images=own.slices))
    if set(mixed.fields) - {"plane"}:
        raise StudyError(
            f"subject {own.subject_id}: series '{own.choice.chosen.text}': its images are not of one kind: "
            f"{mixed.words}; take out those of another kind, export it again with headers alike, name another series "
            "with --series, or take it as it is with --contrast any"
        )


def _owner(file: FoundFile, root: Path, subjects: set[str]) -> str:
    """A DICOM file's owner is in it, or its folder; that of a volume or label map may be in its name."""
    return (
        subject_by_name(file.path, root, subjects) if is_label_map_name(file.path) else subject_of(file, root, subjects)
    )


def _seg_owners(folders: Iterable[Folder], known: set[str]) -> FileOwners:
    patients = {
        file.path: owner
        for folder in folders
        for file in folder.found
        if file.kind == "SEG" and (owner := subject_of(file, folder.root, known))
    }
    parts = {file.path: file.path.relative_to(folder.root).parts[:-1] for folder in folders for file in folder.found}
    within = {path: owner for path, owner in patients.items() if owner in parts[path]}
    return FileOwners(within, patients, frozenset(known))


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
