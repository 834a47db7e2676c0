"""Weights of resampled subjects and percentile intervals, against plain loops and numpy; Wilson's against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sijstudy.intervals import corrected_t, interval, intervals, kish, row_weights, subject_weights, wilson


def test_every_resample_draws_as_many_subjects_as_there_are():
    weights = subject_weights(7, 50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, subject_weights(7, 50, seed=3))
    assert (weights != subject_weights(7, 50, seed=4)).any()
    assert subject_weights(0, 50, seed=3).shape == (50, 0)


@given(st.lists(st.sampled_from(["b", "a", "10", "9"]), max_size=12))
def test_a_subject_brings_all_its_rows_in_any_order(names):
    subjects = sorted(set(names))
    weights = subject_weights(len(subjects), 20, seed=1)
    expected = [[weights[sample, subjects.index(name)] for name in names] for sample in range(20)]
    np.testing.assert_array_equal(row_weights(names, 20, 1), np.reshape(expected, (20, len(names))))


def test_an_interval_is_numpys_of_what_is_defined():
    values = np.random.default_rng(0).normal(size=101)
    gaps = np.append(values, [np.nan, np.nan])
    assert interval(gaps) == tuple(np.percentile(values, [2.5, 97.5]))
    assert interval(values, 5) == tuple(np.percentile(values, [5, 95]))
    assert interval(values, nearest=True) == tuple(np.percentile(values, [2.5, 97.5], method="nearest"))
    assert np.isnan(interval(np.array([np.nan]))).all()


def test_an_end_may_be_infinite():
    values = np.append(np.arange(95.0), [np.inf] * 5)
    assert interval(values, nearest=True) == (2, np.inf)


def test_columns_have_intervals_of_their_own():
    values = np.random.default_rng(1).normal(size=(60, 4))
    values[::7, 2] = np.nan
    np.testing.assert_array_equal(intervals(values), np.nanpercentile(values, [2.5, 97.5], axis=0))


@pytest.mark.parametrize(("right", "n"), [(0, 4), (3, 7), (9, 9), (40, 60)])
def test_wilson_is_scipys(right, n):
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_wilson_of_an_effective_number_lies_between_whole_ones():
    low, high = wilson(0.9, 10.5)
    assert wilson(0.9, 10)[0] < low < wilson(0.9, 11)[0]
    assert wilson(0.9, 11)[1] < high < wilson(0.9, 10)[1]


def test_each_group_is_resampled_by_itself():
    names, groups = list("aabcdeef"), list("xxyyxyyy")
    weights = row_weights(names, 40, 3, groups)
    once = np.array([names.index(name) for name in "abcdef"])
    x = np.array([groups[place] == "x" for place in once])
    assert (weights[:, once][:, x].sum(axis=1) == 2).all()
    assert (weights[:, once][:, ~x].sum(axis=1) == 4).all()
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    assert weights[:, once].std(axis=0).min() > 0


def test_kish_counts_people_of_equal_weight_and_less_where_some_repeat():
    assert kish([2, 2, 2, 0]) == pytest.approx(3)
    assert kish([1, 1, 2]) == pytest.approx(16 / 6)
    assert kish([0, 0]) == kish([]) == 0


def test_corrected_t_with_no_shared_training_is_students():
    values = np.random.default_rng(4).normal(size=5)
    expected = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert corrected_t(values, 0) == pytest.approx(expected)
    low, high = corrected_t([*values, np.nan], 3 / 7)
    assert (high - low) / (expected[1] - expected[0]) == pytest.approx(((1 / 5 + 3 / 7) / (1 / 5)) ** 0.5)
    assert np.isnan(corrected_t([0.9], 3 / 7)).all()
