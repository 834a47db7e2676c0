"""Training: one network on one split, resumable, its numbers determined by its configuration alone [2.5]."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from torch import Tensor

from sijstudy.artifacts import FitRun, RunStore, code_digest, digest
from sijstudy.config import StudyConfig
from sijstudy.dataset import PatchSet
from sijstudy.folds import Fold
from sijstudy.losses import focal_loss
from sijstudy.model import EdemaNet, build_model, weights_digest
from sijstudy.noise import add_noise

FIT_CODE = ("training", "model", "losses", "noise")
FIT_PARAMETERS = (
    "seed",
    "precision",
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
            "threads": threads_of(config) if device.type == "cpu" else None,
            "code": code_digest(*FIT_CODE),
            "torch": torch.__version__,
            "weights_file": weights_digest(config.weights, self.backbone),
            **config.subset(*FIT_PARAMETERS),
        }


def resolve_device(name: str) -> torch.device:
    """``auto`` is a GPU when there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def threads_of(config: StudyConfig) -> int:
    """CPU threads of one fit. Sums of floats depend on it, so it is part of a run's identity."""
    return config.threads_per_fit or max(1, (os.cpu_count() or 1) // config.parallel_fits)


def seeded(*parts: Any) -> torch.Generator:
    """A CPU generator whose stream is determined by ``parts``, e.g. (seed, "augment", epoch)."""
    return torch.Generator().manual_seed(int(digest(parts)[:15], 16))


def cosine_rate(step: int, total: int, start: float) -> float:
    """Learning rate at ``step`` of ``total``: cosine decay from ``start`` to 0, no restart [2.5].

    ASSUMED: the decay runs over all steps, and moves with every batch.
    """
    return 0.5 * start * (1 + math.cos(math.pi * step / total))


def augment(patches: Tensor, flip_probability: float, degrees: float, generator: torch.Generator) -> Tensor:
    """Horizontal flip and rotation of ``(N, 1, H, W)``, bilinear, 0 outside; nothing is cropped away [2.5]."""
    n = len(patches)
    angle = (torch.rand(n, generator=generator) * 2 - 1) * math.radians(degrees)
    flip = torch.where(torch.rand(n, generator=generator) < flip_probability, -1.0, 1.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(n)
    theta = torch.stack([torch.stack([cos * flip, -sin, zero], 1), torch.stack([sin * flip, cos, zero], 1)], 1)
    grid = torch.nn.functional.affine_grid(theta.to(patches.device), list(patches.shape), align_corners=False)
    return torch.nn.functional.grid_sample(patches, grid, align_corners=False)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Split ``order`` into batches; a last batch of one joins its neighbour, as batch norm needs two."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def noisy_patches(patches: PatchSet, config: StudyConfig, purpose: str) -> Tensor:
    """All patches with one fixed draw of the noise [2.2]: ``(N, 1, S, S)`` float32.

    A slice gets the same noise whichever fold it is tested in. purpose: "test" or "train".
    """
    return add_noise(
        torch.from_numpy(np.array(patches.patches)),
        gaussian_variance=config.noise_gaussian_variance,
        poisson=config.noise_poisson,
        generator=seeded(config.seed, "noise", purpose, patches.arm),
    )


@torch.inference_mode()
def predict(model: EdemaNet, patches: Tensor, config: StudyConfig, device: torch.device) -> np.ndarray[Any, Any]:
    """Slice scores ``(N,)`` float64 in [0, 1] of noisy patches; the model is left in the mode it came in."""
    training = model.training
    model.eval()
    with _autocast(config, device):
        parts = [model(part.to(device)).float().sigmoid().cpu() for part in patches.split(64)]
    model.train(training)
    scores: np.ndarray[Any, Any] = torch.cat(parts).double().numpy()
    return scores


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
    with FileLock(run.lock_file), _numerics(config, device):
        run.remove_leftovers()
        if not run.is_done:
            _Trainer(fit, config, run, device).train()
    return run


def _autocast(config: StudyConfig, device: torch.device) -> Any:
    return torch.autocast(device.type, torch.bfloat16) if config.precision == "bfloat16" else nullcontext()


@contextmanager
def _numerics(config: StudyConfig, device: torch.device) -> Iterator[None]:
    """Deterministic algorithms and the configured number of threads, put back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if device.type == "cpu":
        torch.set_num_threads(threads_of(config))
    else:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be deterministic
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads)


class _Trainer:
    """The loop. Every random draw of an epoch comes from a generator seeded by that epoch's number, so a
    resumed run needs only the weights, the optimizer and the epoch to end with the same numbers.
    """

    def __init__(self, fit: Fit, config: StudyConfig, run: FitRun, device: torch.device) -> None:
        self.fit, self.config, self.run, self.device = fit, config, run, device
        self.stream = (config.seed, fit.patches.arm, fit.fold.number, fit.backbone)
        first_weights = int(digest(self.stream)[:8], 16)
        self.model = build_model(fit.backbone, config.hidden_units, config.weights, first_weights).to(device)
        self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay
        )
        self._load_data()
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    def _load_data(self) -> None:
        patches = self.fit.patches
        train_rows = patches.rows_of(self.fit.fold.train)
        self.test_rows = patches.rows_of(self.fit.fold.test)
        labels = torch.from_numpy(patches.slices["label"].to_numpy(np.float32))
        clean = torch.from_numpy(np.array(patches.patches[train_rows]))
        self.train_patches = (
            clean if self.config.noise_redraw else noisy_patches(patches, self.config, "train")[train_rows]
        )
        self.train_labels, self.test_labels = labels[train_rows], labels[self.test_rows]
        self.test_patches = noisy_patches(patches, self.config, "test")[self.test_rows]

    def train(self) -> None:
        start = self._resume()
        for epoch in range(start, self.fit.epochs):
            began = time.perf_counter()
            self.history.append(self._epoch(epoch))
            self.seconds += time.perf_counter() - began
            if epoch + 1 < self.fit.epochs:
                self._checkpoint(epoch + 1)
            self.run.note_epoch(epoch + 1)
        scores = predict(self.model, self.test_patches, self.config, self.device)
        predictions = self.fit.patches.slices.iloc[self.test_rows].assign(score=scores)
        state = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
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
        self.run.save_checkpoint(
            {
                "epoch": epoch,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "seconds": self.seconds,
            }
        )

    def _epoch(self, epoch: int) -> dict[str, float]:
        generator = seeded(*self.stream, epoch)
        parts = batches(torch.randperm(len(self.train_labels), generator=generator), self.config.batch_size)
        losses, hits = 0.0, 0
        for number, rows in enumerate(parts):
            rate = cosine_rate(epoch * len(parts) + number, self.fit.epochs * len(parts), self.config.learning_rate)
            loss, hit = self._step(rows, rate, generator)
            losses, hits = losses + loss * len(rows), hits + hit
        n = len(self.train_labels)
        row = {"epoch": epoch + 1, "learning_rate": rate, "train_loss": losses / n, "train_accuracy": hits / n}
        return {**row, "held_out_accuracy": self._held_out_accuracy() if self.fit.follow else math.nan}

    def _step(self, rows: Tensor, rate: float, generator: torch.Generator) -> tuple[float, int]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        patches = self._batch(rows, generator).to(self.device, memory_format=torch.channels_last)
        labels = self.train_labels[rows].to(self.device)
        with _autocast(self.config, self.device):
            logits = self.model(patches).float()
        loss = self._loss(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        hits = ((logits >= 0) == (labels > 0.5)).sum()
        return float(loss.detach()), int(hits)

    def _batch(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        config = self.config
        patches = augment(self.train_patches[rows], config.flip_probability, config.rotation_degrees, generator)
        if not config.noise_redraw:
            return patches
        return add_noise(
            patches,
            gaussian_variance=config.noise_gaussian_variance,
            poisson=config.noise_poisson,
            generator=generator,
        )

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.config.loss == "cross_entropy":
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return focal_loss(logits, labels, self.config.focal_gamma, self.config.focal_alpha)

    def _held_out_accuracy(self) -> float:
        scores = predict(self.model, self.test_patches, self.config, self.device)
        return float(np.mean((scores >= 0.5) == (self.test_labels.numpy() > 0.5)))
