"""Where frames of a SEG lie, as tools that differ say it: each on its slice, turned exactly, or refused by name."""

import copy

import numpy as np
import pytest
from dicom_samples import COLUMNS, NORMAL, ROWS, STEP, mr_dataset, seg_dataset, write
from seg_samples import (
    MASKS,
    SERIES,
    frames,
    masks_of,
    move,
    same,
    saved,
    segment_of,
)

from sijstudy.errors import StudyError
from sijstudy.images.dicom import read_header
from sijstudy.images.seg import read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import SegmentTable


def source_of(item):
    return item.DerivationImageSequence[0].SourceImageSequence[0]


@pytest.mark.parametrize("listed", [True, False])
def test_a_whole_multi_frame_file_is_cited(tmp_path, enhanced, listed):
    source, own = enhanced
    ds = seg_dataset([source], MASKS)
    for item in frames(ds):
        source_of(item).pop("ReferencedFrameNumber", None)
    if not listed:
        del ds.ReferencedSeriesSequence
    same(masks_of(saved(tmp_path, ds), own))


def test_a_whole_multi_frame_file_is_cited_and_no_position_is_stated(tmp_path, enhanced):
    source, own = enhanced
    ds = seg_dataset([source], MASKS)
    for item in frames(ds):
        source_of(item).pop("ReferencedFrameNumber", None)
        del item.PlanePositionSequence
    with pytest.raises(
        StudyError, match=r"frame 1 \(left ilium\) lies on no slice .*: it names 3 slices and states no"
    ):
        masks_of(saved(tmp_path, ds), own)


def test_several_frames_are_cited(tmp_path, enhanced):
    source, own = enhanced
    ds = seg_dataset([source], MASKS)
    for item in frames(ds):
        source_of(item).ReferencedFrameNumber = [1, 2, 3]
    same(masks_of(saved(tmp_path, ds), own))


def test_the_first_frame_of_a_single_frame_image_is_that_image(tmp_path, headers):
    ds = seg_dataset(SERIES, MASKS)
    for item in frames(ds):
        source_of(item).ReferencedFrameNumber = 1
        del item.PlanePositionSequence
    same(masks_of(saved(tmp_path, ds), headers))
    source_of(frames(ds)[0]).ReferencedFrameNumber = 3
    with pytest.raises(StudyError, match=r"frame 1 .* lies on no slice of its subject: it names image .*no position"):
        masks_of(saved(tmp_path, ds), headers)


@pytest.mark.parametrize("what", ["no citation", "unknown citation"])
def test_a_frame_is_placed_by_its_position(tmp_path, headers, what):
    ds = seg_dataset(SERIES, MASKS)
    for number, item in enumerate(frames(ds)):
        if what == "no citation":
            del item.DerivationImageSequence
        else:
            source_of(item).ReferencedSOPInstanceUID = f"1.2.3.{number}"
    same(masks_of(saved(tmp_path, ds), headers[::-1])[::-1])


@pytest.mark.parametrize("shift", [0.5, STEP * 3])
def test_a_frame_on_no_slice(tmp_path, headers, shift):
    ds = seg_dataset(SERIES, MASKS)
    item = next(one for one in frames(ds) if segment_of(one) == 4)
    del item.DerivationImageSequence
    move(item, shift * NORMAL)
    path = saved(tmp_path, ds)
    words = rf"SEG\.dcm: frame \d+ \(edema\) lies on no slice .*: it names no slice, and lies {shift:.3g} mm from 2"
    with pytest.raises(StudyError, match=words) as caught:
        masks_of(path, headers)
    assert "\n" not in str(caught.value) and ("--skip-broken" in str(caught.value)) == (shift > 1)
    if shift < 1:  # it may outline that very slice, which would pass for empty without it
        with pytest.raises(StudyError, match=words):
            read_seg(path, Slices(headers), SegmentTable(), skip_elsewhere=True)
        return
    found = read_seg(path, Slices(headers), SegmentTable(), skip_elsewhere=True)
    assert next(iter(found.elsewhere.values())).startswith("lies on no slice of its subject: it names no slice")
    expected = np.moveaxis(MASKS, -1, 1).copy()
    expected[2, 3] = False
    np.testing.assert_array_equal(masks_of(path, headers, skip_elsewhere=True), expected)


