"""Training: one network on one split, resumable, its numbers determined by its configuration alone [2.5]."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sijstudy.code import code_digest
from sijstudy.files import digest
from sijstudy.folds import Fold
from sijstudy.fresh_torch import environment_identity
from sijstudy.losses import focal_loss
from sijstudy.model import build_model, inputs_of, weights_digest
from sijstudy.training.device import arithmetic, autocast, numerics, resolve_device, threads_of
from sijstudy.training.inputs import augment, batches, noisy_patches, seeded, with_bone, with_noise
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import SCORED_AT_ONCE, scores_of
from sijstudy.training.store import FitRun, RunStore

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


FIT_PARAMETERS = (
    "seed",
    "mode",
    "noise_gaussian_variance",
    "noise_poisson",
    "noise_redraw",
    "context_slices",
    "intensity",
    "bone_channel",
    "hidden_units",
    "weights",
    "loss",
    "focal_gamma",
    "focal_alpha",
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "flip_probability",
    "rotation_degrees",
)

DRAWN_AT_ONCE = 8  # patches augmented and made noisy by one thread


@dataclass(frozen=True)
class Fit:
    """One network to train: on ``fold.train``, predicting ``fold.test``.

    follow: measure the held-out accuracy after every epoch (the validation curve of Fig. 5). It changes no
    number of the training; on test data it stays off, so that nothing can be chosen by it.
    """

    fold: Fold
    patches: PatchSet
    backbone: str
    epochs: int
    follow: bool = False

    @property
    def name(self) -> str:
        """For progress lines: arm, fold and backbone."""
        return f"{self.patches.arm} fold {self.fold.number} {self.backbone}"

    def identity(self, config: StudyConfig, device: torch.device) -> dict[str, Any]:
        """All that determines the result, to be hashed into the run's address."""
        return {
            "patches": self.patches.digest,
            "arm": self.patches.arm,
            "fold": self.fold.number,
            "train": sorted(self.fold.train),
            "test": sorted(self.fold.test),
            "backbone": self.backbone,
            "epochs": self.epochs,
            "follow": self.follow,
            "device": device.type,
            "arithmetic": arithmetic(config, device),
            "threads": threads_of(config) if device.type == "cpu" else None,
            "code": code_digest(train),
            "torch": torch.__version__,
            **environment_identity(),
            "weights_file": weights_digest(config.weights, self.backbone),
            **config.subset(*FIT_PARAMETERS),
        }


def cosine_rate(step: int, total: int, start: float) -> float:
    """Learning rate at ``step`` of ``total``: cosine decay from ``start`` to 0, no restart [2.5].

    ASSUMED: the decay runs over all steps, and moves with every batch.
    """
    return 0.5 * start * (1 + math.cos(math.pi * step / total))


def train(fit: Fit, config: StudyConfig, store: RunStore) -> FitRun:
    """The run of ``fit``: found in the store, continued from its checkpoint, or trained from the start.

    Two processes asking for one run train it once: the second waits for the first. Every epoch ends with a
    checkpoint, so a killed run goes on from there and ends with the same numbers.
    """
    device = resolve_device(config.device)
    run = store.fit_run(fit.identity(config, device))
    if run.is_done:
        return run
    with run.locked(), numerics(config, device):
        run.remove_leftovers()
        if not run.is_done:
            with _Trainer(fit, config, run, device) as trainer:
                trainer.train()
    return run


