"""The forest plot draws the differences it is given, and marks those whose interval excludes 0."""

import pandas as pd
from ablation_samples import TABLE, row

from sijstudy.figures import ablations


def test_each_variant_that_was_run_has_its_line_in_each_panel():
    more = pd.DataFrame([row("loss", "cross-entropy", (2.0, 0.5, 3.0), measure="slice AUC")])
    figure = ablations.forest(pd.concat([TABLE, more], ignore_index=True))
    figure.canvas.draw()
    accuracy, area = figure.axes
    assert [label.get_text() for label in accuracy.get_yticklabels()] == [
        "Loss: cross-entropy", "Median filter: no filter", "ROI: factor 1.0",
    ]  # fmt: skip
    lines = accuracy.lines[1:]  # after the line at 0
    assert [list(line.get_xdata()) for line in lines] == [[-5, -1], [-3.25], [0, 0], [0], [-2, 4], [1]]
    assert [line.get_marker() for line in lines[1::2]] == ["D", "o", "o"]
    assert [list(line.get_xdata()) for line in area.lines[1:]] == [[0.5, 3.0], [2.0]]
    low, high = accuracy.get_ylim()
    assert low > high  # the first variant is on top
