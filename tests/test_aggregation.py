"""Median filter, subject score and the ASAS rule, by hand and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.signal import medfilt

from sijstudy.aggregation import (
    RULES,
    asas_positive,
    follow,
    longest_run,
    median_filter,
    runs_of_slices,
    slice_decisions,
)
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError

scores = st.lists(st.floats(0, 1), min_size=1, max_size=25).map(np.array)
places = st.sets(st.integers(0, 30), min_size=1, max_size=25).map(lambda found: np.array(sorted(found)))


def without_gaps(values, size):
    return median_filter(values, np.arange(len(values)), size)


def test_single_errors_vanish_and_runs_stay():
    assert without_gaps([0, 1, 0, 0, 1, 1, 0, 1], 3).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_end_slices_keep_their_value_against_one_neighbour():
    assert without_gaps([1, 0, 0], 3).tolist() == [1, 0, 0]
    assert without_gaps([1, 0], 3).tolist() == [1, 0]
    assert without_gaps([1], 5).tolist() == [1]
    assert without_gaps([1, 0, 0, 0], 5).tolist() == [1, 0, 0, 0]  # the end is repeated, not mirrored


@given(scores, st.sampled_from([1, 3, 5, 7, 9]))
def test_inner_slices_agree_with_scipy(values, size):
    half = size // 2
    ours, wanted = without_gaps(values, size), medfilt(values, size)
    inner = slice(half, len(values) - half) if len(values) > 2 * half else slice(0, 0)
    np.testing.assert_array_equal(ours[inner], wanted[inner])


def test_no_slice_is_joined_across_a_gap():
    values, index = [1, 1, 0, 0, 1, 0, 1], [3, 4, 5, 7, 8, 11, 12]
    assert without_gaps(values, 3).tolist() == [1, 1, 0, 0, 0, 1, 1]
    assert median_filter(values, index, 3).tolist() == [1, 1, 0, 0, 1, 0, 1]
    assert median_filter(values, index, 7).tolist() == [1, 1, 0, 0, 1, 0, 1]
    assert median_filter([0, 1, 0, 1, 0], [0, 1, 2, 4, 6], 3).tolist() == [0, 0, 0, 1, 0]  # one slice by itself stays
    assert runs_of_slices(np.array(index)).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert runs_of_slices(np.array([], int)).tolist() == []


@given(places, st.sampled_from([1, 3, 5, 9]), st.randoms(use_true_random=False))
def test_each_run_of_neighbours_is_filtered_as_if_alone(index, size, random):
    values = np.array([random.random() for _ in index])
    runs = np.split(values, np.flatnonzero(np.diff(index) != 1) + 1)
    alone = [ndimage.median_filter(run, size=size, mode="nearest") for run in runs]
    np.testing.assert_array_equal(median_filter(values, index, size), np.concatenate(alone))


def test_a_course_ends_its_filter_at_a_gap():
    scores = np.array([0.9, 0.2, 0.8, 0.1])
    whole, parted = (follow(scores, index, size=3, threshold=0.5) for index in ([0, 1, 2, 3], [0, 1, 3, 4]))
    assert whole.filtered_decision.tolist() == [1, 1, 0, 0]
    assert parted.filtered_decision.tolist() == [1, 0, 1, 0]
    assert parted.filtered_score.tolist() == scores.tolist()


@pytest.mark.parametrize("size", [0, 2, -1])
def test_even_sizes_are_refused(size):
    with pytest.raises(ValueError, match="odd"):
        without_gaps([1, 0], size)


@given(scores, st.floats(0.05, 0.95), st.sampled_from([1, 3, 5]))
def test_filtered_decisions_are_the_median_of_the_decisions(values, threshold, size):
    course = follow(values, np.arange(len(values)), size=size, threshold=threshold)
    np.testing.assert_array_equal(course.filtered_decision, without_gaps((values >= threshold).astype(int), size))


@given(scores, st.lists(st.floats(0, 1), min_size=1, max_size=5), st.sampled_from(["decision", "score"]))
def test_several_thresholds_at_once_are_each_by_itself(values, thresholds, on):
    places = np.arange(len(values))
    together = follow(values, places, size=3, threshold=np.array(thresholds), on=on)
    for row, threshold in enumerate(thresholds):
        single = follow(values, places, size=3, threshold=threshold, on=on)
        for name in ("decision", "filtered_decision", "result"):
            np.testing.assert_array_equal(getattr(together, name)[row], getattr(single, name))
        for rule in RULES.values():
            assert rule.score(together)[row] == rule.score(single)


def test_threshold_itself_is_positive_and_unknown_course_is_refused():
    assert slice_decisions([0.5, 0.49], 0.5).tolist() == [1, 0]
    with pytest.raises(ValueError, match="decision or score"):
        follow(np.array([0.5]), [0], size=3, threshold=0.5, on="mean")


def test_the_paper_averages_the_filtered_results():
    course = follow(np.array([0.9, 0.2, 0.8, 0.7, 0.3]), np.arange(5), size=3, threshold=0.5)
    assert course.decision.tolist() == [1, 0, 1, 1, 0]
    assert course.filtered_decision.tolist() == [1, 1, 1, 1, 0]
    assert RULES["mean"].score(course) == 0.8
    assert RULES["mean"].limit(0.4) == 0.4  # the study's threshold decides


def test_the_asas_rule_looks_for_neighbours_in_the_body():
    scores = np.array([0.9, 0.9, 0.1])
    near, far = (follow(scores, places, size=1, threshold=0.5) for places in ([3, 4, 5], [3, 5, 6]))
    assert (RULES["asas"].score(near), RULES["asas"].score(far)) == (1.0, 0.0)
    assert RULES["asas"].limit(0.9) == 0.5  # a yes or no has a threshold of its own


def test_the_asas_rule_takes_the_filtered_slices():
    joined = follow(np.array([0.9, 0.1, 0.9, 0.1, 0.9]), np.arange(5), size=3, threshold=0.5)
    assert joined.filtered_decision.tolist() == [1, 1, 0, 1, 1]
    removed = follow(np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1]), np.arange(7), size=5, threshold=0.5)
    assert removed.filtered_decision.tolist() == [0] * 7
    assert (RULES["asas"].score(joined), RULES["asas"].score(removed)) == (1.0, 0.0)


def test_the_course_shows_scores_and_decisions_before_and_after():
    course = follow(np.array([0.9, 0.2, 0.8]), np.array([4, 5, 6]), size=3, threshold=0.5)
    assert course.slice_index.tolist() == [4, 5, 6]
    assert (course.score.tolist(), course.filtered_score.tolist()) == ([0.9, 0.2, 0.8], [0.9, 0.8, 0.8])
    assert (course.decision.tolist(), course.filtered_decision.tolist()) == ([1, 0, 1], [1, 1, 1])


def test_the_parameter_offers_every_rule():
    with pytest.raises(StudyError, match=", ".join(RULES)):
        StudyConfig(subject_rule="longest walk")
    assert [StudyConfig(subject_rule=name).subject_rule for name in RULES] == list(RULES)


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
    assert asas_positive(np.array(lesions, int), np.array(index, int)) == positive


def test_the_longest_run_ends_at_a_gap_and_goes_over_thresholds():
    positive = np.array([[1, 1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]])
    assert longest_run(positive, np.arange(7)).tolist() == [4, 0, 7]
    assert longest_run(positive, np.array([0, 1, 2, 3, 4, 8, 9])).tolist() == [2, 0, 5]
    assert longest_run(np.array([1]), np.array([5])) == 1


def test_runs_and_the_highest_score_by_hand():
    scores = np.array([0.1, 0.9, 0.8, 0.7, 0.2, 0.95, 0.1, 0.1])
    course = follow(scores, np.arange(8), size=3, threshold=np.array([0.5, 0.75]))
    assert RULES["run"].score(course).tolist() == [4 / 8, 2 / 8]  # filtered: 0.1 .8 .8 .7 .7 .2 .1 .1
    assert RULES["highest"].score(course).tolist() == [0.8, 0.8]
    single = follow(scores, np.arange(8), size=3, threshold=0.5)
    assert RULES["highest"].score(single).shape == () == RULES["run"].score(single).shape
