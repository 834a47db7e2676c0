"""From tissue to stored pixels: unsuppressed fat, receive profile, blur, Rician noise, scaling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sijstudy.phantom import knobs
from sijstudy.phantom.fields import Array, smoothstep
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.tissues import Canvas, skin_depth


@dataclass(frozen=True)
class Scanner:
    """How one examination was received; drawn once per subject.

    ``fat_failure``: peak signal of unsuppressed fat. ``noise``: SD at 448 pixels. ``coil``: extra gain near the
    back and towards the flanks. ``scale``: stored units per unit signal.
    """

    fat_failure: float
    failure_from: float
    noise: float
    coil: tuple[float, float, float]
    scale: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """An examination at random."""
    low, high = knobs.FAT_FAILURE
    return Scanner(
        fat_failure=low + (high - low) * float(rng.random() ** 1.5),
        failure_from=float(rng.uniform(0.78, 1.0)),
        noise=float(rng.uniform(*knobs.NOISE_SD)),
        coil=(float(rng.uniform(0.1, 1.0)), float(rng.uniform(-0.1, 0.5)), float(rng.uniform(-0.1, 0.5))),
        scale=float(rng.uniform(*knobs.STORED_SCALE)),
    )


def acquire(
    plane: Plane, canvas: Canvas, scanner: Scanner, receive: Array, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Stored pixels of the slice, (n, n) uint16 below 4096. ``receive``: the slice's ``receive_profile``."""
    signal = canvas.signal + canvas.inside * _unsuppressed_fat(plane, canvas, scanner)
    signal = np.clip(signal, 0, 1.6) * receive
    blur = 0.80 * plane.grid.size / 448
    signal = gaussian_filter(signal, blur, truncate=2.5) if blur > 0.3 else signal
    noise = np.float32(scanner.noise * plane.grid.size / 448)
    parts = rng.standard_normal((2, *signal.shape), dtype=np.float32) * noise
    magnitude = np.hypot(signal + parts[0], parts[1])
    return np.clip(np.rint(magnitude * np.float32(scanner.scale)), 0, 4095).astype(np.uint16)


def _unsuppressed_fat(plane: Plane, canvas: Canvas, scanner: Scanner) -> Array:
    """Signal of fat where the field is off resonance: blotches towards the edge of the field of view."""
    x = plane.grid.mm[None, :] / 125
    y = plane.grid.mm[:, None] / 125
    blotch = plane.body.textures.coarse.plane(plane.w + 7, plane.grid)
    slow = plane.body.textures.shading.plane(plane.w - 40, plane.grid)
    radius = np.sqrt(x**2 + 0.8 * y**2) + 0.10 * slow + 0.05 * blotch
    failure = smoothstep((radius - np.float32(scanner.failure_from)) / 0.3)
    result: Array = np.float32(scanner.fat_failure) * failure * canvas.fat
    return result


def receive_profile(plane: Plane, scanner: Scanner) -> Array:
    """What the coils make of a signal of 1, (n, n) float32, near 1: brighter by the coils, with slow unevenness."""
    shading = plane.body.textures.shading.plane(plane.w, plane.grid)
    back, left, right = scanner.coil
    depth = plane.grid.upsample(skin_depth(plane))
    flank = plane.grid.mm[None, :]
    near_back = np.exp(-np.clip(depth, 0, None) / 45)
    sides = left * np.exp((flank - 125) / 40) + right * np.exp((-flank - 125) / 40)
    profile: Array = (1 + back * near_back + sides) * np.exp(np.float32(knobs.SHADING_SD) * shading)
    return profile
