"""The rule that notebook 09 chose: kept beside the networks, and taken for no others."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.training.networks import save_fits
from sijstudy.training.rule_choice import RuleChoice, asked_rule, load_choice, save_choice
from sijstudy.training.store import FitRun, StudyFolder

CHOICE = RuleChoice("run", 0.25, recall=0.9, specificity=0.875, active=20, others=8)
CONFIG = StudyConfig()


def note_fits(folder, name, config=CONFIG):
    save_fits(folder, config, {"roi": {1: FitRun(folder.root.parent / "fits" / name)}})


@pytest.fixture
def folder(tmp_path):
    """A profile's folder after notebooks 04 and 09."""
    study = StudyFolder(tmp_path / "own")
    note_fits(study, "abc")
    save_choice(study, CHOICE, CONFIG)
    return study


def test_a_choice_is_found_again(folder, tmp_path):
    assert load_choice(folder.root) == CHOICE
    assert asked_rule("auto", folder.root) == CHOICE
    assert asked_rule("highest", folder.root) == "highest"
    assert load_choice(tmp_path) is None
    with pytest.raises(StudyError, match="--rule best: must be one of auto, mean, asas, run, highest"):
        asked_rule("best", folder.root)


@pytest.mark.parametrize("threshold", [0.0, 1.0, float(np.nextafter(1.0, 2.0))])
def test_every_threshold_that_training_subjects_can_set_is_kept(folder, threshold):
    choice = replace(CHOICE, threshold=threshold)
    save_choice(folder, choice, CONFIG)
    assert load_choice(folder.root) == choice


def test_a_choice_is_of_its_networks_and_settings_only(folder):
    note_fits(folder, "abc", replace(CONFIG, cam_slices=7))
    assert load_choice(folder.root) == CHOICE
    note_fits(folder, "other")
    assert load_choice(folder.root) is None
    for changed in ({"median_size": 5}, {"median_input": "score"}, {"slice_threshold": 0.4}):
        note_fits(folder, "abc", replace(CONFIG, **changed))
        assert load_choice(folder.root) is None


@pytest.mark.parametrize(
    "changed",
    [{"rule": "best"}, {"rule": []}, {"threshold": 1.1}, {"threshold": -0.1}, {"threshold": float("nan")},
     {"threshold": "0.5"}, {"recall": 95}, {"specificity": float("nan")}, {"active": 0}, {"others": None}, {"more": 1},
     {"threshold": True}, {"active": 1.5}],
)  # fmt: skip
def test_a_broken_choice_is_one_line(folder, changed):
    path = folder.root / "whole_choice.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "choice": {**asdict(CHOICE), **changed}}))
    with pytest.raises(StudyError) as caught:
        load_choice(folder.root)
    assert str(caught.value) == (
        f"{path}: is not what notebook 09 writes; run it again (`sijstudy run --profile own --only 09`), or name a "
        "rule with --rule"
    )
    assert asked_rule("mean", folder.root) == "mean"


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"choice": 3}', b"\xff\xfe"])
def test_a_file_of_something_else_is_refused(folder, content):
    (folder.root / "whole_choice.json").write_bytes(content)
    with pytest.raises(StudyError, match="is not what notebook 09 writes"):
        load_choice(folder.root)


def test_a_choice_that_is_none_is_not_saved():
    with pytest.raises(ValueError, match="is no choice of a rule"):
        replace(CHOICE, threshold=float("nan"))


def test_without_networks_there_is_nothing_to_choose_for(tmp_path):
    with pytest.raises(StudyError, match=r"fits\.json does not exist"):
        save_choice(StudyFolder(tmp_path), CHOICE, CONFIG)
