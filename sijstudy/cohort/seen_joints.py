"""What the network sees on one subject's slices: bones, edema, and where the joints are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sijstudy.cohort.field_of_view import check_field_of_view
from sijstudy.cohort.grey_scale import below_zero, is_normalised
from sijstudy.cohort.slice_steps import stack_steps
from sijstudy.cohort.stack_grid import spacing_of, stack_file
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomSlice
from sijstudy.images.read import read_image
from sijstudy.intensity import without_padding
from sijstudy.marrow import MarrowLevels, marrow_levels
from sijstudy.records import IliumBoxes, Slice
from sijstudy.segmentation.classes import JOINT_BONES, SACRUM
from sijstudy.segmentation.edema_amount import EdemaAmount, Stack, edema_amount, edema_mask
from sijstudy.segmentation.joint_boxes import FoundBoxes, joint_boxes
from sijstudy.segmentation.outline import Outlined, Spacing, outline
from sijstudy.segmentation.weights import load_network

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Seen:
    """N slices as the network outlines them.

    images: ``(H, W)`` float32 each, NaN where padded. spacing: mm from row to row and from column to column. step_mm:
    from slice to slice of the series; NaN where a single slice does not tell it. places: of the slices, in such steps;
    None: every two are neighbours.
    """

    outlined: Outlined
    images: tuple[Array, ...]
    spacing: Spacing
    step_mm: float
    places: tuple[int, ...] | None = None

    @cached_property
    def masks(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Left ilium, right ilium, sacrum and edema, ``(N, H, W, 4)`` bool."""
        bones = [self.outlined.bone(*names) for names in (("left ilium",), ("right ilium",), SACRUM)]
        return np.stack([*bones, edema_mask(self.outlined)], axis=-1)

    def edema(self, region: Array | None = None) -> EdemaAmount:
        """How much edema there is. region: where it counts, ``(N, H, W)`` bool; ilia and sacrum without one."""
        images = np.stack([without_padding(image) for image in self.images])
        return edema_amount(self.outlined, Stack(images, self.spacing, self.step_mm, self.marrow().stack), region)

    @cached_property
    def all_edema(self) -> EdemaAmount:
        """``edema`` in ilia and sacrum."""
        return self.edema()

    @cached_property
    def joint_bone(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Ilia and sacrum, ``(N, H, W)`` bool."""
        return self.outlined.bone(*JOINT_BONES)

    def marrow(self) -> MarrowLevels:
        """How bright normal marrow is, by the network's outlines."""
        return self._marrow

    @cached_property
    def _marrow(self) -> MarrowLevels:
        return marrow_levels(self.images, list(self.joint_bone), self.spacing)

    def boxes(self) -> list[FoundBoxes]:
        """Ilium boxes of each slice."""
        return joint_boxes(self.outlined, self.spacing, self.step_mm, self.places)


def see_planes(planes: Sequence[DicomSlice], indices: Sequence[int] | None = None) -> Seen:
    """A subject's slices, in their order in the body, through the shipped network.

    indices: their places in the series, as in ``stack_steps``. StudyError when the slices differ in size or spacing:
    they are no stack; when no pelvis is so large or small; and when their grey values were normalised: fluid is to be
    several times as bright as all else.
    """
    spacing = spacing_of(planes)
    check_field_of_view(planes[0].header)
    if is_normalised(planes):
        raise StudyError(
            f"{stack_file(planes[0].header)}: {below_zero(planes):.0%} of the pixels are below 0, so these are no grey "
            "values of a scanner (z-scores?); give the images as they were before"
        )
    images = np.stack([without_padding(plane.pixels) for plane in planes])
    steps = stack_steps([plane.header for plane in planes], indices)
    outlined = outline(images, spacing, load_network(), steps.places)
    return Seen(outlined, tuple(plane.pixels for plane in planes), spacing, steps.mm, steps.places)


def see(slices: Sequence[Slice]) -> Seen:
    """``see_planes`` of slices that are read anew."""
    return see_planes([read_image(item) for item in slices], [item.index for item in slices])


def boxed(slices: Sequence[Slice], found: Sequence[FoundBoxes]) -> tuple[Slice, ...]:
    """The slices with the boxes that were found, None where none was."""
    own: list[IliumBoxes | None] = [each.boxes for each in found]
    return tuple(replace(item, boxes=boxes) for item, boxes in zip(slices, own, strict=True))


def measured(slices: Sequence[Slice], seen: Seen) -> tuple[Slice, ...]:
    """The slices with the level of their normal marrow by the network's outlines."""
    levels = seen.marrow()
    return tuple(
        replace(item, slice_marrow=own, stack_marrow=levels.stack)
        for item, own in zip(slices, levels.slices, strict=True)
    )


def confidence_text(found: Sequence[FoundBoxes]) -> str:
    """Where automatic boxes come from, in words; empty without any."""
    sure = [each.confidence for each in found if each.boxes]
    if not sure:
        return ""
    return f"the network that finds joints (nobody drew them; confidence {min(sure):.2f} to {max(sure):.2f})"
