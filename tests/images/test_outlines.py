"""Outlines from DICOM SEG: masks against what was written, independent readers, refusals by name."""

import highdicom as hd
import numpy as np
import pytest
from dicom_samples import (
    COLUMNS,
    LEFT,
    RIGHT,
    ROWS,
    SEGMENTS,
    bone_masks,
    enhanced_mr,
    mr_dataset,
    seg_dataset,
    write,
    write_csv,
)
from scipy import ndimage

from sijstudy.errors import StudyError
from sijstudy.images.outlines import box_of_mask, read_outlines, read_seg
from sijstudy.images.segment_names import read_segment_table
from sijstudy.records import Box, IliumBoxes

LESIONS = (2, 0, 3)
SERIES = [mr_dataset(1, step) for step in range(len(LESIONS))]
MASKS = np.stack([bone_masks(count) for count in LESIONS])
UIDS = [str(ds.SOPInstanceUID) for ds in SERIES]


def saved(tmp_path, masks=MASKS, **options):
    return write(seg_dataset(SERIES[: len(masks)], masks, **options), tmp_path / "SEG.dcm")


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_masks_come_back_as_they_were_drawn(tmp_path, kind):
    seg = read_seg(saved(tmp_path, kind=kind))
    for uid, drawn in zip(UIDS, MASKS, strict=True):
        for number, name in enumerate(SEGMENTS):
            mask = seg.mask(uid, name)
            expected = drawn[..., number]
            assert (mask is None and not expected.any()) or np.array_equal(mask, expected)
            assert mask is None or mask.dtype == bool


def test_a_label_map_shows_the_segment_on_top(tmp_path):
    seg = read_seg(saved(tmp_path, kind="LABELMAP"))
    edema = MASKS[0][..., 3]
    assert np.array_equal(seg.mask(UIDS[0], "edema"), edema)
    assert np.array_equal(seg.mask(UIDS[0], "right ilium"), MASKS[0][..., 1] & ~edema)
    assert seg.segments == set(SEGMENTS)


def test_fractional_pixels_count_from_one_half(tmp_path):
    grey = np.zeros((1, ROWS, COLUMNS, 1))
    grey[0, 4, :3, 0] = 0.45, 0.51, 1.0
    path = write(seg_dataset(SERIES[:1], grey, names=["edema"], kind="FRACTIONAL"), tmp_path / "SEG.dcm")
    assert np.argwhere(read_seg(path).mask(UIDS[0], "edema")).tolist() == [[4, 1], [4, 2]]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("source", ["single frames", "multi-frame"])
def test_masks_agree_with_highdicoms_reader(tmp_path, kind, source):
    enhanced = enhanced_mr(1, [0, 1, 2])
    sources = SERIES if source == "single frames" else [enhanced]
    path = write(seg_dataset(sources, MASKS, kind=kind), tmp_path / "SEG.dcm")
    theirs = hd.seg.segread(path)
    if source == "single frames":
        uids, pixels = UIDS, theirs.get_pixels_by_source_instance(UIDS, assert_missing_frames_are_empty=True)
    else:
        uids = [f"{enhanced.SOPInstanceUID}.{frame}" for frame in (1, 2, 3)]
        pixels = theirs.get_pixels_by_source_frame(enhanced.SOPInstanceUID, [1, 2, 3])
    seg = read_seg(path)
    empty = np.zeros((ROWS, COLUMNS), bool)
    ours = [[empty if (m := seg.mask(uid, name)) is None else m for name in SEGMENTS] for uid in uids]
    np.testing.assert_array_equal(np.moveaxis(pixels, -1, 1) >= 0.5, ours)


@pytest.mark.parametrize("part", ["segments", "frames", "sources"])
def test_what_no_mask_needs_may_be_missing(tmp_path, part):
    """Such files highdicom refuses, see ``read_seg``."""
    ds = seg_dataset(SERIES, MASKS)
    places = {
        "segments": (ds.SegmentSequence, ("SegmentedPropertyTypeCodeSequence", "SegmentAlgorithmType")),
        "frames": (ds.PerFrameFunctionalGroupsSequence, ("FrameContentSequence", "PlanePositionSequence")),
        "sources": (
            [item.DerivationImageSequence[0].SourceImageSequence[0] for item in ds.PerFrameFunctionalGroupsSequence],
            ("SpatialLocationsPreserved", "PurposeOfReferenceCodeSequence"),
        ),
    }
    items, names = places[part]
    for item in items:
        for name in names:
            item.pop(name, None)
    seg = read_seg(write(ds, tmp_path / "SEG.dcm"))
    assert all(np.array_equal(seg.mask(uid, "sacrum"), drawn[..., 2]) for uid, drawn in zip(UIDS, MASKS, strict=True))


def test_boxes_carry_the_subjects_own_side(tmp_path):
    boxes = read_seg(saved(tmp_path)).ilium_boxes(UIDS[0])
    left, right = (Box(x0, y0, x1, y1) for y0, y1, x0, x1 in (LEFT, RIGHT))
    assert boxes == IliumBoxes(left, right)
    assert boxes.right.centre_x < boxes.left.centre_x  # the radiological convention


