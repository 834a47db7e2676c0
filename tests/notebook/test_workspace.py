"""What the notebooks call, on a tiny cohort of real DICOM files."""

import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest

from sijstudy.analysis import slice_courses
from sijstudy.cohort.columns import BOX_COLUMNS
from sijstudy.errors import StudyError
from sijstudy.folds import Fold, make_folds, save_folds, split_validation
from sijstudy.notebook import workspace
from sijstudy.notebook.opening import open_workspace
from sijstudy.notebook.project_root import find_root
from sijstudy.notebook.workspace import Workspace


@pytest.fixture(scope="module")
def runs(sample_work):
    return sample_work.train_folds(("original", "roi"), sample_work.folds)


def test_open_workspace_takes_the_parameters_and_finds_the_root(tmp_path, monkeypatch):
    executed = tmp_path / "runs/quick/notebooks"
    executed.mkdir(parents=True)
    (tmp_path / "notebooks/profiles").mkdir(parents=True)
    monkeypatch.chdir(executed)
    work = open_workspace({"seed": 5, "epochs": 2, "In": [], "_private": 1})
    assert (work.root, work.config.seed, work.config.epochs) == (tmp_path, 5, 2)
    with pytest.raises(StudyError, match="unknown parameter 'epoch'; did you mean 'epochs'"):
        open_workspace({"epoch": 2})
    with pytest.raises(StudyError, match="slices=whole is for the synthetic cohort; a manifest holds the slices"):
        open_workspace({"manifest": "data_manifest/own", "slices": "whole"})


def test_find_root_says_where_to_start(tmp_path):
    with pytest.raises(StudyError, match="start from the project's folder"):
        find_root(tmp_path)


def test_folds_of_another_cohort_are_refused(sample_work, tmp_path):
    work = Workspace(sample_work.config, tmp_path)
    save_folds(work.folder.folds_file, [Fold(1, ("S00", "stranger"), ("S01",))])
    with pytest.raises(StudyError, match="another cohort"):
        _ = work.folds


def test_every_arm_is_tested_on_the_same_subjects(sample_work, runs):
    frames = {arm: slice_courses.collect_predictions(by_fold, sample_work.groups) for arm, by_fold in runs.items()}
    keys = ["fold", "subject_id", "slice_index", "label"]
    pd.testing.assert_frame_equal(frames["original"][keys], frames["roi"][keys])
    for fold in sample_work.folds:
        tested = frames["roi"].query("fold == @fold.number")["subject_id"]
        assert set(tested) == set(fold.test)


def test_trained_runs_are_found_again(sample_work, runs):
    again = sample_work.train_folds(("roi",), sample_work.folds)
    assert again["roi"] == runs["roi"]
    assert "4 networks" in sample_work.training_time(runs)


def test_candidates_are_followed_on_validation_subjects_only(sample_work):
    split = split_validation(sample_work.folds[0], sample_work.manifest.subjects, 0.3, 1)
    histories = sample_work.train_candidates(("resnet18", "resnet34"), split)
    assert set(split.train) | set(split.test) == set(sample_work.folds[0].train)
    for history in histories.values():
        assert len(history) == 2
        assert history["held_out_accuracy"].notna().all()


def test_each_network_is_asked_for_with_its_own_split_arm_and_backbone(sample_work, monkeypatch):
    asked = []
    monkeypatch.setattr(
        workspace, "fit_all", lambda fits, config, store: asked.extend(fits) or [mock.Mock() for _ in fits]
    )
    config, folds = sample_work.config, sample_work.folds
    split = split_validation(folds[0], sample_work.manifest.subjects, 0.3, 1)
    sample_work.train_candidates(("resnet50", "resnet34"), split)
    sample_work.train_folds(("original", "roi"), folds)
    found = [(fit.fold, fit.patches.arm, fit.backbone, fit.epochs, fit.follow) for fit in asked]
    followed = [(split, "roi", name, config.selection_epochs, True) for name in ("resnet50", "resnet34")]
    tested = [(fold, arm, config.backbone, config.epochs, False) for arm in ("original", "roi") for fold in folds]
    assert found == followed + tested


def test_slices_are_spread_evenly(sample_work):
    shown = sample_work.spread(subjects=3, slices=2)
    places = [(item.subject_id, item.index) for item in shown]
    assert places == [(name, index) for name in ("S00", "S06", "S11") for index in (0, 2)]
    assert len(sample_work.spread(subjects=99, slices=99)) == 36


def test_answer_is_saved_with_its_provenance(sample_work):
    origin = sample_work.finish("04_five_fold_training", "Five folds", "An answer.", [])
    saved = json.loads((sample_work.folder.root / "results/04_five_fold_training.json").read_text())
    assert saved["answer"] == "An answer."
    assert saved["data_source"] == "hospital"
    assert saved["provenance"] == origin
    assert {"commit", "seed", "device", "cohort_hash", "weights", "torch"} <= set(origin)


def test_folds_are_made_once_per_seed(sample_work):
    subjects = sample_work.manifest.subjects
    one, again, other = (make_folds(subjects, folds=3, test_fraction=0.3, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_joints_are_sought_on_slices_without_a_box_too(sample_work, tmp_path, monkeypatch):
    slices = sample_work.manifest.slices.copy()
    slices.loc[slices.index[1:], [*BOX_COLUMNS["left"], *BOX_COLUMNS["right"]]] = float("nan")
    outlined, asked = replace(sample_work.manifest, slices=slices), []

    def search(self, manifest, name):
        asked.append((len(manifest.slices), name))
        return mock.Mock(manifest=sample_work.manifest)

    monkeypatch.setattr(Workspace, "_search", search)
    for source, count in (("automatic", len(slices)), ("outlines", 1)):
        work = Workspace(replace(sample_work.config, manifest="own", roi_source=source), tmp_path)
        vars(work)["outlined"] = outlined
        assert len(work.whole_examinations.slices) == count
    assert asked == [(len(slices), "found_joints_whole")]


def test_the_automatic_arm_of_table_2_gives_way_with_a_note():
    path = Path(__file__).resolve().parents[2] / "notebooks/04_five_fold_training.ipynb"
    (cell,) = [cell for cell in json.loads(path.read_text())["cells"] if cell["id"] == "04-automatic-code"]
    work, display = mock.Mock(root=Path("/study")), mock.Mock()
    type(work).automatic = mock.PropertyMock(side_effect=StudyError("/study/data_manifest/a: no joint was found"))
    exec("".join(cell["source"]), {"work": work, "display": display})
    display.show_note.assert_called_once_with("This arm is left out. data_manifest/a: no joint was found.")
    work.folder.save_table.assert_not_called()
