"""Networks that are shown neighbouring slices: which ones, with which noise, and through training and scoring."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from toy_fits import CONFIG, FOLDS, toy_patches

from sijstudy.model import Inputs, build_model
from sijstudy.training.attention import attended
from sijstudy.training.inputs import middle, noisy_patches
from sijstudy.training.loop import Fit, train
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import RunStore

QUIET = replace(CONFIG, noise_gaussian_variance=0.0, noise_poisson="none")


@pytest.fixture(scope="module")
def numbered():
    """Two subjects with gaps, rows mixed; each patch is filled with its slice's number, the second subject's + 100."""
    places = [("a", 1), ("a", 2), ("a", 3), ("a", 6), ("a", 7), ("b", 4), ("b", 9)]
    order = [4, 0, 6, 2, 5, 1, 3]
    slices = pd.DataFrame([places[k] for k in order], columns=["subject_id", "slice_index"])
    values = slices["slice_index"] + 100 * (slices["subject_id"] == "b")
    stack = np.broadcast_to(values.to_numpy(np.float32)[:, None, None, None], (7, 1, 32, 32)).copy()
    slices = slices.assign(label=0, sop_instance_uid=[f"1.{value}" for value in values])
    return PatchSet(stack, slices, "roi", "numbered")


def test_neighbours_are_of_one_subject_and_never_across_a_gap(numbered):
    shown = noisy_patches(numbered, replace(QUIET, context_slices=5), "test")[:, :, 0, 0].int().tolist()
    assert dict(zip([row[2] for row in shown], shown, strict=True)) == {
        1: [1, 1, 1, 2, 3], 2: [1, 1, 2, 3, 3], 3: [1, 2, 3, 3, 3], 6: [6, 6, 6, 7, 7], 7: [6, 6, 7, 7, 7],
        104: [104] * 5, 109: [109] * 5,
    }  # fmt: skip
    one = noisy_patches(numbered, QUIET, "test", [3, 0])
    assert one.shape == (2, 1, 32, 32) and one[:, 0, 0, 0].tolist() == [3, 7]


def test_a_slice_has_one_noise_wherever_it_is_shown(numbered):
    config = replace(CONFIG, context_slices=3)
    alone, beside = noisy_patches(numbered, CONFIG, "test"), noisy_patches(numbered, config, "test")
    np.testing.assert_array_equal(middle(beside), middle(alone))
    assert torch.equal(beside[1, 2], beside[5, 1])  # slice 2 above slice 1, and itself
    assert torch.equal(noisy_patches(numbered, config, "test", [5]), beside[5:6])


@pytest.mark.parametrize("redraw", [True, False])
def test_a_network_is_trained_and_scored_on_what_it_was_asked_to_see(tmp_path, redraw):
    patches, config = toy_patches(tmp_path), replace(CONFIG, context_slices=3, noise_redraw=redraw)
    fit = Fit(FOLDS[0], patches, "resnet18", 2)
    run = train(fit, config, RunStore(tmp_path))
    model = load_model(run)
    assert model.resnet.conv1.in_channels == 3
    rows = patches.rows_of(FOLDS[0].test)
    scores = predict(model, noisy_patches(patches, config, "test", rows), config, torch.device("cpu"))
    np.testing.assert_allclose(run.predictions()["score"], scores, atol=1e-6)
    assert train(fit, replace(config, context_slices=1), RunStore(tmp_path)).folder != run.folder


def test_three_slices_enter_the_stems_own_channels_and_five_share_it(tmp_path):
    import torchvision

    stem = torchvision.models.resnet18(weights=None)
    torch.save(stem.state_dict(), tmp_path / "resnet18.pth")
    for channels in (1, 3, 5):
        own = build_model("resnet18", 8, str(tmp_path / "resnet18.pth"), 0, Inputs(channels)).resnet.conv1.weight
        grey = own.sum(dim=1)
        torch.testing.assert_close(grey, stem.conv1.weight.sum(dim=1))  # one slice everywhere looks as before
        assert (channels == 3) == (own.shape == stem.conv1.weight.shape and torch.equal(own, stem.conv1.weight))


def test_features_are_what_the_head_decides_on():
    model, patches = build_model("resnet18", 8, "none", 0).eval(), torch.rand(3, 1, 32, 32)
    features = model.features(patches)
    assert features.shape == (3, 512)
    torch.testing.assert_close(model.resnet.fc(features).squeeze(1), model(patches))


def test_attention_scores_test_subjects_and_is_learned_once(tmp_path, monkeypatch):
    patches, store = toy_patches(tmp_path), RunStore(tmp_path)
    run = train(Fit(FOLDS[0], patches, "resnet18", 3), CONFIG, store)
    found = attended(run, patches, FOLDS[0], CONFIG, store)
    assert set(found["subject_id"]) == set(FOLDS[0].test) and len(found) == 6
    assert found.groupby("subject_id")["attention_score"].nunique().eq(1).all()
    np.testing.assert_allclose(found.groupby("subject_id")["attention"].sum(), 1, atol=1e-6)
    scores = found.groupby("subject_id")["attention_score"].first()
    assert scores["e"] > 0.5 > scores["f"]
    monkeypatch.setattr("sijstudy.training.attention._learned", None)
    pd.testing.assert_frame_equal(attended(run, patches, FOLDS[0], CONFIG, store), found)


def test_no_test_subject_enters_the_learning_of_attention(tmp_path):
    """Other labels of the test subjects change no score."""
    patches, store = toy_patches(tmp_path), RunStore(tmp_path)
    run = train(Fit(FOLDS[0], patches, "resnet18", 2), CONFIG, store)
    tested = patches.slices["subject_id"].isin(FOLDS[0].test)
    turned = replace(
        patches, slices=patches.slices.assign(label=patches.slices["label"].where(~tested, 7)), digest="other"
    )
    one, other = (attended(run, each, FOLDS[0], CONFIG, store) for each in (patches, turned))
    pd.testing.assert_frame_equal(one, other)
