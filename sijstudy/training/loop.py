"""Training: one network on one split, resumable, its numbers determined by its configuration alone [2.5]."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sijstudy.config import StudyConfig
from sijstudy.files import FitRun, RunStore, code_digest, digest
from sijstudy.folds import Fold
from sijstudy.losses import focal_loss
from sijstudy.model import EdemaNet, build_model, weights_digest
from sijstudy.noise import add_noise
from sijstudy.training.device import arithmetic, autocast, numerics, resolve_device, threads_of
from sijstudy.training.patches import PatchSet

FIT_CODE = ("training/loop", "training/device", "model", "losses", "noise")
FIT_PARAMETERS = (
    "seed",
    "mode",
    "noise_gaussian_variance",
    "noise_poisson",
    "noise_redraw",
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

SCORED_AT_ONCE = 64  # patches of one forward pass
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
            "code": code_digest(*FIT_CODE),
            "torch": torch.__version__,
            "weights_file": weights_digest(config.weights, self.backbone),
            **config.subset(*FIT_PARAMETERS),
        }


def seeded(*parts: Any, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose stream is determined by ``parts``, e.g. (seed, "augment", epoch), and the device's kind."""
    return torch.Generator(device).manual_seed(int(digest(parts)[:15], 16))


def cosine_rate(step: int, total: int, start: float) -> float:
    """Learning rate at ``step`` of ``total``: cosine decay from ``start`` to 0, no restart [2.5].

    ASSUMED: the decay runs over all steps, and moves with every batch.
    """
    return 0.5 * start * (1 + math.cos(math.pi * step / total))


def augment(patches: Tensor, flip_probability: float, degrees: float, generator: torch.Generator) -> Tensor:
    """Horizontal flip and rotation of ``(N, 1, H, W)``, bilinear, 0 outside; nothing is cropped away [2.5].

    ``generator`` lives on the patches' device.
    """
    n, _, height, width = patches.shape
    draws = torch.rand(2, n, 1, 1, generator=generator, device=patches.device)
    angle = (draws[0] * 2 - 1) * math.radians(degrees)
    flip = torch.where(draws[1] < flip_probability, -1.0, 1.0)
    # Where each pixel comes from, in units of half the patch, pixel centres as in affine_grid(align_corners=False);
    # a point is the complex number x + iy, which one multiplication turns.
    x = ((torch.arange(width, device=patches.device) * 2 + 1) / width - 1)[None, None, :]
    y = ((torch.arange(height, device=patches.device) * 2 + 1) / height - 1)[None, :, None]
    turn = torch.polar(torch.ones_like(angle), angle)
    grid = torch.view_as_real(turn * flip * x + turn * 1j * y)
    return torch.nn.functional.grid_sample(patches, grid, align_corners=False)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Split ``order`` into batches; a last batch of one joins its neighbour, as batch norm needs two."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def noisy_patches(patches: PatchSet, config: StudyConfig, purpose: str, rows: Iterable[int] | None = None) -> Tensor:
    """Patches with one fixed draw of the noise [2.2]: ``(n, 1, S, S)`` float32, all or those of ``rows``.

    A slice gets the same noise whichever fold it is tested in, and whatever else is asked for: its draw depends
    on the seed, the arm, subject and slice index only. purpose: "test" or "train".
    """
    chosen = np.arange(len(patches.slices)) if rows is None else np.asarray(list(rows), dtype=np.int64)
    noisy = torch.from_numpy(patches.patches[chosen])
    table = patches.slices.iloc[chosen]
    for place, (subject, index) in enumerate(zip(table["subject_id"], table["slice_index"], strict=True)):
        generator = seeded(config.seed, "noise", purpose, patches.arm, str(subject), int(index))
        noisy[place] = _add_noise(noisy[place : place + 1], config, generator)[0]
    return noisy


def _add_noise(patches: Tensor, config: StudyConfig, generator: torch.Generator) -> Tensor:
    return add_noise(
        patches,
        gaussian_variance=config.noise_gaussian_variance,
        poisson=config.noise_poisson,
        generator=generator,
    )


def predict(model: EdemaNet, patches: Tensor, config: StudyConfig, device: torch.device) -> np.ndarray[Any, Any]:
    """Slice scores ``(N,)`` float64 in [0, 1] of noisy patches; the model is left in the mode it came in."""
    return _scores(model, patches.split(SCORED_AT_ONCE), config, device)


@torch.inference_mode()
def _scores(
    model: EdemaNet, parts: Iterable[Tensor], config: StudyConfig, device: torch.device
) -> np.ndarray[Any, Any]:
    training = model.training
    model.eval()
    with autocast(config, device):
        scores = [model(part.to(device)).float().sigmoid().cpu() for part in parts]
    model.train(training)
    result: np.ndarray[Any, Any] = torch.cat(scores).double().numpy()
    return result


def load_model(run: FitRun) -> EdemaNet:
    """The trained network of a finished run, in evaluation mode, on the CPU."""
    config = run.config()
    model = build_model(config["backbone"], config["hidden_units"], "none", seed=0)
    model.load_state_dict(run.weights())
    return model.eval()


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
    written behind the next epoch's back. Used as a context manager, which ends its helper threads.
    """

    def __init__(self, fit: Fit, config: StudyConfig, run: FitRun, device: torch.device) -> None:
        self.fit, self.config, self.run, self.device = fit, config, run, device
        self.stream = (config.seed, fit.patches.arm, fit.fold.number, fit.backbone)
        first_weights = int(digest(self.stream)[:8], 16)
        self.model = build_model(fit.backbone, config.hidden_units, config.weights, first_weights).to(device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay, fused=True
        )
        patches = fit.patches
        labels = torch.from_numpy(patches.slices["label"].to_numpy(np.float32))
        self.train_rows, self.test_rows = patches.rows_of(fit.fold.train), patches.rows_of(fit.fold.test)
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
        predictions = self.fit.patches.slices.iloc[self.test_rows].assign(score=scores)
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
        if self.resident is not None and config.noise_redraw:
            patches = self.resident[rows]
        elif config.noise_redraw:
            patches = torch.from_numpy(self.fit.patches.patches[chosen])
        else:
            patches = noisy_patches(self.fit.patches, config, "train", chosen).to(self.device)
        patches = augment(patches, config.flip_probability, config.rotation_degrees, generator)
        return _add_noise(patches, config, generator) if config.noise_redraw else patches

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.loss == "cross_entropy":
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return focal_loss(logits, labels, self.config.focal_gamma, self.config.focal_alpha)

    def _test_scores(self) -> np.ndarray[Any, Any]:
        def parts() -> Iterator[Tensor]:
            for start in range(0, len(self.test_rows), SCORED_AT_ONCE):
                rows = self.test_rows[start : start + SCORED_AT_ONCE]
                yield noisy_patches(self.fit.patches, self.config, "test", rows)

        return _scores(self.model, parts(), self.config, self.device)

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
