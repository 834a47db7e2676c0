"""What lies under a folder: every file with its kind, MR images with what their headers say."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from joblib import Parallel, delayed
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import (
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    MRSpectroscopyStorage,
    SecondaryCaptureImageStorage,
)
from tqdm import tqdm

from sijstudy.cohort.image_header import IMAGE_TAGS, mr_image
from sijstudy.cohort.series import MrImage
from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import FRAME_TAGS, Attributes, frames_of
from sijstudy.images.dicom_file import open_file, quiet, reading
from sijstudy.images.label_maps import is_label_map_name
from sijstudy.images.nifti import is_volume
from sijstudy.images.seg import described_segments, is_result
from sijstudy.images.segment_names import Described

MR_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
MR_IMAGE = "an MR image"
TABLES = (".csv", ".tsv", ".xlsx", ".xls")
IMAGE_SUFFIXES = ("", ".dcm", ".ima", ".dicom")  # an empty file of such a name was an image once
BATCH = 64  # files that a process reads in one go
PREAMBLE = 128  # bytes before the mark
ELEMENT = 12  # bytes of an element before its value, at most
HEADER_BYTES = 1 << 20  # what is read of a file that no reader knows how to read
FIRST_TYPES = (b"CS", b"DA", b"LO", b"OB", b"SH", b"SQ", b"TM", b"UI", b"UL")  # of a file's first element
FEW = 500  # files below which starting processes takes longer than reading
TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "Modality", "PatientID", "Rows", "ImagePositionPatient"),
    *("SegmentSequence", "ReferencedSeriesSequence", "ManufacturerModelName"),
    *IMAGE_TAGS,
    *FRAME_TAGS,
)


@dataclass(frozen=True)
class FoundFile:
    """A file. kind: MR image, MR multi-frame, NIfTI volume, SEG, label map, table, DICOMDIR, other DICOM, not DICOM.

    patient_id: as the file says, "" when it does not. images: of an MR file. segments, sources: of a SEG, its segments
    and the SOP Instance UIDs it refers to. note: why it is no slice. broken: the error that reading it gave,
    where it may have been a slice.
    """

    path: Path
    kind: str
    patient_id: str = ""
    images: tuple[MrImage, ...] = ()
    segments: tuple[Described, ...] = ()
    sources: frozenset[str] = frozenset()
    note: str = ""
    broken: str = ""


def scan(folder: Path, *, without: Path | None = None, workers: int = 1, progress: bool = True) -> list[FoundFile]:
    """Look at every file under ``folder``, in the order of their paths; headers only. ``without`` is left aside.

    StudyError when ``folder`` is none, or a link leads out of it.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; give the folder that holds the DICOM files")
    paths = sorted(_files(folder, without))
    batches = [paths[at : at + BATCH] for at in range(0, len(paths), BATCH)]
    jobs = (delayed(_look)(batch, folder) for batch in batches)
    found: list[FoundFile] = []
    with tqdm(total=len(paths), desc=f"scanning {folder.name}", unit="file", disable=not progress) as bar:
        for part in Parallel(n_jobs=workers if len(paths) > FEW else 1, return_as="generator")(jobs):
            found += part
            bar.update(len(part))
    return found


