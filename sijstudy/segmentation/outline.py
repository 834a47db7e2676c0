"""One examination's slices -> bones and edema, outlined by the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from sijstudy.aggregation import neighbours, runs_of_slices
from sijstudy.fresh_torch import fresh_torch
from sijstudy.segmentation.classes import BONES, JOINT_BONES
from sijstudy.segmentation.network import EDEMA_WEIGHT, PIXEL_MM, STRIDE, Pair, folded, has_bfloat16, normalised

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Spacing = tuple[float, float]  # mm from row to row, from column to column
BATCH = 8
BESIDE = 0.2  # ASSUMED: weight of either slice beside a slice in what is bone on it
ILIA = (1, 2)  # classes of the subject's left and right ilium
RARE = 0.1  # a side with fewer pixels than this share of the other's is not in view
ON_A_SLICE = ndimage.generate_binary_structure(2, 1)[None] & np.array([False, True, False])[:, None, None]
SMALLEST_PART = 60.0  # square mm; what is smaller and hangs on nothing is no bone


@dataclass(frozen=True)
class Outlined:
    """What the network sees on N slices, in pixels of these slices.

    classes: ``(N, H, W)`` uint8, 0 or 1 + the place in ``classes.BONES``. certainty: ``(N, H, W)`` float32 in [0, 1],
    the probability of that class. edema: ``(N, H, W)`` float32 in [0, 1], 0 outside ilia and sacrum.
    """

    classes: Array
    certainty: Array
    edema: Array

    def bone(self, *names: str) -> Mask:
        """Pixels of these bones, of all without a name, ``(N, H, W)`` bool."""
        numbers = [BONES.index(name) + 1 for name in names or BONES]
        return np.isin(self.classes, numbers)


@fresh_torch()
def outline(images: Array, spacing: Spacing, network: Pair, places: Sequence[int] | None = None) -> Outlined:
    """Outline one examination.

    images: ``(N, H, W)`` float32, any scale, upright, in their order in the body, the subject's right at the left of
    the image. spacing: mm from row to row and from column to column. places: ``(N,)`` of the slices along the stack,
    growing; only those one apart are neighbours, which steady one another and hang together. None: every two are.
    """
    order = np.arange(len(images)) if places is None else np.asarray(places)
    small = _scaled(torch.from_numpy(np.ascontiguousarray(images, np.float32))[:, None], spacing)
    padded, window = _padded(normalised(small))
    network = folded(network).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
            logits = torch.cat([network(padded[at : at + BATCH]) for at in range(0, len(padded), BATCH)])
        logits = logits[:, :, window[0], window[1]].float()
        classes, certainty = _most_likely(_steadied(logits[:, :-1].softmax(dim=1), order), images.shape[1:])
        likely = (logits[:, -1:] - math.log(EDEMA_WEIGHT)).sigmoid()  # the loss made edema more likely by as much
        edema = _enlarged(likely, images.shape[1:])[:, 0].numpy()
    classes = _without_scraps(classes, spacing, runs_of_slices(order))
    found = Outlined(classes, certainty, edema)
    edema[~found.bone(*JOINT_BONES)] = 0
    return found


def _scaled(images: Tensor, spacing: Spacing) -> Tensor:
    """``(N, 1, H, W)`` on square pixels of PIXEL_MM."""
    size = [max(1, round(length * mm / PIXEL_MM)) for length, mm in zip(images.shape[2:], spacing, strict=True)]
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def _padded(images: Tensor) -> tuple[Tensor, tuple[slice, slice]]:
    """Grown to multiples of STRIDE by the darkest value, and where the images lie in it."""
    rows, columns = images.shape[2:]
    below, right = -rows % STRIDE, -columns % STRIDE
    grown = functional.pad(images, (0, right, 0, below), value=float(images.min()))
    return grown.contiguous(memory_format=torch.channels_last), (slice(rows), slice(columns))


def _enlarged(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(images.float(), tuple(size), mode="bilinear")


def _steadied(likely: Tensor, places: Array) -> Tensor:
    """Probabilities ``(N, C, H, W)`` averaged with those of the slices beside, which hold most of the same bones."""
    beside = [likely[below] + likely[above] for below, _, above in neighbours(places, 3).tolist()]
    return torch.stack([(1 - 2 * BESIDE) * own + BESIDE * both for own, both in zip(likely, beside, strict=True)])


def _most_likely(likely: Tensor, size: tuple[int, ...]) -> tuple[Array, Array]:
    """The likeliest class of each pixel of the given size, uint8, and its probability, float32."""
    classes, certainty = [], []
    for one in likely.split(BATCH):
        best = _enlarged(one, size).max(dim=1)
        classes.append(best.indices.to(torch.uint8))
        certainty.append(best.values)
    return torch.cat(classes).numpy(), torch.cat(certainty).numpy()


def _without_scraps(classes: Array, spacing: Spacing, runs: Array) -> Array:
    """Both ilia on their own sides, each in one piece through a run; of other bones no small parts on a slice."""
    whole = np.zeros_like(classes)
    found = ndimage.find_objects((classes > 0).astype(np.int8))
    if not found:
        return whole
    shown = (slice(None), *found[0][1:])
    classes, kept, area = classes[shown], whole[shown], spacing[0] * spacing[1]
    for number, side in zip(ILIA, _sides(np.isin(classes, ILIA), classes), strict=True):
        kept[_pieces(side, runs, SMALLEST_PART / area)] = number
    for number, window in enumerate(ndimage.find_objects(classes.astype(np.int8)), 1):
        if number in ILIA or window is None:
            continue
        own = classes[window] == number
        parts, _ = ndimage.label(own, ON_A_SLICE)
        sizes = np.bincount(parts.ravel()) * area
        kept[window][own & (sizes >= SMALLEST_PART)[parts]] = number
    return whole


def _sides(ilia: Mask, classes: Array) -> tuple[Mask, Mask]:
    """The subject's left and right ilium, by the midline between most pixels of either class.

    On a single slice a network may take one for the other, through the stack it does not. Where only one side is in
    view, all of it is of the commoner class.
    """
    columns = [np.nonzero(classes == number)[2] for number in ILIA]
    few = min(map(len, columns)) <= RARE * max(map(len, columns))
    if few:
        own = len(columns[0]) > len(columns[1])
        return (ilia, np.zeros_like(ilia)) if own else (np.zeros_like(ilia), ilia)
    midline = sum(float(np.median(own)) for own in columns) / 2
    on_right = np.arange(ilia.shape[2]) < midline  # the subject's right lies on the left of the image
    return ilia & ~on_right, ilia & on_right


def _pieces(mask: Mask, runs: Array, least: float) -> Mask:
    """The largest part of each run; one of less than ``least`` pixels is none where another run has a larger one."""
    parts = [_largest(part) for part in np.split(mask, np.flatnonzero(np.diff(runs)) + 1)]
    sizes = [int(np.count_nonzero(part)) for part in parts]
    pieces: Mask = np.concatenate(
        [part & (size >= min(least, max(sizes))) for part, size in zip(parts, sizes, strict=True)]
    )
    return pieces


def _largest(mask: Mask) -> Mask:
    """The largest part ``(N, H, W)`` that hangs together within and across slices, one slice without it forgiven."""
    padded = np.pad(mask, ((2, 2), (0, 0), (0, 0)))
    grown = padded.copy()  # closing by a slice on either side, written out: ndimage's takes four times as long
    grown[1:] |= padded[:-1]
    grown[:-1] |= padded[1:]
    bridged = grown[1:-3] & grown[2:-2] & grown[3:-1]
    parts, count = ndimage.label(bridged)
    if count < 2:
        return mask
    sizes = np.bincount(parts[mask], minlength=count + 1)
    largest: Mask = mask & (parts == sizes.argmax())
    return largest
