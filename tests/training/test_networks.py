"""Where the trained networks of a study are found again, and what is refused."""

import json

import pytest

from sijstudy.errors import StudyError
from sijstudy.training.networks import open_networks, save_settings
from sijstudy.training.store import FitRun


def test_a_profile_knows_its_fits(finished_work):
    work, runs = finished_work
    networks = open_networks(work.folder.root)
    assert {arm: set(by_fold) for arm, by_fold in networks.runs.items()} == {"roi": {1, 2}, "original": {1, 2}}
    assert networks.config == work.config
    for arm, by_fold in runs.items():
        for fold, run in by_fold.items():
            assert networks.runs[arm][fold].folder.resolve() == run.folder.resolve()


def test_a_fit_knows_how_its_patches_were_made(finished_work):
    work, runs = finished_work
    networks = open_networks(runs["roi"][2].folder)
    assert networks.config.patch_size == work.config.patch_size
    assert networks.config.roi_reading == work.config.roi_reading
    assert {arm: list(by_fold) for arm, by_fold in networks.runs.items()} == {"roi": [2]}


def test_settings_stay_those_of_the_training(finished_work):
    work, runs = finished_work
    before = (runs["roi"][1].folder / "study.json").read_text()
    save_settings(runs["roi"][1], work.config.__class__(manifest="other"))
    assert (runs["roi"][1].folder / "study.json").read_text() == before


def test_one_fold_can_be_chosen(finished_work):
    networks = open_networks(finished_work[0].folder.root)
    assert networks.of_fold("all") is networks
    assert [list(by_fold) for by_fold in networks.of_fold("2").runs.values()] == [[2], [2]]
    with pytest.raises(StudyError, match="--fold 7: no such network; there are 1, 2 and all"):
        networks.of_fold("7")


def copy_of_profile(work, tmp_path, change):
    """The profile's folder with its fits beside it, links to the real ones, and fits.json changed."""
    (tmp_path / "fits").symlink_to(work.store.root / "fits")
    folder = tmp_path / "custom"
    folder.mkdir()
    content = json.loads((work.folder.root / "fits.json").read_text())
    change(content)
    (folder / "fits.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content["fits"]["roi"].update({"1": "0" * 20}), "was not trained to its end"),
        (lambda content: content["fits"].update(other={}), "arm 'other' is none of"),
        (lambda content: content.pop("config"), "is not what notebook 04 writes"),
        (lambda content: content["fits"].update(roi=[]), "is not what notebook 04 writes"),
        (lambda content: content["config"].update(epochz=3), "unknown parameter 'epochz'"),
    ],
)
def test_a_broken_list_of_fits_is_refused(finished_work, tmp_path, change, words):
    with pytest.raises(StudyError, match=words):
        open_networks(copy_of_profile(finished_work[0], tmp_path, change))


def test_an_unfinished_profile_or_none_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no trained networks"):
        open_networks(tmp_path)
    (tmp_path / "folds.json").write_text("{}")
    with pytest.raises(StudyError, match="not all trained"):
        open_networks(tmp_path)


def test_an_unfinished_fit_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(StudyError, match="not trained to its end"):
        open_networks(tmp_path)
    (tmp_path / "done.json").write_text("{}")
    with pytest.raises(StudyError, match=r"has no study\.json"):
        open_networks(tmp_path)


def test_a_pickle_with_code_is_refused_as_weights(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(StudyError, match="holds no plain tensors"):
        FitRun(tmp_path).weights()
