"""A diagnosis -> what its DICOM files are to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.analysis.diagnosis import Diagnosis
from sijstudy.images.nifti import is_volume
from sijstudy.images.read import read_image_header
from sijstudy.roi import pixels_of
from sijstudy.study.dicom_told import ROIS, Told
from sijstudy.training.patches import roi_of

ROI_PARAMETERS = ("roi_reading", "roi_factor", "roi_height")


@dataclass(frozen=True)
class Said:
    """What the files say besides the diagnosis: remarks, decided and masks of ``Told``."""

    remarks: Sequence[str] = ()
    decided: bool = True
    masks: np.ndarray[Any, np.dtype[np.bool_]] | None = None


def said_of(result: Diagnosis, remarks: Sequence[str]) -> Said:
    """What the files say of a diagnosis, with what the network sees on its slices."""
    seen = result.subject.seen
    return Said(remarks, decided=not result.withheld, masks=seen.masks if seen else None)


def told_of(result: Diagnosis, said: Said) -> Told:
    """What the files are made of. StudyError when the first slice cannot be read any more."""
    items, verdict = result.subject.slices, result.opinion.decided
    return Told(
        slices=items,
        windows=_windows(result),
        used=tuple(item not in result.left_out for item in items),
        table=result.slices,
        found=bool(result.subject.found) and not result.subject.boxes_given,
        networks=tuple(result.networks["address"]),
        rule=result.ruling.rule,
        score=verdict.score,
        threshold=verdict.threshold,
        positive=verdict.positive,
        remarks=said.remarks,
        decided=said.decided,
        masks=said.masks,
        basis=(result.config.subset(*ROI_PARAMETERS), repr(result.opinion)),
    )


def _windows(result: Diagnosis) -> tuple[Mapping[str, tuple[slice, slice]], ...]:
    """The ROI as the networks were shown them; on volumes, which get no files, none."""
    items = result.subject.slices
    if result.arm != "roi" or any(is_volume(item.file) for item in items):
        return ({},) * len(items)
    shape, windows = read_image_header(items[0]).shape, []
    for item in items:
        rois = roi_of(item, shape, result.config) if item.boxes else None
        sides = zip(ROIS, (rois.image_right, rois.image_left), strict=True) if rois else ()
        windows.append({name: pixels_of(box) for name, box in sides if box})
    return tuple(windows)
