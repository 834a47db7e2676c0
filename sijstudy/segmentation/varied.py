"""One drawing -> one sample: shape, contrast, coil, resolution and noise drawn anew each time (Billot et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.drawings import EDEMA, MARROW
from sijstudy.segmentation.network import MIRRORED, normalised

CROP = 176  # pixels of 1 mm, a multiple of network.STRIDE


@dataclass(frozen=True)
class Samples:
    """``inputs`` (B, 1, CROP, CROP) float32, ``classes`` int64, 0 to 5, and ``edema`` bool of (B, CROP, CROP)."""

    inputs: Tensor
    classes: Tensor
    edema: Tensor


def varied(images: Tensor, labels: Tensor, chance: torch.Generator) -> Samples:
    """Samples of drawings: images and labels ``(B, H, H)`` uint8 as of ``drawings.Drawings``."""
    draw = _Draw(chance, len(images))
    image, classes, edema = _moved(images[:, None].float() / MARROW, labels, draw)
    image = image * _contrast(classes, draw) * _sclerosis(classes, edema, draw)
    image = image * torch.exp(draw.field(4, 0.25) * draw.between(0, 1))
    image = image.clamp(min=0) ** draw.between(0.8, 1.25)
    image = torch.cat([_resampled(one[None], draw) for one in image])
    return Samples(normalised(_noisy(image, draw)), classes, edema)


@dataclass(frozen=True)
class _Draw:
    """Random numbers for a batch of ``size``."""

    chance: torch.Generator
    size: int

    def between(self, low: float, high: float) -> Tensor:
        """Uniform, (B, 1, 1, 1)."""
        return torch.rand(self.size, 1, 1, 1, generator=self.chance) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """Of unit SD, (B, ...)."""
        return torch.randn(self.size, *shape, generator=self.chance)

    def happens(self, share: float) -> Tensor:
        """True in this share of samples, (B, 1, 1, 1) float32."""
        return (self.between(0, 1) < share).float()

    def field(self, nodes: int, spread: float) -> Tensor:
        """Smooth, (B, 1, CROP, CROP); ``spread``: SD of its nodes."""
        coarse = self.normal(1, nodes, nodes) * spread
        return functional.interpolate(coarse, (CROP, CROP), mode="bicubic", align_corners=True)

    def one(self, low: float, high: float) -> float:
        """A single uniform number."""
        return float(torch.rand(1, generator=self.chance)) * (high - low) + low


def _moved(image: Tensor, labels: Tensor, draw: _Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Turned, stretched, bent, cut out and in half of the samples mirrored, the labels with it."""
    angle, shear = 0.12 * draw.normal(), 0.08 * draw.normal()
    across = torch.exp(0.12 * draw.normal())
    down = across * torch.exp(0.08 * draw.normal())
    mirrored = draw.happens(0.5).flatten() > 0
    to_drawing = torch.zeros(draw.size, 2, 3)
    share = CROP / image.shape[-1]
    sign = 1 - 2 * mirrored.float()
    to_drawing[:, 0, 0] = torch.cos(angle) * across * share * sign
    to_drawing[:, 1, 0] = torch.sin(angle) * across * share * sign
    to_drawing[:, 0, 1] = (shear - torch.sin(angle)) * down * share
    to_drawing[:, 1, 1] = torch.cos(angle) * down * share
    to_drawing[:, :, 2] = 0.1 * draw.normal(2)
    places = functional.affine_grid(to_drawing, [draw.size, 1, CROP, CROP], align_corners=False)
    bent = torch.cat([draw.field(6, 0.012) + draw.field(14, 0.006) for _ in range(2)], dim=1)
    places = places + bent.permute(0, 2, 3, 1) * draw.between(0, 1.3)
    image = functional.grid_sample(image, places, padding_mode="zeros", align_corners=False)
    moved = functional.grid_sample(labels[:, None].float(), places, mode="nearest", align_corners=False)[:, 0].long()
    classes, edema = moved & (EDEMA - 1), moved >= EDEMA
    classes = torch.where(mirrored[:, None, None], torch.tensor(MIRRORED)[classes], classes)
    return image, classes, edema


def _contrast(classes: Tensor, draw: _Draw) -> Tensor:
    """Factor ``(B, 1, CROP, CROP)``: in most samples bones are brighter or darker than drawn, each by its own."""
    factors = torch.exp(0.3 * draw.normal(1) + 0.08 * draw.normal(len(BONES)))
    factors = factors ** draw.happens(0.6).flatten()[:, None]
    factors = torch.cat([torch.ones(draw.size, 1), factors], dim=1)
    of_pixels = torch.gather(factors, 1, classes.flatten(1)).reshape(draw.size, 1, CROP, CROP)
    return _mean_of_nine(of_pixels)


def _sclerosis(classes: Tensor, edema: Tensor, draw: _Draw) -> Tensor:
    """Factor ``(B, 1, CROP, CROP)``: in a third of the samples patches of bone are darker, but not where edema is."""
    patches = torch.sigmoid(8 * (draw.field(9, 1.0) - 0.7)) * draw.between(0, 0.8) * draw.happens(0.33)
    within = ((classes > 0) & ~edema)[:, None].float()
    return 1 - patches * _mean_of_nine(within)


def _resampled(image: Tensor, draw: _Draw) -> Tensor:
    """One image ``(1, 1, CROP, CROP)`` of a coarser or oblong matrix, or sharpened as scanners do, or as it is."""
    kind = draw.one(0, 1)
    if kind < 0.35:
        rows = round(CROP * draw.one(0.5, 0.95))
        columns = round(CROP * draw.one(0.5, 0.95)) if draw.one(0, 1) < 0.3 else rows
        coarse = functional.interpolate(image, (rows, columns), mode="bilinear", antialias=True)
        return functional.interpolate(coarse, (CROP, CROP), mode="bicubic").clamp(min=0)
    if kind < 0.5:
        return (image + (image - _mean_of_nine(image)) * draw.one(0, 1.2)).clamp(min=0)
    return image


def _noisy(image: Tensor, draw: _Draw) -> Tensor:
    """With noise of up to 14% of the marrow, in half of the samples as grainy as where k-space was left out."""
    noise, grainy = draw.normal(1, CROP, CROP), draw.happens(0.5)
    noise = (1 - grainy) * noise + grainy * 2.2 * _mean_of_nine(noise)
    return (image + noise * draw.between(0, 0.14) * draw.happens(0.8)).abs()


def _mean_of_nine(image: Tensor) -> Tensor:
    return functional.avg_pool2d(functional.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)
