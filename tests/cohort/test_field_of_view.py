"""Lengths that are not in mm are refused, whatever file has them and whoever reads it."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from dicom_samples import mr_dataset, write, write_cohort
from stack_samples import headers
from volume_samples import DRAWN_PIXEL, STEP, upright_affine, write_nifti

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.field_of_view import check_field_of_view
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.seen_joints import see_planes
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.cohort.subject_volumes import plane_images
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.dicom import DicomSlice


def volume(path, *, scale, unit, step=STEP):
    """A volume of 200 x 200 pixels of 1 mm, its lengths ``scale`` times as large."""
    stack = np.random.default_rng(0).gamma(2.0, 100.0, (3, 200, 200)).astype(np.float32)
    affine = upright_affine(pixel=DRAWN_PIXEL, step=step)
    affine[:3] *= scale
    write_nifti(path, stack, affine)
    image = nib.load(path)
    image.header.set_xyzt_units(unit)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    return path


@pytest.mark.parametrize(
    ("scale", "unit", "words"),
    [
        (
            1000.0,
            "micron",
            r"pixels of 1000 x 1000 mm make a field of view of 200000 x 200000 mm.*lengths are in microns",
        ),
        (0.001, "meter", r"pixels of 0\.001 x 0\.001 mm make a field .* 0\.2 x 0\.2 mm.*lengths are in metres"),
        (
            0.1,
            "mm",
            r"pixels of 0\.1 x 0\.1 mm make a field .* 20 x 20 mm, which .* has; give its affine in mm",
        ),
    ],
)
def test_a_volume_in_another_unit(tmp_path, scale, unit, words):
    path = volume(tmp_path / "7_STIR.nii.gz", scale=scale, unit=unit)
    with pytest.raises(StudyError, match=rf"^{path}: 200 x 200 {words}"):
        plane_images(path, FileHashes())


def test_thin_slices_in_metres_are_not_called_an_affine_without_inverse(tmp_path):
    path = volume(tmp_path / "7_STIR.nii.gz", scale=0.0005, unit="meter")
    with pytest.raises(StudyError, match="lengths are in metres"):
        plane_images(path, FileHashes())


def test_a_unit_that_is_stated_wrongly_beside_lengths_in_mm_does_no_harm(tmp_path):
    assert len(plane_images(volume(tmp_path / "7_STIR.nii.gz", scale=1.0, unit="meter"), FileHashes())) == 3


@pytest.mark.parametrize(("mm", "rows"), [(7.8, 24), (40.0, 24), (0.05, 24), (3.5, 300)])
def test_a_dicom_series(tmp_path, mm, rows):
    for step in range(3):
        ds = mr_dataset(7, step, rows=rows, PixelSpacing=[mm, mm])
        write(ds, tmp_path / "NEW" / f"{step}.dcm")
    words = rf"NEW/\d\.dcm: {rows} x 32 pixels of .* make a field of view of .*; correct PixelSpacing"
    with pytest.raises(StudyError, match=words):
        read_subject(tmp_path / "NEW")


def test_a_cohort_of_dicom_files(tmp_path):
    root = tmp_path / "dicom"
    write_cohort(root)
    write(mr_dataset(1, 1, PixelSpacing=[7.8, 7.8]), root / "S01/002.dcm")
    options = BuildOptions(
        name="x", source="hospital", subjects_csv=root / "subjects.csv", votes_csv=root / "votes.csv"
    )
    with pytest.raises(StudyError, match=r"S01/002\.dcm: 24 x 32 pixels of 7\.8 x 7\.8 mm"):
        build_manifest(root, tmp_path / "manifest", options, progress=False)


def test_no_network_is_asked_for_such_slices():
    """Whoever else calls it: a manifest may be older than the check."""
    planes = [
        DicomSlice(replace(header, spacing=(900.0, 900.0)), np.zeros((9, 9), np.float32))
        for header in headers(0.0, 3.3)
    ]
    with pytest.raises(StudyError, match=r"^S1/1\.dcm: 9 x 9 pixels of 900 x 900 mm"):
        see_planes(planes)


def test_a_frame_is_named():
    (header,) = headers(0.0)
    with pytest.raises(StudyError, match=r"^S1/1\.dcm#4: "):
        check_field_of_view(replace(header, spacing=(9.0, 9.0), frame=4))


@pytest.mark.parametrize(("count", "mm"), [(1024, 0.2), (512, 0.3), (64, 0.9), (96, 4.0), (550, 1.8)])
def test_usual_images_pass(count, mm):
    (header,) = headers(0.0)
    check_field_of_view(replace(header, shape=(count, count), spacing=(mm, mm)))
