"""Paints fat, muscles, gut and the web of small vessels of one slice."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom.bones import ellipse_distance
from sijstudy.phantom.canvas import Canvas, Texture
from sijstudy.phantom.fields import Array, cover, smoothstep, strips, window_of
from sijstudy.phantom.plane import Plane

_IN_AIR_MM = 3.0  # so far behind the skin nothing but air is seen, however uneven the skin


def background(plane: Plane, texture: Texture) -> Canvas:
    """Fat everywhere, the gluteal muscles with their layer of subcutaneous fat over it."""
    shape = plane.depth.shape
    canvas = Canvas(np.zeros(shape, np.float32), np.zeros(shape, np.float32), cover(-plane.depth, 1.2))
    below = plane.grid.upsample(plane.behind_ilium)
    for window in strips(window_of(plane.depth > -_IN_AIR_MM)):
        part = texture.part(window)
        _fat(plane, canvas.part(window), part)
        _gluteal(plane, canvas.part(window), part, below[window], plane.depth[window])
    return canvas


def _fat(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Lobules with bright septa between them."""
    fat = plane.body.contrast.fat * (1 + 0.18 * texture.medium + 0.14 * texture.fine + 0.08 * texture.grain)
    septa = np.abs(texture.medium + 0.6 * texture.fine)
    canvas.signal[...] = fat + 0.16 * smoothstep(1 - septa / 0.16) * smoothstep(texture.coarse + 0.6)
    canvas.fat[...] = 1


def _gluteal(plane: Plane, canvas: Canvas, texture: Texture, below: Array, depth: Array) -> None:
    """``below``: mm behind the outer face of the ilium; ``depth``: below the skin; both shaped as the canvas."""
    below = below + 0.6 * texture.fine
    fascia = depth - np.float32(plane.body.fat_thickness) * (1 + 0.25 * texture.coarse)
    window = window_of((below > -1.1) & (fascia > -0.8))
    canvas, texture, below, fascia = canvas.part(window), texture.part(window), below[window], fascia[window]
    canvas.paint(cover(np.maximum(-below, -fascia), 1.5), _striated(plane, below, texture), 0.12)
    rim = cover(np.abs(below) - 0.5, 1.0) * smoothstep(texture.medium + 0.5)
    canvas.paint(rim * cover(-fascia), plane.body.contrast.fat, 0.9)


def _striated(plane: Plane, across: Array, texture: Texture) -> Array:
    """Muscle whose bundles run along the lines of equal ``across`` (rows, columns) mm, (rows, columns) float32."""
    tissue = plane.body.contrast
    phase = (2 * np.pi / plane.body.stripe) * across + 0.8 * texture.medium + 1.6 * texture.coarse
    wave = np.cos(phase) + 0.5 * np.cos(2.3 * phase + texture.coarse)
    variation = 0.06 * texture.coarse + 0.06 * texture.medium + 0.06 * texture.fine + 0.05 * texture.grain
    base = tissue.muscle * plane.body.muscle * (1 + variation + 0.13 * wave)
    septum = smoothstep((wave - 0.7) / 0.7) * smoothstep(0.6 * texture.coarse + 0.4 * texture.medium + 0.2)
    bright = smoothstep((-wave - 1.0) / 0.5) * smoothstep(0.8 * texture.medium - 0.4 * texture.coarse - 0.4)
    muscle: Array = base + 0.7 * septum * (tissue.fat - base) + 0.16 * bright
    return muscle


def web_of(plane: Plane, texture: Texture) -> Array | float:
    """Signal of vessels and nerves too small and too many to be drawn one by one, (n, n) float32.

    They run where a smooth field crosses zero, in broken stretches, here many and there few; fewest in the buttocks.
    """
    if plane.body.web == 0:
        return 0.0
    other = plane.body.textures.ragged.plane(plane.w, plane.grid)
    depth = plane.grid.upsample(plane.behind_ilium)
    web = np.zeros(depth.shape, np.float32)
    for window in strips(window_of(plane.depth > -_IN_AIR_MM)):
        web[window] = _strands(texture.part(window), other[window], smoothstep(depth[window] / 8))
    return web * np.float32(plane.body.web)


