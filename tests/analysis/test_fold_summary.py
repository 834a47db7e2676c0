"""The paper's tables, on cases small enough to compute by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from sijstudy.analysis import fold_summary, slice_courses
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold

CONFIG = StudyConfig(bootstrap_samples=200)


def test_summary_is_mean_and_sd_over_folds_in_percent(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    summary = fold_summary.summarise(courses, CONFIG)
    assert summary.loc["accuracy", "mean"] == pytest.approx(100 * (6 / 8 + 4 / 7) / 2)
    assert summary.loc["accuracy", "sd"] == pytest.approx(100 * np.std([6 / 8, 4 / 7], ddof=1))
    assert (summary["low"] <= summary["mean"] + 1e-9).all()
    assert (summary["mean"] <= summary["high"] + 1e-9).all()


def test_a_perfect_result_is_no_certainty_and_names_its_people(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    perfect = courses.assign(decision=courses["label"], score=courses["label"].astype(float))
    summary = fold_summary.summarise(perfect, CONFIG)
    assert (summary["mean"] == 100).all() and (summary["high"] == 100).all()
    controls = perfect.loc[perfect["label"] == 0, "subject_id"].nunique()
    assert summary.loc["specificity", "people"] == controls < summary.loc["accuracy", "people"]
    for name, row in summary.iterrows():
        wanted = 100 * stats.binomtest(1000, 1000).proportion_ci(method="wilson").low
        assert row["low"] < wanted, name
        assert row["effective"] <= row["people"]
    cells = fold_summary.format_table({"": fold_summary.beside_paper(summary, {})})
    assert cells.loc[("", "Specificity"), "people"].startswith(f"{controls}\N{NO-BREAK SPACE}(")


def test_an_interval_in_words():
    row = {"mean": 97.0, "low": 94.25, "high": 99.0, "people": 41}
    assert fold_summary.interval_text(row) == "95% CI 94.2 to 99.0, 41 different people"
    undefined = {"mean": math.nan, "low": math.nan, "high": math.nan, "people": 0}
    assert fold_summary.interval_text(undefined) == "95% CI nan to nan, 0 different people"


def test_who_was_never_tested():
    folds = [Fold(1, ("a", "b", "c"), ("d",)), Fold(2, ("b", "c", "d"), ("a",))]
    assert fold_summary.tested_sentence(folds) == "2 of 4 subjects are tested in at least one fold; 2 never were."
    folds.append(Fold(3, ("a", "d", "b"), ("c",)))
    assert fold_summary.tested_sentence(folds) == "3 of 4 subjects are tested in at least one fold; 1 never was."
    folds.append(Fold(4, ("a", "d", "c"), ("b",)))
    assert fold_summary.tested_sentence(folds) == "4 of 4 subjects are tested in at least one fold; none was left out."
    assert fold_summary.tested_sentence([]) == ""


def test_paper_stands_beside_with_the_difference(predictions):
    summary = fold_summary.summarise(slice_courses.add_courses(predictions, CONFIG), CONFIG)
    table = fold_summary.beside_paper(summary, {"accuracy": (93.55, 2.19)})
    assert table.loc["accuracy", "difference"] == pytest.approx(summary.loc["accuracy", "mean"] - 93.55)


def test_paired_difference_of_equal_arms_is_zero_and_of_a_better_arm_positive(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    same = fold_summary.paired_difference(courses, courses, CONFIG)
    assert same["mean"] == 0.0
    assert same["low"] == -same["high"] < 0  # so few people could differ elsewhere
    perfect = courses.assign(decision=courses["label"])
    gain = fold_summary.paired_difference(perfect, courses, CONFIG)
    assert gain["mean"] == pytest.approx(100 * ((2 / 8) + (3 / 7)) / 2)
    assert gain["low"] <= gain["mean"] <= gain["high"]
