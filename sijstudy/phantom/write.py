"""Writes one synthetic subject as DICOM MR slices with a DICOM SEG."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from sijstudy.dicom_write import KINDS, ROOT, derived_uid, described_segment, set_dimensions
from sijstudy.phantom.plan import ACQUIRED, PlannedSubject
from sijstudy.phantom.protocol import Protocol
from sijstudy.phantom.render import SEGMENTS

DATE, TIME = "20200101", "120000"  # fixed: the same seed must give the same bytes


@dataclass(frozen=True)
class Series:
    """What the slices of one subject share. ``tilt``: backward lean of the plane in radians. ``origin``: mm (LPS)."""

    subject: PlannedSubject
    seed: int
    protocol: Protocol
    tilt: float
    origin: tuple[float, float, float]
    upwards: bool

    def uid(self, *names: object) -> UID:
        """A DICOM UID that depends on the seed, the subject and ``names`` only."""
        return derived_uid("sijstudy phantom", self.seed, self.subject.subject_id, self.protocol.size, *names)

    def instance_number(self, position: int) -> int:
        """1 to 37; some examinations count from the upper slice down, so that readers must sort by position."""
        return position + 1 if self.upwards else ACQUIRED - position


def draw_series(subject: PlannedSubject, seed: int, protocol: Protocol, rng: np.random.Generator) -> Series:
    """Scanner geometry of one examination at random."""
    tilt = float(np.deg2rad(np.clip(rng.normal(40, 5), 28, 52)))
    origin = rng.normal(0, 1, 3) * np.array([3.0, 10.0, 15.0])
    return Series(
        subject, seed, protocol, tilt, (float(origin[0]), float(origin[1]), float(origin[2])), bool(rng.random() < 0.7)
    )


def mr_slice(series: Series, position: int, pixels: NDArray[np.uint16]) -> Dataset:
    """The MR image at ``position`` (0 lowest to 36) with ``pixels`` (n, n) uint16."""
    ds = _identity(series)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = series.uid("slice", position)
    ds.InstanceNumber = ds.AcquisitionNumber = series.instance_number(position)
    _acquisition(ds, series.protocol)
    _geometry(ds, series, position)
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SmallestImagePixelValue, ds.LargestImagePixelValue = int(pixels.min()), int(pixels.max())
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.5)).tolist()
    ds.WindowCenter, ds.WindowWidth = round((low + high) / 2), max(round(high - low), 1)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PixelData = pixels.astype("<u2").tobytes()
    return ds


def _identity(series: Series) -> Dataset:
    """Patient, study, series and equipment; every text says that nobody was scanned."""
    subject = series.subject
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = ROOT
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
    ds.PatientName = ds.PatientID = subject.subject_id
    ds.PatientSex, ds.PatientAge, ds.PatientBirthDate = subject.sex, f"{subject.age_years:03d}Y", ""
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "Synthetic phantom, no person was scanned"
    ds.ImageComments = "SYNTHETIC IMAGE: computed phantom, not a patient"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = series.uid("study"), series.uid("series")
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = series.uid("frame"), ""
    ds.StudyID, ds.SeriesNumber, ds.AccessionNumber, ds.ReferringPhysicianName = "1", 1, "", ""
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = TIME
    ds.StudyDescription = "Sacroiliac joints (synthetic)"
    ds.Modality, ds.BodyPartExamined, ds.PatientPosition = "MR", "PELVIS", "HFS"
    ds.Manufacturer, ds.ManufacturerModelName = "SIEMENS (simulated)", "Skyra"
    ds.InstitutionName, ds.SoftwareVersions = "sijstudy phantom", "sijstudy phantom"
    return ds


def _acquisition(ds: Dataset, protocol: Protocol) -> None:
    """Sequence, thickness, slice distance."""
    (_stir if protocol.sequence == "stir" else _gd_fs_t1)(ds)
    ds.MagneticFieldStrength, ds.MRAcquisitionType, ds.ImagedNucleus, ds.NumberOfAverages = "3.0", "2D", "1H", "1"
    ds.SliceThickness, ds.SpacingBetweenSlices = f"{protocol.thickness:g}", f"{protocol.step:g}"


def _stir(ds: Dataset) -> None:
    """A usual turbo inversion recovery at 3 T; ASSUMED, as the paper has none."""
    ds.SeriesDescription, ds.ProtocolName = "stir tse obl cor", "SIJ_STIR_TSE_OBL_COR"
    ds.ImageType = ["DERIVED", "PRIMARY", "M"]
    ds.RepetitionTime, ds.EchoTime, ds.InversionTime = "4500", "40", "220"
    ds.FlipAngle, ds.PixelBandwidth, ds.EchoTrainLength = "150", "220", "13"
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = ["SE", "IR"], ["SK", "MP"], "IR"
    ds.SequenceName = "*tir2d1_13"


def _gd_fs_t1(ds: Dataset) -> None:
    """The sequence of the paper, section 2.1."""
    ds.SeriesDescription = "t1 tse dixon W obl cor +GD"
    ds.ImageType = ["DERIVED", "PRIMARY", "DIXON", "WATER"]
    ds.RepetitionTime, ds.EchoTime = "544", "11"
    ds.FlipAngle, ds.PixelBandwidth = "140", "326"
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "SK", "DIXON"
    ds.SequenceName, ds.ProtocolName = "*tse2d1_dixon", "SIJ_T1_TSE_DIXON_OBL_COR_GD"
    ds.ContrastBolusAgent, ds.ContrastBolusRoute = "Gadolinium-based contrast agent (simulated)", "IV"
    ds.EchoTrainLength = "2"


def _geometry(ds: Dataset, series: Series, position: int) -> None:
    """Oblique coronal: rows run to the patient's left, columns down and backwards along the sacrum."""
    spacing = series.protocol.fov / series.protocol.size
    across = np.array([1.0, 0.0, 0.0])
    down = np.array([0.0, np.sin(series.tilt), -np.cos(series.tilt)])
    normal = np.array([0.0, np.cos(series.tilt), np.sin(series.tilt)])
    middle = np.array(series.origin) + (position - ACQUIRED // 2) * series.protocol.step * normal
    corner = middle - (series.protocol.size - 1) / 2 * spacing * (across + down)
    ds.ImageOrientationPatient = [f"{value:.9f}" for value in (*across, *down)]
    ds.ImagePositionPatient = [f"{value:.6f}" for value in corner]
    ds.PixelSpacing = [f"{spacing:.9f}"] * 2
    ds.SliceLocation = f"{float(middle @ normal):.4f}"


def segmentation(series: Series, images: list[Dataset], masks: Sequence[NDArray[np.bool_]]) -> Dataset:
    """DICOM SEG over ``images`` from the ``masks`` of each, (n, n, 4) bool in the order of SEGMENTS."""
    frames = np.stack([np.moveaxis(each, -1, 0) for each in masks])  # highdicom adds whole frames in half the time
    with warnings.catch_warnings():  # a subject's identifier is no person's name, on purpose
        warnings.filterwarnings("ignore", message=".*unlikely to represent the intended person name")
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=np.moveaxis(frames, 1, -1),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                described_segment(number, label, KINDS[label], "MANUAL") for number, label in enumerate(SEGMENTS, 1)
            ],
            series_instance_uid=series.uid("seg series"),
            series_number=2,
            sop_instance_uid=series.uid("seg"),
            instance_number=1,
            manufacturer="sijstudy phantom",
            manufacturer_model_name="sijstudy phantom",
            software_versions="sijstudy phantom",
            device_serial_number="0",
            content_description="Truth of a synthetic phantom",
            series_description="Truth of a synthetic phantom",
            omit_empty_frames=True,
        )
    _pin(seg, series)
    return seg


def _pin(seg: Dataset, series: Series) -> None:
    """Replace everything that highdicom took from the clock or from chance."""
    fixed = {"DA": DATE, "TM": TIME, "DT": DATE + TIME}
    for element in seg.iterall():
        if element.VR in fixed and element.value:
            element.value = fixed[element.VR]
    set_dimensions(seg, series.uid("dimension organization"))
