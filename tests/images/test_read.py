"""The image of a slice, from a DICOM file or a NIfTI volume."""

import numpy as np
import pytest
from dicom_samples import enhanced_mr, mr_dataset, write
from volume_samples import COLUMNS, PLANES, ROWS, write_nifti

from sijstudy.errors import StudyError
from sijstudy.files import FileHashes, file_hash
from sijstudy.images.read import read_image, read_image_header, read_planes
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


def test_planes_of_several_files_are_those_read_alone(tmp_path):
    stack = np.random.default_rng(1).normal(90, 9, (PLANES, ROWS, COLUMNS)).astype(np.float32)
    volume = write_nifti(tmp_path / "v.nii.gz", stack, axes=((2, 0, 1), (True, False, True)))
    frames = write(enhanced_mr(0, (2, 0, 1)), tmp_path / "frames")
    single = write(mr_dataset(0, 1), tmp_path / "1.dcm")
    sources = [(volume, 2), (volume, 5), (frames, 3), (single, None), (frames, 1)]
    found = list(read_planes(sources, FileHashes()))
    assert [source for source, _ in found] == sources
    for (file, frame), plane in found:
        alone = read_image(item(file, frame))
        assert plane.header == alone.header
        np.testing.assert_array_equal(plane.pixels, alone.pixels)


def test_planes_that_cannot_be_read_come_as_errors(tmp_path):
    stack = np.random.default_rng(1).integers(0, 900, (PLANES, ROWS, COLUMNS)).astype(np.int16)
    stack[1] = 7
    volume = write_nifti(tmp_path / "v.nii.gz", stack)
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(volume.read_bytes()[:-2000])
    single = write(mr_dataset(0, 1, PixelData=None), tmp_path / "1.dcm")
    sources = [(cut, 1), (cut, 2), (volume, 2), (volume, 3), (single, None), (tmp_path / "gone.dcm", None)]
    planes = [plane for _, plane in read_planes(sources, FileHashes())]
    words = (
        "cannot be read as NIfTI",
        "cannot be read as NIfTI",
        "all pixels of plane 2",
        None,
        "no pixels",
        "no such",
    )
    for plane, word in zip(planes, words, strict=True):
        assert isinstance(plane, StudyError) == bool(word)
        assert word is None or word in str(plane)


def test_a_hash_is_taken_once_and_says_what_is_missing(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    hashes = FileHashes()
    first = hashes[tmp_path / "a"]
    (tmp_path / "a").write_bytes(b"b")
    assert hashes[tmp_path / "a"] == first != file_hash(tmp_path / "a")
    with pytest.raises(StudyError, match="gone: no such file; restore it"):
        hashes[tmp_path / "gone"]
