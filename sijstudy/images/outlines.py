"""Outlines of ilium, sacrum and edema, as masks and boxes by slice [2.1, Fig. 2b]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from skimage.measure import label as connected_components

from sijstudy.errors import StudyError
from sijstudy.images.dicom import slice_uid
from sijstudy.images.dicom_file import reading
from sijstudy.images.outlines_file import SUFFIX, read_outlines_file
from sijstudy.images.segment_names import SEGMENTS, SegmentTable
from sijstudy.records import Box, IliumBoxes

Mask = np.ndarray[Any, np.dtype[np.bool_]]
NO_TABLE = SegmentTable()  # segments are called as SEGMENTS calls them


@dataclass(frozen=True)
class Segmentation:
    """Outlines of one subject: SOP instance UID -> segment name -> mask ``(H, W)`` bool.

    Left and right are the subject's own. A slice or segment without an outlined pixel may be absent from
    ``masks``. segments: those of SEGMENTS that the file declares, outlined or not; "edema" may stand beside the
    readings it was made of, "edema reader 1" ... slices: UIDs of the slices the file says it was drawn on; for
    these, a declared segment without pixels means "nothing there".
    """

    file: Path
    masks: dict[str, dict[str, Mask]]
    segments: frozenset[str]
    slices: frozenset[str]

    def mask(self, uid: str, segment: str) -> Mask | None:
        """The outline of ``segment`` on the slice, or None."""
        return self.masks.get(uid, {}).get(segment)

    def covers(self, uid: str) -> bool:
        """True when the file says that it was drawn on this slice, or on the multi-frame file that holds it."""
        return uid in self.slices or uid.rpartition(".")[0] in self.slices

    def ilium_boxes(self, uid: str) -> IliumBoxes | None:
        """The boxes around both ilia on the slice; None when neither is outlined."""
        left, right = (self._box(uid, name) for name in ("left ilium", "right ilium"))
        return None if left is None and right is None else IliumBoxes(left, right)

    def lesion_count(self, uid: str) -> int | None:
        """Number of separate edema lesions on the slice; pixels touching at a corner belong together (ASSUMED).

        None when the file does not say: it declares no segment "edema", or was not drawn on this slice.
        """
        if "edema" not in self.segments or not self.covers(uid):
            return None
        mask = self.mask(uid, "edema")
        return 0 if mask is None else int(connected_components(mask, connectivity=2).max())

    def _box(self, uid: str, segment: str) -> Box | None:
        mask = self.mask(uid, segment)
        return None if mask is None else box_of_mask(mask)


def box_of_mask(mask: Mask) -> Box | None:
    """The smallest box around the pixels of ``(H, W)`` bool, or None when there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def read_outlines(path: Path, table: SegmentTable = NO_TABLE) -> Segmentation:
    """The outlines that a manifest's ``segmentation`` names: the one way to read them, whatever kind of file it is.

    It is a DICOM SEG, or what a manifest build made of label maps. table: what a hospital's names of segments mean
    (``Manifest.segments``), for a SEG. Raises StudyError as ``read_seg`` and ``outlines_file.read_outlines_file``.
    """
    if path.suffix == SUFFIX:
        return Segmentation(path, *read_outlines_file(path))
    return read_seg(path, table)


