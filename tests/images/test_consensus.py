"""Readers' consensus against a count by hand, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule, consensus_mask, reading_vote, slice_label

STACKS = st.integers(1, 5).flatmap(lambda n: arrays.arrays(bool, (n, 4, 5)))
BONES = arrays.arrays(bool, (4, 5)) | st.none()
RULES = st.builds(
    EdemaRule, st.none() | st.integers(1, 5), st.integers(1, 6), st.sampled_from(["majority", "unanimous"])
)


def agreed_by_hand(stack, bone, rule):
    readings = len(stack)
    found = set()
    for row in range(4):
        for column in range(5):
            marks = sum(bool(reading[row, column]) for reading in stack)
            enough = marks * 2 > readings if rule.agreement is None else marks >= rule.agreement
            if enough and (bone is None or bone[row, column]):
                found.add((row, column))
    return found


@given(STACKS, BONES, RULES)
def test_consensus_and_label_against_a_count_by_hand(stack, bone, rule):
    wanted = agreed_by_hand(stack, bone, rule)
    assert set(map(tuple, np.argwhere(consensus_mask(list(stack), bone, rule)).tolist())) == wanted
    label = slice_label(list(stack), bone, rule)
    if len(wanted) >= rule.min_pixels:
        assert label == 1
    elif rule.negatives == "majority":
        assert label == 0
    else:
        assert label == (None if stack.any() else 0)


@given(arrays.arrays(bool, (4, 5)), BONES, RULES)
def test_a_readings_own_vote(reading, bone, rule):
    inside = int((reading & bone).sum() if bone is not None else reading.sum())
    expected = 1 if inside >= rule.min_pixels else 0 if not reading.any() else None
    assert reading_vote(reading, bone, rule) == expected


@pytest.mark.parametrize(("readings", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_more_than_half(readings, needed):
    assert EdemaRule().needed(readings) == needed and EdemaRule(agreement=1).needed(readings) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"agreement": 0}, "--agreement is 0"),
        ({"min_pixels": 0}, "--min-edema-pixels is 0"),
        ({"negatives": "some"}, "--negatives is 'some'; it must be majority or unanimous"),
    ],
)
def test_rules_that_make_no_sense(change, words):
    with pytest.raises(StudyError, match=words):
        EdemaRule(**change)
