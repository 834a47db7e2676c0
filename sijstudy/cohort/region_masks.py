"""Where on a slice edema counts, as pixels: what a region makes of outlines and boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from scipy import ndimage

from sijstudy.cohort.edema_region import BONE, JOINT, LEAVE_OUT, ROI, EdemaRegion
from sijstudy.cohort.ilium_boxes import SliceBoxes
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.side_tables import Place
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.counted_edema import ELSEWHERE, Counted
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.subject_outlines import DrawnSubject, settled
from sijstudy.records import IliumBoxes
from sijstudy.roi import RoiBoxes, roi_boxes, roi_mask

Mask = np.ndarray[Any, np.dtype[np.bool_]]
UNKNOWN = {JOINT: "no ilium is outlined beside a sacrum on it", ROI: "no ilium is outlined or boxed on it"}
ONLY_ELSEWHERE, MAYBE_ELSEWHERE = "its edema lies elsewhere", "its edema may lie elsewhere"
NOT_AGREED = "some readings mark edema elsewhere, too few agree on enough of it"
KEY, TABLES = "edema_region", "tables"  # in cohort.json
#: what to do where it is known on no slice of a subject where edema counts
WAY_ON = {
    JOINT: "outline ilia and sacrum, or take --edema-region roi, for which boxes are enough",
    ROI: "outline the ilia or all bone, or give their boxes with --boxes",
}


def region_mask(
    region: EdemaRegion,
    outlines: Mapping[str, Mask],
    boxes: IliumBoxes | None,
    shape: tuple[int, ...],
    spacing: Sequence[float],
) -> Mask | None:
    """Where edema counts on a slice of the shape (H, W), bool, outlined bone left aside; None where unknown.

    outlines: segment -> ``(H, W)`` bool. boxes: in pixels of the slice. spacing: mm between rows, and columns.
    """
    if region.region == JOINT:
        return near_joint(outlines, spacing, region.joint_mm)
    if region.region == BONE:
        return np.ones(shape, bool)
    return None if boxes is None else roi_mask(_rois(boxes, shape), shape)


def near_joint(outlines: Mapping[str, Mask], spacing: Sequence[float], joint_mm: float) -> Mask | None:
    """Pixels ``(H, W)`` bool no further than ``joint_mm`` from an ilium and from the sacrum; None without such a pair.

    Distances are between the centres of pixels, in the plane of the slice; spacing: mm between rows, and columns. A
    pixel of an ilium counts when the sacrum is so near, one of the sacrum when an ilium is. So does one that is
    neither, such as edema painted over bone; other bone, where all bone is outlined besides, does not.
    """
    sacrum = outlines.get("sacrum")
    ilia = [mask for side in ("left", "right") if (mask := outlines.get(f"{side} ilium")) is not None and mask.any()]
    if sacrum is None or not sacrum.any() or not ilia:
        return None

    def near(mask: Mask) -> Mask:
        distance: Mask = ndimage.distance_transform_edt(~mask, sampling=tuple(spacing)) <= joint_mm
        return distance

    found: Mask = near(sacrum) & near(np.logical_or.reduce(ilia))
    if (bone := outlines.get("bone")) is not None:
        found &= ~bone | np.logical_or.reduce([sacrum, *ilia])
    return found


def settle_within(
    drawn: DrawnSubject, headers: Sequence[DicomHeader], boxes: SliceBoxes, region: EdemaRegion, rule: EdemaRule
) -> DrawnSubject:
    """The subject with only that edema counted which lies in the region; as it is where no edema was read.

    StudyError where it is known on no slice where edema counts, though edema was read.
    """
    if region.region == BONE or "edema" not in drawn.segmentation.segments:
        return drawn
    masks = {}
    for header in headers:
        outlines = drawn.segmentation.masks.get(header.uid, {})
        try:
            mask = region_mask(region, outlines, boxes.boxes[header.uid], header.shape, header.spacing)
        except StudyError as error:
            raise StudyError(f"{header.file}: {error}") from None
        if mask is not None:
            masks[header.uid] = mask
    if not masks:
        raise StudyError(
            f"subject {drawn.segmentation.file.stem}: --edema-region is {region.region}, but on each of its slices "
            f"{UNKNOWN[region.region]}; {WAY_ON[region.region]}"
        )
    return settled(drawn, headers, rule, Counted(masks, region.elsewhere == LEAVE_OUT))


def why_ruled_out(drawn: DrawnSubject, header: DicomHeader, region: EdemaRegion, rule: EdemaRule) -> str:
    """Why the region leaves the slice without a label, what differs between slices after a colon."""
    inside, elsewhere = edema_areas(drawn, header)
    if drawn.counted and header.uid in drawn.counted.masks:
        agreed = round((inside + elsewhere) / float(np.prod(header.spacing)))
        if agreed < rule.min_pixels:
            return f"{NOT_AGREED}: {elsewhere:.0f} mm2 of it, and {inside:.0f} mm2 {region.text}, are agreed on"
        return f"{ONLY_ELSEWHERE}: {elsewhere:.0f} mm2 of it, and {inside:.0f} mm2 {region.text}"
    return f"{MAYBE_ELSEWHERE}, as {UNKNOWN[region.region]}: {elsewhere:.0f} mm2"


def edema_areas(drawn: DrawnSubject, header: DicomHeader) -> tuple[float, float]:
    """Agreed edema on the slice that counts, and that lies elsewhere, square mm."""
    pixel = float(np.prod(header.spacing))
    masks = [drawn.segmentation.mask(header.uid, name) for name in ("edema", ELSEWHERE)]
    inside, elsewhere = (0.0 if mask is None else pixel * np.count_nonzero(mask) for mask in masks)
    return inside, elsewhere


@dataclass(frozen=True)
class SliceEdema:
    """Where agreed edema of a slice lies, square mm that count and others. label: 1, 0, or None where it has none."""

    file: str
    label: int | None
    counts_mm2: float
    elsewhere_mm2: float


def slices_with_edema(
    drawn: DrawnSubject, headers: Sequence[DicomHeader], places: Mapping[str, Place], rows: Sequence[Mapping[str, Any]]
) -> tuple[SliceEdema, ...]:
    """The slices with agreed edema; none where it counts in all bone. places: by UID; rows: those with a label."""
    labels = {row["sop_instance_uid"]: row["label"] for row in rows}
    found = [SliceEdema(places[one.uid].file, labels.get(one.uid), *edema_areas(drawn, one)) for one in headers]
    return tuple(one for one in found if drawn.counted and one.counts_mm2 + one.elsewhere_mm2 > 0)


def _rois(boxes: IliumBoxes, shape: tuple[int, ...]) -> RoiBoxes:
    """ASSUMED: the ROI of the default interpretation [2.2], whatever a run's own is: a cohort's labels are one."""
    own, (rows, columns) = StudyConfig(), shape
    return roi_boxes(boxes, (rows, columns), reading=own.roi_reading, factor=own.roi_factor, height=own.roi_height)


def region_of(manifest: Manifest) -> EdemaRegion:
    """Where edema counted when the manifest was built; StudyError where its cohort.json says what is no region."""
    stated, path = _stated(manifest), manifest.folder / "cohort.json"
    try:
        return EdemaRegion(**{one.name: stated[one.name] for one in fields(EdemaRegion) if one.name in stated})
    except (StudyError, TypeError) as error:
        raise StudyError(f"{path}: '{KEY}' states no region ({error}); build the manifest again") from None


def labels_are_given(manifest: Manifest) -> bool:
    """Whether labels are those of tables, so that nobody knows where the edema lies that they speak of."""
    return _stated(manifest).get("labels") == TABLES


def stated_region(region: EdemaRegion, *, tables: bool) -> dict[str, Any]:
    """What cohort.json says of the region. tables: labels come from a table of votes or labels, not from outlines."""
    return {**asdict(region), "labels": TABLES if tables else "outlines"}


def _stated(manifest: Manifest) -> dict[str, Any]:
    stated = json.loads((manifest.folder / "cohort.json").read_text(encoding="utf-8")).get(KEY, {})
    return stated if isinstance(stated, dict) else {}
