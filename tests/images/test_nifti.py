"""NIfTI volumes as slices: every axis order gives the same upright planes and geometry; damage is refused by name."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from volume_samples import (
    AXIS_ORDERS,
    COLUMNS,
    PIXEL,
    PLANES,
    ROWS,
    STEP,
    TILT,
    upright_affine,
    write_nifti,
)

from sijstudy.errors import StudyError
from sijstudy.images.nifti import is_volume, open_volume, read_volume_header, read_volume_headers, read_volume_slice
from sijstudy.images.slice_order import slice_order

STACK = np.random.default_rng(3).integers(0, 900, (PLANES, ROWS, COLUMNS)).astype(np.int16)


def ordered(path):
    headers = read_volume_headers(path)
    return [headers[place] for place in slice_order(headers)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=96)
@given(turn=st.sampled_from(AXIS_ORDERS), tilt=st.sampled_from([0.0, TILT, np.deg2rad(50.0)]))
def test_every_axis_order_gives_the_same_slices(tmp_path, turn, tilt):
    affine = upright_affine(tilt)
    headers = ordered(write_nifti(tmp_path / "v.nii.gz", STACK, affine, axes=turn))
    plane_of = open_volume(headers[0].file)
    for place, header in enumerate(headers):
        read, again = read_volume_slice(header.file, _frame(header)), plane_of(_frame(header))
        assert again.header == read.header and np.array_equal(again.pixels, read.pixels)
        np.testing.assert_array_equal(read.pixels, STACK[place].astype(np.float32))
        np.testing.assert_allclose(header.position, affine[:3] @ [0, 0, place, 1], atol=1e-4)
        np.testing.assert_allclose(np.reshape(header.orientation, (2, 3)) * PIXEL, affine[:3, :2].T, atol=1e-5)
        np.testing.assert_allclose(header.spacing, PIXEL, rtol=1e-5)


def _frame(header):
    return 1 + [other.uid for other in read_volume_headers(header.file)].index(header.uid)


def test_the_header_of_a_plane(tmp_path):
    path = write_nifti(tmp_path / "v.nii", STACK)
    header = read_volume_slice(path, 2).header
    assert header == read_volume_header(path, 2) == read_volume_headers(path)[1]
    assert header.shape == (ROWS, COLUMNS) and header.patient_id == ""
    known = {name: value for name, value in header.acquisition.items() if value is not None}
    assert known == {"rows": ROWS, "columns": COLUMNS, "spacing_between_slices_mm": STEP}


def test_uids_are_of_the_content_not_of_the_place(tmp_path):
    first = write_nifti(tmp_path / "a.nii", STACK)
    again = tmp_path / "deep/b.nii"
    again.parent.mkdir()
    again.write_bytes(first.read_bytes())
    other = write_nifti(tmp_path / "c.nii", STACK + 1)
    uids = [[header.uid for header in read_volume_headers(path)] for path in (first, again, other)]
    assert uids[0] == uids[1] and not set(uids[0]) & set(uids[2]) and len(set(uids[0])) == PLANES


def test_slope_and_intercept_are_applied(tmp_path):
    path = write_nifti(tmp_path / "v.nii.gz", STACK)
    image = nib.load(path)
    raw = image.header.copy()
    data = np.asarray(image.dataobj)
    with gzip.open(path, "wb") as stream:
        raw.set_slope_inter(2.5, -7.0)
        raw["vox_offset"] = 352
        stream.write(raw.binaryblock + b"\0" * 4 + data.tobytes(order="F"))
    np.testing.assert_array_equal(read_volume_slice(path, 3).pixels, STACK[2].astype(np.float32) * 2.5 - 7)


def test_a_trailing_axis_of_one_is_no_time_axis(tmp_path):
    image = nib.load(write_nifti(tmp_path / "v.nii", STACK))
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine), tmp_path / "w.nii")
    np.testing.assert_array_equal(read_volume_slice(tmp_path / "w.nii", 1).pixels, STACK[0])


def test_axial_planes_keep_the_back_below(tmp_path):
    lps = np.eye(4)
    lps[:3, :3] = np.array([[PIXEL, 0, 0], [0, PIXEL * 0.96, STEP * 0.28], [0, -PIXEL * 0.28, STEP * 0.96]])
    path = write_nifti(tmp_path / "v.nii", STACK, lps, axes=((0, 1, 2), (True, True, False)))
    np.testing.assert_array_equal(read_volume_slice(path, 1).pixels, STACK[0])


def test_is_volume(tmp_path):
    assert is_volume(tmp_path / "a.NII.GZ") and is_volume(tmp_path / "a.nii") and not is_volume(tmp_path / "a.dcm")


def isotropic():
    return upright_affine(step=PIXEL)


def oblong():
    return upright_affine() @ np.diag([1.0, 2.0, 1.0, 1.0])


def sheared():
    affine = upright_affine()
    affine[:3, 1] += affine[:3, 0] / 2
    return affine


def sagittal():
    return upright_affine()[[1, 0, 2, 3]]


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (isotropic, r"voxels of 0\.6 x 0\.6 x 0\.6 mm do not tell slices"),
        (oblong, "do not tell slices from pixels"),
        (sheared, "not at right angles"),
        (sagittal, "planes are sagittal"),
    ],
)
def test_volumes_whose_slices_cannot_be_told(tmp_path, affine, words):
    refused(write_nifti(tmp_path / "v.nii", STACK, affine()), words)


def refused(path, words, frame=1):
    with pytest.raises(StudyError, match=words) as caught:
        read_volume_slice(path, frame)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value) and "; " in str(caught.value)


def saved(tmp_path, array, affine=None):
    path = tmp_path / "v.nii"
    nib.save(
        nib.Nifti1Image(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ (upright_affine() if affine is None else affine)), path
    )
    return path


RGB = np.zeros((8, 8, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((8, 8, 3, 4), np.int16), r"has shape \(8, 8, 3, 4\), not that of one volume"),
        (np.ones((8, 8), np.int16), "not that of one volume"),
        (np.ones((8, 8, 3), np.complex64), "colour or complex pixels"),
        (RGB, "colour or complex pixels"),
        (np.full((8, 8, 3), 7, np.int16), "all pixels of plane 1 have the value 7"),
        (np.full((8, 8, 3), np.nan, np.float32), "plane 1 is not all finite"),
        (np.zeros((8, 8, 0), np.int16), "so no slice|cannot be read"),
    ],
)
def test_arrays_that_are_no_grey_volume(tmp_path, array, words):
    refused(saved(tmp_path, array), words)


def test_damaged_and_foreign_files(tmp_path):
    whole = write_nifti(tmp_path / "whole.nii.gz", STACK).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nii.gz").write_text("text")
    (tmp_path / "empty.nii").write_bytes(b"")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    (tmp_path / "bits.nii.gz").write_bytes(bytes(flipped[:-20]))
    for name in ("cut.nii.gz", "text.nii.gz", "empty.nii", "bits.nii.gz"):
        refused(tmp_path / name, "cannot be read as NIfTI", frame=PLANES)
    refused(tmp_path / "gone.nii", "no such file")
    refused(write_nifti(tmp_path / "v.nii", STACK), "has 5 planes, not a plane 6", frame=6)


def test_a_volume_without_orientation(tmp_path):
    refused(write_nifti(tmp_path / "v.nii", STACK, code=0), "states no orientation")


def two_orientations(path, qform, *, codes=(1, 1), shape=(8, 8, 3)):
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    sform = np.diag([-1.0, -1.0, 1.0, 1.0]) @ upright_affine()
    image = nib.Nifti1Image(array, sform)
    image.set_qform(sform @ qform, code=codes[1])
    image.set_sform(sform, code=codes[0])
    nib.save(image, path)
    return path


def shifted(pixels):
    affine = np.eye(4)
    affine[0, 3] = pixels
    return affine


def turned_by(degrees):
    affine, angle = np.eye(4), np.deg2rad(degrees)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return affine


MIRRORED = np.diag([-1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("qform", [shifted(1.1), shifted(-1.1), turned_by(12), MIRRORED, np.diag([1.0, 1.0, 1.6, 1.0])])
def test_an_sform_and_a_qform_that_contradict_each_other_are_refused(tmp_path, qform):
    path = two_orientations(tmp_path / "v.nii", qform)
    refused(
        path, r"its sform \(code 1\) and its qform \(code 1\) place voxels up to .* apart, more than a pixel of 0\.6 mm"
    )
    for codes in ((1, 0), (0, 1)):
        read_volume_slice(two_orientations(tmp_path / "v.nii", qform, codes=codes), 1)


@pytest.mark.parametrize("qform", [np.eye(4), shifted(0.9), turned_by(5)])
def test_a_qform_less_than_a_pixel_aside_is_rounding(tmp_path, qform):
    sform = np.diag([-1.0, -1.0, 1.0, 1.0]) @ upright_affine()
    header = read_volume_header(two_orientations(tmp_path / "v.nii", qform), 2)
    corner = np.diag([-1.0, -1.0, 1.0, 1.0]) @ sform @ [0, 0, 1, 1]
    np.testing.assert_allclose(header.position, corner[:3], atol=1e-4)


def test_the_contradiction_is_looked_for_in_the_whole_volume(tmp_path):
    refused(two_orientations(tmp_path / "v.nii", turned_by(5), shape=(8, 32, 3)), "more than a pixel")
