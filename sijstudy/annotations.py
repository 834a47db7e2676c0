"""Outlines of ilium, sacrum and edema from DICOM SEG, as masks and boxes by slice [2.1, Fig. 2b]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from skimage.measure import label as connected_components

from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes

Mask = np.ndarray[Any, np.dtype[np.bool_]]
SEGMENTS = ("left ilium", "right ilium", "sacrum", "edema")


@dataclass(frozen=True)
class Segmentation:
    """Outlines of one subject: SOP instance UID -> segment name -> mask ``(H, W)`` bool.

    Segments are those of SEGMENTS; left and right are the subject's own. A slice or segment without an
    outlined pixel may be absent.
    """

    file: Path
    masks: dict[str, dict[str, Mask]]

    def mask(self, uid: str, segment: str) -> Mask | None:
        """The outline of ``segment`` on the slice, or None."""
        return self.masks.get(uid, {}).get(segment)

    def ilium_boxes(self, uid: str) -> IliumBoxes | None:
        """The boxes around both ilia on the slice; None when neither is outlined."""
        left, right = (self._box(uid, name) for name in ("left ilium", "right ilium"))
        return None if left is None and right is None else IliumBoxes(left, right)

    def lesion_count(self, uid: str) -> int:
        """Number of separate edema lesions on the slice (pixels touching at a corner belong together)."""
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


def is_segmentation(path: Path) -> bool:
    """True for a DICOM file of modality SEG."""
    try:
        return str(pydicom.dcmread(path, specific_tags=["Modality"]).get("Modality")) == "SEG"
    except (InvalidDicomError, OSError, EOFError, ValueError):
        return False


def read_seg(path: Path) -> Segmentation:
    """The outlines in a DICOM SEG (PS3.3 A.51), frames matched to slices by the SOP instance UID they refer to.

    Segment labels are compared without regard to case; others than SEGMENTS are ignored.
    Raises StudyError when the file cannot be read, is no SEG, or refers to no slice.
    """
    try:
        dataset = pydicom.dcmread(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; restore it or clear the manifest's segmentation column") from None
    except (InvalidDicomError, OSError, EOFError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read as DICOM ({error}); export the segmentation again") from None
    if dataset.get("Modality") != "SEG":
        raise StudyError(f"{path}: modality is {dataset.get('Modality', 'none')}, not SEG; give a DICOM SEG file")
    return Segmentation(path, _masks(dataset, path))


def _masks(dataset: Any, path: Path) -> dict[str, dict[str, Mask]]:
    names = {int(item.SegmentNumber): str(item.SegmentLabel).strip().lower() for item in dataset.SegmentSequence}
    try:
        frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
        masks: dict[str, dict[str, Mask]] = {}
        for frame, item in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
            name = names[int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)]
            source = item.DerivationImageSequence[0].SourceImageSequence[0]
            if name in SEGMENTS:
                masks.setdefault(str(source.ReferencedSOPInstanceUID), {})[name] = frame > 0
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise StudyError(
            f"{path}: its frames cannot be matched to slices ({error}); export it with per-frame source references"
        ) from None
    if not masks:
        raise StudyError(f"{path}: has none of the segments {', '.join(SEGMENTS)}; rename its segments")
    return masks
