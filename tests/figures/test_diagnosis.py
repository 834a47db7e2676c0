"""The course of one subject, also where it is a single slice."""

import pandas as pd
import pytest

from sijstudy.figures.diagnosis import score_course, subject_course


def course(*indices):
    rows = {"slice_index": list(indices), "decision": 1, "filtered_decision": 1}
    return pd.DataFrame({**rows, **dict.fromkeys(("score", "score_low", "score_high"), 0.9)})


@pytest.mark.parametrize("indices", [(7,), (7, 8), (7, 8, 9, 12)])
def test_whole_slices_stand_on_the_axis_and_results_are_seen(indices):
    """The axis of a single slice ran from -0.045 to 0.045, and its result had no step."""
    figure = subject_course(course(*indices), 0.5, 3)
    for axis in (*figure.axes, *score_course(course(*indices)).axes):
        low, high = axis.get_xlim()
        assert low < indices[0] - 0.1 and high > indices[-1] + 0.1 and high - low >= 1
    step = next(line for line in figure.axes[1].lines if line.get_label() == "slice result")
    assert step.get_xdata()[-1] > step.get_xdata()[0] and set(step.get_ydata()) == {1}
