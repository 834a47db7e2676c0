"""DICOM SEG (PS3.3 A.51): each frame laid onto the slice it was drawn on, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.images.dicom_file import reading
from sijstudy.images.grids import TOLERANCE, grid_of_plane, on_slice
from sijstudy.images.label_maps import Mask, Outline
from sijstudy.images.segment_names import SEGMENTS, Described, Meaning, SegmentTable
from sijstudy.images.upright import Plane

Array = np.ndarray[Any, Any]
GIVES_BOX = ("left ilium", "right ilium", "bone")


@dataclass(frozen=True)
class SegOutlines:
    """What a SEG outlines. elsewhere: frames left out, as they lie on no slice of the subject -> why."""

    outlines: tuple[Outline, ...]
    elsewhere: Mapping[int, str]


class _ElsewhereError(Exception):
    """A frame lies on none of the slices."""


# Tests hold these masks against highdicom's (0.28), which does not read in their place: its segread refuses files that
# lack what no mask needs (property type or algorithm of a segment, frame content, plane positions), with a KeyError or
# AttributeError; its get_pixels_by_source_instance and _frame refuse two frames of one slice and segment, and sources
# without SpatialLocationsPreserved, and pass over a frame that names no source, which would turn a slice negative.
def read_seg(
    path: Path, headers: Sequence[DicomHeader], table: SegmentTable, *, skip_elsewhere: bool = False
) -> SegOutlines:
    """The outlines in a SEG on a subject's slices; binary, fractional (half of the maximum is inside) or label map.

    A frame belongs to the slice that it cites; where it cites none of ``headers``, or several, to the one in whose
    plane it lies. It is turned as the slice is (``grids.on_slice``). A slice that the file lists as a source counts
    as read. skip_elsewhere: leave out frames that lie on no slice.

    Raises StudyError when the file is missing, cannot be read, is no SEG, has a segment that ``table`` does not know
    (a misspelt "edema" would otherwise turn slices negative), has pixels in a frame that lies on no slice, on
    another grid than its slice, or on none of the slices at all, or gives neither a label nor a box.
    """
    with reading(path):
        dataset = pydicom.dcmread(path)
        if dataset.get("Modality") != "SEG":
            raise StudyError(f"{path}: modality is {dataset.get('Modality', 'none')}, not SEG; give a DICOM SEG file")
        meanings = _meanings(dataset, table, path)
        masks: dict[Meaning, dict[str, Mask]] = {meaning: {} for meaning in meanings.values()}
        drawn, elsewhere = _listed(dataset, headers), {}
        for frame in _frames(dataset, path):
            own = {meaning: mask for meaning, mask in _frame_masks(frame, meanings) if mask.any()}
            try:
                header, plane = _place(frame, headers)
            except _ElsewhereError as error:
                if own and not skip_elsewhere:
                    raise StudyError(_refusal(frame, own, str(error))) from None
                if own:
                    elsewhere[frame.number] = f"lies on no slice of its subject: {error}"
                continue
            drawn.add(header.uid)
            for meaning, mask in own.items():
                turned = on_slice(grid_of_plane(frame.name, mask, plane), header)[0]
                known = masks[meaning].get(header.uid)
                masks[meaning][header.uid] = turned if known is None else known | turned
        _check_use(path, masks, drawn)
    return SegOutlines(tuple(Outline(meaning, own, frozenset(drawn)) for meaning, own in masks.items()), elsewhere)


@dataclass(frozen=True)
class _Frame:
    """One frame. number: from 1. pixels ``(H, W)`` as stored."""

    values: Attributes
    number: int
    pixels: Array

    @property
    def name(self) -> str:
        return f"{self.values.path}: frame {self.number}"


def described_segments(dataset: Dataset) -> dict[int, Described]:
    """Segment number -> how the file describes the segment; a label map's background (number 0) is none."""
    return {int(item.SegmentNumber): _described(item) for item in dataset.SegmentSequence if int(item.SegmentNumber)}


