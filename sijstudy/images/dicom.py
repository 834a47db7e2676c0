"""One MR slice from a DICOM file, single-frame or multi-frame.

Nothing here windows an image: the network sees stored values after rescale slope and intercept. An image that is
stored mirrored or upside down is turned upright (``upright.turn_of``), its pixels and its header alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import Attributes, attributes_of, plain
from sijstudy.images.dicom_file import open_file, reading
from sijstudy.images.dicom_pixels import Pixels, pixels_of
from sijstudy.images.upright import Plane, Turn, turn_of

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
    "photometric_interpretation": "PhotometricInterpretation",
    "window_center": "WindowCenter",
    "window_width": "WindowWidth",
}


@dataclass(frozen=True)
class DicomHeader:
    """What the study needs of a slice's header.

    frame: the slice's place in a multi-frame file, from 1, else None. uid: SOP Instance UID, with ".frame" appended
    when there is one.
    position ``(3,)`` mm: centre of the first pixel, patient coordinates (LPS). orientation ``(6,)``: unit
    vectors along a row and along a column. spacing: (between rows, between columns), mm. shape: (rows, columns).
    frame_of_reference: UID of the coordinate system that position belongs to, "" when the file names none.
    turn: how the image in a DICOM file was turned upright; all else here is said of the upright image.
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
    frame: int | None = None
    turn: Turn = Turn()  # noqa: RUF009  (frozen)

    @property
    def sop_uid(self) -> str:
        """The SOP Instance UID of the file: ``uid`` without the frame's number."""
        return self.uid if self.frame is None else self.uid.rpartition(".")[0]

    @property
    def plane(self) -> Plane:
        """Where the upright image lies."""
        return Plane(self.shape, self.position, self.orientation, self.spacing)

    @property
    def stored_plane(self) -> Plane:
        """Where the image lies as the file stores it."""
        return self.turn.back.plane(self.plane)


@dataclass(frozen=True)
class DicomSlice:
    """A slice with its pixels ``(H, W)`` float32 after rescale slope and intercept, upright; NaN is padding."""

    header: DicomHeader
    pixels: np.ndarray[Any, np.dtype[np.float32]]


def read_header(path: Path, frame: int | None = None) -> DicomHeader:
    """The header of an MR slice, pixels not read. Raises StudyError naming the file, as ``read_slice``."""
    with reading(path):
        return _header(attributes_of(open_file(path, pixels=False), path, frame))


def read_slice(path: Path, frame: int | None = None) -> DicomSlice:
    """One MR slice; ``frame`` counts from 1 in a multi-frame file.

    Raises StudyError, naming the file, when it is missing, no DICOM, cut off, no MR image, without position or frame,
    or when its pixels cannot be decoded, are not one plane, not finite, or all the same.
    """
    return open_slices(path)(frame)


def open_slices(path: Path) -> Callable[[int | None], DicomSlice]:
    """What gives ``read_slice`` of each frame of a file that is opened once. Both raise as ``read_slice`` does."""
    with reading(path):
        dataset = open_file(path, pixels=True)

    def slice_of(frame: int | None) -> DicomSlice:
        with reading(path):
            values = attributes_of(dataset, path, frame)
            header = _header(values)
            return DicomSlice(header, _turned(values, header.turn))

    return slice_of


def read_pixels(path: Path, frame: int | None = None) -> Pixels:
    """The pixels of ``read_slice`` alone, for a file whose header was looked at before: that takes half the time.

    Raises StudyError as ``read_slice``, but says nothing on position or spacing.
    """
    with reading(path):
        values = attributes_of(open_file(path, pixels=True), path, frame)
        _require_mr(values)
        return _turned(values, _turn(values))


def slice_uid(uid: str, frame: int | None) -> str:
    """The key of a slice: the SOP Instance UID of its file, with the frame's number appended where there is one."""
    return uid if frame is None else f"{uid}.{frame}"


def _header(values: Attributes) -> DicomHeader:
    _require_mr(values)
    turn = _turn(values)
    plane = turn.plane(
        Plane(
            shape=(int(values.required("Rows")), int(values.required("Columns"))),
            position=values.vector("ImagePositionPatient", 3),
            orientation=_orientation(values),
            spacing=_spacing(values),
        )
    )
    return DicomHeader(
        file=values.path,
        uid=slice_uid(str(values.required("SOPInstanceUID")), values.frame),
        patient_id=str(values.get("PatientID") or ""),
        series_uid=str(values.get("SeriesInstanceUID") or ""),
        frame_of_reference=str(values.get("FrameOfReferenceUID") or ""),
        shape=plane.shape,
        position=plane.position,
        orientation=plane.orientation,
        spacing=plane.spacing,
        acquisition={name: plain(values.get(keyword)) for name, keyword in ACQUISITION.items()},
        frame=values.frame,
        turn=turn,
    )


def _turn(values: Attributes) -> Turn:
    try:
        return turn_of(_orientation(values))
    except ValueError:
        raise StudyError(f"{values.path}: its plane is sagittal; give the oblique coronal series") from None


def _turned(values: Attributes, turn: Turn) -> Pixels:
    return np.ascontiguousarray(turn.pixels(pixels_of(values)))


def _require_mr(values: Attributes) -> None:
    modality = values.get("Modality") or "none"
    if modality != "MR":
        raise StudyError(f"{values.path}: modality is {modality}, not MR; take it out of the folder")


def _orientation(values: Attributes) -> tuple[float, ...]:
    vector = values.vector("ImageOrientationPatient", 6)
    pair = np.reshape(vector, (2, 3))
    if not np.allclose(pair @ pair.T, np.eye(2), atol=1e-2):
        raise StudyError(
            f"{values.path}: ImageOrientationPatient {vector} is no pair of unit vectors at right angles; mend it"
        )
    return vector


def _spacing(values: Attributes) -> tuple[float, ...]:
    spacing = values.vector("PixelSpacing", 2)
    if min(spacing) <= 0:
        raise StudyError(f"{values.path}: PixelSpacing {spacing} is not positive; export it again")
    return spacing
