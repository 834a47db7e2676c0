"""What Grad-CAM is held against: a map that never saw the image, a network that learned nothing."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from sijstudy.analysis import cam_checks, explain
from sijstudy.analysis.cam_checks import BLIND, COMPARED, REDRAWN
from sijstudy.model import build_model
from sijstudy.training.patches import mask_patch


def test_a_blind_map_is_the_mean_outline():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[1, 1:3] = second[1, 1] = True
    expected = np.zeros((4, 4))
    expected[1, 1], expected[1, 2] = 1, 0.5
    np.testing.assert_allclose(cam_checks.blind_map([first, second]), expected)
    assert not cam_checks.blind_map([np.zeros((4, 4), bool)]).any()


def test_redrawn_weights_are_others_and_the_same_for_a_seed():
    model = build_model("resnet18", 8, "none", 1)
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    one = copy.deepcopy(cam_checks.redrawn(model, 5).state_dict())
    other = cam_checks.redrawn(build_model("resnet18", 8, "none", 2), 5).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    convolutions = [name for name, value in before.items() if value.ndim == 4]
    assert convolutions and not any(torch.equal(one[name], before[name]) for name in convolutions)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_likeness_is_the_correlation_of_ranks():
    ramp = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    flat = np.ones((32, 32))
    found = cam_checks.likeness(np.stack([ramp, ramp, ramp, flat]), np.stack([ramp**3, 1 - ramp, flat, ramp]))
    assert found == pytest.approx([1, -1, 0, 0])


def frame(network, blind):
    """Six slices of three subjects; all measures alike."""
    subjects = ["a", "a", "b", "b", "c", "c"]
    columns = {f"{whose}{name}": values for name in COMPARED for whose, values in
               (("", network), (BLIND, blind), (REDRAWN, [0] * 6))}  # fmt: skip
    return pd.DataFrame({"subject_id": subjects, **columns})


@pytest.mark.parametrize(
    ("network", "blind", "words"),
    [
        ([1] * 6, [1, 0] * 3, "beyond where edema usually lies"),
        ([1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 1, 0], "it is not shown that"),
        ([0, 1] * 3, [1] * 6, "usually lies, they are worse in peak in the edema and"),
        ([1, 0] * 3, [1, 0] * 3, "it is not shown that"),
    ],
)
def test_the_network_is_held_against_the_blind_map_in_pairs(network, blind, words):
    table = cam_checks.comparison(frame(network, blind), samples=500, seed=1)
    assert list(table.index) == list(COMPARED)
    row = table.loc["peak_near"]
    assert row["network"] == pytest.approx(100 * np.mean(network))
    assert row["blind"] == pytest.approx(100 * np.mean(blind))
    assert row["difference"] == pytest.approx(row["network"] - row["blind"]) and row["low"] <= row["high"]
    said = cam_checks.verdict(table, 0.25)
    assert words in said and "by 0.25 (Spearman)" in said and ("not shown" in said) == ("not shown" in words)


def test_a_folds_blind_map_is_that_of_its_training_subjects(finished_work, monkeypatch):
    work, runs = finished_work
    seen, drawn = [], []
    monkeypatch.setattr(explain, "redrawn", lambda model, seed: drawn.append(seed) or cam_checks.redrawn(model, seed))
    monkeypatch.setattr(explain, "blind_map", lambda outlines: seen.append(outlines) or np.eye(32, dtype=np.float32))
    patches, items = work.patches("roi"), work.manifest.slice_records()
    explained = explain.explain_folds(runs["roi"], patches, work.manifest, work.folds, work.config, progress=False)
    for fold, outlines in zip(work.folds, seen, strict=True):
        expected = [
            mask_patch(item, work.outlines.mask(item, "edema"), work.config)
            for item in items
            if item.label and item.subject_id in fold.train
        ]
        np.testing.assert_array_equal(np.stack(outlines), np.stack(expected))
    sums = explained.masks[:, np.arange(32), np.arange(32)].sum(axis=1) / 32
    np.testing.assert_allclose(explained.measures["blind energy"], sums, rtol=1e-5)
    assert explained.measures["likeness"].between(-1, 1).all()
    assert drawn == [work.config.seed + fold.number for fold in work.folds]
