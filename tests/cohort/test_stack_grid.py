"""Slices on several grids are no stack, by whatever means joints are sought on them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write
from stack_samples import headers

from sijstudy.cohort.seen_joints import see_planes
from sijstudy.cohort.stack_grid import spacing_of, stack_file
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomSlice


def test_slices_of_several_sizes_with_an_outline_of_all_bone(tmp_path):
    """It was a traceback: boxes are proposed from such an outline before any network is asked."""
    sizes = [(24, 32), (24, 32), (26, 32)]
    for step, (rows, columns) in enumerate(sizes):
        write(mr_dataset(7, step, rows=rows, columns=columns), tmp_path / "NEW" / f"{step}.dcm")
    series = [mr_dataset(7, step) for step in range(2)]
    bone = np.stack([bone_masks(1)[..., :3].any(axis=-1, keepdims=True)] * 2)
    write(seg_dataset(series, bone, names=["bone"]), tmp_path / "NEW" / "SEG.dcm")
    with pytest.raises(StudyError, match=r"NEW: slices of 2 sizes or spacings; joints are sought"):
        read_subject(tmp_path / "NEW")


def test_of_a_volume_the_file_is_named():
    """Its folder may hold those of all subjects."""
    image = np.random.default_rng(0).normal(0, 1, (9, 9)).astype(np.float32)
    file = Path("images/7_STIR.nii.gz")
    own = [replace(one, file=file, frame=number) for number, one in enumerate(headers(0.0, 3.3), 1)]
    with pytest.raises(StudyError, match=r"^images/7_STIR\.nii\.gz: \d+% of the pixels are below 0"):
        see_planes([DicomSlice(header, image) for header in own])
    other = DicomSlice(replace(own[1], spacing=(0.5, 0.7)), image)
    with pytest.raises(StudyError, match=r"^images/7_STIR\.nii\.gz: slices of 2 sizes or spacings"):
        spacing_of([DicomSlice(own[0], image), other])


def test_rows_before_columns():
    image = np.zeros((9, 9), np.float32)
    assert spacing_of([DicomSlice(replace(one, spacing=(0.5, 0.7)), image) for one in headers(0.0, 3.3)]) == (0.5, 0.7)


@pytest.mark.parametrize(("frame", "holder"), [(None, "S00"), (3, "S00/IM01.dcm")])
def test_a_stack_is_held_by_its_file_or_the_folder_of_its_slices(frame, holder):
    assert stack_file(SimpleNamespace(file=Path("S00/IM01.dcm"), frame=frame)) == Path(holder)