def _described(item: Dataset) -> Described:
    kinds = [code for one in item.get("SegmentedPropertyTypeCodeSequence") or () for code in _spellings(one)]
    modifiers = [
        code
        for one in item.get("SegmentedPropertyTypeCodeSequence") or ()
        for side in one.get("SegmentedPropertyTypeModifierCodeSequence") or ()
        for code in _spellings(side)
    ]
    both = [f"{kind} {modifier}" for kind in kinds for modifier in modifiers]
    tracking = [str(item.get(name)) for name in ("TrackingID", "TrackingUID") if item.get(name)]
    return Described(
        label=str(item.get("SegmentLabel") or ""),
        number=int(item.SegmentNumber),
        properties=(*both, *kinds),
        tracking=tuple(tracking),
    )


def _spellings(code: Dataset) -> list[str]:
    value = str(code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or "")
    scheme, meaning = str(code.get("CodingSchemeDesignator") or ""), str(code.get("CodeMeaning") or "")
    return [text for text in (value, f"{scheme}:{value}" if scheme and value else "", meaning) if text]


def _meanings(dataset: Dataset, table: SegmentTable, path: Path) -> dict[int, Meaning]:
    """Segment number -> meaning; segments that ``table`` leaves out are absent."""
    meanings = {}
    for number, segment in described_segments(dataset).items():
        meaning = table.meaning(path, segment)
        if meaning is None:
            raise StudyError(
                f"{path}: unknown {segment.text}; rename it, or say what it is in a table given as --segments (known: "
                f"{', '.join(SEGMENTS)})"
            )
        if meaning.segment:
            meanings[number] = meaning
    return meanings


def _frames(dataset: Dataset, path: Path) -> Iterator[_Frame]:
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if groups != len(pixels):
        raise StudyError(f"{path}: holds {len(pixels)} frames and describes {groups}; export it again")
    for number, frame in enumerate(pixels, 1):
        yield _Frame(Attributes(dataset, path, number), number, frame)


def _frame_masks(frame: _Frame, meanings: Mapping[int, Meaning]) -> list[tuple[Meaning, Mask]]:
    """The masks of a frame; several segments of one meaning are united."""
    dataset, pixels = frame.values.dataset, frame.pixels
    if dataset.SegmentationType == "LABELMAP":
        numbers = {
            meaning: [number for number in meanings if meanings[number] == meaning] for meaning in meanings.values()
        }
        return [(meaning, np.isin(pixels, own)) for meaning, own in numbers.items()]
    number = int(frame.values.sequence("SegmentIdentificationSequence")[0].ReferencedSegmentNumber)
    if number not in meanings:
        return []
    least = int(dataset.MaximumFractionalValue) / 2 if dataset.SegmentationType == "FRACTIONAL" else 1
    return [(meanings[number], pixels >= least)]


def _listed(dataset: Dataset, headers: Sequence[DicomHeader]) -> set[str]:
    """Keys of the slices that the file says it was drawn on, whether or not it has a frame for them."""
    sources = {
        str(instance.ReferencedSOPInstanceUID)
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    }
    return {header.uid for header in headers if header.sop_uid in sources}


def _place(frame: _Frame, headers: Sequence[DicomHeader]) -> tuple[DicomHeader, Plane]:
    """The slice that a frame was drawn on, and where the frame lies, moved into the slice's plane.

    What the frame does not state of its position, direction or spacing is as in the stored slice, which then must
    have its size.
    """
    cited = _cited(frame.values, headers)
    header = cited[0] if len(cited) == 1 else _in_plane(frame, cited or headers, cited=bool(cited))
    stored = header.stored_plane
    given = _stated(frame.values)
    if "position" not in given and frame.pixels.shape != stored.shape:
        rows, columns = frame.pixels.shape
        raise StudyError(
            f"{frame.name} has {rows} x {columns} pixels and no position, {header.file.name} has {stored.shape[0]} x "
            f"{stored.shape[1]}; draw on the original slices"
        )
    plane = replace(stored, shape=frame.pixels.shape, **given)
    distance = _distance(plane, header)
    if abs(distance) > min(header.spacing):
        raise StudyError(
            f"{frame.name} names {header.file.name} and lies {abs(distance):.3g} mm from it; draw on the original "
            "slices and export again"
        )
    position = np.array(plane.position) - distance * _normal(header)
    return header, replace(plane, position=tuple(position.tolist()))


