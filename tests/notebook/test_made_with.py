"""Tables, folds and networks are used only by a study of the parameters and the cohort that they were made with."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import write_json
from sijstudy.folds import make_folds, save_folds
from sijstudy.notebook.made_with import NOT_OF_SCORES, MarkedFolder, mark, of_scores
from sijstudy.notebook.workspace import Workspace

TABLE = pd.DataFrame({"score": [0.25]})


def study(root, **changes):
    config = StudyConfig(weights="none", **changes)
    return MarkedFolder(root / "runs/quick", of_scores(config, root))


def test_a_table_of_other_parameters_is_refused_by_the_first_that_differs(tmp_path):
    study(tmp_path, seed=7, epochs=20).save_table("predictions_roi", TABLE)
    pd.testing.assert_frame_equal(study(tmp_path, seed=7, epochs=20).load_table("predictions_roi"), TABLE)
    with pytest.raises(StudyError) as caught:
        study(tmp_path, seed=7).load_table("predictions_roi")
    assert "predictions_roi.csv: was made with epochs=20, this study has 50; run notebooks 02 and 04" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"median_size": 5}, {"device": "cpu"}, {"ablations": "loss"}, {"profile": "mine"}])
def test_what_scores_do_not_hang_on_may_differ(tmp_path, changes):
    study(tmp_path).save_table("predictions_roi", TABLE)
    assert len(study(tmp_path, **changes).load_table("predictions_roi")) == 1


def test_a_table_that_was_not_written_to_its_end_is_refused(tmp_path):
    study(tmp_path).save_table("predictions_roi", TABLE)
    (tmp_path / "runs/quick/tables/predictions_roi.json").unlink()
    with pytest.raises(StudyError, match="does not say with which parameters it was made"):
        study(tmp_path).load_table("predictions_roi")
    with pytest.raises(StudyError, match=r"never\.csv"):
        study(tmp_path).load_table("never")


def test_only_a_table_of_this_study_is_there(tmp_path):
    study(tmp_path, seed=7).save_table("predictions_roi", TABLE)
    assert study(tmp_path, seed=7).has_table("predictions_roi")
    assert not study(tmp_path, seed=8).has_table("predictions_roi")
    assert not study(tmp_path, seed=7).has_table("predictions_original")


def test_every_parameter_that_does_not_count_is_one():
    assert set(NOT_OF_SCORES) < set(StudyConfig.names())


@pytest.fixture
def own(sample_manifest, tmp_path):
    """A study of a copy of the sample manifest, which may be changed."""
    folder = shutil.copytree(sample_manifest.folder, tmp_path / "data_manifest/own")
    return StudyConfig(manifest=str(folder), folds=2, weights="none"), tmp_path


def test_a_manifest_that_was_built_anew_makes_tables_and_folds_old(own):
    config, root = own
    work = Workspace(config, root)
    work.folder.save_table("predictions_roi", TABLE)
    work.folder.save_folds(make_folds(work.manifest.subjects, folds=2, test_fraction=0.3, seed=config.seed))
    assert Workspace(config, root).folds == work.folds
    path = root / "data_manifest/own/slices.csv"
    path.write_text(path.read_text() + "\n")
    for call in (lambda folder: folder.load_table("predictions_roi"), lambda folder: folder.load_folds()):
        with pytest.raises(StudyError, match="made of another cohort, or of this one before it changed"):
            call(Workspace(config, root).folder)


def test_folds_of_another_seed_are_refused_and_those_written_by_hand_are_not(own):
    config, root = own
    work = Workspace(config, root)
    folds = make_folds(work.manifest.subjects, folds=2, test_fraction=0.3, seed=7)
    Workspace(replace(config, seed=7), root).folder.save_folds(folds)
    with pytest.raises(StudyError, match=r"folds\.json: was made with seed=7, this study has 2021"):
        _ = work.folds
    assert Workspace(replace(config, seed=7, epochs=9), root).folds == folds  # no fold hangs on them
    shutil.rmtree(work.folder.root)
    save_folds(work.folder.folds_file, folds)
    assert work.folds == folds


def test_networks_of_other_parameters_or_another_cohort_are_refused(finished_work):
    work, _ = finished_work
    assert set(work.networks().runs) == {"roi", "original"}
    assert Workspace(replace(work.config, median_size=5), work.root).networks().config.median_size == 5
    with pytest.raises(StudyError, match=r"fits\.json: was made with focal_gamma=2\.0, this study has 1\.0"):
        Workspace(replace(work.config, focal_gamma=1.0), work.root).networks()
    other = MarkedFolder(work.folder.root, {**work.folder.made_with, "cohort": "other"})
    changed = Workspace(work.config, work.root)
    changed.__dict__["folder"] = other
    with pytest.raises(StudyError, match="was made of another cohort"):
        changed.networks()


def test_a_mark_leaves_out_what_only_another_notebook_reads():
    config, other = StudyConfig(), StudyConfig(ablations="loss")
    assert mark(config, "05_subject_diagnosis") == mark(other, "05_subject_diagnosis")
    assert mark(config, "08_ablations") != mark(other, "08_ablations")


def test_a_broken_note_is_named(tmp_path):
    study(tmp_path).save_table("predictions_roi", TABLE)
    write_json(tmp_path / "runs/quick/tables/predictions_roi.json", {})
    with pytest.raises(StudyError, match="does not say with which parameters"):
        study(tmp_path).load_table("predictions_roi")
