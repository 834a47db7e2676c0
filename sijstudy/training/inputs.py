"""Patches -> what a network is given: batches of them, flipped and turned, with noise [2.2, 2.5]."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.files import digest
from sijstudy.fresh_torch import fresh_torch
from sijstudy.noise import add_noise
from sijstudy.training.patches import PatchSet

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


def seeded(*parts: Any, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose stream is determined by ``parts``, e.g. (seed, "augment", epoch), and the device's kind."""
    return torch.Generator(device).manual_seed(int(digest(parts)[:15], 16))


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Split ``order`` into batches; a last batch of one joins its neighbour, as batch norm needs two."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def augment(patches: Tensor, flip_probability: float, degrees: float, generator: torch.Generator) -> Tensor:
    """Horizontal flip and rotation of ``(N, C, H, W)``, bilinear, 0 outside; nothing is cropped away [2.5].

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


@fresh_torch()
def noisy_patches(patches: PatchSet, config: StudyConfig, purpose: str, rows: Iterable[int] | None = None) -> Tensor:
    """Patches with one fixed draw of the noise [2.2]: ``(n, C, S, S)`` float32, all or those of ``rows``.

    C: ``config.context_slices``, the slice in the middle of its neighbours (``PatchSet.neighbours``); with
    ``config.bone_channel`` one more, the slice's own mask of bone, which gets no noise.
    A slice gets the same noise whichever fold it is tested in, and whatever else is asked for: its draw depends
    on the seed, the arm and its SOP Instance UID only, not on how its subject, folder or file is called.
    purpose: "test" or "train".
    """
    chosen = np.arange(len(patches.slices)) if rows is None else np.asarray(list(rows), dtype=np.int64)
    near = patches.neighbours(chosen, config.context_slices)
    needed, places = np.unique(near, return_inverse=True)  # a slice is drawn once, however many it stands beside
    noisy = torch.from_numpy(patches.patches[needed][:, :1])
    for place, uid in enumerate(patches.slices["sop_instance_uid"].iloc[needed]):
        generator = seeded(config.seed, "noise", purpose, patches.arm, str(uid))
        noisy[place] = with_noise(noisy[place : place + 1], config, generator)[0]
    shown = noisy[torch.from_numpy(places.reshape(near.shape)), 0]
    return with_bone(shown, torch.from_numpy(patches.patches[chosen])) if config.bone_channel else shown


def with_bone(shown: Tensor, own: Tensor) -> Tensor:
    """Images ``(n, C, S, S)``, and behind them the bone of their slices' patches ``(n, 2, S, S)``."""
    return torch.cat([shown, own[:, 1:]], dim=1)


def middle(inputs: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The slice itself of each input ``(n, C, S, S)``, bone behind or not: ``(n, S, S)`` float32."""
    return inputs[:, (inputs.shape[1] - 1) // 2].numpy()  # slices are odd in number


def with_noise(patches: Tensor, config: StudyConfig, generator: torch.Generator) -> Tensor:
    """``noise.add_noise`` as the study is configured: ``(N, C, S, S)`` -> the same shape; a mask of bone stays."""
    images = patches[:, : config.context_slices]
    noisy = add_noise(
        images,
        gaussian_variance=config.noise_gaussian_variance,
        poisson=config.noise_poisson,
        generator=generator,
    )
    return torch.cat([noisy, patches[:, config.context_slices :]], dim=1) if config.bone_channel else noisy
