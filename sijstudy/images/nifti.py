"""A NIfTI MR volume as slices: planes upright as a scanner stores them, with the geometry of a DICOM header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from pydicom.uid import generate_uid

from sijstudy.errors import StudyError
from sijstudy.files import file_hash
from sijstudy.images.dicom import ACQUISITION, DicomHeader, DicomSlice, slice_uid
from sijstudy.images.dicom_file import brief, quiet
from sijstudy.images.upright import Plane, Turn, turn_of

Array = np.ndarray[Any, Any]
SUFFIXES = (".nii", ".nii.gz")
UID_LENGTH = 58  # of a UID's 64, so that a plane's number can follow
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# ASSUMED: slices lie at least this much further apart than pixels; a volume with nearly equal voxels is refused
SLICE_SPACING_RATIO = 1.2
PIXEL_SPACING_RATIO = 1.05  # pixels count as square up to here


@dataclass(frozen=True)
class PlaneAxes:
    """How the planes of a volume lie in its array. slices: the array axis they follow each other along.

    turn: sets a plane upright, whose rows are the first of the other two axes and whose columns are the second.
    """

    slices: int
    turn: Turn

    @property
    def within(self) -> tuple[int, int]:
        """The array axes of a plane as stored: that of its rows, that of its columns."""
        first, second = (axis for axis in range(3) if axis != self.slices)
        return first, second

    def upright(self, volume: Array, place: int) -> Array:
        """Plane ``place`` (from 0) of ``volume`` as ``(rows, columns)``."""
        return self.turn.pixels(volume[(slice(None),) * self.slices + (place,)])


def is_volume(path: Path) -> bool:
    """True when the file's name is a NIfTI file's."""
    return path.name.lower().endswith(SUFFIXES)


def read_volume_headers(path: Path, sha256: str = "") -> list[DicomHeader]:
    """The headers of a volume's planes, in the order of the slice axis of its array; pixels are not read.

    UIDs are made of the file's SHA-256 and the plane's number, so that they stay the same wherever the file lies.
    sha256: where it is known already. Raises StudyError naming the file as ``read_volume_slice``.
    """
    with reading_volume(path):
        return _headers(_opened(path), path, sha256)


def open_volume(path: Path, sha256: str = "") -> Callable[[int], DicomSlice]:
    """What gives ``read_volume_slice`` of each plane of a volume that is decoded once, and kept as long as this is.

    Both raise as ``read_volume_slice`` does; a file that is cut off has no plane. sha256: where it is known already.
    """
    with reading_volume(path):
        image = _opened(path)
        headers = _headers(image, path, sha256)
        axes = plane_axes(lps_affine(image, path), image.shape[:3], path)
        volume = np.asarray(image.dataobj).reshape(image.shape[:3])

    def slice_of(frame: int) -> DicomSlice:
        header = _numbered(headers, frame, path)
        return DicomSlice(header, _checked(axes.upright(volume, frame - 1), path, frame))

    return slice_of


def read_volume_header(path: Path, frame: int) -> DicomHeader:
    """The header of plane ``frame``, counted from 1. Raises StudyError naming the file."""
    return _numbered(read_volume_headers(path), frame, path)


def read_volume_slice(path: Path, frame: int) -> DicomSlice:
    """Plane ``frame``, counted from 1, its pixels ``(H, W)`` float32 after slope and intercept.

    Columns run to the subject's left, so that the right side is on the left of the image, and rows downwards.
    Raises StudyError, naming the file, when it is missing, no NIfTI, cut off, not one grey volume of at least one
    plane, without orientation, when its slice axis is ambiguous, or when the plane is not finite or all the same.
    """
    return DicomSlice(read_volume_header(path, frame), read_volume_pixels(path, frame))


def read_volume_pixels(path: Path, frame: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The pixels of ``read_volume_slice`` alone. Raises StudyError as it does."""
    with reading_volume(path):
        image = _opened(path)
        axes = plane_axes(lps_affine(image, path), image.shape[:3], path)
        planes = image.shape[axes.slices]
        if not 1 <= frame <= planes:
            raise StudyError(f"{path}: has {planes} planes, not a plane {frame}; build the manifest again")
        place: list[Any] = [slice(None)] * 3 + [0] * (image.ndim - 3)
        place[axes.slices] = slice(frame - 1, frame)
        plane = np.asarray(image.dataobj[tuple(place)])
    return _checked(axes.upright(plane, 0), path, frame)


