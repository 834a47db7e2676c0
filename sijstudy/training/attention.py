"""A subject's slices together -> one score, by attention that is learned on the networks' features (Ilse et al. 2018).

Where the paper filters slice results and averages them [3.1], gated attention weighs the slices of a subject by what
the slice network sees in them and decides on the weighted mean. The network of a fold and its attention are one network
that is trained in two steps: the slices first, as ever, then the attention on the features of the fold's training
subjects alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from sijstudy.code import code_digest
from sijstudy.folds import Fold
from sijstudy.fresh_torch import environment_identity, fresh_torch
from sijstudy.kept import kept_table
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.inputs import noisy_patches, seeded
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import SCORED_AT_ONCE, load_model
from sijstudy.training.store import FitRun, RunStore

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py

Array = np.ndarray[Any, Any]

# ASSUMED: Ilse et al. do not use it on this task; their code's width, and steps that end in a flat loss here.
WIDTH = 128  # units of the attention
EPOCHS = 60
LEARNING_RATE, WEIGHT_DECAY = 5e-4, 1e-3


class GatedAttention(nn.Module):
    """The features of a subject's slices -> its logit and the weight of each slice (Ilse et al. 2018, eq. 9)."""

    def __init__(self, features: int, width: int = WIDTH) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(features, width), nn.Tanh())
        self.gate = nn.Sequential(nn.Linear(features, width), nn.Sigmoid())
        self.weigh = nn.Linear(width, 1)
        self.decide = nn.Linear(features, 1)
        for layer in (
            self.weigh,
            self.decide,
        ):  # it starts as an undecided mean: from random weights a third looked away
            nn.init.zeros_(layer.weight)

    def forward(self, bag: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, features)`` of the n slices of one subject -> logit ``()`` and weights ``(n,)``, which sum to 1."""
        weights = self.weigh(self.value(bag) * self.gate(bag)).squeeze(1).softmax(0)
        return self.decide(weights @ bag).squeeze(0), weights


def attended(run: FitRun, patches: PatchSet, fold: Fold, config: StudyConfig, store: RunStore) -> pd.DataFrame:
    """Score of every test subject by the fold's network with attention, from the store when it was learned before.

    A row per test slice: subject_id, slice_index, attention_score (the subject's, in [0, 1]), attention (the weight of
    the slice; those of a subject sum to 1). Nothing of a test subject enters the learning.
    """
    device = resolve_device(config.device)
    asked = {
        "run": run.folder.name,
        "patches": patches.digest,
        "train": sorted(fold.train),
        "test": sorted(fold.test),
        "device": device.type,
        "code": code_digest(attended),
        **environment_identity(),
        **config.subset("seed", "mode", "noise_gaussian_variance", "noise_poisson"),
    }
    with numerics(config, device):
        return kept_table(store.root / "attention", asked, lambda: _learned(run, patches, fold, config, device))


@fresh_torch()
def _learned(run: FitRun, patches: PatchSet, fold: Fold, config: StudyConfig, device: torch.device) -> pd.DataFrame:
    train, test = patches.rows_of(fold.train), patches.rows_of(fold.test)
    known = features_of(run, patches, train, config, device)
    mean, spread = known.mean(0), known.std(0).clamp_min(1e-6)
    bags = _bags(patches, train, (known - mean) / spread)
    label = patches.slices["label"].to_numpy()
    truth = [float(label[rows].max()) for rows, _ in bags]
    head = fit_attention([bag for _, bag in bags], truth, seeded(config.seed, "attention", fold.number))
    parts = []
    for rows, bag in _bags(patches, test, (features_of(run, patches, test, config, device) - mean) / spread):
        with torch.inference_mode():
            logit, weights = head(bag)
        own = patches.slices.iloc[rows][["subject_id", "slice_index"]]
        parts.append(own.assign(attention_score=float(logit.sigmoid()), attention=weights.double().numpy()))
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def features_of(run: FitRun, patches: PatchSet, rows: Array, config: StudyConfig, device: torch.device) -> Tensor:
    """Features of slices as test slices are seen, one fixed draw of the noise: ``(n, 512 or 2048)`` on the CPU."""
    model = load_model(run).to(device)
    shares = np.array_split(rows, max(1, -(-len(rows) // SCORED_AT_ONCE)))
    return torch.cat([model.features(noisy_patches(patches, config, "test", own).to(device)).cpu() for own in shares])


def fit_attention(bags: list[Tensor], truth: list[float], generator: torch.Generator) -> GatedAttention:
    """Attention learned on the bags ``(n, features)`` of subjects of known truth (0 or 1), a subject at a time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        head = GatedAttention(bags[0].shape[1])
    optimizer = torch.optim.Adam(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    labels = torch.tensor(truth)
    for _ in range(EPOCHS):
        for place in torch.randperm(len(bags), generator=generator).tolist():
            logit, _ = head(bags[place])
            loss = nn.functional.binary_cross_entropy_with_logits(logit, labels[place])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return head.eval()


def _bags(patches: PatchSet, rows: Array, features: Tensor) -> list[tuple[Array, Tensor]]:
    """Each subject's rows with their features, in the order of the rows."""
    subjects = patches.slices["subject_id"].to_numpy()[rows]
    places = [np.flatnonzero(subjects == name) for name in pd.unique(subjects)]
    return [(rows[own], features[torch.from_numpy(own)]) for own in places]
