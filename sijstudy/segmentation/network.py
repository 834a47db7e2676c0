"""The U-Net that outlines bones and edema on one slice (Ronneberger et al. 2015).

Layer by layer MONAI's ``BasicUNet`` with batch normalisation, and a test holds it against that. It is written out here
because importing MONAI takes ten seconds, twice as long as a whole examination may take from folder to page.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sijstudy.segmentation.classes import BONES

FEATURES = (16, 16, 32, 64, 128, 16)  # channels of the five levels from fine to coarse, then of the last one
STRIDE = 16  # height and width of an image must be multiples of it
EDEMA_WEIGHT = 3.0  # in the loss, of an edema pixel against one without: they are few
MIRRORED = (0, 2, 1, *range(3, len(BONES) + 2))  # channels of a slice whose left and right are exchanged
PIXEL_MM = 1.0  # of the images it is trained on, and is given


class UNet(nn.Module):
    """Images ``(N, 1, H, W)`` as of ``normalised`` -> ``(N, 7, H, W)``: logits of the six classes, logit of edema."""

    def __init__(self, features: tuple[int, ...] = FEATURES) -> None:
        super().__init__()
        one, two, three, four, five, last = features
        self.first = _twice(1, one)
        steps = ((one, two), (two, three), (three, four), (four, five))
        self.down = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), _twice(above, below)) for above, below in steps)
        self.up = nn.ModuleList(
            [
                _Up(five, five // 2, four),
                _Up(four, four // 2, three),
                _Up(three, three // 2, two),
                _Up(two, two, one, last),
            ]
        )
        self.last = nn.Conv2d(last, len(BONES) + 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Height and width are multiples of STRIDE."""
        kept = [self.first(images)]
        for level in self.down:
            kept.append(level(kept[-1]))
        x = kept.pop()
        for level in self.up:
            x = level(x, kept.pop())
        logits: Tensor = self.last(x)
        return logits


class _Up(nn.Module):
    """Twice the size, beside what the way down had at this size."""

    def __init__(self, below: int, raised: int, beside: int, outputs: int | None = None) -> None:
        super().__init__()
        self.raised = nn.ConvTranspose2d(below, raised, 2, 2)
        self.merged = _twice(beside + raised, outputs or beside)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        merged: Tensor = self.merged(torch.cat([beside, self.raised(below)], dim=1))
        return merged


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1, inplace=True)]
    return nn.Sequential(*layers)


def folded(network: UNet) -> UNet:
    """A copy ready to use, its batch normalisation part of the convolutions: the same in two thirds of the time."""
    copy = deepcopy(network).eval()
    for part in copy.modules():
        if isinstance(part, nn.Sequential):
            for at, (layer, after) in enumerate(list(pairwise(part))):
                if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    part[at], part[at + 1] = fuse_conv_bn_eval(layer, after), nn.Identity()
    return copy


def both_ways(network: UNet, images: Tensor) -> Tensor:
    """The network's logits of the images as they are and of their mirror images, mirrored back, averaged."""
    mirrored = network(images.flip(-1)).flip(-1)[:, MIRRORED]
    mean: Tensor = (network(images) + mirrored) / 2
    return mean


def normalised(images: Tensor) -> Tensor:
    """Grey values ``(N, 1, H, W)`` float32 of any scale -> the network's input: mean 0, SD 1 on each image.

    The square root of what is above 0, cut at the 99.5th percentile: fluid is several times as bright as all else.
    """
    images = images.clamp(min=0)
    brightest = torch.quantile(images.flatten(1)[:, ::7], 0.995, dim=1).reshape(-1, 1, 1, 1)
    roots = torch.sqrt(torch.minimum(images, brightest))
    spread = roots.std((1, 2, 3), keepdim=True).clamp(min=1e-6)
    return (roots - roots.mean((1, 2, 3), keepdim=True)) / spread


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; elsewhere it would be slower than float32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
