"""The second live panel's slice, against the predictions and patches of its study."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from sijstudy.errors import StudyError
from sijstudy.notebook import slice_viewer
from sijstudy.notebook.slice_viewer import Choice, Viewer
from sijstudy.notebook.workspace import Workspace
from sijstudy.training.networks import open_networks


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
    assert slice_viewer.strange(choice_of(viewer), work.config) == []
    reasons = slice_viewer.strange(choice_of(viewer, factor=0.5, noise=False), work.config)
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
