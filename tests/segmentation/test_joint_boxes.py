"""Boxes round outlined ilia: where, how sure, and where none."""

import numpy as np
import pytest

from sijstudy.records import Box, IliumBoxes
from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.joint_boxes import BEYOND, JOINT_GAP, FoundBoxes, joint_boxes, on_own_sides
from sijstudy.segmentation.outline import Outlined

LEFT, RIGHT, SACRUM, *_ = range(1, len(BONES) + 1)
MM = (1.0, 1.0)


def pelvis(slices=3, gap=4):
    """The subject's right ilium on the left of the image, a sacrum ``gap`` pixels from either."""
    classes = np.zeros((slices, 60, 120), np.uint8)
    classes[:, 10:50, 10:30] = RIGHT
    classes[:, 15:45, 30 + gap : 90 - gap] = SACRUM
    classes[:, 12:48, 90:112] = LEFT
    return classes


def outlined(classes, certainty=0.9):
    return Outlined(classes, np.full(classes.shape, certainty, np.float32), np.zeros(classes.shape, np.float32))


def test_boxes_are_tight_and_named_by_the_subjects_side():
    found = joint_boxes(outlined(pelvis()), MM)
    for one in found:
        assert one.boxes.right == Box(10, 10, 30, 50)
        assert one.boxes.left == Box(90, 12, 112, 48)
        assert one.confidence == pytest.approx(0.9)


def test_the_less_certain_side_gives_the_confidence():
    masks = outlined(pelvis(1))
    masks.certainty[0, :, :40] = 0.55
    assert joint_boxes(masks, MM)[0].confidence == pytest.approx(0.55)


@pytest.mark.parametrize("mm", [0.5, 1.0, 2.0])
def test_a_joint_is_where_ilium_and_sacrum_are_near_in_mm(mm):
    near = int(JOINT_GAP / mm)  # the nearest sacral pixel is one further than the pixels between
    assert joint_boxes(outlined(pelvis(1, near - 1)), (mm, mm))[0].boxes
    assert joint_boxes(outlined(pelvis(1, near + 1)), (mm, mm))[0].boxes is None


def test_without_a_sacrum_there_is_no_joint():
    classes = pelvis(2)
    classes[1][classes[1] == SACRUM] = 0
    first, second = joint_boxes(outlined(classes), MM)
    assert first.boxes
    assert (second.boxes, second.confidence) == (None, 0.0)


def test_a_speck_of_ilium_is_no_box():
    classes = pelvis(1)
    classes[0, :, :30] = 0
    classes[0, 20:29, 22:30] = RIGHT  # 72 square mm
    boxes = joint_boxes(outlined(classes), MM)[0].boxes
    assert boxes.right is None
    assert boxes.left


def test_one_slices_outlier_is_steadied_by_its_neighbours():
    classes = pelvis(3)
    classes[1, 10:50, 2:10] = RIGHT
    assert joint_boxes(outlined(classes), MM)[1].boxes.right.x0 == 10


def test_sides_the_wrong_way_round_are_not_believed():
    assert joint_boxes(outlined(pelvis(1)[:, :, ::-1]), MM)[0].boxes is None


def test_bone_beside_the_last_slice_with_a_joint_has_a_box_too():
    classes = pelvis(9)
    classes[:3][classes[:3] == SACRUM] = 0
    classes[6:][classes[6:] == SACRUM] = 0
    assert [bool(one.boxes) for one in joint_boxes(outlined(classes), MM)] == [False] * 3 + [True] * 3 + [False] * 3
    wider = [bool(one.boxes) for one in joint_boxes(outlined(classes), MM, step_mm=5.0)]
    assert wider == [False, *[True] * 7, False]


def test_bone_far_beyond_a_gap_has_no_box():
    classes = pelvis(6)
    classes[3:][classes[3:] == SACRUM] = 0

    def boxed(places):
        return [bool(one.boxes) for one in joint_boxes(outlined(classes), MM, 3.0, places)]

    assert boxed(range(6)) == boxed(None) == [True] * 6
    assert boxed((0, 1, 2, 17, 18, 19)) == [True] * 3 + [False] * 3
    assert boxed((0, 1, 2, 5, 6, 7)) == [True] * 4 + [False] * 2  # 9 mm beyond the joint, and 12


def test_slices_beyond_a_gap_do_not_steady_an_edge():
    classes = pelvis(3)
    classes[1, 10:50, 2:10] = RIGHT
    assert joint_boxes(outlined(classes), MM, places=(0, 2, 4))[1].boxes.right.x0 == 2
    assert joint_boxes(outlined(classes), MM, places=(4, 5, 6))[1].boxes.right.x0 == 10


def test_no_slice_has_no_box():
    assert joint_boxes(outlined(pelvis(0)), MM) == []


def test_a_single_ilium_in_the_other_half_of_the_image_is_no_box():
    """The ROI of a single box is laid toward the middle of the image: here it would lead away from the joint."""
    classes = pelvis(1)
    classes[classes == RIGHT] = 0
    assert joint_boxes(outlined(classes), MM)[0].boxes.left
    shifted = np.roll(classes, -50, axis=2)  # the left ilium, columns 40 to 62, its middle left of 60
    assert joint_boxes(outlined(shifted), MM)[0] == FoundBoxes(None, 0.0)


@pytest.mark.parametrize(
    ("left", "right", "own"),
    [(60, None, True), (59, None, False), (None, 59, True), (None, 60, False), (100, 70, True), (40, 41, False)],
)
def test_sides_of_boxes(left, right, own):
    boxes = IliumBoxes(*(at and Box(at - 5, 0, at + 5, 9) for at in (left, right)))
    assert on_own_sides(boxes, 120) is own


@pytest.mark.parametrize("step_mm", [4.0, 6.0])
def test_an_ilium_missed_between_slices_that_have_it_lies_between_theirs(step_mm):
    classes = pelvis(5)
    classes[4, 10:50, 8:10] = RIGHT  # wider on the last slice, by 2 pixels
    classes[1:4][classes[1:4] == RIGHT] = 0
    below, *missed, above = joint_boxes(outlined(classes, 0.8), MM, step_mm)
    assert [below.boxes.right, above.boxes.right] == [Box(10, 10, 30, 50), Box(8, 10, 30, 50)]
    if step_mm * 4 > 2 * BEYOND:  # too far apart to know
        assert [one.boxes.right for one in missed] == [None] * 3
    else:
        assert [one.boxes.right for one in missed] == [Box(x0, 10, 30, 50) for x0 in (9.5, 9.0, 8.5)]
        assert [one.confidence for one in missed] == pytest.approx([0.4] * 3)


def test_a_gap_of_the_stack_counts_in_mm_between_boxes():
    classes = pelvis(3)
    classes[1][classes[1] == RIGHT] = 0
    near, far = (joint_boxes(outlined(classes), MM, 4.0, places) for places in ([0, 1, 5], [0, 1, 6]))
    assert [near[1].boxes.right, far[1].boxes.right] == [None, None]  # int(10 / 4) = 2 places on either side
    closer = joint_boxes(outlined(classes), MM, 4.0, [0, 1, 4])
    assert closer[1].boxes.right == Box(10, 10, 30, 50)


def test_nothing_is_filled_at_the_ends_of_a_stack():
    classes = pelvis(4)
    classes[0][classes[0] == RIGHT] = 0
    classes[3][classes[3] == RIGHT] = 0
    found = joint_boxes(outlined(classes), MM, 4.0)
    assert [one.boxes.right is not None for one in found] == [False, True, True, False]
