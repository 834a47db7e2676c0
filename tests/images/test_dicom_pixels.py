"""Stored values do not depend on the transfer syntax, nor on what old scanners keep in the bits above them."""

import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, mr_dataset, write
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from sijstudy.images.dicom import read_pixels

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
OVERLAY = 0x5000  # bits 12 and 14, above the 12 that are stored
VALUES = np.random.default_rng(4).integers(0, 1 << 12, (ROWS, COLUMNS))


def stored(values, syntax, **changes):
    """A slice of 12 stored bits out of 16, in a transfer syntax."""
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    ds = mr_dataset(1, 0, PixelData=values.astype(f"{order}u2").tobytes(), **changes)
    ds["PixelData"].VR = "OW"
    if syntax in NATIVE:
        ds.file_meta.TransferSyntaxUID = syntax
    else:
        ds.compress(syntax, generate_instance_uid=False)
    return ds


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless], ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("overlay", [0, OVERLAY])
def test_bits_above_the_stored_ones_are_no_tissue(tmp_path, syntax, signed, overlay):
    wanted = np.where(VALUES >= 1 << 11, VALUES - (1 << 12), VALUES) if signed else VALUES
    ds = stored(VALUES | overlay, syntax, PixelRepresentation=signed)
    np.testing.assert_array_equal(read_pixels(write(ds, tmp_path / "x.dcm")), wanted.astype(np.float32))


def test_a_codec_that_stores_12_bits_gives_the_same_pixels(tmp_path):
    ds = stored(VALUES, JPEGLSLossless)
    np.testing.assert_array_equal(read_pixels(write(ds, tmp_path / "x.dcm")), VALUES.astype(np.float32))
