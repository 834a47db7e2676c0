"""Which slice a frame of a DICOM SEG was drawn on, and where it lies: by what it names, else by its position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.images.grids import TOLERANCE
from sijstudy.images.upright import Plane

Array = np.ndarray[Any, Any]
EXPORT = ("export images and outlines in one pass", "add the slice")


class ElsewhereError(Exception):
    """A frame lies on none of the slices. ways: what may be done about it, two at least.

    far: surely on none, so that it may be left out; another may outline a slice that would then pass for empty.
    """

    def __init__(self, reason: str, ways: tuple[str, ...] = EXPORT, *, far: bool = False) -> None:
        super().__init__(reason)
        self.ways, self.far = ways, far


@dataclass(frozen=True)
class Slices:
    """A subject's slices. unused: SOP Instance UIDs of its images that were found and are no slices."""

    headers: Sequence[DicomHeader]
    unused: frozenset[str] = frozenset()

    @cached_property
    def of_image(self) -> Mapping[str, list[DicomHeader]]:
        """SOP Instance UID -> its slice, or the slices among its frames."""
        found: dict[str, list[DicomHeader]] = {}
        for header in self.headers:
            found.setdefault(header.sop_uid, []).append(header)
        return found


@dataclass(frozen=True)
class Frame:
    """One frame. number: from 1. pixels ``(H, W)`` as stored."""

    values: Attributes
    number: int
    pixels: Array

    @property
    def name(self) -> str:
        """How messages call it, its file first."""
        return f"{self.values.path}: frame {self.number}"


def place(frame: Frame, slices: Slices) -> tuple[DicomHeader, Plane]:
    """The slice that a frame was drawn on, and where the frame lies, moved into the slice's plane.

    It belongs to the slice that it names; where it names several, or none of the images found, to the one in whose
    plane it lies. What it does not state of its position, direction or spacing is as in the stored slice, which then
    must have its size. ElsewhereError when it lies on no slice or names an image that is not used; StudyError when
    it contradicts the slice that it names.
    """
    named, given = _named(frame.values, slices), _stated(frame.values)
    header = named[0] if len(named) == 1 else _in_plane(frame.values, given, named, slices)
    stored = header.stored_plane
    if "position" not in given and frame.pixels.shape != stored.shape:
        rows, columns = frame.pixels.shape
        raise StudyError(
            f"{frame.name} has {rows} x {columns} pixels and no position, {header.file.name} has {stored.shape[0]} x "
            f"{stored.shape[1]}; draw on the original slices"
        )
    plane = replace(stored, shape=frame.pixels.shape, **given)
    distance = _distance(plane, header)
    nearer = [other for other in slices.headers if abs(_distance(plane, other)) < abs(distance) - TOLERANCE]
    if abs(distance) > min(header.spacing) or nearer:
        where = f" and {nearer[0].file.name} is nearer" if nearer else ""
        raise StudyError(
            f"{frame.name} names {header.file.name} and lies {abs(distance):.3g} mm from it{where}; draw on the "
            "original slices and export again"
        )
    position = np.array(plane.position) - distance * _normal(header)
    return header, replace(plane, position=tuple(position.tolist()))


def _named(values: Attributes, slices: Slices) -> list[DicomHeader]:
    """The slices that a frame names: images by UID, with frame numbers or as a whole.

    The first frame of a single-frame image is that image. ElsewhereError when it names images found here, or frames
    of them, and none that is used: their pixels are others, even where they lie in the same place.
    """
    found: list[DicomHeader] = []
    unused = ""
    for uid, frames in _sources(values):
        own = slices.of_image.get(uid, [])
        found += [one for one in own if (not frames or (one.frame or 1) in frames) and one not in found]
        if uid in slices.unused or (own and own[0].frame is not None):
            unused = f"{uid}, frame {min(frames)}" if own and frames else uid
    if unused and not found:
        raise ElsewhereError(
            f"it names image {unused}, which is not used", ("choose its series", "draw on the one used")
        )
    return found


def _sources(values: Attributes) -> Iterator[tuple[str, set[int]]]:
    """SOP Instance UID and frame numbers, empty for the whole image, of each source that a frame names."""
    for derivation in values.sequence("DerivationImageSequence"):
        for source in derivation.get("SourceImageSequence") or ():
            numbers = source.get("ReferencedFrameNumber") or ()
            listed = [numbers] if isinstance(numbers, (int, str)) else numbers
            yield str(source.get("ReferencedSOPInstanceUID")), {int(number) for number in listed}


def _in_plane(values: Attributes, given: dict[str, Any], named: list[DicomHeader], slices: Slices) -> DicomHeader:
    """The slice in whose plane a frame lies that names several, or none. given: what it states of where it lies."""
    among = named or slices.headers
    other = next((uid for uid, _ in _sources(values)), "")
    what = f"it names {len(among)} slices" if named else f"it names image {other}" if other else "it names no slice"
    if not {"position", "orientation"} <= given.keys():
        raise ElsewhereError(f"{what} and states no position", far=bool(other) and not named)
    reference = str(values.dataset.get("FrameOfReferenceUID") or "")
    if not named and all(reference and one.frame_of_reference not in ("", reference) for one in among):
        raise ElsewhereError(f"{what}, and its position is of another frame of reference")
    distances = [abs(_distance(replace(one.stored_plane, **given), one)) for one in among]
    nearest = among[int(np.argmin(distances))]
    if min(distances) > TOLERANCE * min(nearest.spacing):
        far = min(distances) > _gap(slices.headers) / 2
        raise ElsewhereError(f"{what}, and lies {min(distances):.3g} mm from {nearest.file.name}, the nearest", far=far)
    return nearest


def _gap(headers: Sequence[DicomHeader]) -> float:
    """Distance of neighbouring slices, mm; of a single slice its thickness, or a pixel."""
    heights = sorted(float(np.dot(one.position, _normal(headers[0]))) for one in headers)
    if len(heights) > 1:
        return float(np.diff(heights).min())
    thickness = headers[0].acquisition.get("slice_thickness_mm")
    return float(thickness) if isinstance(thickness, (int, float)) else min(headers[0].spacing)


def _stated(values: Attributes) -> dict[str, Any]:
    """What a frame states of where it lies, by the names of ``Plane``."""
    keywords = {
        "position": ("ImagePositionPatient", 3),
        "orientation": ("ImageOrientationPatient", 6),
        "spacing": ("PixelSpacing", 2),
    }
    return {
        name: values.vector(keyword, length)
        for name, (keyword, length) in keywords.items()
        if values.get(keyword) not in (None, "")
    }


def _normal(header: DicomHeader) -> Array:
    return _cross(tuple(header.orientation))


@lru_cache(maxsize=256)
def _cross(orientation: tuple[float, ...]) -> Array:
    """Asked for by every frame of every slice, and the same for all slices of a series."""
    normal = np.cross(orientation[:3], orientation[3:])
    normal.flags.writeable = False
    return normal


def _distance(plane: Plane, header: DicomHeader) -> float:
    """How far, mm, the first pixel of ``plane`` lies from the slice's plane, along its normal."""
    return float(np.dot(np.array(plane.position) - np.array(header.position), _normal(header)))