# Tests hold these masks against highdicom's (0.28), which does not read in their place: its segread refuses files that
# lack what no mask needs (property type or algorithm of a segment, frame content, plane positions), with a KeyError or
# AttributeError; its get_pixels_by_source_instance and _frame refuse two frames of one slice and segment, and sources
# without SpatialLocationsPreserved, and pass over a frame that names no source, which would turn a slice negative.
def read_seg(path: Path, table: SegmentTable = NO_TABLE) -> Segmentation:
    """The outlines in a DICOM SEG (PS3.3 A.51), frames matched to slices by the SOP instance UID they refer to.

    Binary, fractional (a pixel belongs to a segment from half of the maximum on) and label map encodings are read.
    Segment labels are compared without regard to case. table: as in ``read_outlines``. Raises StudyError when the
    file is missing, cannot be read, is no SEG, has a segment that is neither in SEGMENTS nor in ``table`` (a misspelt
    "edema" would otherwise turn slices negative), or has frames that do not name their slice.
    """
    with reading(path):
        dataset = pydicom.dcmread(path)
        if dataset.get("Modality") != "SEG":
            raise StudyError(f"{path}: modality is {dataset.get('Modality', 'none')}, not SEG; give a DICOM SEG file")
        known = _segment_names(dataset, table, path)
        masks = _masks(dataset, known, path)
        return Segmentation(path, masks, frozenset(known.values()), _listed(dataset) | frozenset(masks))


def _segment_names(dataset: Any, table: SegmentTable, path: Path) -> dict[int, str]:
    """Segment number -> name; ignored segments and a label map's background (number 0) are left out."""
    names = {}
    for item in dataset.SegmentSequence:
        if int(item.SegmentNumber) > 0 and (name := _segment_name(str(item.SegmentLabel), table, path)):
            names[int(item.SegmentNumber)] = name
    return names


def _segment_name(label: str, table: SegmentTable, path: Path) -> str | None:
    """A segment's name by its label, None when ``table`` leaves it out; StudyError naming an unknown label."""
    meaning = table.meaning(path, label=label)
    if meaning is None:
        raise StudyError(
            f"{path}: unknown segment '{label}'; rename it, or say what it is in a table given as --segments (known: "
            f"{', '.join(SEGMENTS)})"
        )
    return meaning.name if meaning.segment else None


def _masks(dataset: Any, names: dict[int, str], path: Path) -> dict[str, dict[str, Mask]]:
    """SOP instance UID -> segment name -> mask; frames of one slice and name are united."""
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    masks: dict[str, dict[str, Mask]] = {}
    for number, (frame, item) in enumerate(zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True), 1):
        if _ignored(dataset, item, names):
            continue
        of_slice = masks.setdefault(_source(item, number, path), {})
        for name, mask in _frame_masks(dataset, frame, item, names):
            of_slice[name] = of_slice[name] | mask if name in of_slice else mask
    return masks


def _frame_masks(dataset: Any, frame: np.ndarray[Any, Any], item: Any, names: dict[int, str]) -> list[tuple[str, Mask]]:
    if dataset.SegmentationType == "LABELMAP":
        return [(name, frame == number) for number, name in names.items() if (frame == number).any()]
    name = names[int(_group(dataset, item, "SegmentIdentificationSequence").ReferencedSegmentNumber)]
    if dataset.SegmentationType == "FRACTIONAL":
        return [(name, frame >= int(dataset.MaximumFractionalValue) / 2)]
    return [(name, frame > 0)]


def _ignored(dataset: Any, item: Any, names: dict[int, str]) -> bool:
    if dataset.SegmentationType == "LABELMAP":
        return False
    return int(_group(dataset, item, "SegmentIdentificationSequence").ReferencedSegmentNumber) not in names


def _group(dataset: Any, item: Any, keyword: str) -> Any:
    """A functional group of a frame: its own, or the one that all frames share."""
    holder = item if keyword in item else dataset.SharedFunctionalGroupsSequence[0]
    return getattr(holder, keyword)[0]


def _source(item: Any, number: int, path: Path) -> str:
    sources = {
        slice_uid(str(source.ReferencedSOPInstanceUID), source.get("ReferencedFrameNumber"))
        for derivation in item.get("DerivationImageSequence") or ()
        for source in derivation.get("SourceImageSequence") or ()
    }
    if len(sources) != 1:
        raise StudyError(
            f"{path}: frame {number} refers to {len(sources)} slices, not to one; draw on the original slices and "
            "export with source references"
        )
    return sources.pop()


def _listed(dataset: Any) -> frozenset[str]:
    return frozenset(
        str(instance.ReferencedSOPInstanceUID)
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    )
