"""The benchmarks' parts: medians, table, the same work on both sides. How long anything takes is not tested."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from patience import wait_until

from benchmarks import epochs, generation, grid, memory, rerun, subject, whole_study
from benchmarks.__main__ import main, save
from benchmarks.measure import Line, in_turn, machine, table
from benchmarks.pipelines import UsualDataset, monai_dataset, monai_pass, our_pass, samples, usual_loader
from benchmarks.samples import enlarged, one_fold, random_patches, settings
from sijstudy.errors import StudyError
from sijstudy.noise import poisson_rate
from sijstudy.training.loop import Fit, train
from sijstudy.training.patches import load_patches
from sijstudy.training.store import RunStore


@pytest.fixture
def four(sample_work, tmp_path):
    """Patches, configuration and samples of the same four slices."""
    manifest, config = sample_work.manifest, sample_work.config
    few = replace(manifest, slices=manifest.slices.head(4))
    return load_patches(few, "roi", config, tmp_path, progress=False), config, samples(few, config)


def test_ratio_is_that_of_neighbours_in_time():
    line = Line("b", "x", "s", (1.0, 2.0, 30.0), (1.0, 1.0, 10.0), high=2.0)
    assert line.ratio == 2.0
    assert line.met
    assert replace(line, high=1.9).met is False
    assert Line("c", "x", "slices/s", (30.0,), (20.0,), low=1.5).met
    assert Line("f", "x", "s", (61.0, 59.0, 62.0), high=60).met is False
    assert Line("d", "x", "s", (1.0,)).met is None


def test_jobs_run_in_turn_and_the_first_round_does_not_count():
    calls = []

    def job(name):
        def work():
            calls.append(name)
            return float(len(calls))

        return work

    assert in_turn(2, job("a"), job("b")) == [(3.0, 5.0), (4.0, 6.0)]
    assert calls == ["a", "b"] * 3


def test_table_shows_medians_ratio_and_target():
    lines = [
        Line("a", "loading", "slices/s", (300.0, 400.0, 500.0), (100.0, 100.0, 100.0), low=3),
        Line("b", "an epoch", "s", (1.2,), (1.0,), high=1.05),
    ]
    header, rule, first, second = table(lines).splitlines()
    assert header.split() == ["ours", "other", "ratio", "target", "runs"]
    assert set(rule) == {"-"}
    assert first.split() == ["(a)", "loading", "400", "slices/s", "100", "slices/s", "4.00x", ">=", "3", "3", "met"]
    assert second.split() == ["(b)", "an", "epoch", "1.2", "s", "1", "s", "1.20x", "<=", "1.05", "1", "MISSED"]


def test_results_can_be_read_again(tmp_path):
    path = save([Line("a", "loading", "slices/s", (3.0, 1.0), (1.0, 2.0), low=3)], machine(), tmp_path)
    content = json.loads(path.read_text())
    assert content["machine"]["torch"] == torch.__version__
    assert content["lines"][0]["ours"] == [3.0, 1.0]
    assert content["lines"][0]["ratio"] == 1.75
    assert pd.read_csv(path.with_suffix(".csv"))["ours_median"].tolist() == [2.0]


def test_unknown_section_is_refused():
    with pytest.raises(typer.BadParameter, match="'z' is none of a, b"):
        main(only="a,z")


def test_monai_makes_the_same_patches(four):
    patches, config, chosen = four
    theirs = torch.stack([item["patch"] for item in monai_dataset(chosen, config, noise=False)])
    assert theirs.shape == (4, 1, 32, 32)
    assert [item["label"] for item in monai_dataset(chosen, config)] == patches.slices["label"].tolist()
    np.testing.assert_allclose(theirs.numpy(), patches.patches, atol=0.01)


def test_the_usual_script_makes_the_same_patches_but_for_8_bits(four):
    patches, config, chosen = four
    script = UsualDataset(chosen, config, noise=False)
    theirs = torch.stack([script[place][0] for place in range(4)]).numpy()
    assert theirs.shape == (4, 1, 32, 32)
    assert np.abs(theirs - patches.patches).max() < 3  # grey levels: rounded before and after the resize
    assert np.abs(theirs - patches.patches).mean() < 1


def test_all_three_add_the_same_noise(four):
    patches, config, chosen = four
    clean = torch.from_numpy(patches.patches.copy())
    passes = {
        "ours": our_pass(patches, config),
        "MONAI": monai_pass(monai_dataset(chosen * 8, config)),
        "script": (batch for batch, _ in usual_loader(UsualDataset(chosen, config))),
    }
    expected = float(poisson_rate(clean, config.noise_poisson).mean())
    for name, batches in passes.items():
        noise = torch.cat(list(batches)).reshape(-1, 4, 1, 32, 32) - clean
        assert float(noise.mean()) == pytest.approx(expected, rel=0.02, abs=1), (
            name
        )  # the script rounds down to grey levels
        assert noise.std() > 5, name


def test_a_small_cohort_stands_for_a_large_one(sample_work, tmp_path):
    large = enlarged(sample_work.manifest, 50)
    patches = load_patches(large, "roi", sample_work.config, tmp_path, progress=False)
    assert len(patches.slices) == 50
    assert not patches.slices.duplicated(["subject_id", "slice_index"]).any()
    np.testing.assert_array_equal(patches.patches[36:], patches.patches[:14])


def test_our_epoch_is_timed_by_what_a_run_notes(tmp_path):
    patches = random_patches(80, 32, tmp_path / "patches.npy")
    assert patches.patches.shape == (80, 1, 32, 32)
    assert set(patches.slices["label"]) == {0, 1}
    config, fold = settings(32, threads_per_fit=1), one_fold(patches, 1)
    run = train(Fit(fold, patches, "resnet18", 4), config, epochs.ClockedStore(tmp_path))
    assert len(run.ends) == 4
    assert run.ends == sorted(run.ends)
    assert epochs.our_epoch(patches, fold, config) > 0


def test_bare_steps_train(tmp_path):
    config = settings(32, threads_per_fit=1, precision="bfloat16")
    bare = epochs.BareSteps(config, 33)
    assert [len(part) for part, _ in bare.parts] == [33]  # no batch of one, as in ours
    before = bare.model.resnet.conv1.weight.detach().clone()
    assert bare.epoch() > 0
    assert not torch.equal(before, bare.model.resnet.conv1.weight)


def test_the_usual_script_trains(four):
    _, config, chosen = four
    script = epochs.UsualScript(chosen, config)
    before = script.model.fc.weight.detach().clone()
    assert script.epoch() > 0
    assert not torch.equal(before, script.model.fc.weight)


def test_a_subject_is_diagnosed(finished_work, tmp_path):
    work, _ = finished_work
    patches = work.patches("roi")
    lines = subject.measure(work.manifest, patches, one_fold(patches, 2), work.config, 1, tmp_path)
    assert [line.section for line in lines] == ["d"] * 3
    assert all(value > 0 for line in lines for value in line.ours)


def test_memory_of_another_process_is_seen():
    command = [sys.executable, "-c", "held = bytearray(200_000_000); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, memory.watched(process.pid) as peak:
        wait_until(lambda: peak[0] > 200e6, "its memory", lambda: process.poll() is None)
        process.communicate(b"\n")
    assert 200e6 < peak[0] < 400e6


def test_trained_networks_are_counted(tmp_path):
    run = RunStore(tmp_path / "runs").fit_run({"fold": 1})
    assert rerun._trained(tmp_path) == set()
    (run.folder / "done.json").write_text("{}")
    assert [name for name, _ in rerun._trained(tmp_path)] == [run.folder.name]


def test_grid_is_the_papers_fits_and_is_measured_on_any_device(sample_work, tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "COMPARED_EPOCHS", 1)
    monkeypatch.setattr(grid, "BARE_STEPS", 1)
    config = replace(sample_work.config, folds=2, epochs=2, selection_epochs=1, patch_size=32, device="cpu")
    manifest = enlarged(sample_work.manifest, 64)
    patches = {arm: load_patches(manifest, arm, config, tmp_path, progress=False) for arm in ("roi", "original")}
    fits = grid.grid(patches, config)
    kinds = [(fit.patches.arm, fit.backbone, fit.epochs, fit.follow) for fit in fits]
    assert kinds[:2] == [("roi", "resnet18", 1, True), ("roi", "resnet50", 1, True)]
    assert kinds[2:] == [(arm, "resnet18", 2, False) for arm in ("roi", "roi", "original", "original")]
    assert set(fits[0].fold.train) < set(fits[2].fold.train)

    lines = grid.measure(patches, samples(manifest, config), config)
    assert [line.unit for line in lines] == ["s", "images/s", "images/s"] * 2
    total = sum(grid.images(fit) for fit in fits)
    assert all(line.ours[0] == pytest.approx(total / lines[0].ours[0]) for line in lines[1:3])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_grid_without_a_gpu_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(StudyError, match="needs a GPU"):
        grid.measure_here(1, tmp_path)
    assert not list(tmp_path.iterdir())


def test_paper_sizes_of_the_grid():
    config = grid.gpu_settings(4)
    assert (config.patch_size, config.epochs, config.selection_epochs, config.folds) == (224, 50, 50, 5)
    assert (config.device, config.precision, config.weights, config.batch_size) == ("cuda", "native", "none", 32)


def test_a_whole_study_is_measured_against_the_steps_of_all_its_networks(sample_work, tmp_path, monkeypatch):
    config = replace(sample_work.config, folds=2, epochs=3, selection_epochs=2, patch_size=32, parallel_fits=2)
    asked = []
    monkeypatch.setattr(whole_study, "profile_settings", lambda *_: ({}, config))
    monkeypatch.setattr(whole_study, "finished_study", lambda work, profile: asked.append(work / profile))
    monkeypatch.setattr(whole_study, "load_manifest", lambda folder: sample_work.manifest)
    monkeypatch.setattr(whole_study, "bare_rate", lambda _, backbone: {"resnet18": 10.0, "resnet50": 4.0}[backbone])
    (line,) = whole_study.measure(tmp_path, "tiny")
    assert asked == [tmp_path / "tiny"]
    patches = load_patches(sample_work.manifest, "roi", config, tmp_path / "own", progress=False)
    five, *others = sorted(grid.grid({"roi": patches, "original": patches}, config), key=lambda fit: fit.backbone)[::-1]
    assert (five.backbone, {fit.backbone for fit in others}) == ("resnet50", {"resnet18"})
    assert line.theirs[0] == pytest.approx(grid.images(five) / 4 + sum(map(grid.images, others)) / 10)


def test_networks_trained_side_by_side_are_counted_together(monkeypatch):
    monkeypatch.setattr(whole_study, "STEPS", 1)
    assert whole_study._rate(settings(32), "resnet18") > 0
    monkeypatch.setattr(whole_study, "_rate", lambda config, backbone: 7.0)
    monkeypatch.setattr(whole_study, "Parallel", lambda n_jobs: lambda jobs: [job[0](*job[1]) for job in jobs])
    assert whole_study.bare_rate(settings(32, parallel_fits=3), "resnet18") == 21.0


@pytest.mark.parametrize("slices", generation.GROWN)
def test_grown_cohorts_keep_to_the_papers_slices_per_subject(slices):
    config = replace(settings(96), **generation._of(slices))  # refused where they do not fit
    assert config.positive_slices + config.negative_slices == slices
    assert config.axspa_subjects > 2 * config.control_subjects
