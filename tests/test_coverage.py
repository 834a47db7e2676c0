"""Simulated cohorts: they are of the paper's size, and the intervals over folds hold the true value in most of them.

`make bench ONLY=coverage` measures more cohorts and conditions (docs/BENCHMARKS.md).
"""

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.coverage import KINDS, LEVELS, QUANTITIES, RECOMMENDED


def test_a_cohort_has_the_papers_people_and_slices():
    for people, slices, (low, high) in zip(coverage.PEOPLE, coverage.SLICES, coverage.SPAN, strict=True):
        sizes = coverage.slices_of(np.random.default_rng(3), people, slices, (low, high))
        assert (len(sizes), sizes.sum()) == (people, slices)
        assert low <= sizes.min() <= sizes.max() <= high


def test_both_arms_test_the_same_slices_and_reach_the_level_of_the_paper():
    level = LEVELS["the paper's"]
    frames, reached = coverage.study(level, coverage.population(level, np.random.default_rng(1)), seed=2)
    one, other = frames.values()
    assert one[["fold", "subject_id", "label"]].equals(other[["fold", "subject_id", "label"]])
    assert one.groupby("fold")["subject_id"].nunique().tolist() == [24] * 5
    assert reached["ROI accuracy"] == pytest.approx(0.9355, abs=0.03)
    assert reached["whole slice accuracy"] == pytest.approx(0.8345, abs=0.03)


def test_intervals_over_folds_cover():
    found = coverage.simulate(LEVELS["slices alike"], cohorts=40, samples=40)
    assert set(found) == {(f"{arm} {name}", kind) for arm, name in QUANTITIES for kind in KINDS}
    missed = {cell: covered for cell, (covered, _) in found.items() if cell[1] == RECOMMENDED and covered < 90}
    assert not missed
    narrow = np.mean([found["ROI specificity", kind][0] for kind in ("bootstrap", "bootstrap within groups")])
    assert narrow < 90  # what the simulation is there to show
