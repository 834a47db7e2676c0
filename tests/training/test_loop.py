"""The loop: reproducible, resumable, learning; its parts against hand computations."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from patience import wait_until

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.folds import Fold
from sijstudy.training import loop
from sijstudy.training.inputs import augment, batches, noisy_patches, seeded
from sijstudy.training.loop import Fit, cosine_rate, train
from sijstudy.training.parallel import fit_all
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import FitRun, RunStore

CONFIG = StudyConfig(
    weights="none", patch_size=32, hidden_units=8, batch_size=8, epochs=3, threads_per_fit=1, device="cpu",
    noise_poisson="log_of_power",
)  # fmt: skip
FOLD = Fold(1, train=("a", "b", "c", "d"), test=("e", "f"))
GROUPS = {"a": 1, "b": 0, "c": 1, "d": 0, "e": 1, "f": 0}


@pytest.fixture(scope="module")
def patches():
    """Six subjects with six patches each; the positive ones carry a bright square."""
    rng = np.random.default_rng(0)
    stack = rng.uniform(20, 60, (36, 1, 32, 32)).astype(np.float32)
    labels = np.repeat(list(GROUPS.values()), 6)
    stack[labels == 1, 0, 10:18, 10:18] += 120
    slices = pd.DataFrame(
        {"subject_id": np.repeat(list(GROUPS), 6), "slice_index": np.tile(range(6), 6), "label": labels}
    ).assign(sop_instance_uid=[f"1.2.{row}" for row in range(36)])
    return PatchSet(stack, slices, "roi", "patches-of-the-test")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The store of ``trained`` and ``followed``; for reading."""
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def trained(patches, store):
    """The fold's network after three epochs."""
    return train(Fit(FOLD, patches, "resnet18", 3), CONFIG, store)


@pytest.fixture(scope="module")
def followed(patches, store):
    """The same, its held-out part looked at after each epoch."""
    return train(Fit(FOLD, patches, "resnet18", 3, follow=True), CONFIG, store)


def test_cosine_rate_starts_high_passes_the_middle_and_ends_at_zero():
    assert cosine_rate(0, 100, 0.03) == 0.03
    assert cosine_rate(50, 100, 0.03) == pytest.approx(0.015)
    assert cosine_rate(100, 100, 0.03) == pytest.approx(0)


def test_cosine_rate_is_torchs_schedule():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for step in range(20):
        assert cosine_rate(step, 20, 0.03) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_batches_never_leave_one_alone():
    sizes = [len(part) for part in batches(torch.arange(33), 16)]
    assert sizes == [16, 17]
    assert torch.equal(torch.cat(batches(torch.arange(33), 16)), torch.arange(33))


def test_flip_alone_is_an_exact_mirror():
    patch = torch.rand(2, 1, 16, 16)
    flipped = augment(patch, 1.0, 0.0, torch.Generator().manual_seed(0))
    assert torch.allclose(flipped, patch.flip(3), atol=1e-5)
    assert torch.allclose(augment(patch, 0.0, 0.0, torch.Generator()), patch, atol=1e-5)


def test_rotation_turns_about_the_centre_within_the_range():
    patch = torch.zeros(64, 1, 65, 65)
    patch[:, 0, 32, 57] = 1.0  # 25 pixels to the right of the centre
    turned = augment(patch, 0.0, 10.0, torch.Generator().manual_seed(0))
    peak = turned[:, 0].flatten(1).argmax(1)
    rows, columns = peak // 65 - 32, peak % 65 - 32
    angles = torch.rad2deg(torch.atan2(rows.float(), columns.float()))
    assert angles.abs().max() <= 10 + 1.5
    assert angles.min() < -4 < 4 < angles.max()


def test_seeded_streams_differ_by_purpose_and_repeat():
    assert torch.equal(torch.rand(3, generator=seeded(1, "a")), torch.rand(3, generator=seeded(1, "a")))
    assert not torch.equal(torch.rand(3, generator=seeded(1, "a")), torch.rand(3, generator=seeded(1, "b")))


def test_training_learns_and_predicts_only_test_subjects(patches, tmp_path):
    config = StudyConfig(**{**vars(CONFIG), "epochs": 8})
    run = train(Fit(FOLD, patches, "resnet18", 8), config, RunStore(tmp_path))
    predictions, history = run.predictions(), run.history()
    assert set(predictions["subject_id"]) == {"e", "f"}
    assert predictions.columns.tolist() == ["subject_id", "slice_index", "label", "score"]  # no UID leaves the manifest
    assert ((predictions["score"] >= 0.5) == (predictions["label"] == 1)).all()
    assert len(history) == 8
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert history["held_out_accuracy"].isna().all()