def test_one_outlined_side_and_none(tmp_path):
    masks = MASKS.copy()
    masks[0, ..., 0] = masks[1, ..., :2] = False
    seg = read_seg(saved(tmp_path, masks))
    assert seg.ilium_boxes(UIDS[0]).left is None
    assert seg.ilium_boxes(UIDS[1]) is None and seg.ilium_boxes("1.2.3") is None


def test_box_of_mask_is_half_open_and_tight():
    mask = np.zeros((5, 7), bool)
    assert box_of_mask(mask) is None
    mask[2, 3] = True
    assert box_of_mask(mask) == Box(3, 2, 4, 3)
    mask[4, 6] = True
    assert box_of_mask(mask) == Box(3, 2, 7, 5)


def test_lesions_are_counted_with_corners_touching(tmp_path):
    masks = MASKS.copy()
    masks[1, ..., 3] = np.random.default_rng(0).random((ROWS, COLUMNS)) < 0.2
    seg = read_seg(saved(tmp_path, masks))
    oracle = ndimage.label(masks[1, ..., 3], structure=np.ones((3, 3)))[1]
    assert [seg.lesion_count(uid) for uid in UIDS] == [2, oracle, 3]


def test_no_outline_is_no_lesion_only_where_edema_was_read(tmp_path):
    assert read_seg(saved(tmp_path)).lesion_count(UIDS[1]) == 0  # listed by the SEG, edema declared
    assert read_seg(saved(tmp_path)).lesion_count("1.2.3") is None  # not drawn on
    bones_only = read_seg(saved(tmp_path, MASKS[..., :3], names=SEGMENTS[:3]))
    assert bones_only.lesion_count(UIDS[0]) is None


def test_segments_of_one_name_are_united(tmp_path):
    masks = np.stack([MASKS[..., 3], np.roll(MASKS[..., 3], 4, axis=2)], axis=-1)
    seg = read_seg(saved(tmp_path, masks, names=["edema", "Edema "]))
    assert np.array_equal(seg.mask(UIDS[0], "edema"), masks[0].any(axis=-1))


def test_a_segment_number_that_all_frames_share(tmp_path):
    ds = seg_dataset(SERIES, MASKS[..., :1], names=["left ilium"])
    keyword, shared = "SegmentIdentificationSequence", ds.SharedFunctionalGroupsSequence[0]
    for item in ds.PerFrameFunctionalGroupsSequence:
        if keyword in item:  # highdicom shares it by itself in some versions
            setattr(shared, keyword, item[keyword].value)
            delattr(item, keyword)
    assert keyword in shared
    assert set(read_seg(write(ds, tmp_path / "SEG.dcm")).masks) == set(UIDS)


def test_outlines_on_frames_of_enhanced_mr(tmp_path):
    source = enhanced_mr(1, [0, 1, 2])
    seg = read_seg(write(seg_dataset([source], MASKS), tmp_path / "SEG.dcm"))
    uids = [f"{source.SOPInstanceUID}.{frame}" for frame in (1, 2, 3)]
    assert [seg.lesion_count(uid) for uid in uids] == list(LESIONS)
    assert np.array_equal(seg.mask(uids[2], "edema"), MASKS[2][..., 3])
    assert seg.lesion_count("1.2.3.1") is None


def test_unknown_segments_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"SEG\.dcm: unknown segment 'oedema'; rename .*known: left ilium"):
        read_seg(saved(tmp_path, names=[*SEGMENTS[:3], "oedema"]))


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_hospitals_names_of_segments(tmp_path, kind):
    path = saved(tmp_path, names=["Iliac L", "right ilium", "Sacral ala", "BME"], kind=kind)
    rows = [{"label": "iliac l", "segment": "left ilium"}, {"label": "BME", "segment": "edema"}]
    table = read_segment_table(write_csv(tmp_path / "t.csv", [*rows, {"label": "Sacral ala", "segment": ""}]))
    seg = read_outlines(path, table)
    assert seg.segments == {"left ilium", "right ilium", "edema"}
    assert np.array_equal(seg.mask(UIDS[0], "edema"), MASKS[0][..., 3])
    with pytest.raises(StudyError, match=r"unknown segment 'Sacral ala'; rename it, or .*--segments"):
        read_outlines(path, read_segment_table(write_csv(tmp_path / "t.csv", rows)))


def test_frames_must_name_one_slice(tmp_path):
    ds = seg_dataset(SERIES, MASKS)
    del ds.PerFrameFunctionalGroupsSequence[2].DerivationImageSequence
    with pytest.raises(StudyError, match="frame 3 refers to 0 slices"):
        read_seg(write(ds, tmp_path / "SEG.dcm"))


def test_missing_foreign_and_damaged_files(tmp_path):
    whole = saved(tmp_path).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) - 200])
    (tmp_path / "text.dcm").write_text("text")
    write(SERIES[0], tmp_path / "mr.dcm")
    expected = {"gone": "no such file", "cut": "cannot be read", "text": "not a DICOM file", "mr": "MR, not SEG"}
    for name, words in expected.items():
        with pytest.raises(StudyError, match=rf"{name}\.dcm: .*{words}.*; \w") as caught:
            read_seg(tmp_path / f"{name}.dcm")
        assert "\n" not in str(caught.value)
