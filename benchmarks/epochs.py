"""(b, c) One epoch of training: against the bare step of the model, and against the usual script's epoch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torchvision
from torch import nn

from benchmarks.measure import Line, in_turn, threads, timed
from benchmarks.pipelines import Sample, UsualDataset, usual_loader
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.losses import focal_loss
from sijstudy.model import build_model
from sijstudy.training.device import autocast, numerics, resolve_device, threads_of
from sijstudy.training.inputs import batches
from sijstudy.training.loop import Fit, train
from sijstudy.training.patches import PatchSet
from sijstudy.training.store import FitRun, RunStore

SLICES = 630  # of which about 570 are trained on, 18 steps of 32, as in a fold of the paper
WARMING_STEPS = 3
EPOCHS = 3  # of each measured fit: the first warms up, the last ends with the test scores; that between is timed


@dataclass(frozen=True)
class ClockedRun(FitRun):
    """A run that notes when each of its epochs was finished, its checkpoint written."""

    ends: list[float] = field(default_factory=list, compare=False)

    def note_epoch(self, epoch: int) -> None:
        """As always, and note the time."""
        super().note_epoch(epoch)
        self.ends.append(time.perf_counter())


class ClockedStore(RunStore):
    """A store whose runs are clocked."""

    def fit_run(self, config: Mapping[str, Any]) -> FitRun:
        """The run of ``config``, clocked."""
        return ClockedRun(super().fit_run(config).folder)


def our_epoch(patches: PatchSet, fold: Fold, config: StudyConfig, epochs: int = EPOCHS) -> float:
    """Seconds of an epoch of a new fit as ``train`` does it, from one checkpoint written to the next."""
    with tempfile.TemporaryDirectory(prefix="sijstudy-fit-") as folder:
        run = train(Fit(fold, patches, config.backbone, epochs), config, ClockedStore(Path(folder)))
        assert isinstance(run, ClockedRun)
        return median(after - before for before, after in pairwise(run.ends[:-1]))


class BareSteps:
    """Forward, backward and optimizer step on a batch in memory, in the best layout, nothing else."""

    def __init__(self, config: StudyConfig, slices: int) -> None:
        self.config, self.device = config, resolve_device(config.device)
        self.model = build_model(config.backbone, config.hidden_units, "none", seed=0).to(self.device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay, fused=True
        )
        pixels = torch.rand(slices, 1, config.patch_size, config.patch_size) * 255
        self.parts = [
            (pixels[rows].to(self.device).to(memory_format=torch.channels_last), (rows % 2).float().to(self.device))
            for rows in batches(torch.arange(slices), config.batch_size)
        ]

    def epoch(self) -> float:
        """Seconds of one epoch, after some steps that are not counted, as ours is timed after a whole epoch."""
        with numerics(self.config, self.device):
            self._steps(WARMING_STEPS)
            return timed(self._steps)

    def _steps(self, first: int | None = None) -> None:
        for patches, labels in self.parts[:first]:
            with autocast(self.config, self.device):
                logits = self.model(patches).float()
            loss = focal_loss(logits, labels, self.config.focal_gamma, self.config.focal_alpha)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
        settle(self.device)


class UsualScript:
    """Torchvision's ResNet18 in float32 and its default layout, three channels, fed by a DataLoader from DICOM."""

    def __init__(self, chosen: list[Sample], config: StudyConfig) -> None:
        self.config, self.device = config, resolve_device(config.device)
        self.loader = usual_loader(UsualDataset(chosen, config, augmented=True), shuffle=True)
        self.model = torchvision.models.resnet18(weights=None)
        self.model.fc = nn.Linear(self.model.fc.in_features, 1)
        self.model.to(self.device)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay
        )
        self.criterion = nn.BCEWithLogitsLoss()

    def epoch(self) -> float:
        """Seconds of one epoch, on the same number of threads as ours."""
        with threads(threads_of(self.config)):
            return timed(self._epoch)

    def _epoch(self) -> None:
        self.model.train()
        total = 0.0
        for patches, labels in self.loader:
            patches, labels = patches.to(self.device), labels.to(self.device)
            logits = self.model(patches.expand(-1, 3, -1, -1) / 255).squeeze(1)
            loss = self.criterion(logits, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()


def settle(device: torch.device) -> None:
    """Wait until a GPU has done what it was given; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_bare(patches: PatchSet, fold: Fold, config: StudyConfig, repeats: int) -> list[Line]:
    """(b) Our epoch against the bare steps, in float32 and bfloat16."""
    lines, slices = [], len(patches.rows_of(fold.train))
    for precision in ("float32", "bfloat16"):
        chosen = replace(config, precision=precision)
        own, bare = partial(our_epoch, patches, fold, chosen), BareSteps(chosen, slices)
        ours, theirs = in_turn(repeats, own, bare.epoch, shown=f"epoch {precision}")
        what = f"epoch of {slices} slices {config.patch_size}x{config.patch_size}, {precision}, vs bare step"
        lines.append(Line("b", what, "s", ours, theirs, high=1.05))
    return lines


def measure_script(
    patches: PatchSet, fold: Fold, chosen: list[Sample], config: StudyConfig, repeats: int
) -> list[Line]:
    """(c) Our epoch against the usual script's, on the same slices, as slices a second."""
    rows = patches.rows_of(fold.train)
    script = UsualScript([chosen[row] for row in rows], config)
    single, half = (partial(our_epoch, patches, fold, replace(config, precision=p)) for p in ("float32", "bfloat16"))
    seconds = in_turn(repeats, single, script.epoch, half, shown="usual script")
    rates = [tuple(len(rows) / value for value in values) for values in seconds]
    what = f"epoch of {len(rows)} slices, ours {{}}, vs usual script float32"
    return [
        Line("c", what.format("float32"), "slices/s", rates[0], rates[1], low=1.5),
        Line("c", what.format("bfloat16"), "slices/s", rates[2], rates[1]),
    ]
