"""Gaussian and Poisson noise, added to training, validation and test patches alike [2.2, Fig. 3b].

The paper does not say on which scale its pixel values lie. ASSUMED: the 8-bit scale, 0 to 255, of common
image files, on which a variance of 0.3 is slight and the logarithm is defined for every pixel above 1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sijstudy.fresh_torch import fresh_torch

LEAST_RATE = 24.0  # below it the expansion of ``quantile`` is too rough in the tails
FAR = 3.0  # standard deviations beyond which the distribution function decides always


def poisson_rate(pixels: Tensor, interpretation: str) -> Tensor:
    """Expected value of the Poisson noise of each pixel in [0, 255], same shape.

    "the log of a single pixel value ... and raised to the fourth power" [2.2] can mean

    - ``power_of_log``: (ln x)^4, 0 to 942 (default: the logarithm is what is raised), or
    - ``log_of_power``: ln(x^4) = 4 ln x, 0 to 22.

    ASSUMED: natural logarithm; pixels below 1 count as 1, where the rate is 0.
    """
    log = pixels.clamp_min(1.0).log()
    if interpretation == "power_of_log":
        return log.square().square()
    if interpretation == "log_of_power":
        return 4 * log
    raise ValueError(f"interpretation {interpretation!r} must be power_of_log or log_of_power")


@fresh_torch()
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


def poisson_counts(rates: Tensor, generator: torch.Generator) -> Tensor:
    """Poisson counts of ``rates``, float32 >= 0 of any shape: float32 whole numbers of that shape, exactly distributed.

    Several times faster than one draw after the other: a count is the quantile, at its rate, of a standard normal draw.
    ``generator`` lives on the device of ``rates``. A GPU draws them by itself, and low rates are drawn one by one.
    """
    if rates.device.type != "cpu":
        return torch.poisson(rates, generator=generator)
    rates = rates.contiguous()
    low = np.flatnonzero((rates < LEAST_RATE).numpy())
    if 2 * len(low) > rates.numel():
        return torch.poisson(rates, generator=generator)
    counts = quantile(rates.clamp_min(LEAST_RATE), torch.randn(rates.shape, generator=generator))
    _flat(counts)[low] = torch.poisson(torch.from_numpy(_flat(rates)[low]), generator=generator).numpy()
    return counts


def quantile(rates: Tensor, normal: Tensor) -> Tensor:
    """The least whole number N with P(Poisson(rate) <= N) >= Phi(normal), exact for float32 input on the CPU.

    An expansion gives it for all pixels at once to far less than 1, and rounding it down gives N, except beside a whole
    number: there, at one pixel in two hundred, the distribution function itself decides.
    rates: at least LEAST_RATE. normal: of the same shape, -6 to 6. The expansion is that of Temme and of Giles
    (2016, ACM TOMS 42, 6), rate (1 + t + t^2/6 - t^3/72 + t^4/270) + 1/3 - t/36 + 7 t^2/810 with
    t = normal / sqrt(rate); tests compare it with the distribution function.
    """
    shrink = rates.rsqrt()
    t = normal * shrink
    growth = (t / 270).sub_(1 / 72).mul_(t).add_(1 / 6).mul_(t).add_(1).mul_(t)
    value = (t * (7 / 810)).sub_(1 / 36).mul_(t).add_(1 / 3).add_(rates).addcmul_(rates, growth)
    counts, nearest = value.floor(), value.round()
    error = shrink.pow(3).mul_(0.5).add_(rates, alpha=5e-7).add_(1e-4)  # of the expansion up to FAR, and of float32
    unsure = np.flatnonzero(((value.sub_(nearest).abs_() < error) | (normal.abs() > FAR)).numpy())
    rate, z, k = (torch.from_numpy(_flat(part)[unsure]).double() for part in (rates, normal, nearest))
    below = torch.special.gammaincc(k, rate)  # P(count <= k - 1)
    _flat(counts)[unsure] = (k - (torch.special.ndtr(z) <= below).double()).numpy()
    return counts


def _flat(values: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The tensor's memory as one row; numpy's indexing is the quicker one here."""
    return values.view(-1).numpy()
