"""Reading MR slices: values against what was written, order against geometry, refusals by name."""

import random
import re
import warnings

import numpy as np
import pytest
from dicom_samples import (
    COLUMNS,
    NORMAL,
    ORIENTATION,
    ROWS,
    STEP,
    UID,
    enhanced_mr,
    jpeg_lossless,
    made,
    mr_dataset,
    write,
)
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from sijstudy.errors import StudyError
from sijstudy.images.dicom import ACQUISITION, read_header, read_slice
from sijstudy.images.slice_order import normal_of, slice_order

CORONAL = [1, 0, 0, 0, 0, -1]
NAN_FLOATS = np.full((ROWS, COLUMNS), np.nan, "<f4")


def saved(tmp_path, step=0, **changes):
    return write(mr_dataset(1, step, **changes), tmp_path / f"{step}.dcm")


def series(tmp_path, steps, **changes):
    return [read_header(saved(tmp_path, step, **changes)) for step in steps]


def test_pixels_are_stored_values_after_rescale(tmp_path):
    ds = mr_dataset(1, 0, RescaleSlope=0.5, RescaleIntercept=-7.25)
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(ROWS, COLUMNS)
    pixels = read_slice(write(ds, tmp_path / "a.dcm")).pixels
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, stored * 0.5 - 7.25)


def test_pixels_without_rescale_values_and_signed_ones(tmp_path):
    values = np.arange(-ROWS * COLUMNS // 2, ROWS * COLUMNS // 2, dtype="<i2").reshape(ROWS, COLUMNS)
    path = saved(tmp_path, PixelRepresentation=1, BitsStored=16, HighBit=15, PixelData=values.tobytes())
    np.testing.assert_array_equal(read_slice(path).pixels, values)


def in_syntax(ds, syntax):
    """``ds`` as a file of a transfer syntax holds it."""
    if syntax in (RLELossless, JPEG2000Lossless):
        ds.compress(syntax, generate_instance_uid=False)
        return ds
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEGLosslessSV1:
        ds.PixelData = encapsulate([jpeg_lossless(stored_of(ds))])
        ds["PixelData"].VR = "OB"
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = stored_of(ds).astype(">u2").tobytes()
    return ds


def stored_of(ds):
    return np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
        RLELossless, JPEGLosslessSV1, JPEG2000Lossless,
    ],
    ids=lambda uid: uid.name,
)  # fmt: skip
def test_pixels_of_every_transfer_syntax(tmp_path, syntax):
    ds = mr_dataset(1, 0, rows=64, columns=80, RescaleSlope=2, RescaleIntercept=-3)
    expected = stored_of(ds) * 2.0 - 3
    ds = in_syntax(ds, syntax)
    path = tmp_path / "a.dcm"
    dcmwrite(path, ds, enforce_file_format=True)
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax
    read = read_slice(path)
    np.testing.assert_array_equal(read.pixels, expected)
    assert read.header.uid == f"{UID}.1.1.1"


def test_a_bundled_jpeg_lossless_file_decodes():
    pixels = dcmread(get_testdata_file("SC_rgb_jpeg_gdcm.dcm")).pixel_array
    assert pixels.shape == (100, 100, 3) and pixels.std() > 50


