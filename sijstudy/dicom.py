"""One MR slice from a DICOM file, and the order of slices along a subject.

Nothing here windows an image: the network sees stored values after rescale slope and intercept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from sijstudy.errors import StudyError

Array = np.ndarray[Any, Any]

# Name in tables -> DICOM keyword; units in the name.
ACQUISITION = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "field_strength_t": "MagneticFieldStrength",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "flip_angle_deg": "FlipAngle",
    "bandwidth_hz": "PixelBandwidth",
    "slice_thickness_mm": "SliceThickness",
    "spacing_between_slices_mm": "SpacingBetweenSlices",
    "rows": "Rows",
    "columns": "Columns",
    "sequence": "ScanningSequence",
    "contrast_agent": "ContrastBolusAgent",
}


@dataclass(frozen=True)
class DicomHeader:
    """What the study needs of a slice's header.

    position ``(3,)`` mm: centre of the first pixel, patient coordinates (LPS). orientation ``(6,)``: unit
    vectors along a row and along a column. spacing: (between rows, between columns), mm. shape: (rows, columns).
    frame_of_reference: UID of the coordinate system that position belongs to, "" when the file names none.
    """

    file: Path
    uid: str
    patient_id: str
    series_uid: str
    frame_of_reference: str
    shape: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    acquisition: dict[str, Any]


@dataclass(frozen=True)
class DicomSlice:
    """A slice with its pixels ``(H, W)`` float32 after rescale slope and intercept."""

    header: DicomHeader
    pixels: np.ndarray[Any, np.dtype[np.float32]]


def read_header(path: Path, frame: int | None = None) -> DicomHeader:
    """The header of an MR slice, pixels not read. Raises StudyError naming the file, as ``read_slice``."""
    with reading(path):
        return _header(_dataset(path, pixels=False), path)


def read_slice(path: Path, frame: int | None = None) -> DicomSlice:
    """One MR slice.

    Raises StudyError, naming the file, when it is missing, no DICOM, cut off, no MR image, without position,
    or when its pixels cannot be decoded, are not one plane, not finite, or all the same.
    """
    with reading(path):
        dataset = _dataset(path, pixels=True)
        header = _header(dataset, path)
        return DicomSlice(header, _pixels(dataset, path))


def read_patient_id(path: Path) -> str:
    """The PatientID of a DICOM file of any kind. Raises StudyError naming the file when it has none."""
    with reading(path):
        return str(_required(pydicom.dcmread(path, specific_tags=["PatientID"]), path, "PatientID")).strip()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pydicom raises on a missing, foreign or damaged file into a StudyError naming ``path``.

    Attributes are decoded when they are first looked at, and damaged bytes raise almost any exception then.
    """
    try:
        yield
    except StudyError:
        raise
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; restore it or take its row out of the manifest") from None
    except InvalidDicomError:
        raise StudyError(f"{path}: not a DICOM file; take it out of the folder or export it again") from None
    except Exception as error:
        raise StudyError(f"{path}: cannot be read as DICOM ({_brief(error)}); export it again") from None


def normal_of(orientation: tuple[float, ...]) -> Array:
    """Unit normal ``(3,)`` of a slice plane, pointing to the head.

    The paper orders slices "from the lower to the upper pelvis" [3.1]. ASSUMED: for a plane parallel to the
    head-foot axis, whose normal has no such direction, it points to the back.
    """
    normal = np.cross(orientation[:3], orientation[3:])
    upward = normal[2] if abs(normal[2]) > 1e-3 else normal[1]
    return normal if upward >= 0 else -normal


def slice_order(headers: list[DicomHeader]) -> list[int]:
    """Places of a subject's slices from the lower to the upper pelvis, by position along the normal.

    Raises StudyError when two slices lie in one place, their planes are not parallel, or their positions belong
    to different frames of reference.
    """
    first = headers[0]
    for other in headers[1:]:
        if other.frame_of_reference != first.frame_of_reference:
            raise StudyError(
                f"{other.file}: its positions do not compare with those of {first.file.name} (frame of reference); "
                "keep one series per subject"
            )
        if not np.allclose(other.orientation, first.orientation, atol=1e-3):
            raise StudyError(
                f"{other.file}: its plane is not parallel to that of {first.file.name}; keep one series per subject"
            )
    heights = [float(np.dot(header.position, normal_of(first.orientation))) for header in headers]
    order = sorted(range(len(headers)), key=heights.__getitem__)
    for below, above in itertools.pairwise(order):
        if heights[above] - heights[below] < 1e-3:
            raise StudyError(
                f"{headers[above].file}: lies in the same place as {headers[below].file.name}; keep one of the two"
            )
    return order


