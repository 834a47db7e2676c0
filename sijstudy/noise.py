"""Gaussian and Poisson noise, added to training, validation and test patches alike [2.2, Fig. 3b].

The paper does not say on which scale its pixel values lie. ASSUMED: the 8-bit scale, 0 to 255, of common
image files, on which a variance of 0.3 is slight and the logarithm is defined for every pixel above 1.

Nor does it say which logarithm it takes. ASSUMED: base ten. In the ROI patches of two synthetic cohorts of 200 slices
of 448 x 448, Gd-enhanced fat-suppressed T1 and STIR, Poisson noise has

    rate          mean            of the summed intensity    pixels beyond 255 (Gaussian noise alone: 0.2%, 0.05%)
    (log10 x)^4   14.5,  11.8     14%, 14%                   0.8%, 0.4%
    (ln x)^4      407,   333      82%, 82%                   93%,  78%
    ln(x^4)       17.8,  16.8     16%, 18%                   0.6%, 0.3%

In Fig. 3b hardly a pixel is white, as (ln x)^4 would make nearly all. Of the other two, (log10 x)^4 keeps to the words:
it is the logarithm that is raised. Notebook 02 measures all three on the patches of its own run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.fresh_torch import fresh_torch

LEAST_RATE = 36  # of ``quantile``, whose expansion is too rough in the tails below; above (log10 255)^4 = 33.5
FAR = 3.0  # standard deviations beyond which the distribution function decides always
STEPS, CELLS = 16, 1024  # of the table of ``low_counts``: rates from one unit to the next, cells of [0, 1)
MOST = 126  # count above which less than 1e-25 of the probability lies at LEAST_RATE
UNSURE = 255  # in that table: the cell's draws do not all give one count


def poisson_rate(pixels: Tensor, interpretation: str) -> Tensor:
    """Expected value of the Poisson noise of each pixel in [0, 255], same shape.

    "the log of a single pixel value ... and raised to the fourth power" [2.2] can mean

    - ``power_of_log10``: (log10 x)^4, 0 to 33.5 (default),
    - ``power_of_log``: (ln x)^4, 0 to 942, or
    - ``log_of_power``: ln(x^4) = 4 ln x, 0 to 22.

    ASSUMED: pixels below 1 count as 1, where the rate is 0. Raises ValueError for another interpretation.
    """
    bright = pixels.clamp_min(1.0)
    if interpretation == "power_of_log10":
        return bright.log10().square().square()
    if interpretation == "power_of_log":
        return bright.log().square().square()
    if interpretation == "log_of_power":
        return 4 * bright.log()
    raise ValueError(f"interpretation {interpretation!r} must be power_of_log10, power_of_log or log_of_power")


@fresh_torch()
def add_noise(patches: Tensor, *, gaussian_variance: float, poisson: str, generator: torch.Generator) -> Tensor:
    """x + N_G + N_P for patches ``(N, C, H, W)`` float32 in [0, 255]; same shape, may leave that range.

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

    Several times faster than one draw after the other: from LEAST_RATE on, a count is the quantile, at its rate, of a
    standard normal draw; below, tables give it. ``generator`` lives on the device of ``rates``. A GPU draws by itself.
    """
    if rates.device.type != "cpu":
        return torch.poisson(rates, generator=generator)
    rates = rates.contiguous()
    low = np.flatnonzero((rates < LEAST_RATE).numpy())
    if len(low) == rates.numel():
        return low_counts(rates, generator)
    counts = quantile(rates.clamp_min(LEAST_RATE), torch.randn(rates.shape, generator=generator))
    _flat(counts)[low] = low_counts(torch.from_numpy(_flat(rates)[low]), generator).numpy()
    return counts


def low_counts(rates: Tensor, generator: torch.Generator) -> Tensor:
    """As ``poisson_counts``, of contiguous rates from 0 to LEAST_RATE, excluded, on the CPU.

    A count is the sum of a count at the next lower multiple of 1 / STEPS, which ``_table`` knows of a uniform draw, and
    of one for the rest: as many points are thrown on the pixels as make 1 / STEPS a pixel, and each is kept with the
    chance rest * STEPS.
    """
    draws = torch.empty(rates.shape, dtype=torch.int32).random_(generator=generator)  # 0 to 2^31 - 1
    rest = rates * STEPS
    grid = rest.to(torch.int32)
    table, bounds = _table()
    cells = (draws >> 21).add_(grid, alpha=CELLS)  # of 31 bits the first 10
    known = table.take(cells.numpy(), mode="clip")  # nothing is clipped; this mode is the quicker one
    unsure = np.flatnonzero(known == UNSURE)
    rows = _flat(grid)[unsure]
    known.ravel()[unsure] = np.searchsorted(bounds, rows + _flat(draws)[unsure] * 2.0**-31, "right") - rows * MOST
    counts = torch.from_numpy(known.astype(np.float32))
    points = int(torch.poisson(torch.tensor(rates.numel() / STEPS, dtype=torch.float64), generator=generator))
    places = torch.randint(max(rates.numel(), 1), (points,), generator=generator)
    kept = torch.rand(points, dtype=torch.float64, generator=generator) < rest.sub_(grid).view(-1)[places]
    np.add.at(_flat(counts), places[kept].numpy(), np.float32(1))
    return counts


@cache
def _table() -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Counts by rate, a row for each multiple of 1 / STEPS, and by the cell of [0, 1) in which a uniform draw lies.

    A count is how many values of the distribution function lie at or below the draw; UNSURE where some lie within the
    cell. bounds: those values, MOST to a row, with the row's number added, so that they ascend through all rows.
    """
    rates = torch.arange(LEAST_RATE * STEPS, dtype=torch.float64)[:, None] / STEPS
    counts = torch.arange(1, MOST + 1, dtype=torch.float64)
    below = torch.special.gammaincc(counts, rates).numpy()  # P(count < 1), P(count < 2) ...
    below[:, -1] = 1
    edges = np.arange(CELLS + 1) / CELLS
    first = np.stack([np.searchsorted(row, edges[:-1], "right") for row in below])
    last = np.stack([np.searchsorted(row, edges[1:], "left") for row in below])
    table = np.where(first == last, first, UNSURE).astype(np.uint8)
    return table.ravel(), (below + np.arange(len(below))[:, None]).ravel()


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


def _flat(values: Tensor) -> np.ndarray[tuple[int], Any]:
    """The tensor's memory as one row; numpy's indexing is the quicker one here."""
    return values.view(-1).numpy()
