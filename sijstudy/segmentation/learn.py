"""Drawings -> a trained pair of networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn import functional
from tqdm import trange

from sijstudy.fresh_torch import fresh_torch
from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.drawings import Drawings
from sijstudy.segmentation.network import EDEMA_WEIGHT, Pair, UNet, has_bfloat16
from sijstudy.segmentation.varied import Samples, varied

BATCH = 8
RATE = 2e-3  # highest learning rate of the cycle
DECAY = 1e-3
OUTSIDE = 0.2  # weight of a pixel outside all bone in the loss of edema, against one inside


@dataclass(frozen=True)
class Plan:
    """How the networks are made: ``bodies`` drawn, ``steps`` of BATCH samples for each of the two."""

    seed: int = 1
    bodies: int = 1200
    steps: int = 5500


def learn(drawings: Drawings, plan: Plan, *, workers: int = 2, progress: bool = True) -> Pair:
    """Two networks that have each seen ``plan.steps`` batches of the drawings, varied anew each time; ready to use.

    Each learns in a process of its own, on one thread: the same for the same plan, whatever ``workers`` is.
    """
    jobs = (delayed(_learned)(drawings, plan, number, progress) for number in range(2))
    plain, mirrored = Parallel(n_jobs=workers, mmap_mode="c")(jobs)  # torch warns of arrays that cannot be written
    return Pair(plain, mirrored).eval()


@fresh_torch()
@threadpool_limits.wrap(limits=1)
def _learned(drawings: Drawings, plan: Plan, number: int, progress: bool) -> UNet:
    seed = 2 * plan.seed + number
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(drawings.images), torch.from_numpy(drawings.labels)
    network = UNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, plan.steps, pct_start=0.1)
    bar = trange(plan.steps, desc=f"learning {number + 1}", unit="step", position=number, disable=not progress)
    for step in bar:
        chosen = torch.randint(len(images), (BATCH,), generator=chance)
        samples = varied(images[chosen], labels[chosen], chance)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
            logits = network(samples.inputs.contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits.float(), samples)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cycle.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{float(loss.detach()):.2f}")
    return network.eval()


def loss_of(logits: Tensor, samples: Samples) -> Tensor:
    """Cross entropy and soft Dice of the bones, and of edema, which counts where there is bone."""
    bones, edema = logits[:, :-1], logits[:, -1]
    known = functional.one_hot(samples.classes, len(BONES) + 1).permute(0, 3, 1, 2).float()
    of_bones = functional.cross_entropy(bones, samples.classes) + _dice_loss(bones.softmax(1)[:, 1:], known[:, 1:])
    true = samples.edema.float()
    weight = torch.tensor(EDEMA_WEIGHT)
    each = functional.binary_cross_entropy_with_logits(edema, true, pos_weight=weight, reduction="none")
    inside = OUTSIDE + (samples.classes > 0).float()
    of_edema = 4 * (each * inside).mean() + 0.5 * _dice_loss(edema.sigmoid()[:, None], true[:, None])
    return of_bones + of_edema


def _dice_loss(found: Tensor, known: Tensor) -> Tensor:
    """1 minus the Dice coefficient over all pixels of a batch, mean over channels; ``(B, C, H, W)``."""
    both, each = (found * known).sum((0, 2, 3)), (found + known).sum((0, 2, 3))
    loss: Tensor = (1 - (2 * both + 1) / (each + 1)).mean()
    return loss
