"""ICC(2,1) against the published example."""

import numpy as np
import pytest

from sijstudy.analysis.icc import icc

#: Shrout & Fleiss 1979, table 2: six targets, four judges
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def test_it_is_the_published_one():
    found = icc(RATINGS)
    assert found.value == pytest.approx(0.29, abs=0.005)  # their table 4: ICC(2,1)
    assert (found.low, found.high) == pytest.approx((0.019, 0.761), abs=0.001)  # R, psych::ICC, of the same table


def test_a_constant_difference_counts():
    one = np.array([1.0, 4.0, 9.0, 12.0])
    assert icc(np.column_stack([one, one])).value == 1
    assert icc(np.column_stack([one, one + 1])).value == pytest.approx(
        np.var(one, ddof=1) / (np.var(one, ddof=1) + 0.5)
    )
    assert icc(np.column_stack([one, one])).low == 1


def test_the_order_of_subjects_and_of_measurements_does_not_matter():
    found, other = icc(RATINGS), icc(RATINGS[::-1, [2, 0, 3, 1]])
    assert (found.value, found.low, found.high) == pytest.approx((other.value, other.low, other.high))


@pytest.mark.parametrize("values", [RATINGS[:2], np.full((4, 2), 3.0)], ids=["two subjects", "all the same"])
def test_where_nothing_can_be_said_it_is_nan(values):
    found = icc(values)
    assert np.isnan([found.value, found.low, found.high]).all()
