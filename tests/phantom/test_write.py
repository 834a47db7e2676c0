"""No tag of a synthetic slice tells the group of its subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from sijstudy.config import StudyConfig
from sijstudy.phantom import generate_cohort
from sijstudy.phantom.generate import subject_protocol
from sijstudy.phantom.plan import PlannedSubject, plan_cohort
from sijstudy.phantom.write import draw_series, mr_slice

CONFIG = StudyConfig(
    axspa_subjects=5, control_subjects=5, positive_slices=20, negative_slices=90, matrix_size=64, seed=7
)
PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % 900

# What may differ between the slices of a cohort: who and which slice it is, where it lies, what its pixels are.
WHO = {"PatientName", "PatientID", "PatientSex", "PatientAge"}
UIDS = {"SOPInstanceUID", "MediaStorageSOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"}
WHERE = {"InstanceNumber", "AcquisitionNumber", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"}
SHOWN = {"SmallestImagePixelValue", "LargestImagePixelValue", "WindowCenter", "WindowWidth", "PixelData"}


def tags(dataset: Dataset) -> dict[str, str]:
    """Every attribute of the file as text, its meta information included."""
    return {item.keyword or str(item.tag): repr(item.value) for item in (*dataset.file_meta, *dataset)}


@pytest.mark.parametrize("contrast", ["gd_fs_t1", "stir"])
def test_all_tags_but_those_of_subject_place_and_pixels_are_the_same_throughout(tmp_path: Path, contrast: str) -> None:
    generate_cohort(tmp_path / "cohort", replace(CONFIG, phantom_contrast=contrast), workers=1, progress=False)
    headers = [tags(dcmread(path)) for path in sorted((tmp_path / "cohort").rglob("MR_*.dcm"))]
    assert len(headers) == 110
    assert {frozenset(header) for header in headers} == {frozenset(headers[0])}  # none that only some have
    differing = {name for name in headers[0] if len({header[name] for header in headers}) > 1}
    assert differing <= WHO | UIDS | WHERE | SHOWN
    assert {"EchoTrainLength", "RepetitionTime", "SeriesDescription", "PixelSpacing"} <= headers[0].keys() - differing


def headers_of(subject: PlannedSubject, config: StudyConfig) -> list[dict[str, str]]:
    protocol = subject_protocol(subject, config)
    series = draw_series(subject, config.seed, protocol, np.random.default_rng((config.seed, 1, subject.number, 0)))
    return [tags(mr_slice(series, position, PIXELS)) for position in (0, 17, 36)]


@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("contrast", ["gd_fs_t1", "stir"])
def test_a_subject_of_the_other_group_has_the_same_tags(contrast: str, randomised: bool) -> None:
    config = replace(CONFIG, phantom_contrast=contrast, phantom_randomised=randomised)
    for subject in plan_cohort(config):
        other = replace(subject, group="control" if subject.group == "axSpA" else "axSpA")
        assert headers_of(subject, config) == headers_of(other, config)