class _Trainer:
    """The loop. Every random draw of an epoch comes from generators seeded by that epoch's number, so a
    resumed run needs only the weights, the optimizer and the epoch to end with the same numbers.

    Patches stay on disk, memory-mapped, and are read batch by batch; a GPU holds them itself. Checkpoints are
    written while the next epoch runs. Used as a context manager, which ends its helper threads.
    """

    def __init__(self, fit: Fit, config: StudyConfig, run: FitRun, device: torch.device) -> None:
        self.fit, self.config, self.run, self.device = fit, config, run, device
        self.stream = (config.seed, fit.patches.arm, fit.fold.number, fit.backbone)
        first_weights = int(digest(self.stream)[:8], 16)
        inputs = inputs_of(config.subset(*FIT_PARAMETERS))
        self.model = build_model(fit.backbone, config.hidden_units, config.weights, first_weights, inputs).to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay, fused=True
        )
        patches = fit.patches
        labels = torch.from_numpy(patches.slices["label"].to_numpy(np.float32))
        self.train_rows, self.test_rows = patches.rows_of(fit.fold.train), patches.rows_of(fit.fold.test)
        self.near = patches.neighbours(self.train_rows, config.context_slices)  # (n, C), of training subjects all
        self.train_labels, self.test_labels = labels[self.train_rows].to(device), labels[self.test_rows]
        self.resident = torch.from_numpy(patches.patches[self.train_rows]).to(device) if device.type != "cpu" else None
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self.helpers = ExitStack()
        # Each on one thread of torch: together they take all cores already.
        drawers = ThreadPoolExecutor(threads_of(config), initializer=torch.set_num_threads, initargs=(1,))
        self.drawers = self.helpers.enter_context(drawers)
        self.writer = self.helpers.enter_context(ThreadPoolExecutor(1))
        self.written: Future[None] | None = None
        self.copies: dict[str, Any] = {}  # of the weights and the optimizer's state, in the same memory each epoch

    def __enter__(self) -> _Trainer:
        return self

    def __exit__(self, *error: object) -> None:
        self.helpers.close()

    def train(self) -> None:
        start = self._resume()
        for epoch in range(start, self.fit.epochs):
            began = time.perf_counter()
            self.history.append(self._epoch(epoch))
            self.seconds += time.perf_counter() - began
            if epoch + 1 < self.fit.epochs:
                self._checkpoint(epoch + 1)
        scores = self._test_scores()
        predictions = self.fit.patches.slices.iloc[self.test_rows].assign(score=scores).drop(columns="sop_instance_uid")
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        self._await_checkpoint()
        self.run.note_epoch(self.fit.epochs)
        self.run.finish(pd.DataFrame(self.history), predictions, state, self.seconds)

    def _resume(self) -> int:
        state = self.run.load_checkpoint()
        if state is None:
            return 0
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.seconds = state["history"], state["seconds"]
        return int(state["epoch"])

    def _checkpoint(self, epoch: int) -> None:
        """Copy the state and let a thread write it; what went wrong with the last one is raised here."""
        self._await_checkpoint()
        current = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        self.copies = _copied(current, self.copies)
        state = {**self.copies, "epoch": epoch, "history": list(self.history), "seconds": self.seconds}

        def write() -> None:
            self.run.save_checkpoint(state)
            self.run.note_epoch(epoch)

        self.written = self.writer.submit(write)

    def _await_checkpoint(self) -> None:
        if self.written:
            self.written.result()

    def _epoch(self, epoch: int) -> dict[str, float]:
        generator = seeded(*self.stream, epoch)
        parts = batches(torch.randperm(len(self.train_rows), generator=generator), self.config.batch_size)
        # Summed on the device and read once: a GPU is not made to wait after every batch.
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for number, rows in enumerate(parts):
            rate = cosine_rate(epoch * len(parts) + number, self.fit.epochs * len(parts), self.config.learning_rate)
            sums += self._step(self._batch(rows, (*self.stream, epoch, number)), self.train_labels[rows], rate)
        loss, hits = (sums / len(self.train_rows)).tolist()
        row = {"epoch": epoch + 1, "learning_rate": rate, "train_loss": loss, "train_accuracy": hits}
        return {**row, "held_out_accuracy": self._held_out_accuracy() if self.fit.follow else math.nan}

    def _step(self, patches: Tensor, labels: Tensor, rate: float) -> Tensor:
        """One step of the optimizer; returns the sum of losses and the number of hits, ``(2,)`` float64."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with autocast(self.config, self.device):
            logits = self.model(patches).float()
        loss = self._loss(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        hits = ((logits >= 0) == (labels > 0.5)).sum()
        return torch.stack([loss.detach().double() * len(labels), hits.double()])

    def _batch(self, rows: Tensor, stream: tuple[Any, ...]) -> Tensor:
        """The augmented, noisy patches of ``rows``. Drawn in parts of fixed size, each from a generator of its own,
        so that threads can share the work and their number changes nothing."""
        if self.resident is not None:
            return self._draw(rows, seeded(*stream, device=self.device)).to(memory_format=torch.channels_last)
        shares = enumerate(rows.split(DRAWN_AT_ONCE))
        drawn = self.drawers.map(lambda share: self._draw(share[1], seeded(*stream, share[0])), shares)
        return torch.cat(list(drawn)).to(memory_format=torch.channels_last)

    def _draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        config, chosen = self.config, self.train_rows[rows.numpy()]
        near = self.near[rows.numpy()]
        if self.resident is not None and config.noise_redraw:
            patches = self.resident[torch.from_numpy(np.searchsorted(self.train_rows, near)).to(self.device), 0]
        elif config.noise_redraw:
            patches = torch.from_numpy(self.fit.patches.patches[near][:, :, 0])
        else:
            patches = noisy_patches(self.fit.patches, config, "train", chosen).to(self.device)
        if config.bone_channel and config.noise_redraw:
            own = self.fit.patches.patches[chosen] if self.resident is None else self.resident[rows.to(self.device)]
            patches = with_bone(patches, torch.as_tensor(own))
        patches = augment(patches, config.flip_probability, config.rotation_degrees, generator)
        return with_noise(patches, config, generator) if config.noise_redraw else patches

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.loss == "cross_entropy":
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return focal_loss(logits, labels, self.config.focal_gamma, self.config.focal_alpha)

    def _test_scores(self) -> np.ndarray[Any, Any]:
        def parts() -> Iterator[Tensor]:
            for start in range(0, len(self.test_rows), SCORED_AT_ONCE):
                rows = self.test_rows[start : start + SCORED_AT_ONCE]
                yield noisy_patches(self.fit.patches, self.config, "test", rows)

        return scores_of(self.model, parts(), self.config, self.device)

    def _held_out_accuracy(self) -> float:
        return float(np.mean((self._test_scores() >= 0.5) == (self.test_labels.numpy() > 0.5)))


def _copied(state: Any, copies: Any = None) -> Any:
    """A state dictionary with every tensor copied to the CPU, into the memory of ``copies`` where that has it."""
    if isinstance(state, Tensor):
        return copies.copy_(state.detach()) if isinstance(copies, Tensor) else state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        known = copies if isinstance(copies, dict) else {}
        return {key: _copied(value, known.get(key)) for key, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state
