"""Paints the tissues of one slice from the back to the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sijstudy.phantom import difficulty
from sijstudy.phantom.bones import Bones, box_distance, cortex, spine_frame
from sijstudy.phantom.fields import Array, cover, smoothstep
from sijstudy.phantom.lookalikes import LookAlikes, paint_foramina, paint_patches, paint_spots
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.vessels import paint_vessels


@dataclass(frozen=True)
class Canvas:
    """What the painters share, each (n, n) float32; they change ``signal`` and ``fat`` in place.

    ``signal``: phantom units. ``fat``: how much unsuppressed fat would show, in [0, 1]. ``inside``: body, [0, 1].
    """

    signal: Array
    fat: Array
    inside: Array

    def paint(self, alpha: Array, signal: Array | float, fat: float) -> None:
        """Blend a tissue in where ``alpha`` (n, n) in [0, 1] is large."""
        self.signal[...] += alpha * (signal - self.signal)
        self.fat[...] += alpha * (np.float32(fat) - self.fat)


@dataclass(frozen=True)
class Texture:
    """Fields of the body on this slice, (n, n) float32, unit SD, from slow to fast."""

    coarse: Array
    medium: Array
    fine: Array
    grain: Array


def paint_tissues(plane: Plane, bones: Bones, looks: LookAlikes) -> Canvas:
    """The slice without lesions, coil or noise."""
    fields = plane.body.textures
    texture = Texture(
        *(f.plane(plane.w, plane.grid) for f in (fields.coarse, fields.medium, fields.fine, fields.grain))
    )
    canvas = _soft_background(plane, texture)
    _gut(plane, canvas, texture)
    _muscles_in_front(plane, bones, canvas, texture)
    _muscles_behind(plane, canvas, texture)
    outside_bone = 1 - np.maximum(cover(bones.any_ilium), cover(np.minimum(bones.sacrum, bones.lumbar)))
    paint_patches(plane, looks, canvas.signal, canvas.inside)
    paint_vessels(plane, looks.vessels, canvas.signal, outside_bone * canvas.inside)
    web = _web(plane, texture)
    canvas.signal[...] += web * outside_bone * canvas.inside
    _bones(plane, bones, canvas, texture)
    _joint_spaces(plane, bones, canvas, texture, web)
    _facets(plane, canvas, texture)
    _spine_contents(plane, canvas, texture)
    paint_foramina(plane, looks, canvas.signal, texture.fine)
    paint_spots(plane, bones, looks, canvas.signal, outside_bone)
    _skin_and_air(plane, canvas, texture)
    return canvas


def skin_depth(plane: Plane) -> Array:
    """Depth below the skin of the back on the coarse nodes, mm."""
    u, v, w = plane.coarse
    height, slope, radius = plane.body.skin
    cleft = 9 * np.exp(-((u / 4.5) ** 2)) * smoothstep((18 - w) / 20)
    depth: Array = (0.92 * (height - slope * w - u**2 / radius - cleft - v)).astype(np.float32)
    return depth


def _soft_background(plane: Plane, texture: Texture) -> Canvas:
    """Fat everywhere, the gluteal muscles with their layer of subcutaneous fat over it."""
    tissue = plane.body.contrast
    depth = plane.grid.upsample(skin_depth(plane))
    fat = tissue.fat * (1 + 0.18 * texture.medium + 0.14 * texture.fine + 0.08 * texture.grain)
    septa = np.abs(texture.medium + 0.6 * texture.fine)
    fat = fat + 0.16 * smoothstep(1 - septa / 0.16) * smoothstep(texture.coarse + 0.6)
    canvas = Canvas(fat.astype(np.float32), np.ones_like(fat), cover(-depth, 1.2))
    below = plane.grid.upsample(_below_ilium(plane)) + 0.6 * texture.fine
    fascia = depth - np.float32(plane.body.fat_thickness) * (1 + 0.25 * texture.coarse)
    canvas.paint(cover(np.maximum(-below, -fascia), 1.5), _striated(plane, below, texture), 0.12)
    rim = cover(np.abs(below) - 0.5, 1.0) * smoothstep(texture.medium + 0.5)
    canvas.paint(rim * cover(-fascia), tissue.fat, 0.9)
    return canvas


def _below_ilium(plane: Plane) -> Array:
    """Depth of the coarse nodes behind the outer face of the ilium, mm: positive in the gluteal muscles."""
    u, v, _ = plane.coarse
    depth = np.empty_like(u)
    for side in plane.body.sides:
        half = side.sign * u >= 0
        points = side.ilium.at(plane.w_at(side.sign * 70.0))[6:]
        x = np.concatenate([[0.0, 18.0], np.maximum.accumulate(points[:, 0])])
        y = np.concatenate([[84.0, 78.0], points[:, 1]])
        depth[half] = 0.75 * (v[half] - np.interp(side.sign * u[half], x, y))
    return depth


def _striated(plane: Plane, across: Array, texture: Texture) -> Array:
    """Muscle whose bundles run along the lines of equal ``across`` (n, n) mm, (n, n) float32."""
    tissue = plane.body.contrast
    phase = (2 * np.pi / plane.body.stripe) * across + 0.8 * texture.medium + 1.6 * texture.coarse
    wave = np.cos(phase) + 0.5 * np.cos(2.3 * phase + texture.coarse)
    variation = 0.06 * texture.coarse + 0.06 * texture.medium + 0.06 * texture.fine + 0.05 * texture.grain
    base = tissue.muscle * plane.body.muscle * (1 + variation + 0.13 * wave)
    septum = smoothstep((wave - 0.7) / 0.7) * smoothstep(0.6 * texture.coarse + 0.4 * texture.medium + 0.2)
    bright = smoothstep((-wave - 1.0) / 0.5) * smoothstep(0.8 * texture.medium - 0.4 * texture.coarse - 0.4)
    muscle: Array = base + 0.7 * septum * (tissue.fat - base) + 0.16 * bright
    return muscle


def _web(plane: Plane, texture: Texture) -> Array | float:
    """Signal of vessels and nerves too small and too many to be drawn one by one, (n, n) float32.

    They run where a smooth field crosses zero, in broken stretches, here many and there few; fewest in the buttocks.
    """
    if plane.body.web == 0:
        return 0.0
    other = plane.body.textures.ragged.plane(plane.w, plane.grid)
    first = smoothstep(1 - np.abs(texture.medium + 0.25 * texture.fine) / 0.28) * smoothstep(texture.fine + 0.1)
    second = smoothstep(1 - np.abs(other + 0.25 * texture.fine) / 0.20) * smoothstep(0.3 - texture.fine)
    gluteal = smoothstep(plane.grid.upsample(_below_ilium(plane)) / 8)
    many = smoothstep(0.5 * texture.coarse + 0.7 - 0.5 * gluteal) * (1 - 0.6 * gluteal)
    web: Array = np.maximum(first, second) * many * np.float32(plane.body.web)
    return web


def _gut(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Loops of bowel above and in front of the sacrum: enhancing wall, lumen dark to bright."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    abdomen = -(v + 76) / 8
    pelvis = np.minimum(-(w + 13) / 5, (30 - np.abs(u)) / 8)
    room = plane.grid.upsample(smoothstep(np.maximum(abdomen, pelvis)))
    loops = plane.body.textures.bowel.plane(plane.w, plane.grid) + 0.1 * texture.medium
    wall = smoothstep((loops - 0.35) / 0.12) * room
    lumen = smoothstep((loops - 0.62) / 0.12) * room
    canvas.paint(wall, tissue.bowel_wall * (1 + 0.15 * texture.medium + 0.08 * texture.fine), 0.0)
    content = plane.body.bowel_level * (1 + 0.5 * texture.coarse) + 0.04 * texture.medium + 0.03 * texture.fine
    canvas.paint(lumen, np.clip(content, 0.03, 0.8), 0.0)


def _muscles_in_front(plane: Plane, bones: Bones, canvas: Canvas, texture: Texture) -> None:
    """Psoas, iliacus and piriformis."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    x, bulk = np.abs(u), plane.body.muscle_bulk
    psoas = _ellipse(x - 47, v + 73 + 0.35 * w, 21 * bulk, 22 * bulk)
    c, s = np.cos(-0.45), np.sin(-0.45)
    du, dv = x - 52, v - 42
    piriformis = _ellipse(c * du + s * dv, -s * du + c * dv, 30, 12 * bulk) + np.clip(np.abs(w + 20) - 10, 0, None)
    above = -_below_ilium(plane)
    iliacus = np.maximum(np.maximum(above - 30 * bulk, 8 - above), 62 - x)
    mass = plane.grid.upsample(np.minimum(np.minimum(psoas, piriformis), iliacus))
    mass = mass + 1.6 * texture.coarse + 0.7 * texture.medium + 0.3 * texture.fine
    muscle = tissue.muscle * plane.body.muscle * (1 + 0.06 * texture.medium + 0.06 * texture.fine)
    muscle = muscle * (1 + 0.10 * np.cos(2 * texture.coarse + 1.2 * texture.medium + 0.35 * mass))
    canvas.paint(cover(np.abs(mass) - 0.6, 1.0), 1.25 * muscle, 0.1)
    canvas.paint(cover(mass, 1.2), muscle, 0.1)


