"""Baselines on bright bone, by hand and against a slow loop."""

import numpy as np
import pytest
from skimage.measure import label as connected

from sijstudy.analysis.bright_bone import PATCHES, intensity_baselines, patch_baselines

SPACING = (0.6, 0.6)


def slice_of(size=80, grey=100.0):
    bone = np.zeros((size, size), bool)
    bone[10:70, 10:70] = True
    return np.full((size, size), grey), bone


def test_intensities_by_hand():
    values = np.array([1.0] * 90 + [2.0] * 4 + [5.0] * 6)
    assert intensity_baselines(values) == {"p99_over_median": 5.0, "bright_share": 0.06}
    assert np.isnan(list(intensity_baselines(np.zeros(5)).values())).all()
    assert np.isnan(list(intensity_baselines(np.array([])).values())).all()


def test_the_largest_patch_above_twice_the_marrow():
    image, bone = slice_of()
    image[20:32, 20:32] = image[50:55, 50:55] = 300
    found = patch_baselines(image, bone, bone, 100.0, SPACING)
    # smoothed by a pixel, an edge's inner pixel has 100 + 200 * 0.69, a corner 100 + 200 * 0.69 * 0.69 = 195
    assert found["patch_volume"] == pytest.approx((12 * 12 - 4) * 0.36)


def test_a_patch_counts_inside_the_region_and_off_the_edge_of_bone_alone():
    image, bone = slice_of()
    image[20:32, 20:32] = 300
    inside = bone.copy()
    inside[:, :40] = False
    assert patch_baselines(image, bone, inside, 100.0, SPACING) == dict.fromkeys(PATCHES, 0.0)
    rim, _ = slice_of()
    rim[40:60, 10:12] = 400  # two pixels, which smoothed have 286, and the next one 190
    assert patch_baselines(rim, bone, bone, 100.0, SPACING)["patch_volume"] == 0


def test_marrow_around_is_the_mean_inside_bone():
    """Pixels of 3 mm: erosion and smoothing do nothing, and the Gaussian has an SD of 3.2 pixels."""
    image = np.random.default_rng(5).gamma(2.0, 50.0, (60, 60))
    bone = np.zeros((60, 60), bool)
    bone[20:40, 18:42] = True
    bone[25:28, 30:36] = False
    image[~bone] = 1000
    kernel = np.arange(60)
    above = np.zeros_like(bone)
    for row, column in zip(*np.nonzero(bone), strict=True):
        weights = np.exp(-((kernel[:, None] - row) ** 2 + (kernel[None] - column) ** 2) / (2 * 3.2**2)) * bone
        above[row, column] = image[row, column] > 1.5 * (weights * image).sum() / weights.sum()
    largest = np.bincount(connected(above, connectivity=2)[above]).max()
    found = patch_baselines(image, bone, bone, None, (3.0, 3.0))
    assert found == {"patch_volume": 0.0, "patch_local": pytest.approx(9.0 * largest, abs=9.0)}
    assert largest > 3


def test_a_lesion_in_dark_marrow_is_bright_for_its_place_alone():
    image, bone = slice_of(grey=50.0)
    image[30:36, 30:36] = 110
    found = patch_baselines(image, bone, bone, 100.0, SPACING)
    assert found["patch_volume"] == 0 and found["patch_local"] > 20 * 0.36


def test_padding_is_no_patch_and_no_marrow():
    image, bone = slice_of()
    image[20:32, 20:32] = 300
    whole = patch_baselines(image, bone, bone, 100.0, SPACING)
    image[45:] = np.nan
    assert patch_baselines(image, bone, bone, 100.0, SPACING)["patch_volume"] == whole["patch_volume"]
    empty = np.zeros_like(bone)
    assert patch_baselines(image, empty, empty, 100.0, SPACING) == dict.fromkeys(PATCHES, 0.0)
