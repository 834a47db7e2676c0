"""The pixels in which a cohort's edema counts: baselines are measured where the truth was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sijstudy.cohort.edema_region import BONE, JOINT, ROI, EdemaRegion
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.region_masks import Mask, region_mask, region_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.images.read import read_image_header
from sijstudy.records import Slice
from sijstudy.training.patches import mask_patch

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py

NAMES = {BONE: "", JOINT: " near the joint", ROI: " within the ROI"}
DRAWN, SEEN = "bone outline", "network's outline of bone"
NOWHERE = "empty outline, as no bone is seen,"


@dataclass(frozen=True)
class CountedBone:
    """Where edema is looked for on a slice, ``(H, W)`` bool each.

    bone: all that is outlined. region: where edema counts, everywhere where that is unknown. inside: bone in it, all
    bone where none lies there. known: whether it is known where edema counts. name: of ``inside``, in words.
    """

    bone: Mask
    region: Mask
    inside: Mask
    known: bool
    name: str


@dataclass(frozen=True)
class RegionPixels:
    """Finds the pixels of a manifest's slices; ask in the order of the manifest, as of ``SliceOutlines``."""

    manifest: Manifest
    outlines: SliceOutlines = field(init=False)
    region: EdemaRegion = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outlines", SliceOutlines(self.manifest))
        object.__setattr__(self, "region", region_of(self.manifest))

    def of(self, item: Slice, spacing: Sequence[float], seen: Mapping[str, Mask]) -> CountedBone:
        """Where on the slice edema counts, and the bone in which it is looked for.

        spacing: mm between rows, between columns. seen: ilia and sacrum as the network outlines them, ``(H, W)`` bool,
        which stand in where no bone is outlined on the slice.
        """
        bone, name = self.outlines.bone(item), DRAWN
        masks: Mapping[str, Mask] = self.outlines.masks(item)
        if bone is None:
            bone, masks, name = np.logical_or.reduce(list(seen.values())), seen, SEEN
        where = region_mask(self.region, masks, item.boxes, bone.shape, spacing)
        region = np.ones(bone.shape, bool) if where is None else where
        if not (bone & region).any():
            return CountedBone(bone, region, bone, where is not None, name if bone.any() else NOWHERE)
        counts = "" if where is None else NAMES[self.region.region]
        return CountedBone(bone, region, bone & region, where is not None, name + counts)

    def patch(self, item: Slice, config: StudyConfig) -> Mask:
        """The pixels ``(S, S)`` bool of the slice's ROI patch that lie near the joint; all where that is unknown."""
        header, bone = read_image_header(item), self.outlines.bone(item)
        where = region_mask(self.region, self.outlines.masks(item), item.boxes, header.shape, header.spacing)
        if where is not None and bone is not None:
            inside = mask_patch(item, where & bone, config)
            if inside.any():
                return inside
        return np.ones((config.patch_size, config.patch_size), bool)


def counted_patches(manifest: Manifest, config: StudyConfig) -> Mask | None:
    """Where on the ROI patches ``(N, S, S)`` bool edema counts, a row per slice of the manifest.

    None unless it counts near the joint alone: the patch shows the ROI, and no more of the bone in view than that.
    """
    if region_of(manifest).region != JOINT:
        return None
    pixels = RegionPixels(manifest)
    return np.stack([pixels.patch(item, config) for item in manifest.slice_records()])
