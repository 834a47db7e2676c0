"""Proposed ilium boxes on a drawn pelvis whose joint is known, and on three real subjects where they are at hand."""

import os
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from volume_samples import DRAWN_PIXEL, drawn

from sijstudy.cohort.proposed_boxes import propose_ilium_boxes
from sijstudy.images.label_maps import placed_label_map, read_label_map
from sijstudy.images.nifti import read_volume_headers, read_volume_slice

REAL = Path(os.environ.get("SIJ_REAL") or Path(__file__).parents[3] / "shared/real_sij")
SPACING = DRAWN_PIXEL, DRAWN_PIXEL


def proposed(*kinds):
    pairs = [drawn(kind, seed) for seed, kind in enumerate(kinds)]
    return propose_ilium_boxes(*(np.stack(part) for part in zip(*pairs, strict=True)), SPACING)


def test_the_joint_parts_ilium_from_sacrum():
    for boxes in proposed("apart", "joint", "joint", "apart")[1:3]:
        assert boxes.right.centre_x < boxes.left.centre_x
        np.testing.assert_allclose([boxes.right.x0, boxes.right.x1], [10, 68], atol=4)
        np.testing.assert_allclose([boxes.left.x0, boxes.left.x1], [132, 190], atol=4)
        np.testing.assert_allclose(
            [boxes.left.y0, boxes.right.y0, boxes.left.y1, boxes.right.y1], [60, 60, 130, 130], atol=6
        )


def test_ilia_that_stand_apart_are_boxed_tightly():
    _, bone = drawn("apart")
    boxes = proposed("apart", "apart", "apart")[1]
    rows, left = np.flatnonzero(bone.any(axis=1)), np.flatnonzero(bone[:, 100:].any(axis=0)) + 100
    found = (boxes.left.y0, boxes.left.y1, boxes.left.x0, boxes.left.x1)
    np.testing.assert_allclose(found, (rows[0], rows[-1] + 1, left[0], left[-1] + 1), atol=1)


def test_no_box_where_only_the_spine_is_in_view():
    boxes = proposed("apart", "joint", "spine", "empty")
    assert boxes[0] is not None and boxes[1] is not None and boxes[2] is None and boxes[3] is None


def test_one_side_only():
    image, bone = drawn("apart")
    bone[:, :100] = False
    both, one = drawn("apart"), (image, bone)
    boxes = propose_ilium_boxes(*(np.stack(part) for part in zip(both, both, one, strict=True)), SPACING)[2]
    assert boxes.right is None and boxes.left is not None


@pytest.mark.parametrize(("axis", "spacing"), [(2, (1.0, 0.5)), (1, (0.5, 1.0))])
def test_pixels_that_are_not_square(axis, spacing):
    """Rows, or columns, half as far apart: the same places, counted twice as fine."""
    pairs = [drawn(kind, seed) for seed, kind in enumerate(("apart", "joint", "joint", "apart"))]
    images, bone = (np.repeat(np.stack(part), 2, axis=axis) for part in zip(*pairs, strict=True))
    fine = propose_ilium_boxes(images, bone, spacing)
    for own, square in zip(fine, proposed("apart", "joint", "joint", "apart"), strict=True):
        for side in ("left", "right"):
            edges = np.array(astuple(getattr(own, side)))
            edges[[0, 2] if axis == 2 else [1, 3]] /= 2
            np.testing.assert_allclose(edges, astuple(getattr(square, side)), atol=4)


def test_no_bone_at_all():
    assert proposed("empty", "empty") == [None, None]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (it is no part of the project)")
@pytest.mark.parametrize(("subject", "left", "right"), [("1007", 19, 19), ("1013", 24, 23), ("4386", 24, 25)])
def test_real_ilia_are_boxed_as_long_as_they_are_in_view(subject, left, right):
    """By eye, in 25 slices from front to back; a sliver of bone at the end may be missed."""
    headers = read_volume_headers(REAL / f"{subject}_STIR.nii.gz")
    planes = placed_label_map(read_label_map(REAL / f"{subject}_disease_region.nii.gz"), headers)
    images = np.stack([read_volume_slice(header.file, place).pixels for place, header in enumerate(headers, 1)])
    boxes = propose_ilium_boxes(images, np.stack([planes[h.uid][0] > 0 for h in headers]), headers[0].spacing)
    for last, found in ((left, [b and b.left for b in boxes]), (right, [b and b.right for b in boxes])):
        in_view = [place for place, box in enumerate(found) if box]
        assert in_view == list(range(len(in_view))) and last - 1 <= len(in_view) <= last
        assert all(20 < box.width * 0.595 < 85 and 25 < box.height * 0.595 < 100 for box in found[2:17])
