"""DICOM SEG (PS3.3 A.51): each frame laid onto the slice it was drawn on, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.images.dicom_file import reading
from sijstudy.images.grids import grid_of_plane, on_slice
from sijstudy.images.label_maps import Mask, Outline
from sijstudy.images.seg_frames import ElsewhereError, Frame, Slices, place
from sijstudy.images.segment_names import SEGMENTS, Described, Meaning, SegmentTable

RESULT_MODEL = "sijstudy diagnose"  # ManufacturerModelName of what diagnose writes


@dataclass(frozen=True)
class SegOutlines:
    """What a SEG outlines. elsewhere: frames left out, as they lie on no slice of the subject -> why."""

    outlines: tuple[Outline, ...]
    elsewhere: Mapping[int, str]


# Tests hold these masks against highdicom's (0.28), which does not read in their place: its segread refuses files that
# lack what no mask needs (property type or algorithm of a segment, frame content, plane positions), with a KeyError or
# AttributeError; its get_pixels_by_source_instance and _frame refuse two frames of one slice and segment, and sources
# without SpatialLocationsPreserved, and pass over a frame that names no source, which would turn a slice negative.
def read_seg(path: Path, slices: Slices, table: SegmentTable, *, skip_elsewhere: bool = False) -> SegOutlines:
    """The outlines in a SEG on a subject's slices; binary, fractional (half of the maximum is inside) or label map.

    Where a frame lies: ``seg_frames.place``. It is turned as its slice is (``grids.on_slice``). A slice that the file
    lists as a source counts as read. skip_elsewhere: leave out frames that surely lie on no slice.

    Raises StudyError when the file is missing, cannot be read, is no SEG, has a segment that ``table`` does not know
    (a misspelt "edema" would otherwise turn slices negative) or pixels of one that it does not describe, has pixels
    in a frame that lies on no slice, or on another grid than its slice, or refers to none of the slices at all.
    """
    with reading(path):
        dataset = pydicom.dcmread(path)
        if dataset.get("Modality") != "SEG":
            raise StudyError(f"{path}: modality is {dataset.get('Modality', 'none')}, not SEG; give a DICOM SEG file")
        meanings = _meanings(dataset, table, path)
        masks: dict[Meaning, dict[str, Mask]] = {meaning: {} for meaning in meanings.values() if meaning.segment}
        drawn, elsewhere = _listed(dataset, slices), {}
        for frame in _frames(dataset, path):
            own = {meaning: mask for meaning, mask in _frame_masks(frame, meanings) if mask.any()}
            try:
                header, plane = place(frame, slices)
            except ElsewhereError as error:
                if own and not (skip_elsewhere and error.far):
                    raise StudyError(_refusal(frame, own, error)) from None
                if own:
                    elsewhere[frame.number] = f"lies on no slice of its subject: {error}"
                continue
            drawn.add(header.uid)
            for meaning, mask in own.items():
                turned = on_slice(grid_of_plane(frame.name, mask, plane), header)[0]
                known = masks[meaning].get(header.uid)
                masks[meaning][header.uid] = turned if known is None else known | turned
        if not drawn:
            raise StudyError(f"{path}: refers to no slice of its subject; draw on the series that is used")
    return SegOutlines(tuple(Outline(meaning, own, frozenset(drawn)) for meaning, own in masks.items()), elsewhere)


def described_segments(dataset: Dataset) -> list[Described]:
    """How the file describes each segment; a label map's background is none."""
    background = _background(dataset)
    return [_described(item) for item in dataset.SegmentSequence if int(item.SegmentNumber) != background]


def _background(dataset: Dataset) -> int | None:
    """The number that a label map gives to what is outlined by nothing; None in other encodings."""
    if dataset.get("SegmentationType") != "LABELMAP":
        return None
    return int(dataset.get("PixelPaddingValue") or 0)


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
    """Segment number -> meaning, without a segment for what ``table`` leaves out."""
    meanings: dict[int, Meaning] = {}
    for segment in described_segments(dataset):
        number = segment.number or 0
        if number < 1 or number in meanings:
            why = "occurs twice" if number in meanings else "is none, they count from 1"
            raise StudyError(f"{path}: segment number {number} {why}; export it again")
        meaning = table.meaning(path, segment)
        if meaning is None:
            raise StudyError(
                f"{path}: unknown {segment.text}; rename it, or say what it is in a table given as --segments (known: "
                f"{', '.join(SEGMENTS)})"
            )
        meanings[number] = meaning
    return meanings


def _frames(dataset: Dataset, path: Path) -> Iterator[Frame]:
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if groups != len(pixels):
        raise StudyError(f"{path}: holds {len(pixels)} frames and describes {groups}; export it again")
    for number, frame in enumerate(pixels, 1):
        yield Frame(Attributes(dataset, path, number), number, frame)


def _frame_masks(frame: Frame, meanings: Mapping[int, Meaning]) -> list[tuple[Meaning, Mask]]:
    """The masks of a frame; several segments of one meaning are united. StudyError for a segment nobody declared."""
    dataset, pixels = frame.values.dataset, frame.pixels
    if dataset.SegmentationType == "LABELMAP":
        found = {int(number) for number in np.unique(pixels)} - {_background(dataset)}
    else:
        found = {int(frame.values.sequence("SegmentIdentificationSequence")[0].ReferencedSegmentNumber)}
    if unknown := found - meanings.keys():
        raise StudyError(
            f"{frame.name} is of segment {min(unknown)}, which the file does not describe; export it again"
        )
    if dataset.SegmentationType == "LABELMAP":
        numbers = {meaning: [one for one in found if meanings[one] == meaning] for meaning in meanings.values()}
        masks = [(meaning, np.isin(pixels, own)) for meaning, own in numbers.items()]
    else:
        least = int(dataset.MaximumFractionalValue) / 2 if dataset.SegmentationType == "FRACTIONAL" else 1
        masks = [(meanings[number], pixels >= least) for number in found]
    return [(meaning, mask) for meaning, mask in masks if meaning.segment]


def _listed(dataset: Dataset, slices: Slices) -> set[str]:
    """Keys of the slices that the file says it was drawn on, whether or not it has a frame for them."""
    sources = [
        str(instance.ReferencedSOPInstanceUID)
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    ]
    return {header.uid for uid in sources for header in slices.of_image.get(uid, ())}


def _refusal(frame: Frame, own: Mapping[Meaning, Mask], error: ElsewhereError) -> str:
    names = ", ".join(sorted(meaning.name for meaning in own))
    ways = [*error.ways, *(["leave such frames out with --skip-broken"] if error.far else [])]
    way = f"{', '.join(ways[:-1])}, or {ways[-1]}"
    return f"{frame.name} ({names}) lies on no slice of its subject: {error}; {way}"


def is_result(ds: Dataset) -> bool:
    """True for a file that ``diagnose`` wrote: its outlines are results, and no input."""
    return str(ds.get("ManufacturerModelName") or "") == RESULT_MODEL
