"""The figure of whole courses draws each slice's truth, and tells slices without a label apart."""

import numpy as np
import pandas as pd

from sijstudy.figures.whole import whole_courses


def course(label, score=0.4):
    return pd.DataFrame(
        {"slice_index": range(len(label)), "label": label, "score": score, "filtered_decision": 0.0}
    )  # fmt: skip


def lines_of(axis):
    return {line.get_label(): line for line in axis.lines}


def test_slices_with_edema_and_without_a_label_stand_below():
    score = [0.1, np.nan, 0.9, 0.2]
    figure = whole_courses({"a": course([1, 0, 0]), "b": course([1, np.nan, 0, np.nan], score)}, 0.5, 3)
    figure.canvas.draw()
    first, second = map(lines_of, figure.axes)
    assert first["edema (truth)"].get_xdata().tolist() == second["edema (truth)"].get_xdata().tolist() == [0]
    assert second["no label"].get_xdata().tolist() == [1, 3] and "no label" not in first
    assert np.isnan(second["score"].get_ydata()[1])  # no line is drawn across a slice that was not read
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["score", "median of 3 slices", "edema (truth)", "no label"]


def test_the_legend_names_no_label_only_where_one_is_missing():
    figure = whole_courses({"a": course([1, 0, 0])}, 0.5, 3)
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "edema (truth)"
