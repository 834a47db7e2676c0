"""One slice of one subject: pixels, masks, and how hard it is to read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sijstudy.phantom.anatomy import Anatomy, draw_anatomy
from sijstudy.phantom.bones import bones_of
from sijstudy.phantom.fields import Array, Grid
from sijstudy.phantom.lesions import Focus, clearly_observed, draw_foci, draw_stress, edema_of
from sijstudy.phantom.lookalikes import LookAlikes, draw_lookalikes
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import PAPER, Protocol
from sijstudy.phantom.scanner import Scanner, acquire, draw_scanner, receive_profile, received
from sijstudy.phantom.tissues import paint_tissues

SEGMENTS = ("left ilium", "right ilium", "sacrum", "edema")


@dataclass(frozen=True)
class Body:
    """Everything drawn once for a subject."""

    anatomy: Anatomy
    looks: LookAlikes
    scanner: Scanner
    foci: tuple[Focus, ...]
    stress: tuple[Focus, ...]
    protocol: Protocol


@dataclass(frozen=True)
class Rendered:
    """One slice: ``pixels`` (n, n) uint16; ``masks`` (n, n, 4) bool in the order of SEGMENTS, each whole in memory.

    ``contrast``: mean signal the edema adds, 0 without edema. ``area``: its size in mm2.
    """

    pixels: NDArray[np.uint16]
    masks: NDArray[np.bool_]
    contrast: float
    area: float


def draw_body(seed: tuple[int, ...], runs: list[tuple[float, float]], protocol: Protocol = PAPER) -> Body:
    """A subject's body. Edema has a random stream of its own, so that all else is drawn alike for both classes.

    ``runs``: first and last scanner position in mm of each run of slices with edema; empty for a healthy subject.
    """
    anatomy = draw_anatomy(np.random.default_rng((*seed, 1)), protocol)
    shift, size = anatomy.pose.shift[2], anatomy.pose.size
    body_runs = [((first - shift) / size, (last - shift) / size) for first, last in runs]
    return Body(
        anatomy=anatomy,
        looks=draw_lookalikes(np.random.default_rng((*seed, 2)), protocol),
        scanner=draw_scanner(np.random.default_rng((*seed, 3)), protocol),
        foci=draw_foci(np.random.default_rng((*seed, 4)), body_runs, protocol.lesions) if runs else (),
        stress=draw_stress(np.random.default_rng((*seed, 5)), protocol.lesions),
        protocol=protocol,
    )


def render_slice(body: Body, grid: Grid, z: float, noise: np.random.Generator, *, clear: bool = True) -> Rendered:
    """The slice at scanner position ``z`` mm, averaged over its thickness; ``noise`` feeds the receiver only.

    clear: edema of the body is as large and as bright here as a selection of slices asks for [2.1]. Otherwise it is
    what reaches here from the slices of the lesions, and no reader outlines less than ``LesionRange.seen`` mm2.
    """
    protocol = body.protocol
    offsets = ((np.arange(protocol.samples) + 0.5) / protocol.samples - 0.5) * protocol.thickness
    layers = [_layer(body, Plane(body.anatomy, grid, z + float(offset)), clear) for offset in offsets]
    signal = np.mean([layer.signal for layer in layers], axis=0)
    pixels = acquire(grid, signal, body.scanner, noise)
    most = np.asarray(2 * sum(layer.masks.view(np.uint8) for layer in layers) >= len(layers))
    masks = np.moveaxis(most, 0, -1)
    contrast, area = float(np.mean([layer.contrast for layer in layers])), int(most[3].sum()) * grid.pixel**2
    if not clear and area < protocol.lesions.seen:
        masks[..., 3], contrast, area = False, 0.0, 0.0
    return Rendered(pixels, masks, contrast, area)


@dataclass(frozen=True)
class _Layer:
    """A thin plane: ``signal`` (n, n) float32 as received; ``masks`` (4, n, n); ``contrast`` as in ``Rendered``."""

    signal: Array
    masks: NDArray[np.bool_]
    contrast: float


def _layer(body: Body, plane: Plane, clear: bool) -> _Layer:
    bones = bones_of(plane)
    canvas = paint_tissues(plane, bones, body.looks)
    if body.stress:
        canvas.signal[...] += edema_of(plane, bones, body.stress, least=0.0).gain
    receive = receive_profile(plane, body.scanner)
    lesions = body.protocol.lesions
    edema = edema_of(plane, bones, body.foci, lesions.min_area if clear else 0.0)
    if clear:
        edema = clearly_observed(edema, canvas.signal, receive, bones, lesions.min_contrast)
    canvas.signal[...] += edema.gain
    in_body = canvas.inside > 0.5
    left, right = (distance < 0 for distance in bones.ilium)
    masks = np.stack([left & in_body, right & in_body, (bones.sacrum < 0) & in_body, edema.mask])
    return _Layer(received(plane, canvas, body.scanner, receive), masks, edema.contrast)
