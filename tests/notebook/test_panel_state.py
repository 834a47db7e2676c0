import shutil
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_samples import BOTH, CONFIG

from sijstudy.analysis import fold_summary, slice_courses
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.metrics import confusion
from sijstudy.notebook import panel_state
from sijstudy.notebook.panel_state import FILTERED, ROI, SUBJECTS, WHOLE, Choice, Settings, Viewer, outcome
from sijstudy.notebook.workspace import Workspace
from sijstudy.training.networks import open_networks

FRACTION = st.floats(0, 1).map(lambda value: round(value, 2))


@settings(max_examples=40)
@given(st.sampled_from(panel_state.FILTER_SIZES), FRACTION, FRACTION, st.sampled_from(["decision", "score"]))
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


@given(st.sampled_from(panel_state.FILTER_SIZES), FRACTION)
def test_the_operating_point_lies_on_its_rocs_curve(size, threshold):
    now = outcome(BOTH, Settings(size, threshold, 0.5), CONFIG)
    for fold, (x, y) in now.points.items():
        corners = np.stack([now.rocs[fold].fpr, now.rocs[fold].tpr], axis=1)
        lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
        detour = np.linalg.norm(corners[:-1] - (x, y), axis=1) + np.linalg.norm(corners[1:] - (x, y), axis=1)
        assert (detour - lengths).min() == pytest.approx(0, abs=1e-9)


def test_the_settings_of_a_study_are_its_configurations():
    assert Settings.of(StudyConfig(median_size=5, slice_threshold=0.4)) == Settings(5, 0.4, 0.5)


@pytest.fixture(scope="module")
def work(finished_work):
    return finished_work[0]


@pytest.fixture(scope="module")
def viewer(work):
    return Viewer(work)


def choice_of(viewer, **changes):
    subject = viewer.work.folds[0].test[0]
    return replace(Choice(subject, 1, True, viewer.work.config.roi_factor), **changes)


def test_a_viewer_reads_nothing_before_it_is_asked(sample_work, tmp_path):
    empty = Workspace(replace(sample_work.config, manifest="nowhere"), tmp_path)
    viewer = Viewer(empty)
    with pytest.raises(StudyError, match="nowhere"):
        _ = viewer.items


def test_with_the_studys_settings_the_score_is_the_predicted_one(viewer, work):
    choice = choice_of(viewer)
    sight = viewer.sight(choice)
    rows = open_networks(work.folder.root).runs["roi"][1].predictions()
    row = rows[(rows["subject_id"] == choice.subject_id) & (rows["slice_index"] == sight.item.index)]
    assert sight.fold == 1
    assert sight.score == pytest.approx(row["score"].item(), abs=1e-4)
    assert viewer.sight(choice) is sight


def test_without_noise_the_patch_is_the_cached_one(viewer, work):
    sight = viewer.sight(choice_of(viewer, noise=False))
    np.testing.assert_array_equal(sight.patch, work.patches("roi").patches[work.row_of(sight.item), 0])
    noisy = viewer.sight(choice_of(viewer))
    assert (noisy.patch != sight.patch).any()
    assert sight.cam.shape == sight.patch.shape
    assert 0 <= sight.cam.min() <= sight.cam.max() <= 1


def test_the_roi_factor_moves_boxes_and_patch(viewer):
    wide, narrow = (viewer.sight(choice_of(viewer, factor=factor, noise=False)) for factor in (0.9, 0.5))
    assert narrow.rois.image_left.width < wide.rois.image_left.width
    assert (narrow.patch != wide.patch).any()
    again = Viewer(viewer.work).sight(choice_of(viewer, factor=0.5, noise=True))
    np.testing.assert_array_equal(again.patch, viewer.sight(choice_of(viewer, factor=0.5, noise=True)).patch)


def test_what_the_network_was_not_trained_on_is_named(viewer, work):
    assert panel_state.strange(choice_of(viewer), work.config) == []
    reasons = panel_state.strange(choice_of(viewer, factor=0.5, noise=False), work.config)
    assert reasons == ["ROI factor 0.5, trained with 0.8", "no noise, trained with noise"]


def test_no_network_judges_a_subject_that_all_have_seen(viewer, work):
    seen = set(work.groups) - {subject for fold in work.folds for subject in fold.test}
    assert seen, "the sample's folds test everyone"
    sight = viewer.sight(choice_of(viewer, subject_id=min(seen)))
    assert (sight.fold, sight.score, sight.cam) == (None, None, None)


def test_networks_that_are_gone_are_one_clear_line(work):
    other = Workspace(replace(work.config, profile="another"), work.root)
    shutil.copytree(work.folder.root, other.folder.root, ignore=shutil.ignore_patterns("fits.json"), dirs_exist_ok=True)
    with pytest.raises(StudyError, match="its networks are not all trained"):
        Viewer(other).sight(choice_of(Viewer(work)))
