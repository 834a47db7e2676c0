"""Figures of readers on another cohort: that they draw what they were given."""

import numpy as np
import pandas as pd

from sijstudy.figures.external import external_rocs, score_strips, seen_slices
from sijstudy.metrics import roc
from sijstudy.records import Box
from sijstudy.roi import RoiBoxes


def test_curves_of_networks_and_segmentation_are_solid_and_those_of_baselines_dashed():
    labels, rng = np.array([0, 1] * 10), np.random.default_rng(0)
    names = {name: name.upper() for name in ("score", "fold_1", "segmentation", "both", "a", "b", "c", "d")}
    figure = external_rocs({name: roc(labels, rng.random(20)) for name in names}, names)
    styles = [line.get_linestyle() for line in figure.axes[0].lines]
    assert styles == ["-"] * 4 + ["--"] * 4 + [":"]
    colours = {line.get_color() for line in figure.axes[0].lines[:-1]}
    assert len(colours) == 8


def test_every_slice_is_a_point_of_its_class():
    frame = pd.DataFrame(
        {"label": [0, 0, 1, 1, 1], "one": [0.1, 0.2, 0.5, 0.7, 0.9], "two": [1.0, 2.0, np.nan, 3.0, 4.0]}
    )
    figure = score_strips(frame, {"one": "first", "two": "second"}, {"one": 0.5})
    first, second = figure.axes[:2]
    figure.canvas.draw()
    strips = [[one.get_offsets() for one in axis.collections[:2]] for axis in (first, second)]
    assert [[len(points) for points in strip] for strip in strips] == [[2, 3], [2, 2]]
    assert sorted(strips[0][1][:, 1]) == [0.5, 0.7, 0.9]
    assert all(0.5 < x < 1.5 for x in strips[0][1][:, 0])
    medians = [line.get_segments()[0][0][1] for line in first.collections[2:]]
    np.testing.assert_allclose(medians, [0.15, 0.7])
    assert [len(axis.lines) for axis in (first, second)] == [1, 0]
    assert first.get_title() == "first"


def test_outlines_and_boxes_are_drawn_below():
    mask = np.zeros((20, 30), bool)
    mask[5:10, 5:10] = True
    slices = [("a slice", np.random.default_rng(0).random((20, 30)), {"bone": mask, "seen": mask[:, ::-1]},
               RoiBoxes(Box(2, 3, 8, 9), None))] * 2  # fmt: skip
    figure = seen_slices(slices)
    plain, marked = figure.axes[0], figure.axes[2]
    assert plain.get_title() == "a slice" and not plain.collections and not plain.patches
    assert len(marked.collections) == 2
    (box,) = marked.patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((1.5, 2.5), 6, 6)
