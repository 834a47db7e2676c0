"""Median filter, subject score and the ASAS rule, by hand and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import medfilt

from sijstudy.aggregation import asas_positive, filtered_course, median_filter, slice_decisions, subject_score

scores = st.lists(st.floats(0, 1), min_size=1, max_size=25).map(np.array)


def test_single_errors_vanish_and_runs_stay():
    assert median_filter([0, 1, 0, 0, 1, 1, 0, 1], 3).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_end_slices_keep_their_value_against_one_neighbour():
    assert median_filter([1, 0, 0], 3).tolist() == [1, 0, 0]
    assert median_filter([1, 0], 3).tolist() == [1, 0]
    assert median_filter([1], 5).tolist() == [1]


@given(scores, st.sampled_from([1, 3, 5, 7, 9]))
def test_inner_slices_agree_with_scipy(values, size):
    half = size // 2
    ours, wanted = median_filter(values, size), medfilt(values, size)
    inner = slice(half, len(values) - half) if len(values) > 2 * half else slice(0, 0)
    np.testing.assert_array_equal(ours[inner], wanted[inner])


@pytest.mark.parametrize("size", [0, 2, -1])
def test_even_sizes_are_refused(size):
    with pytest.raises(ValueError, match="odd"):
        median_filter([1, 0], size)


@given(scores, st.floats(0.05, 0.95), st.sampled_from([1, 3, 5]))
def test_median_commutes_with_the_threshold(values, threshold, size):
    by_decision = filtered_course(values, size=size, threshold=threshold, on="decision")
    by_score = filtered_course(values, size=size, threshold=threshold, on="score")
    np.testing.assert_array_equal(slice_decisions(by_score, threshold), by_decision)


def test_threshold_itself_is_positive_and_unknown_course_is_refused():
    assert slice_decisions([0.5, 0.49], 0.5).tolist() == [1, 0]
    with pytest.raises(ValueError, match="decision or score"):
        filtered_course(np.array([0.5]), size=3, threshold=0.5, on="mean")


def test_subject_score_is_the_mean():
    assert subject_score(np.array([1, 0, 1, 1])) == 0.75


@pytest.mark.parametrize(
    ("lesions", "index", "positive"),
    [
        ([0, 2, 0], [0, 1, 2], True),  # two lesions on one slice
        ([1, 1, 0], [4, 5, 6], True),  # two consecutive slices
        ([1, 0, 1], [4, 5, 6], False),  # not consecutive
        ([1, 1], [4, 6], False),  # neighbours in the list, but a slice is missing between them
        ([1, 1], [6, 5], True),  # order of the list does not matter
        ([1, 0], [0, 1], False),
        ([0, 0], [0, 1], False),
        ([], [], False),
    ],
)
def test_asas_rule(lesions, index, positive):
    assert asas_positive(np.array(lesions, int), np.array(index, int)) is positive
