"""Tiny synthetic MR series with DICOM SEG for tests; no part of the package is used here."""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

UID = "1.2.826.0.1.3680043.8.498.77"
ROWS, COLUMNS = 24, 32
TILT = np.deg2rad(25.0)  # oblique coronal: the plane leans back, its normal points backwards and upwards
ORIENTATION = (1.0, 0.0, 0.0, 0.0, float(np.sin(TILT)), float(-np.cos(TILT)))
NORMAL = np.array([0.0, np.cos(TILT), np.sin(TILT)])
STEP = 2.2
SEGMENTS = ("left ilium", "right ilium", "sacrum", "edema")
#: ilium rectangles as row0, row1, column0, column1; the subject's right lies on the left of the image
RIGHT, LEFT, SACRUM = (4, 20, 2, 10), (5, 21, 22, 30), (6, 18, 12, 20)


def mr_dataset(subject: int, step: int, *, rows: int = ROWS, columns: int = COLUMNS, **changes: Any) -> Dataset:
    """One MR slice, ``step`` slice steps above the subject's origin; ``changes`` set tags (None removes one)."""
    rng = np.random.default_rng([subject, step])
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{UID}.{subject}.1.{step + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{UID}.{subject}", f"{UID}.{subject}.1"
    ds.FrameOfReferenceUID = f"{UID}.{subject}.9"
    ds.Modality, ds.PatientID, ds.PatientName = "MR", f"P{subject:03d}", f"P{subject:03d}^"
    ds.PatientBirthDate = ds.PatientSex = ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.StudyID = ""
    ds.ReferringPhysicianName = ds.PositionReferenceIndicator = ""
    ds.SeriesNumber, ds.InstanceNumber = 1, step + 1
    ds.Manufacturer, ds.ManufacturerModelName, ds.MagneticFieldStrength = "Maker", "Model", 3.0
    ds.RepetitionTime, ds.EchoTime, ds.FlipAngle, ds.PixelBandwidth = 544.0, 11.0, 140.0, 326.0
    ds.SliceThickness, ds.SpacingBetweenSlices, ds.ScanningSequence = 2.0, STEP, ["SE"]
    ds.ImageOrientationPatient = [round(value, 6) for value in ORIENTATION]
    ds.ImagePositionPatient = [round(float(v), 6) for v in np.array([-125.0, 0.0, 90.0]) + step * STEP * NORMAL]
    ds.PixelSpacing, ds.ImageType = [0.558, 0.558], ["ORIGINAL", "PRIMARY", "M"]
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = rng.integers(0, 900, (rows, columns)).astype("<u2").tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def write(ds: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def rectangle(corners: tuple[int, int, int, int], rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    mask = np.zeros((rows, columns), bool)
    mask[corners[0] : corners[1], corners[2] : corners[3]] = True
    return mask


def bone_masks(lesions: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Masks of one slice, (rows, columns, 4) bool in the order of SEGMENTS; lesions are single pixels apart."""
    edema = np.zeros((rows, columns), bool)
    edema[8 : 8 + 2 * lesions : 2, 9] = True
    bones = [rectangle(corners, rows, columns) for corners in (LEFT, RIGHT, SACRUM)]
    return np.stack([*bones, edema], axis=-1)


def seg_dataset(
    sources: Sequence[Dataset],
    masks: np.ndarray,
    *,
    names: Sequence[str] = SEGMENTS,
    kind: str = "BINARY",
    uid: str | None = None,
) -> Dataset:
    """A DICOM SEG of ``masks`` (n, rows, columns, segments) bool over the n source slices."""
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Edema,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in enumerate(names, 1)
    ]
    if kind == "LABELMAP":  # one number per pixel: a later segment covers an earlier one
        numbers = np.arange(1, len(names) + 1, dtype=np.uint8)
        pixels = (masks * numbers).max(axis=-1).astype(np.uint8)
    else:
        pixels = masks.astype(float if kind == "FRACTIONAL" else np.uint8)
    return hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=f"{sources[0].StudyInstanceUID}.5",
        series_number=5,
        sop_instance_uid=uid or f"{sources[0].StudyInstanceUID}.5.1",
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
    )


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@dataclass
class SampleCohort:
    """Where the sample cohort lies, with what was put into it."""

    root: Path
    subjects_csv: Path
    votes_csv: Path
    subjects: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)

    def rewrite(self) -> None:
        """Write the two CSV files again after a test changed the rows."""
        write_csv(self.subjects_csv, self.subjects)
        write_csv(self.votes_csv, self.votes)


def write_cohort(root: Path, *, axspa: int = 2, controls: int = 2, slices: int = 3, **size: int) -> SampleCohort:
    """A cohort as a hospital would lay it out: one folder per subject, SEG.dcm, subjects.csv, votes.csv.

    Every slice of an axSpA subject carries two lesions; file names run against the slice order.
    """
    cohort = SampleCohort(root, root / "subjects.csv", root / "votes.csv")
    for number in range(axspa + controls):
        name, ill = f"S{number:02d}", number < axspa
        series = [mr_dataset(number, step, **size) for step in range(slices)]
        for step, ds in enumerate(series):
            write(ds, root / name / f"{slices - step:03d}.dcm")
            vote = {f"reader_{reader}": int(ill and reader != 1 + step % 3) for reader in (1, 2, 3)}
            cohort.votes.append({"subject_id": name, "sop_instance_uid": ds.SOPInstanceUID, **vote})
        masks = np.stack([bone_masks(2 if ill else 0, **size)] * slices)
        write(seg_dataset(series, masks), root / name / "SEG.dcm")
        group = "axSpA" if ill else "control"
        cohort.subjects.append({"subject_id": name, "group": group, "age_years": 30 + number, "sex": "FM"[number % 2]})
    cohort.rewrite()
    return cohort


def enhanced_mr(subject: int, steps: Sequence[int], *, series: int = 1, **changes: Any) -> Dataset:
    """Enhanced MR: one file with a frame per slice step, in the order given; geometry in functional groups."""
    slices = [mr_dataset(subject, step) for step in steps]
    ds = mr_dataset(subject, 0)
    for name in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
        *("RepetitionTime", "EchoTime", "FlipAngle", "PixelBandwidth", "ImageType"),
    ):
        delattr(ds, name)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = EnhancedMRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{UID}.{subject}.7{series}.1"
    ds.SeriesInstanceUID, ds.SeriesNumber = f"{UID}.{subject}.7{series}", series
    ds.ImageType, ds.NumberOfFrames = ["ORIGINAL", "PRIMARY", "M", "NONE"], len(steps)
    first = slices[0]
    ds.SharedFunctionalGroupsSequence = [
        made(
            PixelMeasuresSequence=copied(first, "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
            PlaneOrientationSequence=copied(first, "ImageOrientationPatient"),
            MRTimingAndRelatedParametersSequence=copied(first, "RepetitionTime", "FlipAngle"),
            MREchoSequence=[made(EffectiveEchoTime=first.EchoTime)],
        )
    ]
    ds.PerFrameFunctionalGroupsSequence = [
        made(
            PlanePositionSequence=copied(one, "ImagePositionPatient"),
            PixelValueTransformationSequence=[
                made(RescaleSlope=f"{1 + step / 2}", RescaleIntercept=f"{-step}", RescaleType="US")
            ],
            FrameVOILUTSequence=[made(WindowCenter="40", WindowWidth=f"{100 + step}")],
        )
        for step, one in zip(steps, slices, strict=True)
    ]
    ds.PixelData = b"".join(one.PixelData for one in slices)
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def made(**values: Any) -> Dataset:
    """A data set of the given attributes."""
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def copied(source: Dataset, *names: str) -> list[Dataset]:
    return [made(**{name: source[name].value for name in names})]


def jpeg_lossless(pixels: np.ndarray, bits: int = 16) -> bytes:
    """A JPEG lossless codestream (ITU T.81 process 14, predictor 1) of ``(H, W)`` unsigned values, to be decoded.

    Every category of difference has a Huffman code of five bits, which is lawful and short to write.
    """
    rows, columns = pixels.shape
    values = pixels.astype(np.int64)
    left = np.roll(values, 1, axis=1)
    left[1:, 0], left[0, 0] = values[:-1, 0], 1 << (bits - 1)
    stream = []
    for difference in (values - left).ravel():
        size = int(abs(difference)).bit_length()
        stream.append(f"{size:05b}")
        if size:
            stream.append(f"{int(difference if difference > 0 else difference + (1 << size) - 1):0{size}b}")
    text = "".join(stream)
    text += "1" * (-len(text) % 8)
    data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8)).replace(b"\xff", b"\xff\x00")
    table = bytes([0, 0, 0, 0, 17, *[0] * 11, *range(17)])
    frame = struct.pack(">BHHBBBB", bits, rows, columns, 1, 1, 0x11, 0)
    parts = ((0xC3, frame), (0xC4, b"\x00" + table), (0xDA, bytes([1, 1, 0, 1, 0, 0])))
    head = b"".join(struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body for mark, body in parts)
    return b"\xff\xd8" + head + data + b"\xff\xd9"
