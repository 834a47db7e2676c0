"""Pixels that are not square: the space between rows and that between columns are not mistaken for each other."""

import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, enhanced_mr, mr_dataset, write
from volume_samples import upright_affine, write_nifti

from sijstudy.errors import StudyError
from sijstudy.images.dicom import read_header
from sijstudy.images.label_maps import placed_label_map, read_label_map
from sijstudy.images.nifti import read_volume_headers

BETWEEN_ROWS, BETWEEN_COLUMNS = 0.9, 0.5
PIXELS = {"PixelSpacing": [BETWEEN_ROWS, BETWEEN_COLUMNS]}
LABELS = np.random.default_rng(5).integers(0, 2, (3, ROWS, COLUMNS)).astype(np.uint8)


def grid(headers, between_rows, between_columns):
    """(column, row, plane) -> LPS mm, of the slices but with other pixels."""
    first, second = headers[0], headers[1]
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.orientation[:3]) * between_columns
    affine[:3, 1] = np.array(first.orientation[3:]) * between_rows
    affine[:3, 2] = np.subtract(second.position, first.position)
    affine[:3, 3] = first.position
    return affine


@pytest.fixture
def slices(tmp_path):
    return [read_header(write(mr_dataset(1, step, **PIXELS), tmp_path / f"{step}.dcm")) for step in range(3)]


def test_a_header_names_rows_first(slices, tmp_path):
    assert {header.spacing for header in slices} == {(BETWEEN_ROWS, BETWEEN_COLUMNS)}
    enhanced = enhanced_mr(1, [0, 1])
    enhanced.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = PIXELS["PixelSpacing"]
    assert read_header(write(enhanced, tmp_path / "e.dcm"), 2).spacing == (BETWEEN_ROWS, BETWEEN_COLUMNS)


def test_a_volume_names_rows_first(tmp_path):
    affine = upright_affine(pixel=0.6)
    affine[:3, 1] *= 1.04  # the space between rows; more would not count as square
    image = np.random.default_rng(0).integers(0, 900, (3, ROWS, COLUMNS)).astype(np.int16)
    for axes in (((0, 1, 2), (False,) * 3), ((1, 0, 2), (False, True, False))):
        headers = read_volume_headers(write_nifti(tmp_path / "image.nii", image, affine, axes=axes))
        assert headers[0].shape == (ROWS, COLUMNS)
        assert headers[0].spacing == pytest.approx((0.624, 0.6))


@pytest.mark.parametrize("axes", [((0, 1, 2), (False,) * 3), ((2, 1, 0), (True, False, True))])
def test_a_label_map_lies_on_its_slices(slices, tmp_path, axes):
    path = write_nifti(tmp_path / "l.nii", LABELS, grid(slices, BETWEEN_ROWS, BETWEEN_COLUMNS), axes=axes)
    found = placed_label_map(read_label_map(path), slices)
    for place, header in enumerate(slices):
        np.testing.assert_array_equal(found[header.uid][0], LABELS[place])


def test_a_label_map_of_other_pixels_is_refused(slices, tmp_path):
    path = write_nifti(tmp_path / "l.nii", LABELS, grid(slices, BETWEEN_COLUMNS, BETWEEN_ROWS))
    with pytest.raises(StudyError, match=r"its pixels are 0\.9 x 0\.5 mm, theirs 0\.5 x 0\.9 mm"):
        placed_label_map(read_label_map(path), slices)