def _dataset(path: Path, *, pixels: bool) -> FileDataset:
    if path.is_file() and path.stat().st_size == 0:
        raise StudyError(f"{path}: the file is empty; copy it again")
    return pydicom.dcmread(path, stop_before_pixels=not pixels)


def _header(dataset: FileDataset, path: Path) -> DicomHeader:
    modality = dataset.get("Modality", "none")
    if modality != "MR":
        raise StudyError(f"{path}: modality is {modality}, not MR; take it out of the folder")
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise StudyError(f"{path}: holds several frames (enhanced MR); export single slices")
    return DicomHeader(
        file=path,
        uid=str(_required(dataset, path, "SOPInstanceUID")),
        patient_id=str(dataset.get("PatientID", "")),
        series_uid=str(dataset.get("SeriesInstanceUID", "")),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID", "")),
        shape=(int(_required(dataset, path, "Rows")), int(_required(dataset, path, "Columns"))),
        position=_vector(dataset, path, "ImagePositionPatient", 3),
        orientation=_orientation(dataset, path),
        spacing=_spacing(dataset, path),
        acquisition={name: _plain(dataset.get(keyword)) for name, keyword in ACQUISITION.items()},
    )


def _pixels(dataset: FileDataset, path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise StudyError(f"{path}: holds no pixels (a header only, or cut off); export it again")
    try:
        stored = dataset.pixel_array
    except Exception as error:  # cut off, or compressed in a way that no installed decoder reads
        raise StudyError(f"{path}: pixels cannot be decoded ({_brief(error)}); export it uncompressed") from None
    if stored.ndim != 2:
        raise StudyError(f"{path}: pixels have shape {stored.shape}, not one grey plane; export single slices")
    if dataset.get("PhotometricInterpretation", "MONOCHROME2") != "MONOCHROME2":
        raise StudyError(f"{path}: {dataset.PhotometricInterpretation} pixels; export the image as MONOCHROME2")
    slope, intercept = (
        float(dataset.get(name, usual)) for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    pixels = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if not np.isfinite(pixels).all():
        raise StudyError(f"{path}: pixels are not all finite numbers; export it again")
    if pixels.min() == pixels.max():
        raise StudyError(f"{path}: all pixels have the value {pixels.min():g}; leave this slice out")
    return pixels


def _required(dataset: FileDataset, path: Path, keyword: str) -> Any:
    value = dataset.get(keyword)
    if value is None or value == "":
        raise StudyError(f"{path}: {keyword} is missing; export it from the scanner or archive again")
    return value


def _vector(dataset: FileDataset, path: Path, keyword: str, length: int) -> tuple[float, ...]:
    values = _required(dataset, path, keyword)
    try:
        vector = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        vector = ()
    if len(vector) != length or not all(map(math.isfinite, vector)):
        raise StudyError(f"{path}: {keyword} is {values}, it must be {length} numbers; export it again")
    return vector


def _orientation(dataset: FileDataset, path: Path) -> tuple[float, ...]:
    vector = _vector(dataset, path, "ImageOrientationPatient", 6)
    pair = np.reshape(vector, (2, 3))
    if not np.allclose(pair @ pair.T, np.eye(2), atol=1e-2):
        raise StudyError(
            f"{path}: ImageOrientationPatient {vector} is no pair of unit vectors at right angles; mend it"
        )
    return vector


def _spacing(dataset: FileDataset, path: Path) -> tuple[float, ...]:
    spacing = _vector(dataset, path, "PixelSpacing", 2)
    if min(spacing) <= 0:
        raise StudyError(f"{path}: PixelSpacing {spacing} is not positive; export it again")
    return spacing


def _plain(value: Any) -> Any:
    """A header value as number or text, for tables."""
    if value is None or value == "":
        return None
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(str(part) for part in value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return int(number) if number.is_integer() else number


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