def _cited(values: Attributes, headers: Sequence[DicomHeader]) -> list[DicomHeader]:
    """The slices among ``headers`` that a frame names: images by UID, with frame numbers or as a whole.

    The first frame of a single-frame image is that image.
    """
    found = []
    for derivation in values.sequence("DerivationImageSequence"):
        for source in derivation.get("SourceImageSequence") or ():
            numbers = source.get("ReferencedFrameNumber") or ()
            frames = {int(number) for number in ([numbers] if isinstance(numbers, (int, str)) else numbers)}
            found += [
                header
                for header in headers
                if header.sop_uid == str(source.get("ReferencedSOPInstanceUID"))
                and (not frames or (header.frame or 1) in frames)
                and header not in found
            ]
    return found


def _in_plane(frame: _Frame, headers: Sequence[DicomHeader], *, cited: bool) -> DicomHeader:
    """The slice in whose plane a frame lies that cites none of them, or several."""
    given, values = _stated(frame.values), frame.values
    what = f"it names {len(headers)} slices" if cited else _named(values)
    if not {"position", "orientation"} <= given.keys():
        raise _ElsewhereError(f"{what} and states no position")
    reference = str(values.dataset.get("FrameOfReferenceUID") or "")
    if not cited and all(reference and one.frame_of_reference not in ("", reference) for one in headers):
        raise _ElsewhereError(f"{what}, and its position is of another frame of reference")
    planes = [(abs(_distance(replace(one.stored_plane, **given), one)), one) for one in headers]
    distance, nearest = min(planes, key=lambda pair: pair[0])
    if distance > TOLERANCE * min(nearest.spacing):
        raise _ElsewhereError(f"{what}, and lies {distance:.3g} mm from {nearest.file.name}, the nearest")
    return nearest


def _named(values: Attributes) -> str:
    """What a frame cites that is no slice of the subject, for a message."""
    named = {
        str(source.get("ReferencedSOPInstanceUID"))
        for derivation in values.sequence("DerivationImageSequence")
        for source in derivation.get("SourceImageSequence") or ()
    }
    return f"it names image {min(named)}" if named else "it names no slice"


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
    return np.cross(header.orientation[:3], header.orientation[3:])


def _distance(plane: Plane, header: DicomHeader) -> float:
    """How far, mm, the first pixel of ``plane`` lies from the slice's plane, along its normal."""
    return float(np.dot(np.array(plane.position) - np.array(header.position), _normal(header)))


def _refusal(frame: _Frame, own: Mapping[Meaning, Mask], why: str) -> str:
    names = ", ".join(sorted(meaning.name for meaning in own))
    return (
        f"{frame.name} ({names}) lies on no slice of its subject: {why}; export images and outlines in one pass, add "
        "the slice, or leave such frames out with --skip-broken"
    )


def _check_use(path: Path, masks: Mapping[Meaning, Mapping[str, Mask]], drawn: set[str]) -> None:
    """StudyError when the file says nothing of the subject's slices."""
    if not drawn:
        raise StudyError(f"{path}: refers to no slice of its subject; draw on the series that is used")
    if any(meaning.segment == "edema" for meaning in masks):
        return
    if not any(own for meaning, own in masks.items() if meaning.segment in GIVES_BOX):
        raise StudyError(
            f"{path}: gives its subject neither a label nor a box, as it has no segment 'edema' and outlines neither "
            "ilium nor bone on a slice; draw on the series that is used, or remove the file"
        )
