"""The paper's tables, on cases small enough to compute by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from sijstudy.analysis import fold_summary, slice_courses
from sijstudy.config import StudyConfig

CONFIG = StudyConfig(bootstrap_samples=200)


def test_summary_is_mean_and_sd_over_folds_in_percent(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    summary = fold_summary.summarise(courses, CONFIG)
    assert summary.loc["accuracy", "mean"] == pytest.approx(100 * (6 / 8 + 4 / 7) / 2)
    assert summary.loc["accuracy", "sd"] == pytest.approx(100 * np.std([6 / 8, 4 / 7], ddof=1))
    assert (summary["low"] <= summary["mean"] + 1e-9).all()
    assert (summary["mean"] <= summary["high"] + 1e-9).all()


def test_an_interval_of_no_width_gives_way_to_wilsons():
    wide = {"mean": 97.0, "low": 94.25, "high": 99.0}
    assert fold_summary.interval_text(wide, 40) == "95% CI 94.2 to 99.0"
    assert not fold_summary.has_no_width(wide)
    sure = {"mean": 100.0, "low": 100.0, "high": 100.0}
    oracle = stats.binomtest(40, 40).proportion_ci(method="wilson")
    assert fold_summary.has_no_width(sure)
    assert (
        fold_summary.interval_text(sure, 40) == f"95% CI {100 * oracle.low:.1f} to 100.0, Wilson, 40 different people"
    )
    undefined = {"mean": math.nan, "low": math.nan, "high": math.nan}
    assert fold_summary.interval_text(undefined, 40) == "95% CI nan to nan"


def test_paper_stands_beside_with_the_difference(predictions):
    summary = fold_summary.summarise(slice_courses.add_courses(predictions, CONFIG), CONFIG)
    table = fold_summary.beside_paper(summary, {"accuracy": (93.55, 2.19)})
    assert table.loc["accuracy", "difference"] == pytest.approx(summary.loc["accuracy", "mean"] - 93.55)
    assert fold_summary.headline("Accuracy", table, "accuracy")["paper"] == 93.55


def test_paired_difference_of_equal_arms_is_zero_and_of_a_better_arm_positive(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    same = fold_summary.paired_difference(courses, courses, CONFIG)
    assert same == {"mean": 0.0, "low": 0.0, "high": 0.0}
    perfect = courses.assign(decision=courses["label"])
    gain = fold_summary.paired_difference(perfect, courses, CONFIG)
    assert gain["mean"] == pytest.approx(100 * ((2 / 8) + (3 / 7)) / 2)
    assert 0 <= gain["low"] <= gain["mean"] <= gain["high"]
