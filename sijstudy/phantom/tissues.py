"""Paints the tissues of one slice from the back to the front."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom import difficulty
from sijstudy.phantom.bones import Bones, box_distance, canal_distance, cortex, facets_distance, spine_frame
from sijstudy.phantom.canvas import Canvas, Texture, distance_near, texture_of
from sijstudy.phantom.fields import Array, cover, smoothstep, window_of
from sijstudy.phantom.lookalikes import LookAlikes, paint_foramina, paint_patches, paint_spots
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.soft_tissues import (
    background,
    paint_gut,
    paint_muscles_behind,
    paint_muscles_in_front,
    web_of,
)
from sijstudy.phantom.vessels import paint_vessels


def paint_tissues(plane: Plane, bones: Bones, looks: LookAlikes) -> Canvas:
    """The slice without lesions, coil or noise."""
    texture = texture_of(plane)
    canvas = background(plane, texture)
    paint_gut(plane, canvas, texture)
    paint_muscles_in_front(plane, canvas, texture)
    paint_muscles_behind(plane, canvas, texture)
    outside_bone = 1 - cover(np.minimum(bones.any_ilium, np.minimum(bones.sacrum, bones.lumbar)))
    soft = outside_bone * canvas.inside
    paint_patches(plane, looks, canvas.signal, canvas.inside)
    paint_vessels(plane, looks.vessels, canvas.signal, soft)
    web = web_of(plane, texture)
    canvas.signal[...] += web * soft
    _bones(plane, bones, canvas, texture)
    _joint_spaces(plane, bones, canvas, texture, web)
    _facets(plane, canvas, texture)
    _spine_contents(plane, canvas, texture)
    paint_foramina(plane, looks, canvas.signal, texture.fine)
    paint_spots(plane, bones, looks, canvas.signal, outside_bone)
    _skin_and_air(plane, canvas, texture)
    return canvas


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
    along, behind = spine_frame(plane)
    u, v, w = plane.coarse
    discs = np.full(u.shape, 60.0, np.float32)
    for low in (-4.0, 31.5, 67.5):
        discs = np.minimum(discs, box_distance(u, along, behind, (25.0, low, low + 7, -17.0, 17.0), 2.5))
    _disc(plane, canvas, texture, discs, 1.0)
    for distance, rim, strength in (
        (bones.lumbar, 1.1, 0.6),
        (bones.sacrum, 0.9, 0.65),
        (bones.ilium[0], 1.5, 0.9),
        (bones.ilium[1], 1.5, 0.9),
    ):
        _bone(plane, canvas, texture, distance, plane.body.rim * rim, strength)
    remnants = np.minimum(
        box_distance(u, v, w, (15.0, -7.5, -4.0, -11.0, 9.0), 1.5),
        box_distance(u, v, w, (11.0, 15.5, 18.5, -8.0, 8.0), 1.2),
    )
    _disc(plane, canvas, texture, remnants, 0.5)


def _disc(plane: Plane, canvas: Canvas, texture: Texture, coarse: Array, signal: float) -> None:
    """``coarse``: its distance on the coarse nodes; ``signal``: relative to the contrast's discs."""
    window, distance = distance_near(plane, coarse, 0.4)
    disc = plane.body.contrast.disc * (1 + 0.25 * texture.medium[window])
    canvas.part(window).paint(cover(distance), signal * disc, 0.0)


def _bone(plane: Plane, canvas: Canvas, texture: Texture, distance: Array, rim: float, strength: float) -> None:
    """``rim``: mean thickness of the cortex in mm; ``strength``: how dark it is, in [0, 1]."""
    window = window_of(distance < 0.7)
    canvas, texture, distance = canvas.part(window), texture.part(window), distance[window]
    canvas.paint(cover(distance, 1.0), _marrow(plane, texture), 0.45)
    uneven = rim * (1 + 0.3 * texture.medium + 0.15 * texture.fine)
    dark = np.clip(strength + 0.15 * texture.coarse, 0, 1)
    canvas.paint(cortex(distance, uneven) * dark, plane.body.contrast.cortex, 0.0)


