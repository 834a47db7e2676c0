"""Figures of learning, calibration, net benefit and sensitivity show the data they are given."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import calibration, decision_curve, sensitivity
from sijstudy.config import StudyConfig
from sijstudy.figures import performance

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {"fold": 1, "subject_id": [f"s{k}" for k in range(40)], "group": ["axSpA", "control"] * 20, "slice_index": 0,
     "label": [1, 0] * 20, "score": RNG.uniform(size=40)}
)  # fmt: skip


def drawn(figure):
    """Render, and give the axes back."""
    figure.canvas.draw()
    return figure.axes


def test_learning_curves_have_a_line_per_fold_and_one_range_per_row():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.8, 0.4], "train_accuracy": [0.5, 0.9]})
    axes = drawn(
        performance.learning_curves(
            {"whole slices": {1: history, 2: history}, "ROI patches": {1: history * [1, 2, 1], 2: history}}
        )
    )
    assert [axis.get_title() for axis in axes[:2]] == ["whole slices", "ROI patches"]
    assert len(axes[0].lines) == 2
    assert axes[2].lines[0].get_ydata().tolist() == [50, 90]
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_reliability_curve_draws_its_bins():
    curve = calibration.reliability(FRAME, calibration.equal_width(5), samples=50, seed=1)
    axes = drawn(performance.reliability_curves({"slices": curve}, {"slices": FRAME}))
    points = axes[0].lines[1]
    assert points.get_xdata() == pytest.approx(curve["predicted"])
    assert points.get_ydata() == pytest.approx(curve["observed"])
    assert sum(bar.get_height() for bar in axes[1].patches) == len(FRAME)


def test_decision_curve_stands_between_the_defaults():
    curve = decision_curve.decision_curve(FRAME, samples=50, seed=1)
    (axis,) = drawn(performance.decision_curves({"slices": curve}))
    assert axis.lines[0].get_ydata() == pytest.approx(curve["model"])
    assert axis.lines[1].get_ydata() == pytest.approx(curve["treat_all"])


def test_decision_curves_beside_each_other_have_one_scale():
    curve = decision_curve.decision_curve(FRAME, samples=50, seed=1)
    axes = drawn(
        performance.decision_curves({"slices": curve, "subjects": curve * [1, *[0.3] * (len(curve.columns) - 1)]})
    )
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_sensitivity_maps_frame_the_studys_settings():
    config = StudyConfig(slice_threshold=0.37)
    axes = drawn(performance.sensitivity_maps(sensitivity.sensitivity_grid(FRAME, FRAME, config), config))
    maps = [axis for axis in axes if axis.get_title() in ("Slice accuracy (%)", "Subject accuracy (%)")]
    assert len(maps) == 2
    _, thresholds = sensitivity.settings_grid(config)[:2]
    frame = maps[0].lines[-1]
    assert frame.get_xdata().tolist() == [1, 2, 2, 1, 1]  # 3 is the second size
    assert frame.get_ydata()[0] == thresholds.index(0.37)
    lines = next(axis for axis in axes if axis.get_title() == "Subjects (%)")
    assert [line.get_label() for line in lines.lines[:3]] == ["accuracy", "recall", "specificity"]
