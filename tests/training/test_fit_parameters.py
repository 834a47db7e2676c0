"""A fit does what its parameters say: every step of the trainer against the same step written out by hand.

A linear network of 32 x 32 weights stands in for the ResNet, so that a whole fit can be written in a few lines.
"""

import math
from dataclasses import asdict, dataclass, replace
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from toy_fits import CONFIG, toy_patches

from sijstudy.folds import Fold
from sijstudy.model import inputs_of
from sijstudy.noise import add_noise
from sijstudy.training import loop
from sijstudy.training.inputs import augment, seeded
from sijstudy.training.loop import FIT_PARAMETERS, Fit, train
from sijstudy.training.store import RunStore

FOLD = Fold(3, train=("a", "b", "d", "e"), test=("c", "f"))
EPOCHS, SHARE = 2, 8  # patches that share a generator
BASE = replace(CONFIG, noise_gaussian_variance=4.0, rotation_degrees=20.0, learning_rate=0.5, weight_decay=0.01)
ALL = {"orders", "batches", "rates", "losses", "weights", "scores"}

# Parameter -> another value, and what of a fit must be other with it; all the rest must stay.
LEARNED = {"losses", "weights", "scores"}
CHANGES = {
    "seed": (7, ALL - {"rates"}),
    "noise_gaussian_variance": (50.0, {"batches", *LEARNED}),
    "noise_poisson": ("none", {"batches", *LEARNED}),
    "noise_redraw": (False, {"batches", *LEARNED}),
    "loss": ("cross_entropy", LEARNED),
    "focal_gamma": (0.5, LEARNED),
    "focal_alpha": (0.2, LEARNED),
    "batch_size": (4, ALL),
    "learning_rate": (0.1, {"rates", *LEARNED}),
    "momentum": (0.0, LEARNED),
    "weight_decay": (0.2, LEARNED),
    "flip_probability": (0.0, {"batches", *LEARNED}),
    "rotation_degrees": (0.0, {"batches", *LEARNED}),
}
BUILT_WITH = {
    "hidden_units": 5,
    "weights": "none",
    "context_slices": 3,
    "intensity": "marrow",
    "bone_channel": True,
}  # they make the network; its arithmetic (mode): test_device.py


