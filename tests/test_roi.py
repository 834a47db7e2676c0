"""ROI boxes and patches: the three readings, borders, crossings, a missing side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes
from sijstudy.roi import RoiBoxes, roi_boxes, roi_patch, whole_image

SHAPE = (100, 200)
RIGHT, LEFT = Box(20, 30, 60, 80), Box(140, 30, 180, 80)  # the subject's right ilium is on the image's left
BOTH = IliumBoxes(left=LEFT, right=RIGHT)
READINGS = ("centre_inward", "beyond_edge", "shifted_box")


def rois(ilium=BOTH, shape=SHAPE, reading="centre_inward", factor=0.8, height="extend"):
    return roi_boxes(ilium, shape, reading=reading, factor=factor, height=height)


@pytest.mark.parametrize(
    ("reading", "factor", "left", "right"),
    [
        ("centre_inward", 0.8, (40, 72), (128, 160)),  # 0.8 x 40 = 32 from the centre at 40
        ("centre_inward", 0.5, (40, 60), (140, 160)),
        ("beyond_edge", 0.8, (40, 92), (108, 160)),  # 20 of the box and 32 beyond its edge at 60
        ("beyond_edge", 0.5, (40, 80), (120, 160)),
        ("shifted_box", 0.8, (52, 92), (108, 148)),  # the box of width 40, moved by 32
        ("shifted_box", 0.5, (40, 80), (120, 160)),
    ],
)
def test_each_reading_by_hand(reading, factor, left, right):
    found = rois(reading=reading, factor=factor)
    assert (found.image_left.x0, found.image_left.x1) == left
    assert (found.image_right.x0, found.image_right.x1) == right
    assert (found.image_left.y0, found.image_left.y1) == (30, 80)


def test_sides_follow_the_image_not_the_names():
    swapped = IliumBoxes(left=RIGHT, right=LEFT)
    assert rois(swapped) == rois(BOTH)


def test_lower_box_is_extended_about_its_middle_and_kept_inside():
    high = IliumBoxes(left=Box(140, 0, 180, 90), right=Box(20, 60, 60, 100))
    found = rois(high)
    assert found.image_right == Box(128, 0, 160, 90)
    assert (found.image_left.y0, found.image_left.y1) == (10, 100)
    middle = rois(IliumBoxes(left=Box(140, 20, 180, 80), right=Box(20, 50, 60, 60)))
    assert (middle.image_left.y0, middle.image_left.y1) == (25, 85)
    kept = rois(high, height="stretch")
    assert (kept.image_left.y0, kept.image_left.y1) == (60, 100)


def test_crossing_boxes_are_cut_at_the_middle():
    near = IliumBoxes(left=Box(90, 30, 170, 80), right=Box(30, 30, 110, 80))
    found = rois(near, factor=1.0)
    assert found.image_left.x1 == found.image_right.x0 == 100


@pytest.mark.parametrize("edge", [110, 110.6, 111, 113.5])
def test_boxes_cut_apart_share_no_column(edge):
    near = IliumBoxes(left=Box(90, 30, 170, 80), right=Box(30, 30, edge, 80))
    found = rois(near, factor=1.0)
    border = found.image_left.x1
    assert border == found.image_right.x0 == int(border)
    reach = (30 + edge) / 2 + (edge - 30)  # of the left ROI; the right one reaches to 130 - 80
    assert abs(border - (reach + 50) / 2) <= 0.5


def test_touching_boxes_stay_as_they_are():
    near = IliumBoxes(left=Box(100, 30, 140, 80), right=Box(60, 30, 100, 80))
    found = rois(near, factor=0.5)
    assert (found.image_left.x1, found.image_right.x0) == (100, 100)


def test_missing_side_is_none_and_inward_is_towards_the_midline():
    one = rois(IliumBoxes(left=LEFT, right=None))
    assert one.image_left is None
    assert (one.image_right.x0, one.image_right.x1) == (128, 160)
    other = rois(IliumBoxes(left=None, right=RIGHT))
    assert other.image_right is None
    assert (other.image_left.x0, other.image_left.x1) == (40, 72)
    near = rois(IliumBoxes(left=None, right=Box(60, 30, 100, 80)))  # left of the midline, which is at 100
    assert near.image_right is None
    assert (near.image_left.x0, near.image_left.x1) == (80, 112)


def test_box_at_the_border_is_clipped_and_outside_is_refused():
    wide = rois(IliumBoxes(left=None, right=Box(-30, -10, 50, 120)))
    assert wide.image_left == Box(10, 0, 74, 100)
    far = rois(IliumBoxes(left=Box(110, 30, 190, 80), right=None), factor=2.0)
    assert far.image_right == Box(0, 30, 150, 80)
    for y0 in (110, 100):  # beyond the last row, and just beyond
        with pytest.raises(StudyError, match="outside the 100 x 200 image"):
            rois(IliumBoxes(left=Box(140, y0, 180, 140), right=None))
    with pytest.raises(StudyError, match=r"outside the image of shape \(100, 200\)"):
        roi_patch(np.ones(SHAPE, np.float32), RoiBoxes(Box(300, 0, 320, 10), None), 8)


def test_ilia_with_one_centre_are_refused():
    with pytest.raises(StudyError, match="same centre"):
        rois(IliumBoxes(left=LEFT, right=LEFT))


boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.floats(0, 150), st.floats(0, 60), st.floats(8, 50), st.floats(8, 40),
)  # fmt: skip


@given(boxes, boxes, st.sampled_from(READINGS), st.floats(0.4, 1.2), st.sampled_from(["extend", "stretch"]))
def test_rois_lie_inside_and_apart_and_patch_has_its_size(first, second, reading, factor, height):
    try:
        found = rois(IliumBoxes(left=first, right=second), reading=reading, factor=factor, height=height)
    except StudyError:
        return
    for box in (found.image_left, found.image_right):
        assert 0 <= box.x0 < box.x1 <= SHAPE[1]
        assert 0 <= box.y0 < box.y1 <= SHAPE[0]
    assert found.image_left.x1 <= found.image_right.x0
    if height == "extend":
        assert found.image_left.height == pytest.approx(found.image_right.height)
    patch = roi_patch(np.ones(SHAPE, np.float32), found, 32)
    assert patch.shape == (32, 32)
    np.testing.assert_allclose(patch, 1, atol=1e-5)


@pytest.mark.parametrize("reading", READINGS)
def test_mirrored_slice_gives_the_mirrored_patch(reading):
    image = np.random.default_rng(0).uniform(0, 255, SHAPE).astype(np.float32)

    def mirrored(box):
        return Box(SHAPE[1] - box.x1, box.y0, SHAPE[1] - box.x0, box.y1)

    patch = roi_patch(image, rois(reading=reading), 64)
    other = IliumBoxes(left=mirrored(LEFT), right=mirrored(RIGHT))
    mirror = roi_patch(np.ascontiguousarray(image[:, ::-1]), rois(other, reading=reading), 64)
    np.testing.assert_allclose(mirror, patch[:, ::-1], atol=1e-3)


def test_patch_joins_the_two_crops():
    image = np.tile(np.arange(200, dtype=np.float32), (100, 1))
    patch = roi_patch(image, RoiBoxes(Box(10, 0, 30, 40), Box(150, 0, 170, 40)), 40)
    np.testing.assert_allclose(patch[0], [*range(10, 30), *range(150, 170)])


def test_sides_share_the_columns_by_width():
    image = np.zeros(SHAPE, np.float32)
    image[:, 100:] = 1
    patch = roi_patch(image, RoiBoxes(Box(0, 0, 30, 40), Box(110, 0, 120, 40)), 40)
    assert patch[0].sum() == 10


def test_a_narrow_box_keeps_a_column():
    wide, narrow = Box(0, 0, 100, 40), Box(110, 0, 110.5, 40)
    image = np.zeros(SHAPE, np.float32)
    image[:, 110:] = 1
    assert roi_patch(image, RoiBoxes(wide, narrow), 40)[0].tolist() == [0] * 39 + [1]
    assert roi_patch(image, RoiBoxes(narrow, wide), 40)[0].tolist() == [1] + [0] * 39


def test_boxes_are_rounded_outward_to_whole_pixels():
    image = np.arange(SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)
    found = roi_patch(image, RoiBoxes(Box(10.7, 5.6, 13.2, 12.3), None), 8)
    np.testing.assert_array_equal(found[:, :4], image[5:13, 10:14])


def test_missing_side_is_black():
    patch = roi_patch(np.ones(SHAPE, np.float32), RoiBoxes(None, Box(100, 0, 150, 50)), 32)
    assert (patch[:, :16] == 0).all()
    np.testing.assert_allclose(patch[:, 16:], 1, atol=1e-5)


def test_nearest_keeps_labels():
    mask = np.zeros(SHAPE, np.float32)
    mask[40:60, 40:60] = 1
    patch = roi_patch(mask, rois(), 50, order="nearest")
    assert set(np.unique(patch)) == {0, 1}
    columns = np.tile(np.arange(6, dtype=np.float32), (6, 1))
    assert whole_image(columns, 2, order="nearest")[0].tolist() == [1, 4]  # the middle of each three


def test_shrinking_averages_instead_of_skipping():
    stripes = np.zeros((64, 64), np.float32)
    stripes[:, ::4] = 4
    np.testing.assert_allclose(whole_image(stripes, 16)[2:-2, 2:-2], 1, atol=0.15)
