"""What the tests of SEG read their frames onto."""

import pytest
from dicom_samples import enhanced_mr, write
from seg_samples import SERIES

from sijstudy.images.dicom import read_header


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mr")
    return [read_header(write(ds, folder / f"{step}.dcm")) for step, ds in enumerate(SERIES)]


@pytest.fixture(scope="module")
def enhanced(tmp_path_factory):
    """An enhanced MR and the headers of its frames."""
    source = enhanced_mr(1, [0, 1, 2])
    path = write(source, tmp_path_factory.mktemp("enhanced") / "mf.dcm")
    return source, [read_header(path, frame) for frame in (1, 2, 3)]
