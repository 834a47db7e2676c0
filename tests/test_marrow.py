"""Levels of normal marrow, against loops over every pixel."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.marrow import ERODED_MM, LEAST_MM2, MarrowLevels, marrow_levels, marrow_pixels


def inside(bone, pixel_mm):
    """Of each pixel of bone, slowly: is every pixel that is no bone further away than ERODED_MM?"""
    outside = np.argwhere(~bone)
    kept = np.zeros(bone.shape, bool)
    for row, column in np.argwhere(bone):
        kept[row, column] = all(
            math.hypot((row - y) * pixel_mm[0], (column - x) * pixel_mm[1]) > ERODED_MM for y, x in outside
        )
    return kept


@given(seed=st.integers(0, 2**32 - 1), pixel_mm=st.tuples(st.floats(0.3, 2.0), st.floats(0.3, 2.0)))
def test_marrow_is_bone_away_from_its_edge(seed, pixel_mm):
    rng = np.random.default_rng(seed)
    bone = rng.random((14, 11)) > 0.15
    image = rng.normal(100, 30, bone.shape)
    image[rng.random(bone.shape) < 0.1] = np.nan
    expected = image[inside(bone, pixel_mm) & ~np.isnan(image)]
    np.testing.assert_array_equal(marrow_pixels(image, bone, pixel_mm), expected)


def stack(*values):
    """Slices of 40 x 40 mm, each of one value, with bone on the middle 20 x 20 mm."""
    bone = np.zeros((40, 40), bool)
    bone[10:30, 10:30] = True
    return np.stack([np.full(bone.shape, float(value)) for value in values]), np.stack([bone] * len(values))


def test_bone_in_the_middle_has_an_edge_all_round():
    image, bone = np.arange(1600.0).reshape(40, 40), stack(1)[1][0]
    np.testing.assert_array_equal(marrow_pixels(image, bone, (1.0, 0.5)), image[inside(bone, (1.0, 0.5))])


def test_a_stack_has_one_level_and_each_slice_its_own():
    images, bones = stack(100, 200, 400)
    assert marrow_levels(images, bones, (1.0, 1.0)) == MarrowLevels(200.0, (100.0, 200.0, 400.0))
    uneven = bones.copy()
    uneven[2, :, :14] = uneven[1, :, :14] = False  # now most of the marrow is the first slice's
    assert marrow_levels(images, uneven, (1.0, 1.0)).stack == 200.0
    uneven[1] = False
    levels = marrow_levels(images, uneven, (1.0, 1.0))
    assert levels.stack == 100.0
    assert levels.slices == (100.0, 100.0, 400.0)  # the slice without bone has the stack's


def test_cortex_and_edema_below_half_of_the_bone_change_no_level():
    images, bones = stack(100, 100)
    images[:, 10, :] = images[:, 29, :] = 5.0
    images[0, 12:20, 10:28] = 900.0
    assert marrow_levels(images, bones, (1.0, 1.0)) == MarrowLevels(100.0, (100.0, 100.0))


def test_too_little_marrow_and_none_above_0_have_no_level():
    images, bones = stack(100, 300)
    bones[1, 20:] = False  # 10 x 20 mm, 7 x 18 inside
    assert marrow_levels(images, bones, (1.0, 1.0)).slices == (100.0, 300.0)
    bones[1, 17:] = False  # 7 x 20 mm: less than LEAST_MM2 away from the edge
    assert marrow_levels(images, bones, (1.0, 1.0)).slices == (100.0, 100.0)
    assert marrow_pixels(images[1], bones[1], (1.0, 1.0)).size < LEAST_MM2
    assert marrow_levels(images, ~bones & bones, (1.0, 1.0)) == MarrowLevels(None, (None, None))
    assert marrow_levels(0 * images, bones, (1.0, 1.0)) == MarrowLevels(None, (None, None))


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_a_level_follows_the_scanners_gain(gain):
    rng = np.random.default_rng(1)
    images, bones = stack(100, 100)
    images += rng.normal(0, 20, images.shape)
    ours, theirs = (marrow_levels(gain * part, bones, (1.0, 1.0)) for part in (images, images / gain))
    assert ours.stack == pytest.approx(gain * theirs.stack)
