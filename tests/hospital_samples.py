"""A hospital's export for tests: several series of a subject, other files beside."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from dicom_samples import UID, SampleCohort, bone_masks, mr_dataset, seg_dataset, write, write_csv
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import BasicTextSRStorage, CTImageStorage, SecondaryCaptureImageStorage

AXIAL, SAGITTAL, CORONAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]
T1_GD = {"SeriesDescription": "t1_tse_fs_obl_cor_GD", "ScanOptions": "FS", "ContrastBolusAgent": "Gadovist"}
STIR = {"SeriesDescription": "stir_obl_cor", "ScanningSequence": ["SE", "IR"], "RepetitionTime": 4000, "EchoTime": 60}


def series_of_slices(subject: int, number: int, count: int = 3, **changes: Any) -> list[Dataset]:
    """A further series of the subject, its UIDs from its number; ``changes`` as in ``mr_dataset``."""
    return [
        mr_dataset(
            subject,
            step,
            **{
                "SOPInstanceUID": f"{UID}.{subject}.{number}.{step + 1}",
                "SeriesInstanceUID": f"{UID}.{subject}.{number}",
                "SeriesNumber": number,
                **changes,
            },
        )
        for step in range(count)
    ]


def localizer(subject: int, number: int = 90) -> list[Dataset]:
    """Three planes of three directions."""
    planes = (AXIAL, SAGITTAL, CORONAL)
    slices = series_of_slices(subject, number, SeriesDescription="planes", ImageType=["ORIGINAL", "PRIMARY", "M"])
    for ds, plane in zip(slices, planes, strict=True):
        ds.ImageOrientationPatient = plane
    return slices


def write_hospital_tree(root: Path, *, subjects: int = 2) -> SampleCohort:
    """A tree as an archive exports it: nothing is named after subjects, files have no extension.

    Each subject (its PatientID is the subject_id, P000 ...) has a T1 series with contrast agent, a STIR series, a
    localizer and a screenshot in two studies' folders; a DICOMDIR, a CT, a report and a Thumbs.db lie beside. SEG
    files of the T1 series lie flat in ``root/../outlines``, with segments as the hospital calls them.
    """
    names = ["Iliac bone L", "Iliac bone R", "Sacrum", "BME"]
    cohort = SampleCohort(root, root.parent / "subjects.csv", root.parent / "votes.csv")
    for number in range(subjects):
        patient, ill = root / f"A{number}/ST0", number % 2 == 0
        t1 = series_of_slices(number, 4, **T1_GD)
        parts = (t1, series_of_slices(number, 3, **STIR), localizer(number), [screenshot(number)])
        for place, part in enumerate(parts):
            for step, ds in enumerate(part):
                write(ds, patient.with_name(f"ST{place % 2}") / f"SE{place}" / f"IM{9 - step}")
        seg = seg_dataset(t1, np.stack([bone_masks(2 if ill else 0)] * len(t1)), names=names)
        write(seg, root.parent / "outlines" / f"{number}.dcm")
        cohort.votes += [
            {"sop_instance_uid": ds.SOPInstanceUID, **{f"reader_{reader}": int(ill) for reader in (1, 2, 3)}}
            for ds in t1
        ]
        group = "axSpA" if ill else "control"
        cohort.subjects.append({"subject_id": f"P{number:03d}", "group": group, "age_years": 40, "sex": "F"})
    shutil.copy(get_testdata_file("DICOMDIR"), root / "DICOMDIR")
    write(mr_dataset(0, 0, Modality="CT", SOPClassUID=CTImageStorage, SOPInstanceUID=f"{UID}.0.8"), root / "A0/ct")
    write(report(0), root / "A0/report")
    (root / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 40)
    segments = zip(names, ("left ilium", "right ilium", "sacrum", "edema"), strict=True)
    write_csv(root.parent / "segments.csv", [{"label": label, "segment": segment} for label, segment in segments])
    cohort.rewrite()
    return cohort


def screenshot(subject: int) -> Dataset:
    """A secondary capture that calls itself MR."""
    uid = {"SOPInstanceUID": f"{UID}.{subject}.99.1", "SeriesInstanceUID": f"{UID}.{subject}.99"}
    return mr_dataset(
        subject, 0, **uid, SOPClassUID=SecondaryCaptureImageStorage, ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )  # fmt: skip


def report(subject: int) -> Dataset:
    """A structured report: DICOM without an image."""
    ds = mr_dataset(subject, 0, Modality="SR", SOPClassUID=BasicTextSRStorage, SOPInstanceUID=f"{UID}.{subject}.97.1")
    for name in ("PixelData", "Rows", "Columns"):
        delattr(ds, name)
    return ds