def _checked(plane: Array, path: Path, frame: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    pixels = np.ascontiguousarray(plane, dtype=np.float32)
    if not np.isfinite(pixels).all():
        raise StudyError(f"{path}: plane {frame} is not all finite numbers; mend it or leave the volume out")
    if pixels.min() == pixels.max():
        raise StudyError(f"{path}: all pixels of plane {frame} have the value {pixels.min():g}; cut the plane off")
    return pixels


@contextmanager
def reading_volume(path: Path) -> Iterator[None]:
    """Turn what nibabel raises on a missing, foreign or damaged file into a StudyError naming ``path``."""
    try:
        with quiet("nibabel"):
            yield
    except StudyError:
        raise
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; restore it or take its rows out of the manifest") from None
    except Exception as error:  # nibabel, gzip and zlib have one each
        raise StudyError(f"{path}: cannot be read as NIfTI ({brief(error)}); copy or export it again") from None


def lps_affine(image: Any, path: Path) -> Array:
    """Array index -> patient coordinates (LPS, as in DICOM), mm: ``(4, 4)``.

    StudyError when the file states none, or two of which one must be wrong.
    """
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        raise StudyError(f"{path}: states no orientation (sform and qform codes are 0); export it with orientation")
    affine: Array = RAS_TO_LPS @ image.affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise StudyError(f"{path}: its affine is not invertible; export it again")
    _check_one_orientation(image, path)
    return affine


def _check_one_orientation(image: Any, path: Path) -> None:
    """StudyError when sform and qform, both valid, place a voxel more than a pixel apart. One not readable is none."""
    try:
        (sform, sform_code), (qform, qform_code) = image.get_sform(coded=True), image.get_qform(coded=True)
    except (ValueError, HeaderDataError):  # quaternions of no rotation
        return
    if sform is None or qform is None or not np.isfinite(qform).all() or abs(np.linalg.det(qform[:3, :3])) < 1e-9:
        return
    if not _at_right_angles(sform):  # which no qform can say, and is wrong in itself
        return
    corners = np.array(list(product(*((0, size - 1) for size in image.shape[:3]))), float)
    aside = np.linalg.norm(nib.affines.apply_affine(sform - qform, corners), axis=1).max()
    pixel = np.linalg.norm(sform[:3, :3], axis=0).min()
    if aside > pixel:
        raise StudyError(
            f"{path}: its sform (code {sform_code}) and its qform (code {qform_code}) place voxels up to "
            f"{aside:.3g} mm apart, more than a pixel of {pixel:.3g} mm; set the code of the wrong one to 0, or "
            "convert it again"
        )


def _at_right_angles(affine: Array) -> bool:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(directions.T @ directions, np.eye(3), atol=1e-2))


def plane_axes(affine: Array, shape: tuple[int, ...], path: Path) -> PlaneAxes:
    """Which array axis the slices follow each other along, from an LPS affine, and how planes are turned upright.

    ASSUMED: slices lie along the axis with the largest voxels.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not _at_right_angles(affine):
        raise StudyError(f"{path}: its axes are not at right angles; export the volume as it was acquired")
    first, second, slices = (int(axis) for axis in np.argsort(spacing, kind="stable"))
    if (
        spacing[slices] < SLICE_SPACING_RATIO * spacing[second]
        or spacing[second] > PIXEL_SPACING_RATIO * spacing[first]
    ):
        sizes = " x ".join(f"{value:.3g}" for value in spacing)
        raise StudyError(
            f"{path}: voxels of {sizes} mm do not tell slices from pixels; give the volume as it was acquired, with "
            "square pixels and thicker slices"
        )
    try:
        turn = turn_of(_stored_plane(affine, shape, PlaneAxes(slices, Turn()), 0).orientation)
    except ValueError:
        raise StudyError(
            f"{path}: its planes are sagittal, {shape[slices]} of them; give the oblique coronal series"
        ) from None
    return PlaneAxes(slices, turn)


def _stored_plane(affine: Array, shape: tuple[int, ...], axes: PlaneAxes, place: int) -> Plane:
    """Where the plane at ``place``, counted from 0, lies as it is stored."""
    rows, columns = axes.within
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    across, down = (affine[:3, axis] / spacing[axis] for axis in (columns, rows))
    corner = np.array([0.0, 0.0, 0.0, 1.0])
    corner[axes.slices] = place
    return Plane(
        shape=(shape[rows], shape[columns]),
        position=tuple((affine @ corner)[:3].tolist()),
        orientation=(*across.tolist(), *down.tolist()),
        spacing=(float(spacing[rows]), float(spacing[columns])),
    )


def _opened(path: Path) -> Any:
    image: Any = nib.load(path)
    if not isinstance(image, nib.Nifti1Pair):  # NIfTI-2 is one, too
        raise StudyError(f"{path}: is a {type(image).__name__}, not a NIfTI volume; export it as .nii.gz")
    kind = image.get_data_dtype()
    if kind.fields is not None or kind.kind == "c":
        raise StudyError(f"{path}: has colour or complex pixels; give the magnitude image in grey values")
    if len(image.shape) < 3 or any(size > 1 for size in image.shape[3:]):
        raise StudyError(f"{path}: has shape {image.shape}, not that of one volume; give one volume in a file")
    if 0 in image.shape:
        raise StudyError(f"{path}: has shape {image.shape}, so no slice; export it again")
    return image


def _headers(image: Any, path: Path, sha256: str) -> list[DicomHeader]:
    affine, shape = lps_affine(image, path), image.shape[:3]
    axes = plane_axes(affine, shape, path)
    sha256 = sha256 or file_hash(path)
    return [_header(path, sha256, affine, shape, axes, place) for place in range(shape[axes.slices])]


def _numbered(headers: list[DicomHeader], frame: int, path: Path) -> DicomHeader:
    if not 1 <= frame <= len(headers):
        raise StudyError(f"{path}: has {len(headers)} planes, not a plane {frame}; build the manifest again")
    return headers[frame - 1]


def _header(path: Path, sha256: str, affine: Array, shape: tuple[int, ...], axes: PlaneAxes, place: int) -> DicomHeader:
    """Header of the plane at ``place``, counted from 0. NIfTI states no slice thickness, only the slices' distance."""
    plane = axes.turn.plane(_stored_plane(affine, shape, axes, place))
    distance = float(np.linalg.norm(affine[:3, axes.slices]))
    series_uid = str(generate_uid(entropy_srcs=[sha256]))[:UID_LENGTH]
    known = {
        "spacing_between_slices_mm": round(distance, 4),
        "rows": plane.shape[0],
        "columns": plane.shape[1],
    }
    return DicomHeader(
        file=path,
        uid=slice_uid(series_uid, place + 1),
        patient_id="",
        series_uid=series_uid,
        frame_of_reference="",
        shape=plane.shape,
        position=plane.position,
        orientation=plane.orientation,
        spacing=plane.spacing,
        acquisition={name: known.get(name) for name in ACQUISITION},
        frame=place + 1,
    )
