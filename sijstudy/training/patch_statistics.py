"""What a patch's grey values look like, without any network: how bright, how fine, and how bright where.

A network's features need not move when an image is inverted, turned, saturated or nothing but noise: they answer to
what it learned to look at. These numbers do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

Array = np.ndarray[Any, Any]

# ASSUMED, all of it: chosen beside images that no pelvis makes (noise, inverted, turned, saturated) and two real series
# of another contrast, among numbers that call as few slices of held-out subjects unlike (docs/DIAGNOSE.md).
PERCENTILES = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
FINENESS = 4  # kinds of detail: from pixel to pixel, from 2 to 2 pixels, 4 to 4; and what is coarser
PLACES = 8  # of rows and of columns in which the patch is averaged
BLACK, WHITE = 1.0, 254.0  # at or beyond these a pixel is at an end of the scale
LEAST = 1.0  # grey levels, or percent: what varies less counts as varying so


def patch_statistics(images: Array) -> Array:
    """Statistics ``(n, k)`` float64 of patches ``(n, S, S)`` on the scale [0, 255], without noise; S >= 8.

    In grey levels PERCENTILES, and the means of PLACES x PLACES parts; in percent, as 100 ln(1 + x), the standard
    deviation of each kind of detail of FINENESS and, as 100 ln(0.01 + x), the shares of black and of white pixels.
    """
    own = torch.from_numpy(np.array(images, np.float32))[:, None]
    flat = own.flatten(1)
    greys = torch.quantile(flat, torch.tensor(PERCENTILES) / 100, dim=1).T
    ends = torch.stack([(flat <= BLACK).float().mean(1), (flat >= WHITE).float().mean(1)], dim=1)
    where = functional.adaptive_avg_pool2d(own, PLACES).flatten(1)
    found = torch.cat([greys, 100 * torch.log1p(_detail(own)), 100 * torch.log(0.01 + ends), where], dim=1)
    return found.double().numpy()


def _detail(images: torch.Tensor) -> torch.Tensor:
    """SD ``(n, FINENESS)`` of what is finer than 2, 4 and 8 pixels, and of the rest: that of means of 8 x 8."""
    parts, own = [], images
    for _ in range(FINENESS - 1):
        coarser = functional.avg_pool2d(own, 2)
        rows, columns = (2 * size for size in coarser.shape[2:])
        finer = own[:, :, :rows, :columns] - functional.interpolate(coarser, scale_factor=2, mode="nearest")
        parts.append(finer.square().mean((1, 2, 3)).sqrt())
        own = coarser
    return torch.stack([*parts, own.flatten(1).std(dim=1)], dim=1)