def _strands(texture: Texture, other: Array, gluteal: Array) -> Array:
    """Where the web is, in [0, 1]. ``gluteal``: 1 in the buttocks."""
    first = smoothstep(1 - np.abs(texture.medium + 0.25 * texture.fine) / 0.28) * smoothstep(texture.fine + 0.1)
    second = smoothstep(1 - np.abs(other + 0.25 * texture.fine) / 0.20) * smoothstep(0.3 - texture.fine)
    many = smoothstep(0.5 * texture.coarse + 0.7 - 0.5 * gluteal) * (1 - 0.6 * gluteal)
    strands: Array = np.maximum(first, second) * many
    return strands


def paint_gut(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Loops of bowel above and in front of the sacrum: enhancing wall, lumen dark to bright."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    abdomen = -(v + 76) / 8
    pelvis = np.minimum(-(w + 13) / 5, (30 - np.abs(u)) / 8)
    inside = smoothstep(np.maximum(abdomen, pelvis))
    window = plane.grid.around(inside > 0)
    canvas, texture, room = canvas.part(window), texture.part(window), plane.grid.upsample(inside, *window)
    loops = plane.body.textures.bowel.window(plane.w, plane.grid, *window) + 0.1 * texture.medium
    wall = smoothstep((loops - 0.35) / 0.12) * room
    lumen = smoothstep((loops - 0.62) / 0.12) * room
    canvas.paint(wall, tissue.bowel_wall * (1 + 0.15 * texture.medium + 0.08 * texture.fine), 0.0)
    content = plane.body.bowel_level * (1 + 0.5 * texture.coarse) + 0.04 * texture.medium + 0.03 * texture.fine
    canvas.paint(lumen, np.clip(content, 0.03, 0.8), 0.0)


def paint_muscles_in_front(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Psoas, iliacus and piriformis."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    x, bulk = np.abs(u), plane.body.muscle_bulk
    psoas = ellipse_distance((x - 47, v + 73 + 0.35 * w), (21 * bulk, 22 * bulk))
    c, s = np.cos(-0.45), np.sin(-0.45)
    du, dv = x - 52, v - 42
    away = np.clip(np.abs(w + 20) - 10, 0, None)
    piriformis = ellipse_distance((c * du + s * dv, -s * du + c * dv), (30, 12 * bulk)) + away
    above = -plane.behind_ilium
    iliacus = np.maximum(np.maximum(above - 30 * bulk, 8 - above), 62 - x)
    mass = plane.grid.upsample(np.minimum(np.minimum(psoas, piriformis), iliacus))
    mass = mass + 1.6 * texture.coarse + 0.7 * texture.medium + 0.3 * texture.fine
    window = window_of(mass < 1.2)
    canvas, texture, mass = canvas.part(window), texture.part(window), mass[window]
    muscle = tissue.muscle * plane.body.muscle * (1 + 0.06 * texture.medium + 0.06 * texture.fine)
    muscle = muscle * (1 + 0.10 * np.cos(2 * texture.coarse + 1.2 * texture.medium + 0.35 * mass))
    canvas.paint(cover(np.abs(mass) - 0.6, 1.0), 1.25 * muscle, 0.1)
    canvas.paint(cover(mass, 1.2), muscle, 0.1)


def paint_muscles_behind(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Multifidus and erector spinae between the ilia, behind sacrum and spine."""
    tissue = plane.body.contrast
    _, v, w = plane.coarse
    behind = (w - min(14.0, plane.body.spine.sacrum)) - 0.85 * np.clip(-(v + 36), 0, None)
    inner = np.minimum(behind, -plane.behind_ilium)
    away = 2.5 * texture.coarse + 0.8 * texture.medium - plane.grid.upsample(inner.astype(np.float32))
    fine_u, fine_v = plane.fine
    for window in strips(window_of(away < 1.6)):
        u, part = fine_u[window], texture.part(window)
        muscle = _striated(plane, np.abs(u) * (1 + fine_v[window] / 260), part)
        raphe = smoothstep(1 - np.abs(u) / 1.6)
        room = cover(away[window], 3.0)
        canvas.part(window).paint(room, muscle + raphe * (tissue.ligament - muscle), 0.15)
