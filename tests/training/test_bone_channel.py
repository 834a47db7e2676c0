"""Networks that are shown where bone is: cut like the image, turned with it, without noise, through all that scores."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from toy_fits import CONFIG, FOLDS, toy_patches

from sijstudy.analysis.baselines import features
from sijstudy.analysis.diagnosis import diagnose
from sijstudy.analysis.external import apply_networks
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.errors import StudyError
from sijstudy.folds import save_folds
from sijstudy.images.read import read_image
from sijstudy.intensity import in_marrow_units
from sijstudy.model import Inputs, build_model
from sijstudy.notebook.slice_viewer import Choice, Viewer
from sijstudy.notebook.workspace import Workspace
from sijstudy.roi import roi_patch, whole_image
from sijstudy.training import loop
from sijstudy.training.inputs import middle, noisy_patches
from sijstudy.training.loop import Fit, train
from sijstudy.training.networks import open_networks
from sijstudy.training.patches import PatchSet, channels_of, load_patches, mask_patch, patch_of, roi_of
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import RunStore

BONE = replace(CONFIG, bone_channel=True)
MARROW_AND_BONE = {"intensity": "marrow", "bone_channel": True}


def with_masks(patches):
    """Toy patches whose mask is where the patch is bright, which it is nowhere in negative ones."""
    images = np.asarray(patches.patches)
    return PatchSet(np.concatenate([images, (images > 50).astype(np.float32)], 1), patches.slices, "roi", "with masks")


def test_the_mask_is_cut_like_the_patch(sample_work, tmp_path):
    manifest, config = sample_work.manifest, replace(sample_work.config, **MARROW_AND_BONE)
    for arm in ("roi", "original"):
        patches = load_patches(manifest, arm, config, tmp_path, progress=False).patches
        assert patches.shape == (36, 2, 32, 32) and patches.dtype == np.float32
        for row in (0, 17):
            item = manifest.slice_records()[row]
            image, bone = in_marrow_units(read_image(item).pixels, item.stack_marrow), sample_work.outlines.bone(item)
            if arm == "roi":
                expected = [roi_patch(image, roi_of(item, image.shape, config), 32), mask_patch(item, bone, config)]
            else:
                expected = [whole_image(image, 32), whole_image(bone.astype(np.float32), 32, order="nearest")]
            np.testing.assert_array_equal(patches[row], np.stack(expected))
            assert 0 < patches[row, 1].mean() < 1


def test_each_unit_has_an_address_of_its_own_and_so_has_every_level_and_outline(sample_work, tmp_path):
    config, slices = sample_work.config, sample_work.manifest.slices
    manifest = replace(sample_work.manifest, slices=slices.assign(slice_marrow=1.5 * slices["stack_marrow"]))
    configs = [replace(config, intensity=name) for name in ("percentile", "marrow", "slice_marrow")]
    configs.append(replace(config, bone_channel=True))
    made = [load_patches(manifest, "roi", one, tmp_path, progress=False) for one in configs]
    assert len({one.digest for one in made}) == 4
    brighter = replace(manifest, slices=manifest.slices.assign(stack_marrow=manifest.slices["stack_marrow"] * 2))
    again = [load_patches(brighter, "roi", one, tmp_path, progress=False) for one in configs]
    assert [one.digest == other.digest for one, other in zip(made, again, strict=True)] == [True, False, True, True]
    assert again[1].patches[3].max() <= made[1].patches[3].max()
    np.testing.assert_allclose(again[1].patches[3], in_marrow_units(made[1].patches[3], 127.5), atol=0.01)
    with mock.patch("sijstudy.cohort.slice_outlines.file_hash", return_value="other"):
        assert load_patches(manifest, "roi", configs[3], tmp_path, progress=False).digest != made[3].digest


def test_a_slice_without_outlined_bone_is_named(sample_work):
    item = sample_work.manifest.slice_records()[0]
    with pytest.raises(StudyError, match=rf"{item.file.name}: slice 0 of subject S00 has no outline of bone"):
        channels_of(item, "roi", replace(sample_work.config, bone_channel=True), None)
    assert channels_of(item, "roi", sample_work.config, None).shape == (1, 32, 32)


def test_the_mask_has_no_noise_and_the_image_that_which_it_has_alone(tmp_path):
    patches = with_masks(toy_patches(tmp_path))
    for count in (1, 3):
        alone = noisy_patches(patches, replace(CONFIG, context_slices=count), "test", [2, 5])
        both = noisy_patches(patches, replace(BONE, context_slices=count), "test", [2, 5])
        assert both.shape == (2, count + 1, 32, 32)
        assert torch.equal(both[:, :-1], alone)
        np.testing.assert_array_equal(both[:, -1], patches.patches[[2, 5], 1])
        np.testing.assert_array_equal(middle(both), middle(alone))


@pytest.mark.parametrize("redraw", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_in_training_it_is_flipped_and_turned_with_its_slice(tmp_path, redraw, count):
    """The image is here a hundred times its own mask, so that one tells the other; neighbours show the same."""
    patches = with_masks(toy_patches(tmp_path))
    masks = patches.patches[::3, 1:].repeat(3, axis=0)
    patches = replace(patches, patches=np.concatenate([100 * masks, masks], 1))
    quiet = {"noise_gaussian_variance": 0.0, "noise_poisson": "none"}
    config = replace(BONE, noise_redraw=redraw, context_slices=count, rotation_degrees=30.0, **quiet)
    seen = batches_of(patches, config, tmp_path / "quiet")
    assert seen.shape[1:] == (count + 1, 32, 32)
    assert seen[:, -1].std() > 0
    for channel in range(count):
        torch.testing.assert_close(seen[:, channel] / 100, seen[:, -1], atol=1e-5, rtol=1e-5)
    loud = batches_of(patches, replace(config, noise_gaussian_variance=9.0), tmp_path / "loud")
    assert torch.equal(loud[:, -1], seen[:, -1])
    assert not torch.allclose(loud[:, 0], seen[:, 0], atol=1)


def batches_of(patches, config, root):
    """All that a network is trained on."""
    seen = []

    class Noting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, given):
            seen.append(given.clone())
            return given.mean((1, 2, 3)) * self.weight / 255

    with mock.patch.object(loop, "build_model", return_value=Noting()):
        train(Fit(FOLDS[0], patches, "resnet18", 1), config, RunStore(root))
    return torch.cat(seen[:2])


def test_a_network_says_when_it_is_given_what_it_did_not_learn_from():
    model, patch = build_model("resnet18", 4, "none", 0, Inputs(1, bone=True)), torch.rand(1, 2, 32, 32)
    with pytest.raises(StudyError, match="learned from 1 slice in percentiles with the bone, and is given 1 slice in"):
        predict(model, patch, CONFIG, torch.device("cpu"))
    with pytest.raises(StudyError, match="given 1 slice in units of normal marrow with the bone"):
        predict(model, patch, replace(BONE, intensity="marrow"), torch.device("cpu"))
    assert predict(model, patch, BONE, torch.device("cpu")).shape == (1,)


@pytest.fixture(scope="module")
def work(sample_work, tmp_path_factory):
    """The sample study in units of marrow and with the bone, its networks trained."""
    root = tmp_path_factory.mktemp("bone")
    own = Workspace(replace(sample_work.config, **MARROW_AND_BONE), root)
    save_folds(own.folder.folds_file, sample_work.folds)
    own.save_fits(own.train_folds(("roi", "original"), own.folds))
    return own


def test_one_subject_and_another_cohort_are_scored_as_in_the_test(work, tmp_path):
    networks, subject = open_networks(work.folder.root), work.folds[0].test[0]
    runs = networks.runs["roi"]
    known = runs[1].predictions().query("subject_id == @subject").sort_values("slice_index")
    assert load_model(runs[1]).inputs == Inputs(1, bone=True, marrow=True)
    result = diagnose(read_subject(work.manifest.root / subject), networks.of_fold("1"), device="cpu", progress=False)
    np.testing.assert_allclose(result.slices["score"], known["score"], atol=1e-5)
    clean = patch_of(work.manifest.slice_records()[0], "roi", work.config)
    assert result.explained[0].cam.shape == result.explained[0].patch.shape == clean.shape
    cohort = apply_networks(work.manifest, networks, tmp_path, device="cpu", progress=False)
    own = cohort.frame[cohort.frame["subject_id"] == subject]
    np.testing.assert_allclose(own["fold_1"], known["score"], atol=1e-5)


def test_the_live_panel_shows_what_was_tested(work):
    subject = work.folds[0].test[0]
    sight = Viewer(work).sight(Choice(subject, 1, True, work.config.roi_factor))
    rows = open_networks(work.folder.root).runs["roi"][1].predictions()
    row = rows[(rows["subject_id"] == subject) & (rows["slice_index"] == sight.item.index)]
    assert sight.score == pytest.approx(row["score"].item(), abs=1e-4)
    np.testing.assert_array_equal(sight.patch, middle(noisy_patches(work.patches("roi"), work.config, "test"))[
        work.row_of(sight.item)
    ])  # fmt: skip
    other = Viewer(Workspace(replace(work.config, intensity="percentile"), work.root))
    with pytest.raises(StudyError, match="the network learned from 1 slice in units of normal marrow with the bone"):
        other.sight(Choice(subject, 1, False, work.config.roi_factor))


def test_baselines_see_the_image_alone(tmp_path):
    patches = toy_patches(tmp_path)
    ours, theirs = features(with_masks(patches), BONE, progress=False), features(patches, CONFIG, progress=False)
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name])
