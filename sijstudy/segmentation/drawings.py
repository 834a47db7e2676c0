"""Labelled slices of synthetic bodies, their contrast drawn far wider than any scanner's, to learn from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from sijstudy.phantom.anatomy import Spine
from sijstudy.phantom.bones import canal_distance, facets_distance, lumbar_distance, middle_distance
from sijstudy.phantom.fields import Grid
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import (
    EXAMINATION,
    MIDLINE,
    NEAR,
    PAPER,
    PATCH,
    PLAIN,
    SLIVER,
    SLIVERS_TO_GROSS,
    SPECK,
    VARIED,
    WING,
    Contrast,
    LesionRange,
    Protocol,
    any_scanner,
)
from sijstudy.phantom.render import Body, Rendered, draw_body, render_slice

SIZE = 240  # pixels of 1 mm
EDEMA = 8  # bit of a label; the others are the class of ``classes.BONES``, 1 to 5, or 0
SLICES = 5  # of each body
MARROW = 16  # grey value of a drawing's median bone
_KINDS = {"stir": 0.5, "gd_fs_t1": 0.2, "any": 0.3}  # share of bodies with tissues as on STIR, enhanced T1, or neither
_ILL = 0.8  # share of bodies with edema
_REACH = 58.0  # mm from the middle of the sacrum to the outermost slices
_WEIGHTS = ((NEAR, 0.2), (WING, 0.05), (MIDLINE, 0.05), (SLIVER, 0.3), (SPECK, 0.2), (PATCH, 0.3))


@dataclass(frozen=True)
class Drawings:
    """``images`` (N, SIZE, SIZE) uint8, in MARROW-ths of the median bone; ``labels`` (N, SIZE, SIZE) uint8.

    ``slices`` and ``apart`` as in ``draw``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    slices: int
    apart: float | None


def draw(
    bodies: int, seed: int, *, slices: int = SLICES, apart: float | None = None, workers: int = 2, progress: bool = True
) -> Drawings:
    """``slices`` of each of so many bodies, one body's after the other; the same for the same seed and any ``workers``.

    apart: mm from slice to slice of an examination through the body's middle; without it each lies anywhere.
    """
    jobs = (delayed(_slices)(seed, number, slices, apart) for number in range(bodies))
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    drawn = [pair for pairs in tqdm(done, "drawing", bodies, unit="body", disable=not progress) for pair in pairs]
    images, labels = zip(*drawn, strict=True)
    return Drawings(np.stack(images), np.stack(labels), slices, apart)


def _slices(
    seed: int, number: int, slices: int, apart: float | None
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    rng = np.random.default_rng((seed, number))
    grid = Grid(SIZE, float(SIZE))
    with threadpool_limits(limits=1):
        body = _turned(rng, draw_body((seed, number, 7), _runs(rng), _protocol(rng)))
        heights = (
            rng.uniform(-_REACH, _REACH, slices) if apart is None else apart * (np.arange(slices) - (slices - 1) / 2)
        )
        planes = [Plane(body.anatomy, grid, float(z)) for z in heights]
        return [_labelled(render_slice(body, grid, plane.z, rng, clear=False), plane) for plane in planes]


def _labelled(rendered: Rendered, plane: Plane) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The slice in MARROW-ths of its median bone, and its labels."""
    labels = np.zeros(rendered.pixels.shape, np.uint8)
    facets, clefts = facets_distance(plane)
    labels[plane.grid.upsample(np.minimum(lumbar_distance(plane), np.maximum(facets, 0.8 - clefts))) < 0] = 4
    for number in (1, 2, 3):  # what the cohort outlines lies over vertebrae
        labels[rendered.masks[..., number - 1]] = number
    labels[(labels == 3) & (plane.grid.upsample(middle_distance(plane)) < 0)] = 5
    labels[plane.grid.upsample(canal_distance(plane)) < 0] = 0
    labels[rendered.masks[..., 3]] |= EDEMA
    pixels = rendered.pixels.astype(np.float32)
    bone = pixels[labels > 0]
    unit = float(np.median(bone if bone.size > 50 else pixels))
    return np.clip(pixels / max(unit, 1.0) * MARROW, 0, 255).astype(np.uint8), labels


def _runs(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Stretches of slices with edema, mm."""
    runs = []
    for share, longest in ((_ILL, 50.0), (0.4 * _ILL, 30.0)):
        start, length = rng.uniform(-40, 30), rng.uniform(3, longest)
        if rng.random() < share:
            runs.append((float(start), float(min(start + length, 42.0))))
    return runs


def _turned(rng: np.random.Generator, body: Body) -> Body:
    """The body as askew as planes of hospitals are, from strict to oblique coronal, child to tall adult, and
    with a spine of its own; no strain.
    """
    pose = body.anatomy.pose
    turned = replace(
        pose,
        pitch=float(np.clip(pose.pitch + rng.normal(0, 0.1), -0.25, 0.25)),
        roll=float(pose.roll + rng.normal(0, 0.05)),
        yaw=float(pose.yaw + rng.normal(0, 0.04)),
        size=float(rng.uniform(0.85, 1.12)),
    )
    forward = rng.random()
    spine = Spine(
        start=(-36.0 + 10 * forward, 2.0 - 22 * forward),
        sacrum=float(rng.uniform(6, 38)),
        ilium=float(rng.uniform(18, 60)),
        lean=float(rng.uniform(-0.25, 0.35)),
        bulge=float(rng.uniform(0, 0.006)),
        arch=float(rng.uniform(0.8, 1.35)),
    )
    anatomy = replace(body.anatomy, pose=turned, spine=spine, spine_tilt=float(rng.uniform(0.4, 0.95)))
    return replace(body, anatomy=anatomy, stress=())


def _protocol(rng: np.random.Generator) -> Protocol:
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    build = VARIED if rng.random() < 0.7 else PLAIN
    fixed = replace(PAPER, build=build) if kind == "gd_fs_t1" else EXAMINATION
    drawn = any_scanner(rng, fixed)
    contrast = _any_contrast(rng, drawn.contrast) if kind == "any" else drawn.contrast
    samples = 1 if rng.random() < 0.5 else 2
    return replace(
        drawn, contrast=contrast, lesions=_lesions(rng, contrast.marrow), samples=samples, gamma=1.0, shading=0.1
    )


def _any_contrast(rng: np.random.Generator, contrast: Contrast) -> Contrast:
    """Each tissue as bright as chance has it; only what is fluid on no image may be as bright as fluid."""
    drawn: dict[str, Any] = {
        spec.name: float(np.exp(rng.uniform(np.log(0.04), np.log(1.2))))
        for spec in fields(contrast)
        if isinstance(getattr(contrast, spec.name), float)
    }
    drawn |= {name: (0.0, float(rng.uniform(0, 1.2))) for name in ("plexus", "web")}
    drawn |= {"marrow": float(rng.uniform(0.12, 0.6)), "mottle": float(rng.uniform(0.5, 2.0)), "ceiling": 2.4}
    return replace(contrast, **drawn, bowel_content=(0.02, 1.2))


def _lesions(rng: np.random.Generator, marrow: float) -> LesionRange:
    """From slivers and specks to whole bones, from a quarter brighter than their marrow to four times as bright."""
    return replace(
        SLIVERS_TO_GROSS,
        gain=(marrow * float(rng.uniform(0.25, 0.6)), marrow * float(rng.uniform(1.0, 3.5))),
        kinds=tuple(replace(kind, weight=weight) for kind, weight in _WEIGHTS),
        diffuse=0.4,
        extra=0.15,
        seen=0.0,
    )