@pytest.mark.parametrize("signed", [0, 1])
def test_monochrome1_is_turned_over_before_rescale(tmp_path, signed):
    changes = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": 0.5, "RescaleIntercept": 10}
    ds = mr_dataset(1, 0, PixelRepresentation=signed, **changes)
    stored = stored_of(ds).astype(int)
    slice_ = read_slice(write(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(slice_.pixels, ((-1 if signed else 4095) - stored) * 0.5 + 10)
    assert slice_.header.acquisition["photometric_interpretation"] == "MONOCHROME1"


def test_a_window_is_recorded_and_not_applied(tmp_path):
    window = {"WindowCenter": 100, "WindowWidth": 10, "VOILUTFunction": "SIGMOID"}
    ds = mr_dataset(1, 0, **window)
    slice_ = read_slice(write(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(slice_.pixels, stored_of(ds))
    acquisition = slice_.header.acquisition
    assert (acquisition["window_center"], acquisition["window_width"]) == (100, 10)


def test_a_real_world_map_stands_in_for_a_missing_rescale(tmp_path):
    real = made(RealWorldValueSlope=4.0, RealWorldValueIntercept=1.0)
    ds = mr_dataset(1, 0, RealWorldValueMappingSequence=[real])
    np.testing.assert_array_equal(read_slice(write(ds, tmp_path / "a.dcm")).pixels, stored_of(ds) * 4 + 1)
    ds.RescaleSlope, ds.RescaleIntercept = 2, 0
    np.testing.assert_array_equal(read_slice(write(ds, tmp_path / "b.dcm")).pixels, stored_of(ds) * 2)


STEPS = (3, 0, 5)


def test_frames_of_enhanced_mr_read_like_single_slices(tmp_path):
    path = write(enhanced_mr(1, STEPS), tmp_path / "enhanced.dcm")
    for frame, step in enumerate(STEPS, 1):
        one, alone = read_slice(path, frame), read_slice(saved(tmp_path, step))
        np.testing.assert_array_equal(one.pixels, alone.pixels * np.float32(1 + step / 2) - np.float32(step))
        for name in ("position", "orientation", "spacing", "shape", "frame_of_reference"):
            assert getattr(one.header, name) == getattr(alone.header, name)
        assert (one.header.uid, one.header.frame) == (f"{UID}.1.71.1.{frame}", frame)
        same = ("repetition_time_ms", "echo_time_ms", "flip_angle_deg", "slice_thickness_mm")
        assert [one.header.acquisition[name] for name in same] == [alone.header.acquisition[name] for name in same]
        assert one.header.acquisition["window_width"] == 100 + step
        assert one.header == read_header(path, frame)
    assert [STEPS[place] for place in slice_order([read_header(path, n) for n in (1, 2, 3)])] == [0, 3, 5]


def test_a_compressed_multi_frame_file(tmp_path):
    ds = enhanced_mr(1, STEPS)
    plain = [read_slice(write(ds, tmp_path / "a.dcm"), frame).pixels for frame in (1, 2, 3)]
    ds.compress(RLELossless, generate_instance_uid=False)
    packed = [read_slice(write(ds, tmp_path / "b.dcm"), frame).pixels for frame in (1, 2, 3)]
    np.testing.assert_array_equal(packed, plain)


def test_frames_that_are_not_there(tmp_path):
    path = write(enhanced_mr(1, STEPS), tmp_path / "enhanced.dcm")
    for frame, words in ((None, "holds several frames"), (4, "has no frame 4"), (0, "has no frame 0")):
        with pytest.raises(StudyError, match=rf"enhanced\.dcm: {words}"):
            read_slice(path, frame)
    with pytest.raises(StudyError, match="has no frame 2"):
        read_header(saved(tmp_path), 2)


def test_header_values(tmp_path):
    header = read_header(saved(tmp_path, 3))
    assert (header.uid, header.patient_id, header.shape) == (f"{UID}.1.1.4", "P001", (ROWS, COLUMNS))
    np.testing.assert_allclose(header.position, np.array([-125, 0, 90]) + 3 * STEP * NORMAL, atol=1e-5)
    np.testing.assert_allclose(header.orientation, ORIENTATION, atol=1e-5)
    assert header.spacing == (0.558, 0.558)
    assert header == read_slice(saved(tmp_path, 3)).header


def test_acquisition_values_are_numbers_text_or_none(tmp_path):
    acquisition = read_header(saved(tmp_path, ScanningSequence=["SE", "IR"])).acquisition
    assert set(acquisition) == set(ACQUISITION)
    assert (acquisition["repetition_time_ms"], acquisition["flip_angle_deg"]) == (544, 140)
    assert (acquisition["manufacturer"], acquisition["sequence"]) == ("Maker", "SE\\IR")
    assert acquisition["contrast_agent"] is None


def test_order_is_lower_to_upper_whatever_the_file_order(tmp_path):
    steps = [4, 0, 7, 2]
    headers = series(tmp_path, steps, InstanceNumber=1)
    assert [steps[place] for place in slice_order(headers)] == sorted(steps)


def test_order_does_not_depend_on_the_sign_of_the_plane(tmp_path):
    # rows running to the head turn the cross product over; the body's lower end stays where it is
    flipped = [*ORIENTATION[:3], *(-np.array(ORIENTATION[3:]))]
    headers = series(tmp_path, [2, 0, 1], ImageOrientationPatient=[round(float(v), 6) for v in flipped])
    assert slice_order(headers) == [1, 2, 0]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 1)),  # axial: to the head
        ((1, 0, 0, 0, -1, 0), (0, 0, 1)),
        (CORONAL, (0, 1, 0)),  # coronal: to the back
        ((1, 0, 0, 0, 0, 1), (0, 1, 0)),
        (ORIENTATION, NORMAL),  # oblique coronal: to the back and upwards
    ],
)
def test_normal_points_to_the_head_else_to_the_back(orientation, expected):
    np.testing.assert_allclose(normal_of(orientation), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ImagePositionPatient": [-125.0, 0.0, 90.0]}, "same place"),
        ({"ImageOrientationPatient": CORONAL}, "not parallel"),
        ({"FrameOfReferenceUID": f"{UID}.8"}, "frame of reference"),
    ],
)
def test_series_that_cannot_be_ordered(tmp_path, changes, words):
    headers = [*series(tmp_path, [0]), *series(tmp_path, [1], **changes)]
    with pytest.raises(StudyError, match=rf"1\.dcm: .*{words}.*; keep one"):
        slice_order(headers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Modality": "CT"}, "modality is CT, not MR"),
        ({"Modality": None}, "modality is none"),
        ({"NumberOfFrames": 3}, "several frames"),
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
        ({"ImagePositionPatient": [1.0, 2.0]}, "must be 3 numbers"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "right angles"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "right angles"),
        ({"PixelSpacing": [0.0, 0.5]}, "not positive"),
        ({"SOPInstanceUID": None}, "SOPInstanceUID is missing"),
        ({"PixelData": None}, "holds no pixels"),
        ({"PixelData": b"\0\0" * ROWS * COLUMNS}, "all pixels have the value 0"),
        ({"PixelData": b"\1\0" * 10}, "is cut off, pixels are missing"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR pixels"),
        ({"PixelData": None, "FloatPixelData": NAN_FLOATS.tobytes(), "BitsAllocated": 32}, "not all finite"),
    ],
)
def test_refused_slices_are_named(tmp_path, changes, words):
    path = saved(tmp_path, **changes)
    with pytest.raises(StudyError, match=rf"^{re.escape(str(path))}: .*{words}.*; \w"):
        read_slice(path)


def test_colour_images_are_refused(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 9, (ROWS, COLUMNS, 3), dtype="u1").tobytes()
    kind = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    path = saved(tmp_path, PhotometricInterpretation="RGB", PixelData=rgb, **kind)
    with pytest.raises(StudyError, match="not one grey plane"):
        read_slice(path)


def test_missing_empty_foreign_and_unreadable_files(tmp_path):
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "text.dcm").write_text("no image at all\n" * 20)
    expected = {"gone.dcm": "no such file", "empty.dcm": "empty", "text.dcm": "not a DICOM file", ".": "cannot be read"}
    for name, words in expected.items():
        with pytest.raises(StudyError, match=words):
            read_slice(tmp_path / name)


def test_damaged_files_raise_nothing_but_one_line_errors(tmp_path):
    whole, rng, refused = saved(tmp_path).read_bytes(), random.Random(0), 0
    path = tmp_path / "damaged.dcm"
    for _ in range(300):
        content = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.5 else whole)
        for place in rng.choices(range(min(1400, len(content))), k=3) if len(content) > 1400 else ():
            content[place] = rng.randrange(256)
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_slice(path)
            except StudyError as error:
                refused += 1
                assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 150
