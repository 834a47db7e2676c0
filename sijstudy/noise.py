"""Gaussian and Poisson noise, added to training, validation and test patches alike [2.2, Fig. 3b].

The paper does not say on which scale its pixel values lie. ASSUMED: the 8-bit scale, 0 to 255, of common
image files, on which a variance of 0.3 is slight and the logarithm is defined for every pixel above 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.intensity import percentiles
from sijstudy.poisson import poisson as poisson_counts

PERCENTILES = (0.5, 99.5)  # ASSUMED: robust to single bright pixels


def to_8bit(image: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A slice ``(H, W)`` of any scale as float32 in [0, 255], not rounded.

    ASSUMED: its 0.5th and 99.5th percentiles become 0 and 255, what lies beyond is clipped. A slice whose
    percentiles coincide becomes 0.
    """
    low, high = percentiles(image, PERCENTILES)
    if high <= low:
        return np.zeros(image.shape, dtype=np.float32)
    scaled = image.astype(np.float32)
    scaled -= np.float32(low)
    scaled *= np.float32(255.0 / (high - low))
    return np.clip(scaled, 0.0, 255.0, out=scaled)


def poisson_rate(pixels: Tensor, reading: str) -> Tensor:
    """Expected value of the Poisson noise of each pixel in [0, 255], same shape.

    "the log of a single pixel value ... and raised to the fourth power" [2.2] reads as

    - ``power_of_log``: (ln x)^4, 0 to 942 (default: the logarithm is what is raised), or
    - ``log_of_power``: ln(x^4) = 4 ln x, 0 to 22.

    ASSUMED: natural logarithm; pixels below 1 count as 1, where the rate is 0.
    """
    log = pixels.clamp_min(1.0).log()
    if reading == "power_of_log":
        return log.square().square()
    if reading == "log_of_power":
        return 4 * log
    raise ValueError(f"reading {reading!r} must be power_of_log or log_of_power")


def add_noise(patches: Tensor, *, gaussian_variance: float, poisson: str, generator: torch.Generator) -> Tensor:
    """x + N_G + N_P for patches ``(N, 1, H, W)`` float32 in [0, 255]; same shape, may leave that range.

    N_G: mean 0, ``gaussian_variance`` (on the 8-bit scale). N_P: Poisson with ``poisson_rate`` of the pixel;
    ``poisson="none"`` leaves it out. ASSUMED: both are added. ``generator`` lives on the patches' device.
    """
    noisy = torch.randn(patches.shape, generator=generator, device=patches.device)
    noisy.mul_(gaussian_variance**0.5).add_(patches)
    if poisson != "none":
        noisy.add_(poisson_counts(poisson_rate(patches, poisson), generator))
    return noisy
