"""DICOM SEG: masks against what was written, independent readers, what segments mean, refusals by name."""

import highdicom as hd
import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, SEGMENTS, made, seg_dataset, write, write_csv
from seg_samples import (
    MASKS,
    SERIES,
    UIDS,
    frames,
    masks_of,
    same,
    saved,
)

from sijstudy.errors import StudyError
from sijstudy.images.seg import described_segments, read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import SegmentTable, read_segment_table


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_masks_come_back_as_they_were_drawn(tmp_path, headers, kind):
    path = saved(tmp_path, kind=kind)
    same(masks_of(path, headers))
    outlines = read_seg(path, Slices(headers), SegmentTable()).outlines
    assert {one.meaning.name for one in outlines} == set(SEGMENTS)
    assert all(one.slices == set(UIDS) for one in outlines)  # listed, so "nothing there" where no frame is
    assert all(mask.dtype == bool and mask.any() for one in outlines for mask in one.masks.values())


def test_a_label_map_shows_the_segment_on_top(tmp_path, headers):
    found = masks_of(saved(tmp_path, kind="LABELMAP"), headers)
    edema = MASKS[0][..., 3]
    assert np.array_equal(found[0][3], edema)
    assert np.array_equal(found[0][1], MASKS[0][..., 1] & ~edema)


def test_fractional_pixels_count_from_one_half(tmp_path, headers):
    grey = np.zeros((1, ROWS, COLUMNS, 1))
    grey[0, 4, :3, 0] = 0.45, 0.51, 1.0
    path = saved(tmp_path, masks=grey, names=["edema"], kind="FRACTIONAL")
    assert np.argwhere(masks_of(path, headers)[0][3]).tolist() == [[4, 1], [4, 2]]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("source", ["single frames", "multi-frame"])
def test_masks_agree_with_highdicoms_reader(tmp_path, headers, enhanced, kind, source):
    single = source == "single frames"
    path = write(seg_dataset(SERIES if single else [enhanced[0]], MASKS, kind=kind), tmp_path / "SEG.dcm")
    theirs = hd.seg.segread(path)
    if single:
        pixels = theirs.get_pixels_by_source_instance(UIDS, assert_missing_frames_are_empty=True)
    else:
        pixels = theirs.get_pixels_by_source_frame(enhanced[0].SOPInstanceUID, [1, 2, 3])
    np.testing.assert_array_equal(np.moveaxis(pixels, -1, 1) >= 0.5, masks_of(path, headers if single else enhanced[1]))


@pytest.mark.parametrize("part", ["segments", "frames", "sources"])
def test_what_no_mask_needs_may_be_missing(tmp_path, headers, part):
    """Such files highdicom refuses, see ``read_seg``."""
    ds = seg_dataset(SERIES, MASKS)
    places = {
        "segments": (ds.SegmentSequence, ("SegmentedPropertyTypeCodeSequence", "SegmentAlgorithmType")),
        "frames": (frames(ds), ("FrameContentSequence", "PlanePositionSequence")),
        "sources": (
            [item.DerivationImageSequence[0].SourceImageSequence[0] for item in frames(ds)],
            ("SpatialLocationsPreserved", "PurposeOfReferenceCodeSequence"),
        ),
    }
    items, names = places[part]
    for item in items:
        for name in names:
            item.pop(name, None)
    same(masks_of(saved(tmp_path, ds), headers))


def test_segments_of_one_name_are_united(tmp_path, headers):
    masks = np.stack([MASKS[..., 3], np.roll(MASKS[..., 3], 4, axis=2)], axis=-1)
    for kind in ("BINARY", "LABELMAP"):
        found = masks_of(saved(tmp_path, masks=masks, names=["edema", "Edema "], kind=kind), headers)
        assert np.array_equal(found[0][3], masks[0].any(axis=-1))


def test_a_segment_number_that_all_frames_share(tmp_path, headers):
    ds = seg_dataset(SERIES, MASKS[..., :1], names=["left ilium"])
    keyword, shared = "SegmentIdentificationSequence", ds.SharedFunctionalGroupsSequence[0]
    for item in frames(ds):
        if keyword in item:  # highdicom shares it by itself in some versions
            setattr(shared, keyword, item[keyword].value)
            delattr(item, keyword)
    assert keyword in shared
    assert masks_of(saved(tmp_path, ds), headers)[:, 0].any(axis=(1, 2)).all()


