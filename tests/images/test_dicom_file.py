"""Opening DICOM files: what the library says of a header is not what a reader of the terminal is told."""

import logging
import warnings

from dicom_samples import mr_dataset, write

from sijstudy.images.dicom import read_header, read_pixels
from sijstudy.images.dicom_file import quiet


def test_what_pydicom_says_of_a_header_does_not_reach_the_terminal(tmp_path, caplog):
    padded = mr_dataset(1, 0)
    padded.PixelData += bytes(8)  # "contains excess padding"
    path = write(padded, tmp_path / "padded.dcm")
    content = path.read_bytes()
    uid = str(padded.FrameOfReferenceUID).encode()
    path.write_bytes(content.replace(uid, b"x" + uid[1:]))  # "Invalid value for VR UI", said when it is looked at
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert read_header(path).frame_of_reference.startswith("x")
        read_pixels(path)
    assert heard == [] and caplog.records == []


def test_a_library_may_speak_again_afterwards(caplog):
    with quiet("pydicom"):
        logging.getLogger("pydicom").warning("within")
    logging.getLogger("pydicom").warning("after")
    assert [record.message for record in caplog.records] == ["after"]
