"""From tissue to stored pixels: unsuppressed fat, receive profile, blur, Rician noise, scaling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from sijstudy.phantom import difficulty
from sijstudy.phantom.canvas import Canvas
from sijstudy.phantom.fields import COARSE_MM, Array, Grid, smoothstep
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import GD_FS_T1, Protocol


@dataclass(frozen=True)
class Scanner:
    """How one examination was received; drawn once per subject.

    ``fat_failure``: peak signal of unsuppressed fat. ``noise``: SD at 448 pixels. ``coil``: extra gain near the
    back and towards the flanks. ``scale``: stored units per unit signal. ``blur``, ``shading``, ``gamma``,
    ``acquired`` and ``sharpening`` as in ``protocol.Protocol``.
    """

    fat_failure: float
    failure_from: float
    noise: float
    coil: tuple[float, float, float]
    scale: float
    blur: float
    shading: float
    gamma: float
    acquired: tuple[float, float]
    sharpening: float


def draw_scanner(rng: np.random.Generator, protocol: Protocol) -> Scanner:
    """An examination at random."""
    low, high = protocol.contrast.fat_failure
    loudest = max(1.0, protocol.contrast.ceiling / GD_FS_T1.ceiling)  # bright fluid must fit into 12 bits
    return Scanner(
        fat_failure=low + (high - low) * float(rng.random() ** 1.5),
        failure_from=float(rng.uniform(0.78, 1.0)),
        noise=float(rng.uniform(*protocol.noise)),
        coil=(float(rng.uniform(0.1, 1.0)), float(rng.uniform(-0.1, 0.5)), float(rng.uniform(-0.1, 0.5))),
        scale=float(rng.uniform(*difficulty.STORED_SCALE)) / loudest,
        blur=protocol.blur,
        shading=protocol.shading,
        gamma=protocol.gamma,
        acquired=protocol.acquired,
        sharpening=protocol.sharpening,
    )


def received(plane: Plane, canvas: Canvas, scanner: Scanner, receive: Array) -> Array:
    """Signal of a thin plane as the coils receive it, (n, n) float32. ``receive``: its ``receive_profile``."""
    signal = canvas.signal + canvas.inside * _unsuppressed_fat(plane, canvas, scanner)
    signal = np.clip(signal, 0, plane.body.contrast.ceiling)
    shown: Array = (signal if scanner.gamma == 1 else signal ** np.float32(scanner.gamma)) * receive
    return shown


def acquire(grid: Grid, signal: Array, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Stored pixels of a slice, (n, n) uint16 below 4096, from its ``received`` signal."""
    blur = scanner.blur * 250 / grid.fov * grid.size / 448
    signal = gaussian_filter(signal, blur, truncate=2.5) if blur > 0.3 else signal
    noise = np.float32(scanner.noise * grid.size / 448)
    noise /= np.float32(np.sqrt(np.prod(scanner.acquired)))  # lines left out take their noise with them
    parts = rng.standard_normal((2, *signal.shape), dtype=np.float32) * noise
    real, imaginary = signal + parts[0], parts[1]
    if min(scanner.acquired) < 1:
        real, imaginary = _zero_filled(real, imaginary, scanner.acquired)
    magnitude: Array = np.sqrt(real * real + imaginary * imaginary)  # a tenth of the time of np.hypot
    if scanner.sharpening > 0:
        magnitude += np.float32(scanner.sharpening) * (magnitude - gaussian_filter(magnitude, 1.0, truncate=2.5))
    return np.clip(np.rint(magnitude * np.float32(scanner.scale)), 0, 4095).astype(np.uint16)


def _zero_filled(real: Array, imaginary: Array, acquired: tuple[float, float]) -> tuple[Array, Array]:
    """Real and imaginary part of the image from the central lines of its k-space alone, each (n, n) float32.

    Noise keeps its SD: with fewer lines in as many pixels it only becomes grainier.
    """
    spectrum = scipy.fft.fft2((real + 1j * imaginary).astype(np.complex64))
    for axis, share in enumerate(acquired):
        kept = np.abs(scipy.fft.fftfreq(real.shape[axis])) <= share / 2
        spectrum *= kept[:, None] if axis == 0 else kept
    image = scipy.fft.ifft2(spectrum)
    return image.real, image.imag


def _unsuppressed_fat(plane: Plane, canvas: Canvas, scanner: Scanner) -> Array:
    """Signal of fat where the field is off resonance: blotches towards the edge of the field of view."""
    blotch = plane.body.textures.coarse.on_coarse(plane.w + 7)
    slow = plane.body.textures.shading.on_coarse(plane.w - 40)
    radius = _from_middle(plane.grid.fov) + 0.10 * slow + 0.05 * blotch
    failure = smoothstep((radius - np.float32(scanner.failure_from)) / 0.3)
    return plane.grid.upsample(np.float32(scanner.fat_failure) * failure) * canvas.fat


@lru_cache(maxsize=8)
def _from_middle(fov: float) -> Array:
    """Distance of the coarse nodes from the middle, in half fields of view, a little less up and down; float32."""
    squares = (COARSE_MM / np.float32(fov / 2)) ** 2
    distance: Array = np.sqrt(squares + 0.8 * squares[:, None])
    return distance


def receive_profile(plane: Plane, scanner: Scanner) -> Array:
    """What the coils make of a signal of 1, (n, n) float32, near 1: brighter by the coils, with slow unevenness."""
    shading = plane.body.textures.shading.on_coarse(plane.w)
    back, left, right = scanner.coil
    flank, half = COARSE_MM[None, :], plane.grid.fov / 2
    near_back = np.exp(-np.clip(plane.coarse_depth, 0, None) / 45)
    sides = left * np.exp((flank - half) / 40) + right * np.exp((-flank - half) / 40)
    return plane.grid.upsample((1 + back * near_back + sides) * np.exp(np.float32(scanner.shading) * shading))