def test_an_empty_frame_on_no_slice_is_nothing(tmp_path, headers):
    masks = MASKS.copy()
    ds = seg_dataset(SERIES, masks, kind="FRACTIONAL")
    pixels = ds.pixel_array.copy()
    pixels[0] = 0
    ds.PixelData = pixels.tobytes()
    source_of(frames(ds)[0]).ReferencedSOPInstanceUID = "1.2.3"
    del frames(ds)[0].PlanePositionSequence
    expected = masks.copy()
    expected[2, ..., 0] = False
    same(masks_of(saved(tmp_path, ds), headers), expected)


def test_positions_of_another_frame_of_reference(tmp_path, headers):
    ds = seg_dataset(SERIES, MASKS)
    ds.FrameOfReferenceUID = "1.2.3"
    same(masks_of(saved(tmp_path, ds), headers))  # cited, so the positions need not tell
    for item in frames(ds):
        del item.DerivationImageSequence
    with pytest.raises(StudyError, match="its position is of another frame of reference"):
        masks_of(saved(tmp_path, ds), headers)


def turned(ds, rows, columns, exchange):
    """The same outlines, stored with rows or columns the other way round, geometry stated accordingly."""
    ds = copy.deepcopy(ds)
    stored = ds.pixel_array
    image = stored.swapaxes(-1, -2) if exchange else stored
    image = image[:, :: -1 if rows else 1, :: -1 if columns else 1]
    ds.Rows, ds.Columns = image.shape[1:]
    ds.PixelData = np.ascontiguousarray(image).tobytes()
    shared = ds.SharedFunctionalGroupsSequence[0]
    across, down = np.reshape(np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), (2, 3))
    size = float(shared.PixelMeasuresSequence[0].PixelSpacing[0])
    if exchange:
        across, down = down, across
    origin = np.zeros(3)
    if rows:
        origin, down = origin + down * size * (ds.Rows - 1), -down
    if columns:
        origin, across = origin + across * size * (ds.Columns - 1), -across
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = np.concatenate([across, down]).round(6).tolist()
    for item in frames(ds):
        move(item, origin)
    return ds


