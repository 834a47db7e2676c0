"""From predictions to courses and diagnoses, on cases small enough to compute by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import slice_courses
from sijstudy.config import StudyConfig

CONFIG = StudyConfig()


def test_subjects_with_gaps_are_counted_once():
    places = {"a": [4, 5, 6], "b": [0, 2, 3], "c": [7], "d": [3, 1, 0]}
    rows = [(fold, name, place) for fold in (1, 2) for name, own in places.items() for place in own]
    assert slice_courses.subjects_with_gaps(pd.DataFrame(rows, columns=["fold", "subject_id", "slice_index"])) == 2


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
    assert table["label"].to_dict() == {"p1": 1, "c1": 0, "p2": 1, "c2": 0}


def test_predictions_of_all_folds_are_in_slice_order():
    def run(*rows):
        table = pd.DataFrame(rows, columns=["subject_id", "slice_index", "label", "score"])
        return SimpleNamespace(predictions=lambda: table)

    runs = {2: run(("b", 7, 0, 0.1)), 1: run(("b", 5, 0, 0.2), ("a", 10, 1, 0.3), ("a", 9, 1, 0.8))}
    found = slice_courses.collect_predictions(runs, {"a": "axSpA", "b": "control"})
    assert found.to_numpy().tolist() == [
        [1, "a", "axSpA", 9, 1, 0.8],
        [1, "a", "axSpA", 10, 1, 0.3],
        [1, "b", "control", 5, 0, 0.2],
        [2, "b", "control", 7, 0, 0.1],
    ]


def test_a_slice_without_a_label_makes_no_subject_active():
    frame = pd.DataFrame({"fold": 1, "subject_id": ["a", "a", "b", "b"], "group": "axSpA", "slice_index": [0, 1] * 2,
                          "label": [0, np.nan, 1, np.nan], "score": 0.9})  # fmt: skip
    assert slice_courses.subject_predictions(frame, StudyConfig())["label"].tolist() == [0, 1]


def test_the_studys_rule_is_the_one_it_names(predictions):
    config = StudyConfig(subject_rule="asas", subject_threshold=0.9)
    subjects = slice_courses.subject_predictions(slice_courses.add_courses(predictions, config), config)
    assert subjects["decision"].tolist() == subjects["asas_decision"].tolist() == [0, 1, 1, 1]
    assert subjects["mean_decision"].tolist() == [0, 1, 0, 1]  # c1, p1, c2, p2


def test_score_course_averages_filtered_scores(predictions):
    config = StudyConfig(median_input="score")
    subjects = slice_courses.subject_predictions(slice_courses.add_courses(predictions, config), config)
    assert subjects.set_index("subject_id")["score"]["c2"] == pytest.approx(np.mean([0.6, 0.7, 0.7, 0.1]))


def test_telling_courses_show_the_most_corrected_subject_of_each_group(predictions):
    shown = slice_courses.telling_courses(slice_courses.add_courses(predictions, CONFIG))
    assert list(shown) == ["axSpA p1, fold 1", "control c1, fold 1"]
    assert len(shown["axSpA p1, fold 1"]) == 4


@pytest.mark.parametrize(
    ("asked", "filtered", "result"),
    [
        ({}, [0.9, 0.8, 0.7, 0.7, 0.3], [1, 1, 1, 1, 0]),
        ({"median_size": 1}, [0.9, 0.2, 0.8, 0.7, 0.3], [1, 0, 1, 1, 0]),
        ({"median_size": 5}, [0.9, 0.8, 0.7, 0.3, 0.3], [1, 1, 1, 0, 0]),
        ({"slice_threshold": 0.75}, [0.9, 0.8, 0.7, 0.7, 0.3], [1, 1, 0, 0, 0]),
        ({"median_input": "score"}, [0.9, 0.8, 0.7, 0.7, 0.3], [0.9, 0.8, 0.7, 0.7, 0.3]),
    ],
)
def test_a_course_follows_the_studys_settings(asked, filtered, result):
    course = slice_courses.course_of(np.array([0.9, 0.2, 0.8, 0.7, 0.3]), np.arange(5), StudyConfig(**asked))
    assert course.filtered_score.tolist() == filtered
    assert course.result.tolist() == result


def test_a_score_at_the_threshold_is_positive():
    """Two of four slices are positive: a score of exactly 0.5. A slice at its threshold is positive, too."""
    course = slice_courses.course_of(np.array([0.25, 0.25, 0.2, 0.1]), np.arange(4), StudyConfig(slice_threshold=0.25))
    for threshold, expected in ((0.5, 1), (0.5 + 1e-12, 0)):
        found = slice_courses.diagnosed(course, StudyConfig(subject_threshold=threshold))
        assert (found["score"], found["decision"]) == (0.5, expected)
    always = slice_courses.diagnosed(course, StudyConfig(subject_rule="asas"))
    assert (always["score"], always["decision"]) == (1.0, 1)
