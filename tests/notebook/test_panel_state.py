"""The first live panel's numbers against the functions of the notebooks."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_samples import BOTH, CONFIG

from sijstudy.analysis import fold_summary, sensitivity, slice_courses
from sijstudy.config import StudyConfig
from sijstudy.metrics import confusion
from sijstudy.notebook.panel_state import FILTERED, ROI, SUBJECTS, WHOLE, Settings, outcome

FRACTION = st.floats(0, 1).map(lambda value: round(value, 2))


@settings(max_examples=40)
@given(st.sampled_from(sensitivity.SIZES), FRACTION, FRACTION, st.sampled_from(["decision", "score"]))
def test_an_outcome_is_what_the_notebooks_would_compute(size, slice_threshold, subject_threshold, on):
    chosen = Settings(size, slice_threshold, subject_threshold)
    base = replace(CONFIG, median_input=on)
    now = outcome(BOTH, chosen, base)
    config = replace(base, **asdict(chosen))
    courses = slice_courses.add_courses(BOTH["roi"], config)
    subjects = slice_courses.subject_predictions(courses, config)
    pd.testing.assert_frame_equal(now.courses, courses)
    pd.testing.assert_frame_equal(now.subjects, subjects)
    expected = {
        WHOLE: fold_summary.summarise(slice_courses.add_courses(BOTH["original"], config), config),
        ROI: fold_summary.summarise(courses, config),
        FILTERED: fold_summary.summarise(courses, config, decision="filtered_decision", score="filtered_score"),
        SUBJECTS: fold_summary.summarise(subjects, config),
    }
    for name, table in expected.items():
        pd.testing.assert_frame_equal(now.tables[name], table[["mean", "sd"]])
    assert now.confusions[FILTERED] == confusion(courses["label"], courses["filtered_decision"])
    assert now.confusions[SUBJECTS] == confusion(subjects["label"], subjects["decision"])


@given(st.sampled_from(sensitivity.SIZES), FRACTION)
def test_the_operating_point_lies_on_its_rocs_curve(size, threshold):
    now = outcome(BOTH, Settings(size, threshold, 0.5), CONFIG)
    for fold, (x, y) in now.points.items():
        corners = np.stack([now.rocs[fold].fpr, now.rocs[fold].tpr], axis=1)
        lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        detour = np.linalg.norm(corners[:-1] - (x, y), axis=1) + np.linalg.norm(corners[1:] - (x, y), axis=1)
        assert (detour - lengths).min() == pytest.approx(0, abs=1e-9)


def test_the_settings_of_a_study_are_its_configurations():
    assert Settings.of(StudyConfig(median_size=5, slice_threshold=0.4)) == Settings(5, 0.4, 0.5)
