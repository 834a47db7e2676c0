"""The manifest's columns of normal marrow: filled when it is built, asked for when grey values are in that unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sijstudy.cohort.manifest import Manifest
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomSlice
from sijstudy.images.outlines import Segmentation
from sijstudy.marrow import marrow_levels
from sijstudy.records import Slice

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


LEVELS = {"marrow": "stack_marrow", "slice_marrow": "slice_marrow"}  # parameter intensity -> column, attribute
WAY_ON = "give outlines of the ilia and the sacrum, or of all bone, drawn or made automatically, and "


def marrow_cells(planes: Sequence[DicomSlice], outlines: Segmentation | None) -> dict[str, dict[str, float | None]]:
    """UID -> the cells of a subject's slices, all of its series whether they become rows or not."""
    drawn = [outlines.bone(plane.header.uid) if outlines else None for plane in planes]
    bones = [
        np.zeros(plane.header.shape, bool) if bone is None else bone for plane, bone in zip(planes, drawn, strict=True)
    ]
    between_rows, between_columns = planes[0].header.spacing
    levels = marrow_levels([plane.pixels for plane in planes], bones, (between_rows, between_columns))
    return {
        plane.header.uid: {"slice_marrow": own, "stack_marrow": levels.stack}
        for plane, own in zip(planes, levels.slices, strict=True)
    }


def level_of(item: Slice, intensity: str) -> float:
    """The unit of the slice's grey values. intensity: a key of LEVELS. StudyError where it is not known."""
    level: float | None = getattr(item, LEVELS[intensity])
    if level is None:
        raise StudyError(
            f"{item.file}: slice {item.index} of subject {item.subject_id} has no level of normal marrow, which "
            f"intensity={intensity} needs; {WAY_ON}build the manifest again, or set intensity to percentile"
        )
    return level


def bone_lacks(item: Slice) -> StudyError:
    """What is said of a slice without outlined bone where networks are shown the bone."""
    return StudyError(
        f"{item.file}: slice {item.index} of subject {item.subject_id} has no outline of bone, which bone_channel=true "
        f"needs; {WAY_ON}build the manifest again, or set bone_channel to false"
    )


def require_bone(manifest: Manifest, config: StudyConfig) -> None:
    """StudyError naming the first slice that lacks what ``intensity`` and ``bone_channel`` need, no file opened."""
    for item in manifest.slice_records():
        if config.intensity in LEVELS:
            level_of(item, config.intensity)
        if config.bone_channel and item.segmentation is None:
            raise bone_lacks(item)
