"""The pixels in which a cohort's edema counts: baselines are measured where the truth was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sijstudy.cohort.edema_region import BONE, JOINT, ROI
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.region_masks import Mask, region_mask, region_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.images.read import read_image, read_image_header
from sijstudy.intensity import tissue_of
from sijstudy.records import Slice
from sijstudy.training.patches import mask_patch

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py

NAMES = {
    BONE: "bone outline",
    JOINT: "bone outline near the joint",
    ROI: "bone outline within the ROI",
}


@dataclass(frozen=True)
class RegionPixels:
    """Finds the pixels of a manifest's slices; ask in the order of the manifest, as of ``SliceOutlines``."""

    manifest: Manifest
    outlines: SliceOutlines = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outlines", SliceOutlines(self.manifest))

    def of(self, item: Slice) -> tuple[np.ndarray[Any, Any], str] | None:
        """Values ``(n,)`` of outlined bone where edema counts, and the region's name; None where no bone is outlined.

        All of the bone where it is unknown on the slice where edema counts, or none of the bone lies there.
        """
        bone = self.outlines.bone(item)
        if bone is None:
            return None
        image, region = read_image(item), region_of(self.manifest)
        where = region_mask(region, self.outlines.masks(item), item.boxes, bone.shape, image.header.spacing)
        if where is None or not (bone & where).any():
            return tissue_of(image.pixels, bone), NAMES[BONE]
        return tissue_of(image.pixels, bone & where), NAMES[region.region]

    def patch(self, item: Slice, config: StudyConfig) -> Mask:
        """The pixels ``(S, S)`` bool of the slice's ROI patch that lie near the joint; all where that is unknown."""
        header, bone = read_image_header(item), self.outlines.bone(item)
        where = region_mask(
            region_of(self.manifest), self.outlines.masks(item), item.boxes, header.shape, header.spacing
        )
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
