"""Tiny fits, and processes that train them: for tests that kill a training or run two at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from patience import PATIENCE

from sijstudy import files
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.training import loop, store
from sijstudy.training.loop import Fit
from sijstudy.training.parallel import fit_all
from sijstudy.training.patches import PatchSet
from sijstudy.training.store import FitRun, RunStore

CONFIG = StudyConfig(
    weights="none", patch_size=32, hidden_units=4, batch_size=6, epochs=3, threads_per_fit=1, device="cpu",
    noise_poisson="log_of_power",
)  # fmt: skip
GROUPS = {"a": 1, "b": 0, "c": 1, "d": 0, "e": 1, "f": 0}
FOLDS = (Fold(1, ("a", "b", "c", "d"), ("e", "f")), Fold(2, ("c", "d", "e", "f"), ("a", "b")))

# Children are forked from a process that has imported the package already.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["sijstudy.training.parallel"])


def toy_patches(folder: Path) -> PatchSet:
    """Six subjects with three patches each, memory-mapped as those of a study; positive ones carry a bright square."""
    rng = np.random.default_rng(0)
    stack = rng.uniform(20, 60, (18, 1, 32, 32)).astype(np.float32)
    labels = np.repeat(list(GROUPS.values()), 3)
    stack[labels == 1, 0, 10:18, 10:18] += 120
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "toy.npy", stack)
    slices = pd.DataFrame(
        {"subject_id": np.repeat(list(GROUPS), 3), "slice_index": np.tile(range(3), 6), "label": labels}
    ).assign(sop_instance_uid=[f"1.2.{row}" for row in range(18)])
    return PatchSet(np.load(folder / "toy.npy", mmap_mode="r"), slices, "roi", "patches-of-the-test")


def toy_fits(folder: Path, epochs: int) -> list[Fit]:
    """A fit for each of two folds."""
    patches = toy_patches(folder)
    return [Fit(fold, patches, "resnet18", epochs) for fold in FOLDS]


def assert_same_run(one: FitRun, other: FitRun) -> None:
    """Bit for bit: history, predictions and weights."""
    for name in ("history.csv", "predictions.csv"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
    ours, theirs = one.weights(), other.weights()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def die() -> None:
    """kill -9, by the process itself at the very moment that a test wants."""
    os.kill(os.getpid(), signal.SIGKILL)


class KilledAt:
    """kill -9 of this process at the ``count``-th of a kind of moment.

    moment: "step" after a step of the optimizer; "half" with half of ``file`` written to its temporary
    neighbour; "whole" before it is moved into place; "placed" right after that.
    """

    def __init__(self, moment: str, file: str, count: int) -> None:
        self.moment, self.file, self.count, self.seen = moment, file, count, 0
        self.step, self.write_atomic, self.replace = torch.optim.SGD.step, files.write_atomic, Path.replace

    def due(self, name: str) -> bool:
        self.seen += name == self.file
        return name == self.file and self.seen == self.count

    def after_step(self, optimizer, *arguments):
        result = self.step(optimizer, *arguments)
        if self.moment == "step" and self.due(""):
            die()
        return result

    def in_write(self, path, write):
        if self.moment != "half" or not self.due(path.name):
            return self.write_atomic(path, write)

        def half(stream):
            write(stream)
            stream.flush()
            os.ftruncate(stream.fileno(), stream.tell() // 2)
            die()

        return self.write_atomic(path, half)

    def at_replace(self, source, target):
        if self.moment not in ("whole", "placed") or not self.due(Path(target).name):
            return self.replace(source, target)
        if self.moment == "placed":
            self.replace(source, target)
        return die()


def train_until(moment: str, file: str, count: int, fit: Fit, root: Path, ready: object) -> None:
    """Train ``fit`` in this process and die as ``KilledAt`` says (never for "outside")."""
    killed = KilledAt(moment, file, count)
    with (
        mock.patch.object(torch.optim.SGD, "step", lambda *arguments: killed.after_step(*arguments)),
        mock.patch.object(files, "write_atomic", killed.in_write),
        mock.patch.object(store, "write_atomic", killed.in_write),
        mock.patch.object(Path, "replace", lambda *arguments: killed.at_replace(*arguments)),
    ):
        ready.set()
        loop.train(fit, CONFIG, RunStore(root))


def fit_all_counting(fits: list[Fit], root: Path, log: Path, gate: object) -> None:
    """Train all fits on a store that others use, too, and note each training that really takes place here."""
    trainer = loop._Trainer.train

    def counted(self):
        with log.open("a") as file:
            file.write(f"{os.getpid()} {self.run.folder.name}\n")
        return trainer(self)

    with mock.patch.object(loop._Trainer, "train", counted):
        assert gate.wait(PATIENCE)
        fit_all(fits, CONFIG, RunStore(root), progress=False)
