"""The image of a slice, from a DICOM file or a NIfTI volume."""

import numpy as np
from dicom_samples import mr_dataset, write
from volume_samples import COLUMNS, PLANES, ROWS, write_nifti

from sijstudy.images.read import read_image, read_image_header
from sijstudy.records import Slice


def item(file, frame):
    return Slice("s", 0, 1, file, frame, "1.2", "0" * 64, None, None)


def test_a_plane_of_a_volume(tmp_path):
    stack = np.random.default_rng(1).integers(0, 900, (PLANES, ROWS, COLUMNS)).astype(np.int16)
    of_volume = item(write_nifti(tmp_path / "v.nii.gz", stack), 3)
    np.testing.assert_array_equal(read_image(of_volume).pixels, stack[2])
    assert read_image_header(of_volume) == read_image(of_volume).header


def test_a_dicom_file(tmp_path):
    ds = mr_dataset(0, 1)
    of_file = item(write(ds, tmp_path / "1.dcm"), None)
    np.testing.assert_array_equal(read_image(of_file).pixels, ds.pixel_array)
    assert read_image_header(of_file).uid == ds.SOPInstanceUID
