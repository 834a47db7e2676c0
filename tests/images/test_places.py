"""Which slices lie in one place: repetitions after a movement do, stacks of every kind that scanners make do not."""

import numpy as np
import pytest

from sijstudy.images.places import places_of

STEPS = 2.2 * np.arange(6)


def places(heights, thickness):
    return places_of([float(height) for height in heights], thickness)


@pytest.mark.parametrize("thickness", [2.0, None])
@pytest.mark.parametrize("moved", [0.0, 0.05, 0.4, 0.8])
@pytest.mark.parametrize("second", [6, 5, 2])
def test_a_repetition_that_moved_lies_in_the_places_of_the_first(thickness, moved, second):
    found = places([*STEPS, *(STEPS[:second] + moved)], thickness)
    assert found == [*range(6), *range(second)]


@pytest.mark.parametrize("second", [6, 5, 1])
def test_a_repetition_that_moved_by_about_half_a_distance_overlaps_unevenly(second):
    found = places([*STEPS, *(STEPS[:second] + 1.0)], 2.0)
    assert found == [*range(6), *range(second)]


def test_three_repetitions_and_slices_in_any_order():
    assert places([*(STEPS + 0.8), *STEPS, *(STEPS + 0.3)], 2.0) == [*range(6)] * 3
    assert places([2.6, 0.4, 2.2, 0.0], 2.0) == [1, 0, 1, 0]


def test_a_movement_by_a_fraction_of_the_distance_is_known_by_the_thickness():
    """Distances of 0.55 and 1.65 in turn might be a stack with slices left out, if these were thin."""
    assert places([*STEPS, *(STEPS + 0.55)], 2.0) == [*range(6)] * 2
    assert places([*STEPS, *(STEPS + 0.55)], 0.55) == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]


def test_two_slices_closer_than_they_are_thick():
    assert places([0, 0.4], 2.0) == [0, 0] and places([0, 1.0], 2.0) == [0, 1] and places([0, 0.4], None) == [0, 1]


@pytest.mark.parametrize(
    ("heights", "thickness"),
    [
        (STEPS, 2.0),
        (STEPS, None),
        (STEPS, 4.5),  # thickness of the slab, or interpolated to fourfold
        (2.2 * np.array([0, 1, 2, 4, 7, 12, 13]), 2.0),  # slices left out
        (2.2 * np.array([0, 1, 2, 4, 7, 12, 13]), None),
        (2.2 * np.array([0, 2, 5, 9, 10]) + [0.03, 0, -0.03, 0.02, 0], None),  # positions rounded
        (0.5 * np.arange(60), 0.5),
        (0.5 * np.arange(60), 1.0),  # overlapping by half
        (1.0 * np.arange(60), 1.0),
        (np.round(0.83 * np.arange(40), 1), 1.66),
        (2.0 * np.arange(20) + 0.03 * np.sin(np.arange(20)), 4.0),
        (np.delete(0.8 * np.arange(60), [3, 7, 8, 20]), 3.2),
        ([0, 2.2, 4.4, 6.0, 8.2, 10.4], 2.0),  # two blocks that overlap where they meet
        ([0, 2.2, 4.4, 6.9, 9.1, 11.0], None),  # uneven
        ([0.0], 2.0),
        ([], None),
    ],
)
def test_stacks_are_of_as_many_places_as_slices(heights, thickness):
    assert places(heights, thickness) == [*range(len(heights))]


def test_thin_slices_that_were_repeated():
    stack = 1.0 * np.arange(20)  # a quarter of the thickness apart
    assert max(np.bincount(places([*stack, *(stack + 0.2)], 4.0))) == 4
    stack = 0.5 * np.arange(20)
    assert places([*stack, *(stack + 0.2)], 1.0) == [*range(20)] * 2
