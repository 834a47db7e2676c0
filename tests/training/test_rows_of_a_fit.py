"""No leak: what a network is trained on, and what it is tested on, are its fold's slices and no others."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from toy_fits import CONFIG

from sijstudy.folds import Fold
from sijstudy.training import loop
from sijstudy.training.loop import Fit, train
from sijstudy.training.patches import PatchSet
from sijstudy.training.store import RunStore

SUBJECTS = ("a", "b", "c", "d", "e", "f", "g")
SPLIT = Fold(1, train=("b", "e", "g"), test=("a", "f"))  # c and d belong to neither side
PLAIN = replace(CONFIG, noise_gaussian_variance=0.0, noise_poisson="none", flip_probability=0.0, rotation_degrees=0.0)


class Noting(nn.Module):
    """Notes the row number that each patch carries as its only grey value, apart for training and scoring."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.01))
        self.trained, self.scored = [], []

    def forward(self, patches):
        rows = patches.mean((1, 2, 3))
        (self.trained if self.training else self.scored).extend(rows.detach().round().int().tolist())
        return rows * self.weight


@pytest.fixture(scope="module")
def patches():
    """Seven subjects with five patches, rows mixed; each patch is filled with the number of its row."""
    order = np.random.default_rng(3).permutation(35)
    slices = pd.DataFrame({"subject_id": np.repeat(SUBJECTS, 5), "slice_index": np.tile(range(5), 7)}).iloc[order]
    slices["sop_instance_uid"] = [f"1.2.{row}" for row in order]
    labels = slices["subject_id"].isin(["a", "b", "c"]).astype(int)
    stack = np.broadcast_to(np.arange(35, dtype=np.float32)[:, None, None, None], (35, 1, 32, 32)).copy()
    return PatchSet(stack, slices.assign(label=labels).reset_index(drop=True), "roi", "patches-of-the-test")


def rows_of(patches, subjects):
    return [row for row, subject in enumerate(patches.slices["subject_id"]) if subject in subjects]


@pytest.mark.parametrize("redraw", [True, False])
@pytest.mark.parametrize("follow", [True, False])
def test_a_whole_fit_sees_its_own_side_only(patches, tmp_path, monkeypatch, follow, redraw):
    monkeypatch.setattr(loop, "SCORED_AT_ONCE", 4)
    network, config = Noting(), replace(PLAIN, noise_redraw=redraw)
    with mock.patch.object(loop, "build_model", return_value=network):
        run = train(Fit(SPLIT, patches, "resnet18", 3, follow=follow), config, RunStore(tmp_path))
    trained, scored = rows_of(patches, SPLIT.train), rows_of(patches, SPLIT.test)
    epochs = np.reshape(network.trained, (3, len(trained)))
    assert np.sort(epochs, axis=1).tolist() == [trained] * 3  # each slice once in each epoch
    assert network.scored == scored * (4 if follow else 1)  # after each epoch, and at the end
    assert run.predictions()["subject_id"].tolist() == patches.slices.loc[scored, "subject_id"].tolist()
    assert set(run.predictions()["subject_id"]) == set(SPLIT.test)


def test_every_slice_comes_with_its_own_label(patches, tmp_path):
    network, given = Noting(), []
    step = loop._Trainer._step

    def noted(self, batch, labels, rate):
        rows = batch.mean((1, 2, 3)).round().int().tolist()
        given.extend(zip(rows, labels.int().tolist(), strict=True))
        return step(self, batch, labels, rate)

    with (
        mock.patch.object(loop, "build_model", return_value=network),
        mock.patch.object(loop._Trainer, "_step", noted),
    ):
        train(Fit(SPLIT, patches, "resnet18", 2), PLAIN, RunStore(tmp_path))
    assert len(given) == 30
    assert all(label == patches.slices["label"][row] for row, label in given)


def test_held_out_accuracy_counts_a_score_at_the_threshold_as_positive(patches, tmp_path):
    """It is the share of the held-out slices, five of subject a with edema and five of f without, that are right."""
    scores = {"a": [0.5, 0.5, np.nextafter(0.5, 0), 0.9, 0.1], "f": [0.5, 0.1, 0.2, 0.6, 0.3]}
    places = {subject: iter(values) for subject, values in scores.items()}
    rows = rows_of(patches, SPLIT.test)
    given = np.array([next(places[patches.slices["subject_id"][row]]) for row in rows])
    fit, run = Fit(SPLIT, patches, "resnet18", 1, follow=True), RunStore(tmp_path).fit_run({})
    with (
        mock.patch.object(loop, "build_model", return_value=Noting()),
        loop._Trainer(fit, PLAIN, run, torch.device("cpu")) as trainer,
        mock.patch.object(trainer, "_test_scores", return_value=given),
    ):
        assert trainer._held_out_accuracy() == pytest.approx((3 + 3) / 10)
