"""Area, volume and score of outlined edema, by hand."""

import numpy as np
import pytest

from sijstudy.segmentation.edema_amount import GROSS, HALF_MM2, PLAIN, Stack, edema_amount, edema_mask
from sijstudy.segmentation.outline import Outlined


def outlined(edema):
    return Outlined(np.ones(edema.shape, np.uint8), np.ones(edema.shape, np.float32), edema)


@pytest.fixture
def edema():
    values = np.zeros((3, 40, 40), np.float32)
    values[0, 10:30, 10:30] = 1.0
    values[1, 10:20, 10:20] = 0.25
    return values


def stack(images, marrow=100.0, spacing=(0.5, 0.8)):
    return Stack(images, spacing, 3.0, marrow)


def test_areas_are_of_what_is_drawn(edema):
    edema[1, 30:35, :] = 0.2  # too unlikely
    amount = edema_amount(outlined(edema), stack(np.full(edema.shape, 500, np.float32)))
    assert amount.areas == pytest.approx([400 * 0.4, 100 * 0.4, 0])
    assert amount.volume == pytest.approx((160 + 40) * 3.0 / 1000)


@pytest.mark.parametrize(("grey", "weight"), [(100, 0), (100 * PLAIN, 0), (230, 1.0), (100 * GROSS, 2), (900, 2)])
def test_brightness_beside_the_marrow_is_counted_between_two_levels(edema, grey, weight):
    amount = edema_amount(outlined(edema), stack(np.full(edema.shape, grey, np.float32)))
    assert amount.bright == pytest.approx([weight * 400 * 0.4, weight * 25 * 0.4, 0], abs=1e-3)


def test_the_score_is_a_half_at_the_area_named(edema):
    edema[0] = 0
    edema[0].flat[:25] = 1.0  # 10 square mm
    amount = edema_amount(outlined(edema), stack(np.full(edema.shape, 230, np.float32)))
    assert amount.scores[0] == pytest.approx(10 / (10 + HALF_MM2), abs=1e-3)
    assert amount.scores[2] == 0


def test_only_the_region_counts(edema):
    region = np.zeros(edema.shape, bool)
    region[:, :20] = True
    amount = edema_amount(outlined(edema), stack(np.full(edema.shape, 500, np.float32)), region)
    assert amount.areas == pytest.approx([200 * 0.4, 40, 0])
    assert edema_mask(outlined(edema), region).sum() == 300
    assert edema_mask(outlined(edema)).sum() == 500


def test_without_a_level_of_marrow_nothing_is_bright(edema):
    amount = edema_amount(outlined(edema), stack(np.full(edema.shape, 500, np.float32), marrow=None))
    assert (amount.bright == 0).all()
    assert amount.areas[0] > 0
