"""Attributes of one image of a DICOM file, from the functional groups of a multi-frame file where it is one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from sijstudy.errors import StudyError

# Keyword of a single-frame file -> functional group and keyword in it (PS3.3 C.7.6.16, C.8.13.5).
GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness"),
    "SpacingBetweenSlices": ("PixelMeasuresSequence", "SpacingBetweenSlices"),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "WindowCenter": ("FrameVOILUTSequence", "WindowCenter"),
    "WindowWidth": ("FrameVOILUTSequence", "WindowWidth"),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType"),
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "InversionTime": ("MRModifierSequence", "InversionTimes"),
    "InversionRecovery": ("MRModifierSequence", "InversionRecovery"),
    "FatSuppression": ("MRModifierSequence", "SpectrallySelectedSuppression"),
    "PixelBandwidth": ("MRImagingModifierSequence", "PixelBandwidth"),
    "ComplexImageComponent": ("MRImageFrameTypeSequence", "ComplexImageComponent"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "AcquisitionTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
    "StackID": ("FrameContentSequence", "StackID"),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
}
FRAME_TAGS = ("NumberOfFrames", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


@dataclass(frozen=True)
class Attributes:
    """The attributes of one image. frame: its place in the file, from 1; None when the file holds one image only."""

    dataset: Dataset
    path: Path
    frame: int | None = None

    def get(self, keyword: str) -> Any:
        """The frame's own value, else the one its frames share, else the file's; None when there is none."""
        group, inner = GROUPS.get(keyword, ("", ""))
        for holder in self._groups():
            items = holder.get(group) if group else None
            if items and items[0].get(inner) is not None:
                return items[0].get(inner)
        return self.dataset.get(keyword)

    def sequence(self, keyword: str) -> list[Dataset]:
        """The items of a sequence, looked for where ``get`` looks."""
        for holder in (*self._groups(), self.dataset):
            if holder.get(keyword):
                return list(holder.get(keyword))
        return []

    def required(self, keyword: str) -> Any:
        """The value. StudyError when the file has none."""
        value = self.get(keyword)
        if value is None or value == "":
            raise StudyError(f"{self.path}: {keyword} is missing; export it from the scanner or archive again")
        return value

    def vector(self, keyword: str, length: int) -> tuple[float, ...]:
        """The value as ``length`` finite numbers. StudyError when it is anything else."""
        values = self.required(keyword)
        try:
            vector = tuple(float(value) for value in values)
        except (TypeError, ValueError):
            vector = ()
        if len(vector) != length or not all(map(math.isfinite, vector)):
            raise StudyError(f"{self.path}: {keyword} is {values}, it must be {length} numbers; export it again")
        return vector

    def _groups(self) -> Iterator[Dataset]:
        if self.frame is None:
            return
        own, shared = (self.dataset.get(name) or () for name in FRAME_TAGS[:0:-1])
        if self.frame <= len(own):
            yield own[self.frame - 1]
        yield from shared[:1]


def frames_of(dataset: Dataset) -> list[int | None]:
    """The frames of a file, counted from 1; [None] when it holds one image without functional groups."""
    number = int(dataset.get("NumberOfFrames") or 1)
    if number == 1 and not dataset.get("PerFrameFunctionalGroupsSequence"):
        return [None]
    return list(range(1, number + 1))


def attributes_of(dataset: Dataset, path: Path, frame: int | None) -> Attributes:
    """The attributes of an image. StudyError when the file has no such frame, or has several and none is named."""
    frames = frames_of(dataset)
    if frame is None and len(frames) > 1:
        raise StudyError(f"{path}: holds several frames (enhanced MR); name the frame, or build the manifest again")
    if frame not in frames and (frame, frames) not in ((None, [1]), (1, [None])):
        raise StudyError(f"{path}: has no frame {frame}; build the manifest again")
    return Attributes(dataset, path, frames[0] if len(frames) == 1 else frame)


def plain(value: Any) -> Any:
    """An attribute as number or text, for tables; None when empty."""
    if value is None or value == "":
        return None
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return "\\".join(str(part) for part in value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return int(number) if number.is_integer() else number
