"""The run store under fire: processes killed at any moment, two studies at once, damaged files."""

import signal
import threading
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch
from patience import PATIENCE, wait_until
from toy_fits import CONFIG, PROCESSES, assert_same_run, fit_all_counting, toy_fits, train_until

from sijstudy.errors import StudyError
from sijstudy.training.loop import train
from sijstudy.training.parallel import fit_all
from sijstudy.training.store import RunStore

EPOCHS = 24
CHECKPOINT = "checkpoint.pt"


def moments(seed):
    """Ten moments of death in random order, those of the end last: (kind, file, which one of its kind)."""
    rng = np.random.default_rng(seed)
    inside = [("step", "", int(rng.integers(1, 7))), *[("outside", "", 0)] * 4]
    inside += [(kind, CHECKPOINT, int(rng.integers(1, 3))) for kind in ("half", "whole", "placed")]
    return [inside[i] for i in rng.permutation(len(inside))] + [("half", "weights.pt", 1), ("whole", "done.json", 1)]


def kill_from_outside(process, run, rng):
    """SIGKILL at a random time from the start of training until some way into its second epoch."""
    wanted = run.epochs_done() + int(rng.integers(0, 2))
    wait_until(lambda: run.epochs_done() >= wanted, f"epoch {wanted}", process.is_alive)
    time.sleep(rng.uniform(0, 0.15))
    process.kill()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The same fits trained without a break."""
    root = tmp_path_factory.mktemp("unbroken")
    long, _ = toy_fits(root / "patches", EPOCHS)
    return train(long, CONFIG, RunStore(root)), root


def test_killed_ten_times_at_random_moments_it_ends_bit_for_bit_as_the_unbroken_run(tmp_path, unbroken):
    fit, _ = toy_fits(tmp_path / "patches", EPOCHS)
    run = RunStore(tmp_path).fit_run(fit.identity(CONFIG, torch.device("cpu")))
    rng = np.random.default_rng(9)
    temporaries = 0
    for moment, file, count in moments(seed=9):
        ready = PROCESSES.Event()
        process = PROCESSES.Process(target=train_until, args=(moment, file, count, fit, tmp_path, ready))
        process.start()
        assert ready.wait(PATIENCE)
        if moment == "outside":
            kill_from_outside(process, run, rng)
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL, (moment, file)
        assert not run.is_done
        temporaries += len(leftovers(run))
    assert temporaries >= 4  # each death inside a write left one ...
    assert_same_run(train(fit, CONFIG, RunStore(tmp_path)), unbroken[0])
    assert not leftovers(run)  # ... and none is left at the end
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(
        path.name for path in unbroken[0].folder.iterdir()
    )


def test_killed_after_the_last_write_a_done_run_is_tidied_and_not_trained_again(tmp_path):
    fits = toy_fits(tmp_path / "patches", 2)[:1]
    (run,) = fit_all(fits, CONFIG, RunStore(tmp_path), progress=False)
    done = (run.folder / "done.json").stat().st_mtime_ns
    (run.folder / CHECKPOINT).write_bytes(b"left by a kill between done.json and this file's removal")
    (run.folder / f".{CHECKPOINT}.x1y2").write_bytes(b"left by a kill inside a write")
    assert fit_all(fits, CONFIG, RunStore(tmp_path), progress=False) == [run]
    assert (run.folder / "done.json").stat().st_mtime_ns == done
    assert not leftovers(run)
    assert not (run.folder / CHECKPOINT).exists()


def test_two_studies_at_once_train_each_network_once(tmp_path):
    fits = toy_fits(tmp_path / "patches", 3)
    log, gate = tmp_path / "trainings.txt", PROCESSES.Event()
    studies = [
        PROCESSES.Process(target=fit_all_counting, args=(order, tmp_path, log, gate)) for order in (fits, fits[::-1])
    ]
    for study in studies:
        study.start()
    gate.set()
    for study in studies:
        study.join(PATIENCE)
    assert [study.exitcode for study in studies] == [0, 0]
    trained = [line.split() for line in log.read_text().splitlines()]
    runs = fit_all(fits, CONFIG, RunStore(tmp_path), progress=False)
    assert sorted(name for _, name in trained) == sorted(run.folder.name for run in runs)
    assert len({process for process, _ in trained}) == 2
    for run, alone in zip(runs, fit_all(fits, CONFIG, RunStore(tmp_path / "alone"), progress=False), strict=True):
        assert_same_run(run, alone)


def test_a_killed_process_of_many_is_one_line_and_its_fit_can_go_on(tmp_path):
    fits, config = toy_fits(tmp_path / "patches", 20), replace(CONFIG, parallel_fits=2)
    runs = [RunStore(tmp_path).fit_run(fit.identity(config, torch.device("cpu"))) for fit in fits]

    def kill_one():
        wait_until(lambda: any(run.epochs_done() for run in runs), "the first epoch")
        workers = [
            child for child in psutil.Process().children() if any("popen_loky" in word for word in child.cmdline())
        ]
        workers[0].kill()  # as the kernel does when memory runs out

    threading.Thread(target=kill_one, daemon=True).start()
    with pytest.raises(StudyError, match="memory ran out; lower parallel_fits"):
        fit_all(fits, config, RunStore(tmp_path), progress=False)
    assert any(run.load_checkpoint() for run in runs if not run.is_done)  # to go on from


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A network after two epochs."""
    root = tmp_path_factory.mktemp("whole")
    return train(toy_fits(root / "patches", 2)[0], CONFIG, RunStore(root))


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_damaged_checkpoint_is_named_and_its_network_trained_from_the_beginning(tmp_path, whole, damage):
    fit, _ = toy_fits(tmp_path / "patches", 2)
    run = RunStore(tmp_path).fit_run(fit.identity(CONFIG, torch.device("cpu")))
    run.save_checkpoint({"epoch": 1, "model": whole.weights()})
    content = (run.folder / CHECKPOINT).read_bytes()
    (run.folder / CHECKPOINT).write_bytes({"cut": content[: len(content) // 3], "empty": b"", "other": b"{}"}[damage])
    with pytest.warns(UserWarning, match=r"checkpoint\.pt is damaged .* from its beginning"):
        train(fit, CONFIG, RunStore(tmp_path))
    assert_same_run(run, whole)


def leftovers(run):
    return list(run.folder.glob(".*"))
