"""The 8-bit scale, and its percentiles: NumPy's numbers, bit for bit, whatever the image looks like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.figures.overlays import grey_range
from sijstudy.intensity import (
    MARROW,
    PERCENTILES,
    WHITE_AT,
    in_marrow_units,
    percentiles,
    tissue_of,
    to_8bit,
    without_padding,
)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    levels=st.sampled_from([1, 2, 7, 4096]),
    kind=st.sampled_from(["float32", "float64", "uint16", "int16"]),
    percents=st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_numbers_are_numpys(seed, shape, levels, kind, percents):
    image = np.random.default_rng(seed).integers(0, levels, shape).astype(kind)
    assert percentiles(image, (*PERCENTILES, *percents)) == np.percentile(image, (*PERCENTILES, *percents)).tolist()


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e4))
def test_numbers_are_numpys_between_pixels_that_are_no_whole_numbers(seed, scale):
    image = (np.random.default_rng(seed).lognormal(size=(97, 131)) * scale).astype(np.float32)
    assert percentiles(image, PERCENTILES) == np.percentile(image, PERCENTILES).tolist()


@pytest.mark.parametrize("bright", [slice(0, None, 61), slice(0, 40)])
def test_a_sample_that_misleads_is_noticed(bright):
    image = np.zeros((100, 61), dtype=np.float32)
    image.reshape(-1)[bright] = np.arange(len(image.reshape(-1)[bright]), dtype=np.float32) + 5
    image[3] -= 2
    wanted = (*PERCENTILES, 0.0, 2.0, 50.0, 98.0, 100.0)
    assert percentiles(image, wanted) == np.percentile(image, wanted).tolist()


def test_a_guess_that_ends_with_the_wanted_pixel_is_noticed():
    """31 pixels are low, 17 of them in the sample: the guess takes them all, and the 32nd lies beyond."""
    image = np.arange(1000, 7100, dtype=np.float32)
    image[[*range(0, 17 * 61, 61), *range(3001, 3015)]] = np.arange(31)[::-1]
    image = image.reshape(100, 61)
    assert percentiles(image, [0.5]) == np.percentile(image, [0.5]).tolist()


def test_numbers_are_numpys_between_two_pixels_of_opposite_sign():
    """Where rounding shows: the value is reached from the nearer pixel."""
    rng = np.random.default_rng(1)
    for pair, percent in zip(rng.normal(size=(500, 1, 2)), rng.uniform(0, 100, 500), strict=True):
        assert percentiles(pair, [percent]) == np.percentile(pair, [percent]).tolist()


def test_8bit_scale_clips_its_percentiles_and_ignores_gain_and_offset():
    image = np.random.default_rng(0).gamma(2, 100, (80, 80)).astype(np.float32)
    scaled = to_8bit(image)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (0, 255)
    np.testing.assert_allclose(to_8bit(3 * image + 40), scaled, atol=0.01)
    assert np.mean(scaled == 255) == pytest.approx(0.005, abs=0.001)
    assert (to_8bit(np.full((8, 8), 5.0)) == 0).all()


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(1e-2, 1e4))
def test_marrow_units_pixel_by_pixel(seed, level):
    rng = np.random.default_rng(seed)
    image = (level * rng.normal(1.5, 1.5, (7, 9))).astype(np.float32)
    image[0, :3] = np.nan, level, WHITE_AT * level
    scaled = in_marrow_units(image, level)
    assert scaled.dtype == np.float32
    assert scaled[0, 0] == 0 and scaled[0, 1:3] == pytest.approx([MARROW, 255], rel=1e-5)
    for value, own in zip(image.ravel(), scaled.ravel(), strict=True):
        expected = 0.0 if np.isnan(value) else min(max(float(value) / level / WHITE_AT, 0.0), 1.0) * 255
        assert own == pytest.approx(expected, rel=1e-5, abs=1e-4)
    np.testing.assert_allclose(in_marrow_units(7 * image, 7 * level), scaled, atol=1e-3)


def test_padding_is_no_tissue():
    image = np.random.default_rng(3).normal(100, 20, (40, 50)).astype(np.float32)
    padding = np.zeros(image.shape, bool)
    padding[:, :7] = True
    padded = np.where(padding, np.float32(np.nan), image)
    np.testing.assert_array_equal(to_8bit(padded)[~padding], to_8bit(image[:, 7:]).ravel())
    assert (to_8bit(padded)[padding] == 0).all()
    np.testing.assert_array_equal(without_padding(padded), np.where(padding, image[:, 7:].min(), image))
    assert without_padding(image) is image
    inside = image > 90
    np.testing.assert_array_equal(tissue_of(padded, inside), image[:, 7:][inside[:, 7:]])
    assert grey_range(padded) == pytest.approx(grey_range(image[:, 7:]))
