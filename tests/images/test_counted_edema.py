"""A slice's edema by where it lies: counted, elsewhere, or nobody knows."""

import numpy as np
import pytest

from sijstudy.images.consensus import EdemaRule
from sijstudy.images.counted_edema import Counted, ReadSlice, settle
from sijstudy.images.segment_names import Meaning

SHAPE = (6, 10)
BONE = np.zeros(SHAPE, bool)
BONE[1:5, 1:9] = True
LEFT = np.zeros(SHAPE, bool)  # where edema counts
LEFT[:, :5] = True


def marks(*columns, rows=(2, 3)):
    mask = np.zeros(SHAPE, bool)
    for row in rows:
        mask[row, list(columns)] = True
    return mask


def settled(readings, rule=None, *, where=LEFT, leave_out=True, all_bone=True, missing=0):
    named = {Meaning("edema", number): mask for number, mask in enumerate(readings, 1)}
    drawn = ReadSlice(named, BONE, all_bone, missing)
    counted = Counted({} if where is None else {"1.2": where}, leave_out)
    return settle(drawn, rule or EdemaRule(min_pixels=3), counted, "1.2")


@pytest.mark.parametrize(
    ("columns", "labels", "votes"),  # left out, negative
    [
        ((2, 3), (1, 1), (1, 1)),  # four pixels where they count
        ((3, 7), (None, 0), (None, None)),  # two there, too few, and two elsewhere
        ((6, 7), (None, 0), (None, 0)),  # all elsewhere
        ((7,), (0, 0), (None, 0)),  # two elsewhere: too few anywhere
        ((2, 3, 6, 7), (1, 1), (1, 1)),
        ((), (0, 0), (0, 0)),
    ],
)
def test_a_slice_is_positive_by_edema_that_counts(columns, labels, votes):
    for label, vote, leave_out in zip(labels, votes, (True, False), strict=True):
        found = settled([marks(*columns)], leave_out=leave_out)
        assert (found.label, found.votes) == (label, (vote, None, None, None))
        assert found.edema.sum() == 2 * sum(column < 5 for column in columns)
        assert found.elsewhere.sum() == 2 * sum(column >= 5 for column in columns)
        assert found.ruled_out == (found.label is None)


def test_readers_agree_before_the_place_is_asked():
    rule = EdemaRule(agreement=2, min_pixels=3, negatives="unanimous")
    inside, outside = marks(2, 3), marks(6, 7)
    assert settled([inside, inside, outside], rule).label == 1
    apart = settled([inside, outside, outside], rule)  # one reader marks it where it counts
    assert apart.label is None and not apart.ruled_out and apart.votes[:3] == (1, None, None)
    assert apart.elsewhere.sum() == 4 and not apart.edema.any()
    lone = settled([outside, marks(), marks()], rule)  # nobody marks it there, one elsewhere
    assert lone.label is None and lone.ruled_out
    assert settled([outside, marks(), marks()], rule, leave_out=False).label == 0


def test_readings_that_are_missing_could_mark_only_where_edema_counts():
    rule = EdemaRule(agreement=2, min_pixels=3)
    found = settled([marks(6, 7), marks()], rule, missing=1, leave_out=False)
    assert found.label == 0
    assert settled([marks(2, 3), marks()], rule, missing=1, leave_out=False).label is None


@pytest.mark.parametrize("leave_out", [True, False])
def test_where_nobody_knows_a_slice_is_negative_without_edema_only(leave_out):
    known = settled([marks(2, 3)], where=None, leave_out=leave_out)
    assert known.label is None and known.ruled_out and known.votes[0] is None
    assert known.elsewhere.sum() == 4 and not known.edema.any()
    assert settled([marks()], where=None, leave_out=leave_out).label == 0


def test_beyond_all_bone_is_no_edema_beyond_ilia_and_sacrum_it_lies_elsewhere():
    beyond = marks(2, 3, rows=(0, 5))
    assert settled([beyond]).label == 0 and not settled([beyond]).elsewhere.any()
    apart = settled([beyond], all_bone=False)
    assert apart.label is None and apart.ruled_out and apart.elsewhere.sum() == 4
