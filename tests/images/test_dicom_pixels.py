"""Stored values do not depend on the transfer syntax; neither overlay bits nor declared padding are pixels."""

import io

import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, mr_dataset, write
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.dicom import read_pixels
from sijstudy.images.read import read_image_pixels
from sijstudy.intensity import to_8bit
from sijstudy.records import Box, IliumBoxes, Slice
from sijstudy.training.patches import patch_of

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


CODECS = (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless)
LARGE = np.random.default_rng(5).integers(0, 1 << 12, (64, 48))  # JPEG 2000 takes no smaller image


def whole_cells(cells, syntax, **changes):
    """A slice whose 16-bit cells a codec keeps, 12 bits of them declared to be stored."""
    shape = {"rows": cells.shape[0], "columns": cells.shape[1], "BitsStored": 16, "HighBit": 15}
    ds = stored(cells & 0xFFFF, syntax, **shape, **changes)
    ds.BitsStored, ds.HighBit = 12, 11
    return ds


@pytest.mark.parametrize("syntax", CODECS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("signed", [0, 1])
def test_a_codec_that_kept_bits_above_the_stored_ones_gives_the_same_pixels(tmp_path, syntax, signed):
    wanted = np.where(LARGE >= 1 << 11, LARGE - (1 << 12), LARGE) if signed else LARGE
    ds = whole_cells(LARGE | OVERLAY, syntax, PixelRepresentation=signed)
    np.testing.assert_array_equal(read_pixels(write(ds, tmp_path / "x.dcm")), wanted.astype(np.float32))


@pytest.mark.parametrize("syntax", CODECS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(
    ("signed", "kind", "value", "limit", "cell"),
    [
        (0, "US", 0x8000, None, 0x8000),  # outside the 12 stored bits
        (0, "SS", -32768, None, 0x8000),
        (1, "SS", -32768, None, 0x8000),
        (1, "US", 0x8000, None, 0x8000),
        (1, "SS", -2000, None, 0x0830),  # inside, its sign not extended
        (1, "SS", -2000, None, 0xF830),
        (0, "US", 0, None, OVERLAY),  # inside, an overlay above
        (0, "US", 0x8000, 0x8FFF, 0x8765),
        (1, "SS", -32768, -2000, 0xF830),  # one end inside
    ],
)
def test_padding_inside_and_outside_the_stored_bits(tmp_path, syntax, signed, kind, value, limit, cell):
    tissue, border = LARGE % 1000 + 1, np.zeros(LARGE.shape, bool)
    border[:, :5] = True
    ds = whole_cells(np.where(border, cell, tissue), syntax, PixelRepresentation=signed)
    ds.add_new("PixelPaddingValue", kind, value)
    if limit is not None:
        ds.add_new("PixelPaddingRangeLimit", kind, limit)
    found = read_pixels(write(ds, tmp_path / "x.dcm"))
    np.testing.assert_array_equal(np.isnan(found), border)
    np.testing.assert_array_equal(found[~border], tissue[~border])


def disc(syntax, fill=0, **changes):
    """A disc of tissue in padding, compressed with loss."""
    y, x = np.mgrid[:64, :64]
    values = np.where((y - 32) ** 2 + (x - 32) ** 2 < 800, 60 + x, fill)
    shape = {"rows": 64, "columns": 64, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    ds = mr_dataset(1, 0, **shape, **changes, PixelData=values.astype("u1").tobytes())
    if syntax == JPEGBaseline8Bit:
        stream = io.BytesIO()
        Image.fromarray(values.astype("u1")).save(stream, "JPEG", quality=90)
        ds.PixelData, ds.file_meta.TransferSyntaxUID = encapsulate([stream.getvalue()]), syntax
        ds["PixelData"].VR = "OB"
    elif syntax != ExplicitVRLittleEndian:
        options = {JPEG2000: {"j2k_cr": [20]}, JPEGLSNearLossless: {"jls_error": 3}}
        ds.compress(syntax, generate_instance_uid=False, **options[syntax])
    return ds


@pytest.mark.parametrize(
    ("syntax", "said"),
    [(JPEGBaseline8Bit, None), (JPEGLSNearLossless, None), (JPEG2000, None), (ExplicitVRLittleEndian, "01")],
)
def test_padding_that_was_compressed_with_loss_is_refused(tmp_path, syntax, said):
    said = {} if said is None else {"LossyImageCompression": said}
    words = r"x\.dcm: compressed with loss, and [1-4]\d% of its pixels .* as padding \(0\): .*; export it without loss"
    with pytest.raises(StudyError, match=words):
        read_pixels(write(disc(syntax, PixelPaddingValue=0, **said), tmp_path / "x.dcm"))
    for declared in ({}, {"PixelPaddingValue": 200}):  # nothing is padded
        assert not np.isnan(read_pixels(write(disc(syntax, **declared, **said), tmp_path / "x.dcm"))).any()


def test_jpeg_2000_that_says_it_lost_nothing_may_be_padded(tmp_path):
    ds = whole_cells(np.where(LARGE < 500, 0, LARGE), JPEG2000Lossless, PixelPaddingValue=0)
    ds.file_meta.TransferSyntaxUID, ds.LossyImageCompression = JPEG2000, "00"
    np.testing.assert_array_equal(np.isnan(read_pixels(write(ds, tmp_path / "x.dcm"))), LARGE < 500)


@pytest.mark.parametrize("high", [13, 15])
def test_bits_below_the_stored_ones_are_refused(tmp_path, high):
    """An overlay in the low bits: the pixels were shifted, which the standard has not allowed since 2004."""
    ds = stored(VALUES << (high - 11) | 1, ExplicitVRLittleEndian, HighBit=high)
    with pytest.raises(StudyError, match=rf"x\.dcm: its pixels lie in the bits up to {high}, 12 of them .*; export it"):
        read_pixels(write(ds, tmp_path / "x.dcm"))


FRAME = np.zeros((ROWS, COLUMNS), bool)
FRAME[:3] = FRAME[:, -4:] = True


def padded(values, **changes):
    ds = mr_dataset(1, 0, PixelData=values.astype("<i2").tobytes(), BitsStored=16, HighBit=15, **changes)
    ds["PixelData"].VR = "OW"
    return ds


@pytest.mark.parametrize("colour", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(
    ("value", "limit", "signed", "fill"),
    [
        (0, None, 0, 0),
        (4000, None, 0, 4000),
        (-2000, None, 1, -2000),
        (-32768, -30000, 1, -31000),
        (5000, 4500, 0, 4700),
    ],
)
def test_declared_padding_is_no_pixel(tmp_path, colour, value, limit, signed, fill):
    tissue = VALUES % 3000 + 1
    changes = {"PixelRepresentation": signed, "PixelPaddingValue": value, "PhotometricInterpretation": colour}
    if limit is not None:
        changes["PixelPaddingRangeLimit"] = limit
    found = read_pixels(write(padded(np.where(FRAME, fill, tissue), **changes), tmp_path / "x.dcm"))
    np.testing.assert_array_equal(np.isnan(found), FRAME)
    ends = -1 if signed else 2**16 - 1
    np.testing.assert_array_equal(found[~FRAME], tissue[~FRAME] if colour == "MONOCHROME2" else ends - tissue[~FRAME])


def test_padding_that_is_written_unsigned_beside_signed_pixels(tmp_path):
    ds = padded(np.where(FRAME, -2000, VALUES), PixelRepresentation=1)
    ds.add_new("PixelPaddingValue", "US", 65536 - 2000)
    np.testing.assert_array_equal(np.isnan(read_pixels(write(ds, tmp_path / "x.dcm"))), FRAME)


def test_a_padding_value_that_no_pixel_has_changes_nothing(tmp_path):
    found = read_pixels(write(padded(VALUES, PixelPaddingValue=9000), tmp_path / "x.dcm"))
    np.testing.assert_array_equal(found, VALUES)


def test_nothing_but_padding(tmp_path):
    path = write(padded(np.full((ROWS, COLUMNS), 7), PixelPaddingValue=7), tmp_path / "x.dcm")
    with pytest.raises(StudyError, match="all pixels are padding"):
        read_pixels(path)
    path = write(padded(np.where(FRAME, 7, 9), PixelPaddingValue=7), tmp_path / "x.dcm")
    with pytest.raises(StudyError, match="all pixels have the value 9"):
        read_pixels(path)


def test_padding_reaches_neither_percentiles_nor_patches(tmp_path):
    """The patch of a padded slice, against numpy's percentiles of its tissue alone."""
    values = np.where(FRAME, 30000, VALUES)
    path = write(padded(values, PixelPaddingValue=30000, PixelRepresentation=0), tmp_path / "x.dcm")
    boxes = IliumBoxes(left=Box(22, 5, 30, 21), right=Box(2, 4, 10, 20))
    item = Slice("S", 0, 1, path, None, "1", "", boxes, None)
    low, high = np.percentile(VALUES[~FRAME], [0.5, 99.5])
    scaled = np.clip((VALUES - low) * 255 / (high - low), 0, 255)
    scaled[FRAME] = 0
    np.testing.assert_allclose(to_8bit(read_image_pixels(item)), scaled, atol=1e-3)
    patch = patch_of(item, "roi", StudyConfig(patch_size=32))
    assert patch.min() >= 0 and 0 < patch.max() <= 255
