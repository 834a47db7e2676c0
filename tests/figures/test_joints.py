"""The sheet of slices draws what it was given."""

import numpy as np
import pytest

from sijstudy.figures.joints import KEY, OUTLINES, SeenSlice, seen_joints
from sijstudy.records import Box


def test_each_slice_has_its_title_outlines_and_boxes():
    mask = np.zeros((20, 30), bool)
    mask[5:9, 6:12] = True
    masks = {name: mask if name == "edema" else np.zeros_like(mask) for name in OUTLINES}
    image = np.arange(600.0).reshape(20, 30)
    one = SeenSlice("slice 3, found 0.91", image, masks, [Box(2, 3, 10, 15)], [Box(4, 3, 9, 15), Box(12, 3, 20, 15)])
    figure = seen_joints([one, SeenSlice("slice 7, no box", image, masks, [], [])] * 3)
    first, second, *_ = figure.axes
    assert [axis.get_title() for axis in figure.axes[:6]] == ["slice 3, found 0.91", "slice 7, no box"] * 3
    assert [(box.get_xy(), box.get_width(), box.get_height()) for box in first.patches] == [
        ((1.5, 2.5), 8, 12), ((3.5, 2.5), 5, 12), ((11.5, 2.5), 8, 12)
    ]  # fmt: skip
    assert not second.patches and len(first.collections) == 1  # only edema has an outline
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(KEY)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_legend_of_few_slices_is_not_cut_off(number):
    image = np.arange(600.0).reshape(20, 30)
    masks = dict.fromkeys(OUTLINES, np.zeros((20, 30), bool))
    figure = seen_joints([SeenSlice("slice 3", image, masks, [], [])] * number)
    figure.draw_without_rendering()
    legend, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert legend.x0 >= whole.x0 and legend.x1 <= whole.x1 and legend.y0 >= whole.y0
