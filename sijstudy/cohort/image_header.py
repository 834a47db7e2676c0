"""One MR image as its header describes it."""

from __future__ import annotations

import re

from sijstudy.cohort.series import MrImage
from sijstudy.images.dicom_attributes import Attributes, plain

TEXTS = ("SequenceName", "PulseSequenceName", "ProtocolName")
# What tells images of one place in a series apart -> the attribute that holds it, the first that does so first.
MARKS = {
    "temporal position": "TemporalPositionIdentifier",
    "acquisition": "AcquisitionNumber",
    "image type": "ImageType",
    "echo time": "EchoTime",
    "echo": "EchoNumbers",
    "inversion time": "InversionTime",
    "b-value": "DiffusionBValue",
    "flip angle": "FlipAngle",
    "stack": "StackID",
    "trigger time": "TriggerTime",
    "acquisition time": "AcquisitionTime",
    "content time": "ContentTime",
}
IMAGE_TAGS = (
    *("SOPInstanceUID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SeriesNumber"),
    *("SeriesDescription", "ComplexImageComponent", "ImageOrientationPatient", "ImagePositionPatient"),
    *("RepetitionTime", "ScanningSequence", "ScanOptions", "SamplesPerPixel", "SliceThickness"),
    *("ContrastBolusAgent", "ContrastBolusAgentSequence"),
    *TEXTS,
    *MARKS.values(),
)


def mr_image(values: Attributes) -> MrImage:
    """What the header of one MR image says. StudyError when it has no SOP Instance UID."""
    types = (*_names(values, "ImageType"), *_names(values, "ComplexImageComponent"))
    agents = [str(item.get("CodeMeaning", "")) for item in values.sequence("ContrastBolusAgentSequence")]
    return MrImage(
        file=values.path,
        frame=values.frame,
        sop_uid=str(values.required("SOPInstanceUID")),
        patient_id=_text(values, "PatientID"),
        series_uid=_text(values, "SeriesInstanceUID"),
        number=_text(values, "SeriesNumber"),
        description=_text(values, "SeriesDescription"),
        image_type=types,
        orientation=_orientation(values),
        repetition_time=_number(values, "RepetitionTime"),
        echo_time=_number(values, "EchoTime"),
        words=_words(values),
        contrast_agent=_text(values, "ContrastBolusAgent") or " ".join(agents),
        colour=int(values.get("SamplesPerPixel") or 1) > 1,
        position=_vector(values, "ImagePositionPatient", 3),
        study=(_text(values, "StudyInstanceUID"), _text(values, "FrameOfReferenceUID")),
        marks=tuple("/".join(types) if key == "ImageType" else _mark(values, key) for key in MARKS.values()),
        thickness=_number(values, "SliceThickness"),
        inversion_time=_number(values, "InversionTime"),
        options_stated=values.get("ScanOptions") is not None or bool(_text(values, "FatSuppression")),
    )


def _words(values: Attributes) -> str:
    words = [_text(values, name) for name in TEXTS]
    words += [f"sequence:{name}" for name in _names(values, "ScanningSequence")]
    words += [f"option:{name}" for name in _names(values, "ScanOptions")]
    inverted = _text(values, "InversionRecovery").upper() == "YES" or "M_IR" in _names(values, "ImageType")  # Philips
    words += ["sequence:IR"] if inverted else []
    words += ["option:FS"] if _text(values, "FatSuppression").upper() in ("FAT", "FAT_AND_WATER") else []
    return " ".join(filter(None, words)).lower()


def _orientation(values: Attributes) -> tuple[float, ...] | None:
    """Without position, an orientation says nothing; what else is wrong with it is said when the slice is read."""
    return _vector(values, "ImageOrientationPatient", 6) if values.get("ImagePositionPatient") else None


def _vector(values: Attributes, keyword: str, length: int) -> tuple[float, ...] | None:
    try:
        vector = tuple(float(value) for value in values.get(keyword) or ())
    except (TypeError, ValueError):
        return None
    return vector if len(vector) == length else None


def _mark(values: Attributes, keyword: str) -> str:
    """A value as text; numbers alike, however a file writes them."""
    value = plain(values.get(keyword))
    return "" if value is None else str(value).strip()


def _text(values: Attributes, keyword: str) -> str:
    value = values.get(keyword)
    return re.sub(r"\s+", " ", "" if value is None else str(value)).strip()


def _names(values: Attributes, keyword: str) -> tuple[str, ...]:
    value = values.get(keyword)
    items = [value] if isinstance(value, str) else list(value or ())
    return tuple(str(item).strip().upper() for item in items if str(item).strip())


def _number(values: Attributes, keyword: str) -> float | None:
    try:
        return float(values.get(keyword))
    except (TypeError, ValueError):
        return None