def _joint_spaces(plane: Plane, bones: Bones, canvas: Canvas, texture: Texture, web: Array | float) -> None:
    """Cartilage between dark bone plates; further up, ligament and fat."""
    for side, joint, ilium in zip(plane.body.sides, bones.joints, bones.ilium, strict=True):
        ends = smoothstep(np.minimum(joint.along, 1 - joint.along) / 0.06)
        near = ends * smoothstep(1.5 + joint.space - joint.distance)
        window = plane.grid.around(near > 0)
        alpha = plane.grid.upsample(near, *window) * cover(-ilium[window]) * cover(-bones.sacrum[window])
        alpha *= cover(ilium[window] - joint.space - 2.5)  # 1, but where the ilium has ended
        fibrous = float(smoothstep(np.float32((joint.space - side.joint_space) / 2.5)))
        veins = web if isinstance(web, float) else web[window]
        filling = _filling(plane, texture.part(window), side.joint_line, fibrous, veins)
        canvas.part(window).paint(alpha, filling, 0.4 * fibrous)


def _filling(plane: Plane, texture: Texture, bright: float, fibrous: float, web: Array | float) -> Array:
    """Signal of a joint space: cartilage with a line as ``bright`` as the joint's, ligament where ``fibrous`` is 1."""
    tissue = plane.body.contrast
    low, high = tissue.joint_line
    line = (low + (high - low) * bright**2) * smoothstep(0.5 * texture.medium + 0.5)
    cartilage: Array = tissue.cartilage * (1 + 0.15 * texture.fine) + line
    ligament = tissue.ligament * (1 + 0.5 * texture.fine) + web
    if plane.body.web > 0:  # veins that the plane cuts across
        ligament = ligament + plane.body.web * smoothstep(texture.grain + 0.6 * texture.fine - 0.8)
    return cartilage + fibrous * (ligament - cartilage)


def _facets(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Facet joints of the lowest lumbar level: two small bones behind the spine with a cleft that may be bright."""
    tissue = plane.body.contrast
    bones, clefts = facets_distance(plane)
    window, _ = distance_near(plane, np.minimum(bones, clefts), 4.0)  # as far as the texture may move them
    canvas, texture = canvas.part(window), texture.part(window)
    bone = plane.grid.upsample(bones, *window) + 0.5 * texture.fine
    cleft = plane.grid.upsample(clefts, *window) + 0.15 * texture.fine
    canvas.paint(cover(bone), _marrow(plane, texture), 0.4)
    canvas.paint(cortex(bone, np.float32(1.3)), tissue.cortex, 0.0)
    canvas.paint(cover(cleft - 1.9), tissue.cortex, 0.0)
    canvas.paint(cover(cleft - 0.8), tissue.cartilage + plane.body.facet_line, 0.0)


def _spine_contents(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    """Thecal sac with its dark rim and epidural fat; spinous processes behind it."""
    tissue = plane.body.contrast
    coarse = canal_distance(plane)
    window, canal = distance_near(plane, coarse, 5.5)  # as far as the texture may move it
    canvas, texture = canvas.part(window), texture.part(window)
    canal = canal + 0.3 * texture.fine
    canvas.paint(cover(canal - 3.0), tissue.cortex + 0.03, 0.1)
    canvas.paint(cover(canal - 2.2), tissue.fat + 0.35 * smoothstep(texture.medium - 0.6), 0.7)
    roots = smoothstep((texture.fine - 0.9) / 0.5)
    canvas.paint(cover(canal), tissue.fluid + 0.12 * roots, 0.0)


def _skin_and_air(plane: Plane, canvas: Canvas, texture: Texture) -> None:
    tissue = plane.body.contrast
    window = window_of(plane.depth < 4.5)  # the skin is 2 mm thick, and uneven
    canvas = canvas.part(window)
    depth = plane.depth[window] + 0.3 * texture.fine[window]
    canvas.paint(cover(np.abs(depth - 0.8) - 0.8), tissue.skin, 0.0)
    canvas.paint(cover(depth), 0.0, 0.0)