def test_same_seed_same_bytes_other_seed_other_scores(patches, tmp_path, trained):
    fit = Fit(FOLD, patches, "resnet18", 3)
    again = train(fit, CONFIG, RunStore(tmp_path))
    assert again.folder != trained.folder
    assert (again.folder / "predictions.csv").read_bytes() == (trained.folder / "predictions.csv").read_bytes()
    other = train(fit, StudyConfig(**{**vars(CONFIG), "seed": 7}), RunStore(tmp_path))
    assert other.folder != again.folder
    assert not np.array_equal(other.predictions()["score"], trained.predictions()["score"])


def test_finished_run_is_not_trained_again(patches, store, trained, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr(loop, "_Trainer", forbidden)
    assert train(Fit(FOLD, patches, "resnet18", 3), CONFIG, store) == trained


@pytest.mark.parametrize("stop", [1, 2])
def test_interrupted_run_ends_with_the_numbers_of_an_unbroken_one(patches, tmp_path, followed, monkeypatch, stop):
    fit = Fit(FOLD, patches, "resnet18", 3, follow=True)
    one_epoch = loop._Trainer._epoch

    def dies(self, epoch):
        if epoch == stop:
            raise KeyboardInterrupt
        return one_epoch(self, epoch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop._Trainer, "_epoch", dies)
        train(fit, CONFIG, RunStore(tmp_path))
    broken = train(fit, CONFIG, RunStore(tmp_path))
    for name in ("predictions.csv", "history.csv"):
        assert (broken.folder / name).read_bytes() == (followed.folder / name).read_bytes()


def test_following_the_held_out_part_changes_no_number(trained, followed):
    assert trained.folder != followed.folder
    assert np.array_equal(trained.predictions()["score"], followed.predictions()["score"])
    assert followed.history()["held_out_accuracy"].between(0, 1).all()


def test_processes_side_by_side_give_the_numbers_of_one_after_the_other(patches, tmp_path):
    fits = [Fit(FOLD, patches, "resnet18", 2), Fit(Fold(2, ("c", "d", "e", "f"), ("a", "b")), patches, "resnet18", 2)]
    alone = fit_all(fits, CONFIG, RunStore(tmp_path / "alone"), progress=False)
    both = fit_all(
        fits, StudyConfig(**{**vars(CONFIG), "parallel_fits": 2}), RunStore(tmp_path / "both"), progress=False
    )
    for one, other in zip(alone, both, strict=True):
        assert one.epochs_done() == other.epochs_done() == 2
        assert (one.folder / "predictions.csv").read_bytes() == (other.folder / "predictions.csv").read_bytes()


def test_loaded_model_gives_the_saved_scores(patches, trained):
    noisy = noisy_patches(patches, CONFIG, "test")[patches.rows_of(FOLD.test)]
    scores = predict(load_model(trained), noisy, CONFIG, torch.device("cpu"))
    np.testing.assert_allclose(scores, trained.predictions()["score"], atol=1e-5)


def test_identity_names_what_the_numbers_depend_on(patches):
    cpu = torch.device("cpu")
    base = Fit(FOLD, patches, "resnet18", 3).identity(CONFIG, cpu)
    for change in ({"seed": 3}, {"focal_gamma": 1.0}, {"noise_redraw": False}, {"threads_per_fit": 2}):
        assert Fit(FOLD, patches, "resnet18", 3).identity(StudyConfig(**{**vars(CONFIG), **change}), cpu) != base
    for fit in (Fit(FOLD, patches, "resnet34", 3), Fit(FOLD, patches, "resnet18", 4)):
        assert fit.identity(CONFIG, cpu) != base
    same = StudyConfig(**{**vars(CONFIG), "median_size": 5, "slice_threshold": 0.4, "profile": "other"})
    assert Fit(FOLD, patches, "resnet18", 3).identity(same, cpu) == base


def test_fixed_noise_is_drawn_once(patches, tmp_path):
    run = train(
        Fit(FOLD, patches, "resnet18", 2), StudyConfig(**{**vars(CONFIG), "noise_redraw": False}), RunStore(tmp_path)
    )
    assert math.isfinite(run.history()["train_loss"].iloc[-1])
    assert torch.equal(noisy_patches(patches, CONFIG, "train"), noisy_patches(patches, CONFIG, "train"))
    assert not torch.equal(noisy_patches(patches, CONFIG, "train"), noisy_patches(patches, CONFIG, "test"))


def test_a_slice_keeps_its_noise_whatever_else_is_asked_for(patches):
    every = noisy_patches(patches, CONFIG, "test")
    assert torch.equal(noisy_patches(patches, CONFIG, "test", [7, 3]), every[[7, 3]])
    fewer = PatchSet(patches.patches[6:], patches.slices.iloc[6:].reset_index(drop=True), "roi", "without the first")
    assert torch.equal(noisy_patches(fewer, CONFIG, "test"), every[6:])
    noise = every[:, 0] - torch.from_numpy(patches.patches[:, 0])
    assert len({one.numpy().tobytes() for one in noise}) == len(noise)


def test_the_noise_of_a_slice_hangs_on_its_uid_and_on_no_name(patches):
    every = noisy_patches(patches, CONFIG, "test")
    renamed = patches.slices.assign(subject_id="another", slice_index=patches.slices["slice_index"] + 4)
    assert torch.equal(noisy_patches(replace(patches, slices=renamed), CONFIG, "test"), every)
    uids = patches.slices["sop_instance_uid"]
    others = replace(patches, slices=patches.slices.assign(sop_instance_uid=uids.where(uids != "1.2.5", "1.2.500")))
    same = (noisy_patches(others, CONFIG, "test") == every).flatten(1).all(dim=1)
    assert same.tolist() == [row != 5 for row in range(36)]
    assert not torch.equal(noisy_patches(replace(patches, arm="original"), CONFIG, "test"), every)


@pytest.mark.parametrize("redraw", [True, False])
def test_threads_that_share_a_batch_change_no_pixel_of_it(patches, tmp_path, redraw):
    drawn = []
    for threads in (1, 3):
        config = StudyConfig(**{**vars(CONFIG), "threads_per_fit": threads, "noise_redraw": redraw})
        run = RunStore(tmp_path).fit_run({"threads": threads})
        with loop._Trainer(Fit(FOLD, patches, "resnet18", 1), config, run, torch.device("cpu")) as trainer:
            drawn.append(trainer._batch(torch.arange(20), ("stream", 1)))
    assert torch.equal(*drawn)
    assert drawn[0].shape == (20, 1, 32, 32)


def test_augmentation_is_torchs_affine_transformation():
    patch = torch.rand(5, 1, 24, 32)
    draws = torch.rand(2, 5, 1, 1, generator=torch.Generator().manual_seed(4))
    angle, flip = (draws[0].flatten() * 2 - 1) * math.radians(15), torch.where(draws[1].flatten() < 0.5, -1.0, 1.0)
    zero = torch.zeros(5)
    theta = torch.stack(
        [
            torch.stack([angle.cos() * flip, -angle.sin(), zero], 1),
            torch.stack([angle.sin() * flip, angle.cos(), zero], 1),
        ],
        1,
    )
    grid = torch.nn.functional.affine_grid(theta, list(patch.shape), align_corners=False)
    expected = torch.nn.functional.grid_sample(patch, grid, align_corners=False)
    assert torch.allclose(augment(patch, 0.5, 15.0, torch.Generator().manual_seed(4)), expected, atol=1e-5)


def test_a_checkpoint_that_cannot_be_written_stops_the_fit_with_its_reason(patches, tmp_path, monkeypatch):
    def full(self, state):
        raise StudyError("cannot write checkpoint.pt (No space left on device)")

    monkeypatch.setattr(FitRun, "save_checkpoint", full)
    with pytest.raises(StudyError, match="No space left"):
        train(Fit(FOLD, patches, "resnet18", 2), CONFIG, RunStore(tmp_path))


def test_a_checkpoint_does_not_change_while_it_is_written(patches, tmp_path, monkeypatch):
    """A slow disk: the next epoch learns while a checkpoint is written."""
    changed = []

    def slow(self, state):
        before, live = state["model"]["weight"].clone(), network.weight.detach()
        begun = live.clone()
        wait_until(lambda: not torch.equal(live, begun), "a step of the next epoch")
        changed.append(not torch.equal(state["model"]["weight"], before))

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 1), torch.nn.Flatten(0))
    network.weight = network[1].weight
    monkeypatch.setattr(loop, "build_model", lambda *given: network)
    monkeypatch.setattr(FitRun, "save_checkpoint", slow)
    train(Fit(FOLD, patches, "resnet18", 4), CONFIG, RunStore(tmp_path))
    assert changed == [False] * 3


def test_fast_mode_and_bfloat16_are_runs_of_their_own(patches):
    cpu, fit = torch.device("cpu"), Fit(FOLD, patches, "resnet18", 3)
    asked = [{}, {"mode": "fast"}, {"precision": "bfloat16"}]
    assert len({str(fit.identity(StudyConfig(**{**vars(CONFIG), **change}), cpu)) for change in asked}) == 3
    native = StudyConfig(**{**vars(CONFIG), "precision": "native"})
    known = [StudyConfig(**{**vars(CONFIG), "precision": name}) for name in ("float32", "bfloat16")]
    assert fit.identity(native, cpu) in [fit.identity(config, cpu) for config in known]
