"""A subject's outlines of ilium, sacrum and edema, as masks and boxes by slice [2.1, Fig. 2b]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import label as connected_components

from sijstudy.images.outlines_file import read_outlines_file
from sijstudy.records import Box, IliumBoxes

Mask = np.ndarray[Any, np.dtype[np.bool_]]
BONES = ("left ilium", "right ilium", "sacrum")


@dataclass(frozen=True)
class Segmentation:
    """Outlines of one subject: SOP instance UID -> segment name -> mask ``(H, W)`` bool.

    Left and right are the subject's own. A slice or segment without an outlined pixel is absent from ``masks``.
    segments: those of SEGMENTS that were looked for, outlined or not; "edema" may stand beside the readings it was
    made of, "edema reader 1" ... slices: UIDs of the slices that were read; for these, a segment without pixels
    means "nothing there".
    """

    file: Path
    masks: dict[str, dict[str, Mask]]
    segments: frozenset[str]
    slices: frozenset[str]

    def mask(self, uid: str, segment: str) -> Mask | None:
        """The outline of ``segment`` on the slice, or None."""
        return self.masks.get(uid, {}).get(segment)

    def ilium_boxes(self, uid: str) -> IliumBoxes | None:
        """The boxes around both ilia on the slice; None when neither is outlined."""
        left, right = (self._box(uid, name) for name in ("left ilium", "right ilium"))
        return None if left is None and right is None else IliumBoxes(left, right)

    def bone(self, uid: str) -> Mask | None:
        """All bone on the slice, ``(H, W)`` bool: the segment bone, else ilia and sacrum; None without.

        Edema painted over bone, in a map with one number per pixel, counts as bone (ASSUMED, as in ``combined``): a
        hole in its shape would tell where edema is. All other edema lies in the bone, where that is outlined whole.
        """
        own = self.masks.get(uid, {})
        names = ("bone",) if "bone" in own else BONES
        drawn = {name: own[name] for name in names if name in own and own[name].any()}
        if "edema" in own and ("bone" in drawn or ("sacrum" in drawn and len(drawn) > 1)):
            drawn["edema"] = own["edema"]
        return np.logical_or.reduce(list(drawn.values())) if drawn else None

    def lesion_count(self, uid: str) -> int | None:
        """Number of separate edema lesions on the slice; pixels touching at a corner belong together (ASSUMED).

        None when nobody says: no edema was looked for, or not on this slice.
        """
        if "edema" not in self.segments or uid not in self.slices:
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


def read_outlines(path: Path) -> Segmentation:
    """The outlines that a manifest's ``segmentation`` names. StudyError as ``outlines_file.read_outlines_file``."""
    return Segmentation(path, *read_outlines_file(path))
