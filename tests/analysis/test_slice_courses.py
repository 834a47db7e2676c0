"""From predictions to the paper's tables, on cases small enough to compute by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sijstudy.analysis import fold_summary, selection, slice_courses
from sijstudy.config import StudyConfig

CONFIG = StudyConfig(bootstrap_samples=200)


def course(fold, subject, group, scores):
    label = int(group == "axSpA")
    return pd.DataFrame(
        {"fold": fold, "subject_id": subject, "group": group, "slice_index": range(len(scores)), "label": label,
         "score": scores}
    )  # fmt: skip


@pytest.fixture
def predictions():
    return pd.concat(
        [
            course(1, "p1", "axSpA", [0.9, 0.2, 0.9, 0.8]),
            course(1, "c1", "control", [0.1, 0.7, 0.1, 0.1]),
            course(2, "p2", "axSpA", [0.9, 0.9, 0.9]),
            course(2, "c2", "control", [0.6, 0.7, 0.8, 0.1]),
        ],
        ignore_index=True,
    )


def test_median_filter_mends_single_errors_within_a_subject(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    by_subject = courses.groupby("subject_id")["filtered_decision"].agg(list)
    assert by_subject["p1"] == [1, 1, 1, 1]
    assert by_subject["c1"] == [0, 0, 0, 0]
    assert by_subject["c2"] == [1, 1, 1, 0]
    assert slice_courses.filter_effect(courses) == {"wrong": 5, "corrected": 2, "spoiled": 0}


def test_filtering_scores_or_decisions_decides_alike(predictions):
    courses = slice_courses.add_courses(predictions, CONFIG)
    assert ((courses["filtered_score"] >= CONFIG.slice_threshold) == (courses["filtered_decision"] == 1)).all()


def test_subject_score_is_the_mean_of_the_filtered_slices(predictions):
    subjects = slice_courses.subject_predictions(slice_courses.add_courses(predictions, CONFIG), CONFIG)
    table = subjects.set_index("subject_id")
    assert table["score"].to_dict() == {"p1": 1.0, "c1": 0.0, "p2": 1.0, "c2": 0.75}
    assert table["decision"].to_dict() == {"p1": 1, "c1": 0, "p2": 1, "c2": 1}
    assert table["asas_decision"].to_dict() == {"p1": 1, "c1": 0, "p2": 1, "c2": 1}


def test_the_studys_rule_is_the_one_it_names(predictions):
    config = StudyConfig(subject_rule="asas", subject_threshold=0.9)
    subjects = slice_courses.subject_predictions(slice_courses.add_courses(predictions, config), config)
    assert subjects["decision"].tolist() == subjects["asas_decision"].tolist() == [0, 1, 1, 1]
    assert subjects["mean_decision"].tolist() == [0, 1, 0, 1]  # c1, p1, c2, p2


def test_score_course_averages_filtered_scores(predictions):
    config = StudyConfig(median_input="score")
    subjects = slice_courses.subject_predictions(slice_courses.add_courses(predictions, config), config)
    assert subjects.set_index("subject_id")["score"]["c2"] == pytest.approx(np.mean([0.6, 0.7, 0.7, 0.1]))


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


def history(held_out, trained):
    return pd.DataFrame(
        {"epoch": range(1, len(held_out) + 1), "held_out_accuracy": held_out, "train_accuracy": trained}
    )


def test_higher_validation_accuracy_wins_beyond_a_tie():
    summary = selection.selection_summary(
        {"resnet50": history([0.5] * 6, [0.9] * 6), "resnet18": history([0.8] * 6, [0.9] * 6)}
    )
    chosen, reason = selection.choose_backbone(summary)
    assert chosen == "resnet18"
    assert "30.0 percentage points higher" in reason


def test_steadier_curve_wins_a_tie():
    wild, calm = [0.7, 0.9, 0.7, 0.9, 0.9, 0.7, 0.9, 0.7, 0.8], [0.8] * 9
    summary = selection.selection_summary({"resnet50": history(calm, [0.9] * 9), "resnet18": history(wild, [0.9] * 9)})
    chosen, reason = selection.choose_backbone(summary)
    assert chosen == "resnet50"
    assert "swings less" in reason


def test_final_accuracy_is_the_last_epochs_mean_over_folds():
    histories = {1: history([0.5, 0.5], [0.6, 0.8]), 2: history([0.5, 0.5], [0.9, 1.0])}
    assert selection.final_accuracy(histories) == pytest.approx(0.9)


def test_telling_courses_show_the_most_corrected_subject_of_each_group(predictions):
    shown = slice_courses.telling_courses(slice_courses.add_courses(predictions, CONFIG))
    assert list(shown) == ["axSpA p1, fold 1", "control c1, fold 1"]
    assert len(shown["axSpA p1, fold 1"]) == 4
