"""Percentiles: NumPy's numbers, bit for bit, whatever the image looks like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.intensity import percentiles

PERCENTS = (0.5, 99.5)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    levels=st.sampled_from([1, 2, 7, 4096]),
    kind=st.sampled_from(["float32", "float64", "uint16", "int16"]),
    percents=st.lists(st.floats(0, 100), min_size=1, max_size=3),
)
def test_numbers_are_numpys(seed, shape, levels, kind, percents):
    image = np.random.default_rng(seed).integers(0, levels, shape).astype(kind)
    assert percentiles(image, (*PERCENTS, *percents)) == np.percentile(image, (*PERCENTS, *percents)).tolist()


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e4))
def test_numbers_are_numpys_between_pixels_that_are_no_whole_numbers(seed, scale):
    image = (np.random.default_rng(seed).lognormal(size=(97, 131)) * scale).astype(np.float32)
    assert percentiles(image, PERCENTS) == np.percentile(image, PERCENTS).tolist()


@pytest.mark.parametrize("bright", [slice(0, None, 61), slice(0, 40)])
def test_a_sample_that_misleads_is_noticed(bright):
    image = np.zeros((100, 61), dtype=np.float32)
    image.reshape(-1)[bright] = np.arange(len(image.reshape(-1)[bright]), dtype=np.float32) + 5
    image[3] -= 2
    wanted = (*PERCENTS, 0.0, 2.0, 50.0, 98.0, 100.0)
    assert percentiles(image, wanted) == np.percentile(image, wanted).tolist()