def _ellipse(x: Array, y: Array, a: float, b: float) -> Array:
    distance: Array = ((np.sqrt((x / a) ** 2 + (y / b) ** 2) - 1) * min(a, b)).astype(np.float32)
    return distance


def _muscles_behind(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Multifidus and erector spinae between the ilia, behind sacrum and spine."""
    tissue = plane.body.contrast
    _, v, w = plane.coarse
    behind = (w - 14) - 0.85 * np.clip(-(v + 36), 0, None)
    inner = np.minimum(behind, -_below_ilium(plane))
    room = cover(2.5 * texture.coarse + 0.8 * texture.medium - plane.grid.upsample(inner.astype(np.float32)), 3.0)
    fine_u, fine_v = plane.fine
    across = np.abs(fine_u) * (1 + fine_v / 260)
    muscle = _striated(plane, across, texture)
    raphe = smoothstep(1 - np.abs(fine_u) / 1.6)
    canvas.paint(room, muscle + raphe * (tissue.ligament - muscle), 0.15)


def _marrow(plane: Plane, texture: Texture) -> Array:
    tissue = plane.body.contrast
    mottle = (
        difficulty.MARROW_MOTTLE * texture.coarse + 0.06 * texture.medium + 0.06 * texture.fine + 0.06 * texture.grain
    )
    mottle = mottle * np.float32(tissue.mottle)
    marrow: Array = (tissue.marrow * plane.body.marrow * (1 + mottle)).astype(np.float32)
    return marrow


def _bones(plane: Plane, bones: Bones, canvas: Canvas, texture: Texture) -> None:
    """Discs, then marrow with its dark cortex, which is thick on the ilium and thin elsewhere."""
    tissue = plane.body.contrast
    along, behind = spine_frame(plane)
    u, v, w = plane.coarse
    discs = np.full(u.shape, 60.0, np.float32)
    for low in (-4.0, 31.5, 67.5):
        discs = np.minimum(discs, box_distance(u, along, behind, (25.0, low, low + 7, -17.0, 17.0), 2.5))
    disc = tissue.disc * (1 + 0.25 * texture.medium)
    canvas.paint(cover(plane.grid.upsample(discs)), disc, 0.0)
    marrow = _marrow(plane, texture)
    kinds = (
        (bones.lumbar, 1.1, 0.6),
        (bones.sacrum, 0.9, 0.65),
        (bones.ilium[0], 1.5, 0.9),
        (bones.ilium[1], 1.5, 0.9),
    )
    for distance, rim, strength in kinds:
        canvas.paint(cover(distance, 1.0), marrow, 0.45)
        uneven = plane.body.rim * rim * (1 + 0.3 * texture.medium + 0.15 * texture.fine)
        canvas.paint(cortex(distance, uneven) * np.clip(strength + 0.15 * texture.coarse, 0, 1), tissue.cortex, 0.0)
    remnants = np.minimum(
        box_distance(u, v, w, (15.0, -7.5, -4.0, -11.0, 9.0), 1.5),
        box_distance(u, v, w, (11.0, 15.5, 18.5, -8.0, 8.0), 1.2),
    )
    canvas.paint(cover(plane.grid.upsample(remnants)), 0.5 * disc, 0.0)


def _joint_spaces(plane: Plane, bones: Bones, canvas: Canvas, texture: Texture, web: Array | float) -> None:
    """Cartilage between dark bone plates; further up, ligament and fat."""
    tissue = plane.body.contrast
    for side, joint, ilium in zip(plane.body.sides, bones.joints, bones.ilium, strict=True):
        ends = smoothstep(np.minimum(joint.along, 1 - joint.along) / 0.06)
        near = plane.grid.upsample(ends * smoothstep(1.5 + joint.space - joint.distance))
        alpha = near * cover(-ilium) * cover(-bones.sacrum)
        fibrous = float(smoothstep(np.float32((joint.space - side.joint_space) / 2.5)))
        low, high = tissue.joint_line
        line = (low + (high - low) * side.joint_line**2) * smoothstep(0.5 * texture.medium + 0.5)
        cartilage = tissue.cartilage * (1 + 0.15 * texture.fine) + line
        ligament = tissue.ligament * (1 + 0.5 * texture.fine) + web
        if plane.body.web > 0:  # veins that the plane cuts across
            ligament = ligament + plane.body.web * smoothstep(texture.grain + 0.6 * texture.fine - 0.8)
        canvas.paint(alpha, cartilage + fibrous * (ligament - cartilage), 0.4 * fibrous)


def _facets(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Facet joints of the lowest lumbar level: two small bones behind the spine with a cleft that may be bright."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    dx, dv = np.abs(u) - 18, v + 32 + 0.85 * (w - 24)
    near = np.clip(np.abs(w - 28) - 9, 0, None)
    bone = plane.grid.upsample(_ellipse(dx, dv, 8, 10) + near) + 0.5 * texture.fine
    canvas.paint(cover(bone), _marrow(plane, texture), 0.4)
    canvas.paint(cortex(bone, np.float32(1.3)), tissue.cortex, 0.0)
    cleft = plane.grid.upsample(np.maximum(np.abs(dx + 0.45 * dv), np.abs(dv) - 7.5) + near) + 0.15 * texture.fine
    canvas.paint(cover(cleft - 1.9), tissue.cortex, 0.0)
    canvas.paint(cover(cleft - 0.8), tissue.cartilage + plane.body.facet_line, 0.0)


def _spine_contents(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Thecal sac with its dark rim and epidural fat; spinous processes behind it."""
    tissue = plane.body.contrast
    u, v, w = plane.coarse
    along, behind = spine_frame(plane)
    size = plane.body.canal_radius
    centre = np.interp(v, (-36, -10, 15, 40, 60), (22, 19, 15, 11, 9))
    radius = np.interp(v, (-36, -10, 15, 40, 60), (12, 9.5, 6.5, 4, 2)) * size
    sacral = (np.hypot(u / radius, (w - centre) / (0.62 * radius)) - 1) * 0.62 * radius
    sacral = np.maximum(sacral, np.maximum(-38 - v, v - 58))
    lumbar = np.maximum((np.hypot(u / 12, (behind - 25) / 7.5) - 1) * 7.5 * size, -(along + 6))
    canal = plane.grid.upsample(np.minimum(sacral, lumbar).astype(np.float32)) + 0.3 * texture.fine
    canvas.paint(cover(canal - 3.0), tissue.cortex + 0.03, 0.1)
    canvas.paint(cover(canal - 2.2), tissue.fat + 0.35 * smoothstep(texture.medium - 0.6), 0.7)
    roots = smoothstep((texture.fine - 0.9) / 0.5)
    canvas.paint(cover(canal), tissue.fluid + 0.12 * roots, 0.0)


def _skin_and_air(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    tissue = plane.body.contrast
    depth = plane.grid.upsample(skin_depth(plane)) + 0.3 * texture.fine
    canvas.paint(cover(np.abs(depth - 0.8) - 0.8), tissue.skin, 0.0)
    canvas.paint(cover(depth), 0.0, 0.0)