def _files(folder: Path, without: Path | None) -> Iterator[Path]:
    root, aside = folder.resolve(), without.resolve() if without else None
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(place, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise StudyError(
                    f"{path}: leads out of the cohort's folder {folder}; put the file itself there, not a link"
                )
        names[:] = [name for name in names if Path(place, name).resolve() != aside]
        yield from (Path(place, name) for name in files if Path(place, name).is_file())


def _look(paths: list[Path], folder: Path) -> list[FoundFile]:
    with quiet("pydicom"):
        return [look_at(path, folder) for path in paths]


def look_at(path: Path, folder: Path) -> FoundFile:
    """What a file under ``folder`` is, by its content; tables, volumes and label maps by their names."""
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return FoundFile(path, "not DICOM", note="a hidden file")
    if is_label_map_name(path):
        return FoundFile(path, "NIfTI volume" if is_volume(path) else "label map")
    if path.suffix.lower() in TABLES:
        return FoundFile(path, "table", note="a table that no option names")
    try:
        with path.open("rb") as stream:
            head = stream.read(PREAMBLE + 4 + ELEMENT)
    except OSError as error:
        return FoundFile(path, "not DICOM", broken=f"{path}: cannot be read ({error.strerror}); check its permissions")
    if head[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return _dicom(path)
    return _unmarked(path, head)


def _unmarked(path: Path, head: bytes) -> FoundFile:
    """A file without the DICM mark: none of ours, unless it was or is an MR image all the same."""
    if not head:
        lost = path.suffix.lower() in IMAGE_SUFFIXES or path.suffix[1:].isdigit()
        broken = f"{path}: the file is empty; copy it again" if lost else ""
        return FoundFile(path, "not DICOM", note="an empty file", broken=broken)
    for start in (0, len(b"DICM"), PREAMBLE):  # bare, a mark without what goes before it, or that without the mark
        marked = start != len(b"DICM") or head.startswith(b"DICM")
        if marked and _begins_as_dicom(head[start:]) and (what := _may_be_ours(path, start, head[start:])):
            broken = f"{path}: {what} without the DICM mark of DICOM files; export it again"
            return FoundFile(path, "MR image", broken=broken)
    return FoundFile(path, "not DICOM", note="not a DICOM file")


def _begins_as_dicom(head: bytes) -> bool:
    """True for an element of group 2 or 8, in either order of bytes: with them DICOM files begin after the mark."""
    return head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def _may_be_ours(path: Path, start: int, head: bytes) -> str:
    """What a file without the mark is or was as far as its elements can be read, "" when it is none of ours.

    start: where its first element ``head`` begins.
    """
    explicit = len(head) >= ELEMENT and head[4:6] in FIRST_TYPES
    swapped = head[0] == 0 and not explicit  # implicit and big endian: not in the standard, and yet written
    tags = ["Modality", "Rows", "SOPClassUID"]
    try:
        if swapped:
            content = _content(path, start, HEADER_BYTES)
            dataset = read_dataset(content, True, False, stop_when=_at_pixels, specific_tags=list(map(Tag, tags)))
        else:
            whole = _content(path, start) if start else path  # a path is read up to the pixels only
            dataset = pydicom.dcmread(whole, force=True, stop_before_pixels=True, specific_tags=list(tags))
        modality, stored = str(dataset.get("Modality") or ""), str(dataset.get("SOPClassUID") or "")
    except Exception:  # damaged, or no DICOM after all
        return MR_IMAGE if explicit else ""
    if modality == "SEG":
        return "a segmentation"
    if stored in MR_CLASSES or (modality == "MR" and dataset.get("Rows")):
        return MR_IMAGE
    may_go_on = any(name.startswith(stored) for name in MR_CLASSES)
    return MR_IMAGE if explicit and not modality and may_go_on else ""  # cut off before it says what it holds


def _content(path: Path, start: int, length: int = -1) -> io.BytesIO:
    with path.open("rb") as stream:
        stream.seek(start)
        return io.BytesIO(stream.read(length))


def _at_pixels(tag: Any, vr: Any, length: int) -> bool:
    return bool(tag >= 0x7FE00000)


def _dicom(path: Path) -> FoundFile:
    try:
        with reading(path):
            return _described(open_file(path, pixels=False, tags=TAGS), path)
    except StudyError as error:
        stored = _class_in_meta(path)
        if stored and stored not in MR_CLASSES:
            return FoundFile(path, "other DICOM", note="damaged, and no MR image")
        return FoundFile(path, "MR image", broken=str(error))


def _class_in_meta(path: Path) -> str:
    try:
        return str(pydicom.filereader.read_file_meta_info(path).get("MediaStorageSOPClassUID", ""))
    except Exception:  # cut off in its first bytes
        return ""


def _described(dataset: Any, path: Path) -> FoundFile:
    stored = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    modality, patient = str(dataset.get("Modality") or ""), str(dataset.get("PatientID") or "").strip()
    if stored == MediaStorageDirectoryStorage or path.name == "DICOMDIR":
        return FoundFile(path, "DICOMDIR", note="a list of files, no image")
    if is_result(dataset):
        return FoundFile(path, "other DICOM", patient, note="a result of sijstudy diagnose")
    if modality == "SEG":
        segments = tuple(described_segments(dataset))
        return FoundFile(path, "SEG", patient, segments=segments, sources=_sources(dataset))
    if modality != "MR" and stored not in MR_CLASSES:
        return _foreign(dataset, path, stored, modality, patient)
    if stored == SecondaryCaptureImageStorage and not dataset.get("ImagePositionPatient"):
        return FoundFile(path, "other DICOM", patient, note="a screenshot (secondary capture)")
    if not dataset.get("Rows"):
        if stored in (*MR_CLASSES, ""):
            broken = f"{path}: its header is cut off (Rows is missing); copy it or export it again"
            return FoundFile(path, "MR image", patient, broken=broken)
        return FoundFile(path, "other DICOM", patient, note="MR data without an image")
    if stored == MRSpectroscopyStorage:
        return FoundFile(path, "other DICOM", patient, note="MR spectroscopy")
    frames = frames_of(dataset)
    kind = "MR image" if frames == [None] else "MR multi-frame"
    return FoundFile(path, kind, patient, images=tuple(mr_image(Attributes(dataset, path, frame)) for frame in frames))


def _foreign(dataset: Any, path: Path, stored: str, modality: str, patient: str) -> FoundFile:
    if not stored and not modality and len(dataset) == 0:
        broken = f"{path}: its header is cut off before it says what it holds; copy it or export it again"
        return FoundFile(path, "other DICOM", broken=broken)
    return FoundFile(path, "other DICOM", patient, note=f"modality {modality or 'not stated'}, not MR")


def _sources(dataset: Dataset) -> frozenset[str]:
    """SOP Instance UIDs that a SEG refers to, as a whole or in its frames."""
    listed = {
        str(instance.get("ReferencedSOPInstanceUID", ""))
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    }
    drawn = {
        str(source.get("ReferencedSOPInstanceUID", ""))
        for frame in dataset.get("PerFrameFunctionalGroupsSequence") or ()
        for derivation in frame.get("DerivationImageSequence") or ()
        for source in derivation.get("SourceImageSequence") or ()
    }
    return frozenset((listed | drawn) - {""})