class Linear(nn.Module):
    """The stand-in: patch / 255 -> logit, with weights ``(1024,)`` that begin at 0.001 up to 0.002."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.001, 0.002, 32 * 32))
        self.seen = []

    def forward(self, patches):
        self.seen.append((self.training, patches.detach().clone()))
        return patches.mean(1).flatten(1) / 255 @ self.weight


@dataclass
class Trace:
    """What a fit did, step by step: ``orders`` are the labels of the batches."""

    orders: list
    batches: list
    rates: list
    losses: list
    weights: list
    scores: list

    def differs_from(self, other):
        """Names of the parts that are not the same."""
        return {name for name in ALL if not same(getattr(self, name), getattr(other, name))}


def same(ours, others):
    pairs = list(zip(ours, others, strict=False))
    return len(ours) == len(others) and all(
        one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-6) for one, other in pairs
    )


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    return toy_patches(tmp_path_factory.mktemp("patches"))


def by_the_trainer(patches, config, root):
    """Train, and note what the network and the optimizer were given."""
    network, labels, rates = Linear(), [], []
    step, sgd = loop._Trainer._step, torch.optim.SGD.step

    def noted(self, batch, targets, rate):
        labels.append(targets.clone())
        return step(self, batch, targets, rate)

    def stepped(self, *rest):
        rates.append(torch.tensor(self.param_groups[0]["lr"]))
        return sgd(self, *rest)

    with (
        mock.patch.object(loop, "build_model", return_value=network),
        mock.patch.object(loop._Trainer, "_step", noted),
        mock.patch.object(torch.optim.SGD, "step", stepped),
    ):
        run = train(Fit(FOLD, patches, "resnet18", EPOCHS), config, RunStore(root))
    return Trace(
        labels,
        [batch for training, batch in network.seen if training],
        rates,
        list(torch.tensor(run.history()[["train_loss", "train_accuracy"]].to_numpy(), dtype=torch.float32)),
        [network.weight.detach()],
        [torch.tensor(run.predictions()["score"].to_numpy(), dtype=torch.float32)],
    )


def noised(patches, config, generator):
    return add_noise(
        patches, gaussian_variance=config.noise_gaussian_variance, poisson=config.noise_poisson, generator=generator
    )


def fixed_noise(patches, config, row, purpose):
    """``(1, 1, S, S)``: the one draw of a slice."""
    generator = seeded(config.seed, "noise", purpose, patches.arm, patches.slices.loc[row, "sop_instance_uid"])
    return noised(torch.from_numpy(patches.patches[[row]]), config, generator)


def batch_by_hand(patches, config, rows, stream):
    parts = []
    for share, chosen in enumerate(np.split(rows, range(SHARE, len(rows), SHARE))):
        generator = seeded(*stream, share)
        if config.noise_redraw:
            clean = torch.from_numpy(patches.patches[chosen])
            turned = augment(clean, config.flip_probability, config.rotation_degrees, generator)
            parts.append(noised(turned, config, generator))
        else:
            noisy = torch.cat([fixed_noise(patches, config, row, "train") for row in chosen])
            parts.append(augment(noisy, config.flip_probability, config.rotation_degrees, generator))
    return torch.cat(parts)


def loss_by_hand(logits, labels, config):
    right = torch.where(labels == 1, logits, -logits).sigmoid()
    if config.loss == "cross_entropy":
        return -right.log().mean()
    alpha = torch.where(labels == 1, config.focal_alpha, 1 - config.focal_alpha)
    return (-2 * alpha * (1 - right) ** config.focal_gamma * right.log()).mean()


def by_hand(patches, config):
    """The same fit written out: cosine decay, batches of a new order in each epoch, momentum, weight decay."""
    table, trace = patches.slices, Trace([], [], [], [], [], [])
    rows = np.array([row for row in range(len(table)) if table.loc[row, "subject_id"] in FOLD.train])
    labels = torch.tensor(table["label"].to_numpy(), dtype=torch.float32)
    weight, velocity = Linear().weight.detach().clone(), 0.0
    total = EPOCHS * len(rows) // config.batch_size
    stream = (config.seed, "roi", 3, "resnet18")
    for epoch in range(EPOCHS):
        order = rows[torch.randperm(len(rows), generator=seeded(*stream, epoch)).numpy()]
        loss_sum, hits = 0.0, 0
        for number, chosen in enumerate(np.split(order, range(config.batch_size, len(rows), config.batch_size))):
            rate = config.learning_rate * (1 + math.cos(math.pi * len(trace.rates) / total)) / 2
            batch = batch_by_hand(patches, config, chosen, (*stream, epoch, number))
            weight.requires_grad_(True)
            logits = batch.flatten(1) / 255 @ weight
            loss = loss_by_hand(logits, labels[chosen], config)
            (slope,) = torch.autograd.grad(loss, weight)
            velocity = config.momentum * velocity + slope + config.weight_decay * weight.detach()
            weight = weight.detach() - rate * velocity
            loss_sum += loss.item() * len(chosen)
            hits += int(((logits >= 0) == (labels[chosen] == 1)).sum())
            trace.orders.append(labels[chosen])
            trace.batches.append(batch)
            trace.rates.append(torch.tensor(rate))
        trace.losses.append(torch.tensor([loss_sum / len(rows), hits / len(rows)]))
    tested = [row for row in range(len(table)) if table.loc[row, "subject_id"] in FOLD.test]
    noisy = torch.cat([fixed_noise(patches, config, row, "test") for row in tested])
    trace.weights.append(weight)
    trace.scores.append((noisy.flatten(1) / 255 @ weight).sigmoid())
    return trace


def test_a_fit_is_the_fit_written_out(patches, tmp_path):
    assert by_the_trainer(patches, BASE, tmp_path).differs_from(by_hand(patches, BASE)) == set()


@pytest.mark.parametrize("name", CHANGES)
def test_each_parameter_changes_what_it_should_and_nothing_else(patches, tmp_path, name):
    value, changed = CHANGES[name]
    config = replace(BASE, **{name: value})
    expected = by_hand(patches, config)
    assert expected.differs_from(by_hand(patches, BASE)) == changed
    assert by_the_trainer(patches, config, tmp_path).differs_from(expected) == set()


def test_no_parameter_of_a_fit_is_left_out():
    assert {*CHANGES, *BUILT_WITH, "mode"} == set(FIT_PARAMETERS)


def test_the_network_is_built_as_asked_for(patches, tmp_path):
    asked, fold = [], replace(FOLD, number=2)
    with mock.patch.object(loop, "build_model", side_effect=lambda *given: asked.append(given) or Linear()):
        for config, one in (
            (BASE, FOLD),
            (replace(BASE, **BUILT_WITH), FOLD),
            (replace(BASE, seed=7), FOLD),
            (BASE, fold),
        ):
            train(Fit(one, patches, "resnet34", 1), config, RunStore(tmp_path))
    assert [(*given[:3], given[4]) for given in asked] == [
        ("resnet34", config.hidden_units, config.weights, inputs_of(asdict(config)))
        for config in (BASE, replace(BASE, **BUILT_WITH), BASE, BASE)
    ]
    first, again, other_seed, other_fold = (given[3] for given in asked)
    assert first == again
    assert len({first, other_seed, other_fold}) == 3


def test_no_slice_looks_the_same_in_two_epochs(patches, tmp_path):
    still = replace(BASE, flip_probability=0.0, rotation_degrees=0.0, batch_size=12)
    first, second = by_the_trainer(patches, still, tmp_path).batches
    rows = patches.rows_of(FOLD.train)
    clean = torch.from_numpy(patches.patches[rows])
    for one in first:  # its neighbour in the second epoch shows the same slice with other noise
        row = (clean - one).square().mean((1, 2, 3)).argmin()
        other = second[(second - clean[row]).square().mean((1, 2, 3)).argmin()]
        assert not torch.allclose(one, other, atol=0.1)