@pytest.mark.parametrize("cited", [True, False])
@pytest.mark.parametrize("turn", [(1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_a_seg_that_runs_the_other_way_is_turned(tmp_path, headers, turn, cited):
    ds = turned(seg_dataset(SERIES, MASKS, kind="FRACTIONAL"), *turn)
    for item in frames(ds):
        if not cited:
            del item.DerivationImageSequence
    same(masks_of(saved(tmp_path, ds), headers))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("direction", r"frame 1: lies on another grid than the slices of 2\.dcm: its axes are turned by 5\.00 degrees"),
        ("spacing", r"frame 1: lies on another grid .*its pixels are 0\.9 x 0\.9 mm, theirs 0\.558 x 0\.558 mm"),
        ("beside", r"frame 1: lies on another grid .*its pixel centres lie up to 0\.20 mm beside theirs"),
        ("outside", r"frame 1: marks pixels outside the 24 x 32 image 2\.dcm"),
        ("above", r"frame 1 names 2\.dcm and lies 1\.1 mm from it; draw on the original slices"),
        ("turned, nowhere", r"frame 1: .*outside the 24 x 32 image"),
    ],
)
def test_a_cited_slice_that_the_frame_contradicts(tmp_path, headers, change, words):
    ds = seg_dataset(SERIES, MASKS)
    shared = ds.SharedFunctionalGroupsSequence[0]
    across = np.array([1.0, 0, 0])
    along = {"beside": 0.2 * across, "outside": 5 * 0.558 * across, "above": 1.1 * NORMAL}.get(change, 0 * across)
    for item in frames(ds):
        move(item, along)
        if change == "turned, nowhere":
            del item.PlanePositionSequence
    vector = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    if change == "direction":
        angle = np.deg2rad(5)
        first, second = vector[:3], vector[3:]
        vector = np.concatenate([
            first * np.cos(angle) + second * np.sin(angle),
            second * np.cos(angle) - first * np.sin(angle),
        ])  # fmt: skip
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = vector.round(6).tolist()
    if change == "turned, nowhere":
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = (-vector).tolist()
    if change == "spacing":
        shared.PixelMeasuresSequence[0].PixelSpacing = [0.9, 0.9]
    with pytest.raises(StudyError, match=words):
        masks_of(saved(tmp_path, ds), headers)


@pytest.mark.parametrize("position", [True, False])
def test_a_crop_needs_its_position(tmp_path, headers, position):
    ds = seg_dataset(SERIES, MASKS, kind="FRACTIONAL")
    pixels = np.ascontiguousarray(ds.pixel_array[:, 4:22, 2:31])
    ds.Rows, ds.Columns, ds.PixelData = *pixels.shape[1:], pixels.tobytes()
    vector = np.array(ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, float)
    for item in frames(ds):
        move(item, 0.558 * (2 * vector[:3] + 4 * vector[3:]))
        if not position:
            del item.PlanePositionSequence
    if position:
        same(masks_of(saved(tmp_path, ds), headers))
        return
    with pytest.raises(StudyError, match=r"frame 1 has 18 x 29 pixels and no position, 2\.dcm has 24 x 32"):
        masks_of(saved(tmp_path, ds), headers)


def test_outlines_of_other_slices_only(tmp_path, headers):
    far = [mr_dataset(1, step) for step in (5, 6)]
    path = write(seg_dataset(far, np.zeros((2, ROWS, COLUMNS, 1)), names=["edema"], kind="FRACTIONAL"), tmp_path / "x")
    with pytest.raises(StudyError, match="refers to no slice of its subject"):
        read_seg(path, Slices(headers), SegmentTable())


def test_a_frame_of_an_image_that_is_not_used(tmp_path, headers):
    """It lies where a slice does, and was drawn on other pixels: those of another series or phase."""
    ds = seg_dataset(SERIES, MASKS)
    for item in frames(ds):
        if segment_of(item) == 4:
            source_of(item).ReferencedSOPInstanceUID = "1.2.3"
    path = saved(tmp_path, ds)
    same(masks_of(path, headers))  # found nowhere, so its position tells
    with pytest.raises(
        StudyError, match=r"frame 1 .* lies on no slice .*: it names image 1\.2\.3, which is not used; ch"
    ):
        read_seg(path, Slices(headers, frozenset({"1.2.3"})), SegmentTable(), skip_elsewhere=True)


def test_a_frame_of_a_phase_that_is_not_used(tmp_path, enhanced):
    source, own = enhanced
    path = write(seg_dataset([source], MASKS), tmp_path / "SEG.dcm")
    with pytest.raises(StudyError, match=r"it names image .*, frame 3, which is not used"):
        read_seg(path, Slices(own[:2]), SegmentTable())


def test_a_slice_that_is_nearer_than_the_one_named(tmp_path):
    """Slices half a millimetre apart: the frame names one, and lies in the next one's plane."""
    series = [mr_dataset(1, 0) for _ in range(3)]
    for step, ds in enumerate(series):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{step + 1}"
        ds.ImagePositionPatient = [round(float(v), 6) for v in np.array([-125.0, 0, 90]) + step * 0.5 * NORMAL]
    own = [read_header(write(ds, tmp_path / f"{step}.dcm")) for step, ds in enumerate(series)]
    ds = seg_dataset(series, MASKS)
    for item in frames(ds):
        if source_of(item).ReferencedSOPInstanceUID == "1.2.3.2":
            source_of(item).ReferencedSOPInstanceUID = "1.2.3.1"
    with pytest.raises(StudyError, match=r"names 0\.dcm and lies 0\.5 mm from it and 1\.dcm is nearer"):
        masks_of(saved(tmp_path, ds), own)
