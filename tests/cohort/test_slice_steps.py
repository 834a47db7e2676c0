"""How the slices of a stack lie: which are neighbours, and how many mm a step is."""

import numpy as np
import pytest
from stack_samples import headers

from sijstudy.cohort.slice_steps import slice_indices, stack_steps


@pytest.mark.parametrize("stated", [{}, {"declared": 3.3, "thickness": 3.0}, {"declared": 0.3, "thickness": 3.0}])
def test_of_a_contiguous_stack_the_step_is_the_median_gap(stated):
    heights = [0.0, 3.3, 6.61, 9.87, 13.2, 17.6]  # rounded; the last gap is a third longer
    steps = stack_steps(headers(*heights, **stated))
    assert steps.places == (0, 1, 2, 3, 4, 5)
    assert steps.mm == float(np.median(np.diff(heights)))


@pytest.mark.parametrize("indices", [None, (0, 8, 9, 17, 18, 26), range(6)])
def test_gaps_are_told_by_positions(indices):
    steps = stack_steps(headers(0, 26.4, 29.7, 56.1, 59.4, 85.8), indices)
    assert steps.places == (0, 8, 9, 17, 18, 26)
    assert steps.mm == pytest.approx(3.3)


def test_from_one_and_a_half_steps_on_a_slice_is_no_neighbour():
    assert stack_steps(headers(0, 2, 4, 6.9, 9.9)).places == (0, 1, 2, 3, 5)


def test_where_every_second_slice_is_left_out_the_series_tells_the_step():
    every_second = (0.0, 6.6, 13.2, 19.8)
    by_index = stack_steps(headers(*every_second), (3, 5, 7, 9))
    by_header = stack_steps(headers(*every_second, declared=3.3, thickness=3.0))
    for steps in (by_index, by_header):
        assert steps.places == (0, 2, 4, 6)
        assert steps.mm == pytest.approx(3.3)
    assert stack_steps(headers(0, 6.6, 16.5), (0, 2, 5)).mm == pytest.approx(3.3)
    assert stack_steps(headers(*every_second)).mm == pytest.approx(6.6)  # nothing tells of those left out


@pytest.mark.parametrize(
    ("declared", "thickness", "step"),
    [(3.3, 3.0, 3.3), (0.3, 3.0, 3.0), (None, 3.0, 3.0), (3.3, None, 3.3), (0.3, None, np.nan), (None, None, np.nan)],
)
def test_a_single_slice_is_as_thick_as_its_header_says_or_nobody_knows(declared, thickness, step):
    steps = stack_steps(headers(7.0, declared=declared, thickness=thickness), (12,))
    assert steps.places == (0,)
    assert steps.mm == pytest.approx(step, nan_ok=True)


def test_places_are_those_of_the_slice_index():
    own = headers(0, 3.3, 9.9, 13.2, 33.0)
    assert list(stack_steps(own).places) == slice_indices(own) == [0, 1, 3, 4, 10]
