"""A subject's outlines: boxes by the subject's own side, lesions counted."""

from pathlib import Path

import numpy as np
from dicom_samples import COLUMNS, LEFT, RIGHT, ROWS, SEGMENTS, bone_masks
from scipy import ndimage

from sijstudy.images.outlines import Segmentation, box_of_mask
from sijstudy.records import Box, IliumBoxes

UIDS = ("1.1", "1.2", "1.3")
MASKS = np.stack([bone_masks(count) for count in (2, 0, 3)])


def drawn(masks=MASKS, names=SEGMENTS):
    by_slice = {
        uid: {name: own[..., number] for number, name in enumerate(names) if own[..., number].any()}
        for uid, own in zip(UIDS, masks, strict=True)
    }
    return Segmentation(Path("S1.npz"), by_slice, frozenset(names), frozenset(UIDS))


def test_edema_painted_over_bone_leaves_no_hole_in_it():
    """Where a map has one number per pixel; edema where the bone is not outlined whole adds nothing."""
    masks = MASKS.copy()
    whole = masks[..., :3].any(-1)
    masks[..., :3] &= ~masks[..., 3:]
    for number, uid in enumerate(UIDS):
        np.testing.assert_array_equal(drawn(masks).bone(uid), whole[number])
        np.testing.assert_array_equal(drawn().bone(uid), whole[number])
    masks[..., 2] = False  # no sacrum: edema of it may lie anywhere
    for number, uid in enumerate(UIDS):
        np.testing.assert_array_equal(drawn(masks).bone(uid), masks[number, ..., :3].any(-1))
    assert drawn().bone("1.9") is None


def test_boxes_carry_the_subjects_own_side():
    boxes = drawn().ilium_boxes(UIDS[0])
    left, right = (Box(x0, y0, x1, y1) for y0, y1, x0, x1 in (LEFT, RIGHT))
    assert boxes == IliumBoxes(left, right)
    assert boxes.right.centre_x < boxes.left.centre_x  # the radiological convention


def test_one_outlined_side_and_none():
    masks = MASKS.copy()
    masks[0, ..., 0] = masks[1, ..., :2] = False
    assert drawn(masks).ilium_boxes(UIDS[0]).left is None
    assert drawn(masks).ilium_boxes(UIDS[1]) is None and drawn(masks).ilium_boxes("1.2.3") is None


def test_box_of_mask_is_half_open_and_tight():
    mask = np.zeros((5, 7), bool)
    assert box_of_mask(mask) is None
    mask[2, 3] = True
    assert box_of_mask(mask) == Box(3, 2, 4, 3)
    mask[4, 6] = True
    assert box_of_mask(mask) == Box(3, 2, 7, 5)


def test_lesions_are_counted_with_corners_touching():
    masks = MASKS.copy()
    masks[1, ..., 3] = np.random.default_rng(0).random((ROWS, COLUMNS)) < 0.2
    oracle = ndimage.label(masks[1, ..., 3], structure=np.ones((3, 3)))[1]
    assert [drawn(masks).lesion_count(uid) for uid in UIDS] == [2, oracle, 3]


def test_no_outline_is_no_lesion_only_where_edema_was_read():
    assert drawn().lesion_count(UIDS[1]) == 0
    assert drawn().lesion_count("1.2.3") is None  # not read
    assert drawn(MASKS[..., :3], SEGMENTS[:3]).lesion_count(UIDS[0]) is None