def test_unknown_segments_are_refused(tmp_path, headers):
    path = saved(tmp_path, names=[*SEGMENTS[:3], "oedema"])
    words = r"SEG\.dcm: unknown segment 'oedema' \(number 4, property .*SCT:79654002; Edema.*\); .*known: left ilium"
    with pytest.raises(StudyError, match=words):
        read_seg(path, Slices(headers), SegmentTable())


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_hospitals_names_of_segments(tmp_path, headers, kind):
    path = saved(tmp_path, names=["Iliac L", "right ilium", "Sacral ala", "BME"], kind=kind)
    rows = [{"label": "iliac l", "segment": "left ilium"}, {"label": "BME", "segment": "edema"}]
    table = read_segment_table(write_csv(tmp_path / "t.csv", [*rows, {"label": "Sacral ala", "segment": ""}]))
    found = masks_of(path, headers, table)
    assert np.array_equal(found[0][3], MASKS[0][..., 3]) and not found[:, 2].any()
    with pytest.raises(StudyError, match=r"unknown segment 'Sacral ala' .*rename it, or .*--segments"):
        read_seg(path, Slices(headers), read_segment_table(write_csv(tmp_path / "t.csv", rows)))


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_totalsegmentators_names_of_segments(tmp_path, headers, kind):
    path = saved(tmp_path, names=["hip_left", "hip_right", "sacrum", "gluteus_maximus_left"], kind=kind)
    seg = read_seg(path, Slices(headers), SegmentTable())
    assert [outline.meaning.name for outline in seg.outlines] == ["left ilium", "right ilium", "sacrum"]
    as_named = read_seg(saved(tmp_path / "b", names=SEGMENTS, kind=kind), Slices(headers), SegmentTable())
    for ours, named in zip(seg.outlines, as_named.outlines, strict=False):
        assert ours.masks.keys() == named.masks.keys()
        assert all(np.array_equal(mask, named.masks[uid]) for uid, mask in ours.masks.items())


@pytest.mark.parametrize("by", ["number", "property", "tracking"])
def test_segments_that_are_all_called_tissue(tmp_path, headers, by):
    """Slicer's default label; what tells them apart is their number, property code or tracking id."""
    ds = seg_dataset(SERIES, MASKS, names=["Tissue"] * 4)
    codes = ["22356005", "22356005", "54735007", "79654002"]
    for item, code in zip(ds.SegmentSequence, codes, strict=True):
        kind = made(CodeValue=code, CodingSchemeDesignator="SCT", CodeMeaning="")
        if code == "22356005":
            side = ("7771000", "Left") if item.SegmentNumber == 1 else ("24028007", "Right")
            modifier = made(CodeValue=side[0], CodingSchemeDesignator="SCT", CodeMeaning=side[1])
            kind.SegmentedPropertyTypeModifierCodeSequence = [modifier]
        item.SegmentedPropertyTypeCodeSequence = [kind]
        item.TrackingID, item.TrackingUID = f"seg {item.SegmentNumber}", f"1.2.3.{item.SegmentNumber}"
    cells = {
        "number": ["1", "2", "3", "4"],
        "property": ["SCT:22356005 Left", "22356005 24028007", "54735007", "SCT:79654002"],
        "tracking": ["seg 1", "SEG 2", "1.2.3.3", "1.2.3.4"],
    }[by]
    rows = [{"label": "Tissue", by: cell, "segment": name} for cell, name in zip(cells, SEGMENTS, strict=True)]
    path = saved(tmp_path, ds)
    same(masks_of(path, headers, read_segment_table(write_csv(tmp_path / "t.csv", rows))))
    with pytest.raises(StudyError, match=r"unknown segment 'Tissue' \(number 1, .*tracking seg 1; 1\.2\.3\.1\)"):
        read_seg(path, Slices(headers), SegmentTable())


def test_segments_as_the_file_describes_them():
    ds = seg_dataset(SERIES[:1], MASKS[:1, ..., :1], names=["x"])
    assert described_segments(ds)[0].properties == ("79654002", "SCT:79654002", "Edema")


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_pixels_of_a_segment_that_is_not_described(tmp_path, headers, kind):
    ds = seg_dataset(SERIES, MASKS, kind=kind)
    ds.SegmentSequence = [item for item in ds.SegmentSequence if item.SegmentNumber != 4]
    with pytest.raises(StudyError, match=r"frame \d+ is of segment 4, which the file does not describe; export it"):
        read_seg(saved(tmp_path, ds), Slices(headers), SegmentTable())


@pytest.mark.parametrize(("number", "words"), [(3, "segment number 3 occurs twice"), (0, "segment number 0 is none")])
def test_segment_numbers_that_tell_nothing(tmp_path, headers, number, words):
    ds = seg_dataset(SERIES, MASKS)
    ds.SegmentSequence[3].SegmentNumber = number
    with pytest.raises(StudyError, match=words):
        read_seg(saved(tmp_path, ds), Slices(headers), SegmentTable())


def test_the_background_of_a_label_map_may_have_another_number(tmp_path, headers):
    ds = seg_dataset(SERIES, MASKS, kind="LABELMAP")
    expected = masks_of(saved(tmp_path, ds), headers)
    pixels = ds.pixel_array
    ds.PixelData = np.where(pixels == 0, 255, pixels).astype(np.uint8).tobytes()
    ds.PixelPaddingValue = 255
    for item in ds.SegmentSequence:
        item.SegmentNumber = item.SegmentNumber or 255
    np.testing.assert_array_equal(masks_of(saved(tmp_path, ds), headers), expected)


def test_missing_foreign_and_damaged_files(tmp_path, headers):
    whole = saved(tmp_path).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) - 200])
    (tmp_path / "text.dcm").write_text("text")
    write(SERIES[0], tmp_path / "mr.dcm")
    expected = {"gone": "no such file", "cut": "cannot be read", "text": "not a DICOM file", "mr": "MR, not SEG"}
    for name, words in expected.items():
        with pytest.raises(StudyError, match=rf"{name}\.dcm: .*{words}.*; \w") as caught:
            read_seg(tmp_path / f"{name}.dcm", Slices(headers), SegmentTable())
        assert "\n" not in str(caught.value)
