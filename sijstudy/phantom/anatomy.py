"""The body of one synthetic subject: everything about it that is drawn once and seen on many slices.

Frame: mm around the middle of the sacrum. ``u`` grows towards the image's right (the subject's left),
``v`` downwards on the image, ``w`` from the lower (anterior) to the upper (posterior) slices. On one side
of the body ``x`` = |u| grows laterally. The keyframes below are drawn by eye after oblique coronal MR.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sijstudy.phantom import difficulty
from sijstudy.phantom.contours import Outline
from sijstudy.phantom.fields import Array, Field, random_field
from sijstudy.phantom.protocol import PAPER, Contrast, Protocol

_PLANES = (-36.0, -26.0, -13.0, 0.0, 13.0, 24.0, 38.0)

# medial border from the blade down to the lower tip (6 points), then the lateral border up again (6 points)
_ILIUM = (
    "124,-46 98,-27 79,-16 63,-8 57,5 64,18 | 76,25 85,18 90,6 95,-6 105,-19 124,-38",
    "126,-53 100,-37 77,-28 60,-16 52,4 54,24 | 66,33 79,20 86,6 95,-9 107,-27 126,-45",
    "126,-59 101,-44 78,-33 62,-12 51,13 43,36 | 51,43 67,27 80,7 93,-14 107,-34 126,-50",
    "126,-63 101,-48 78,-35 65,-7 53,22 38,53 | 44,60 63,33 79,9 93,-16 107,-38 126,-54",
    "126,-70 101,-56 77,-40 62,-11 51,18 37,45 | 45,54 64,30 78,3 91,-22 107,-47 126,-61",
    "124,-80 98,-66 74,-46 57,-17 46,10 37,35 | 45,46 63,22 74,-4 87,-30 104,-57 124,-72",
    "118,-92 92,-78 70,-56 56,-29 44,1 39,25 | 47,36 59,14 68,-14 80,-42 98,-69 118,-86",
)
# lateral part of the sacrum; its joint side lies inside the ilium and is cut back by the joint space
_ALA = (
    "46,-17 58,-21 70,-20 76,-4 72,8 62,12 54,10 46,2",
    "34,-25 54,-30 74,-30 82,-6 76,14 62,23 48,19 36,2",
    "10,-35 48,-38 80,-38 84,-4 70,24 54,38 34,44 8,16",
    "-14,-34 42,-37 80,-40 86,-4 70,34 34,60 10,72 -14,72",
    "6,-32 42,-39 80,-46 82,-8 64,30 34,52 10,66 -8,58",
    "22,-36 44,-44 70,-50 72,-20 56,2 40,14 26,18 17,-4",
    "32,-46 42,-50 54,-52 58,-46 54,-38 46,-34 38,-32 32,-38",
)


@dataclass(frozen=True)
class Side:
    """One half of the pelvis. ``sign`` is +1 on the image's right (the subject's left), -1 on its left."""

    sign: int
    ilium: Outline
    ala: Outline
    joint_space: float  # mm
    joint_line: float  # signal added in the joint space


@dataclass(frozen=True)
class Pose:
    """How the body lies in the scanner: angles in radians, shifts in mm."""

    roll: float
    yaw: float
    pitch: float
    shift: tuple[float, float, float]
    size: float


@dataclass(frozen=True)
class Spine:
    """Where spine and pelvis begin and end through the planes, mm; few slices of a cohort reach so far.

    ``start``: height and plane of the middle of the lumbosacral disc. ``sacrum``, ``ilium``: planes behind which there
    is none of them, the ilium's beside the joint; its crest ends before. ``lean``, ``bulge``: how much further behind
    the sacrum's end lies below, mm per mm of height and per mm2. ``arch``: size of the vertebrae's pedicles, laminae
    and processes, relative to the usual; None: small facets stand for them, and the sacrum ends nowhere.
    """

    start: tuple[float, float] = (-36.0, -2.0)
    sacrum: float = math.inf
    ilium: float = math.inf
    lean: float = 0.0
    bulge: float = 0.0
    arch: float | None = None


@dataclass(frozen=True)
class Textures:
    """The smooth random fields of one body."""

    warp: tuple[Field, Field, Field]
    rough: Field
    coarse: Field
    medium: Field
    fine: Field
    grain: Field
    bowel: Field
    ragged: Field
    shading: Field


@dataclass(frozen=True)
class Anatomy:
    """One body. Lengths in mm, angles in radians, signals in the units of ``difficulty``."""

    contrast: Contrast
    pose: Pose
    sides: tuple[Side, Side]
    textures: Textures
    spine_tilt: float
    spine_bend: float
    skin: tuple[float, float, float]
    fat_thickness: float
    canal_radius: float
    muscle_bulk: float
    marrow: float
    muscle: float
    stripe: float
    foramen_size: tuple[float, ...]
    bowel_level: float
    facet_line: float
    web: float
    rim: float
    ala_start: float
    ruggedness: float
    spine: Spine = Spine()


def draw_anatomy(rng: np.random.Generator, protocol: Protocol = PAPER) -> Anatomy:
    """A body at random, as ``protocol`` will show it. Nothing here knows whether the subject is ill."""
    contrast, build = protocol.contrast, protocol.build
    return Anatomy(
        contrast=contrast,
        pose=_pose(rng, protocol.zoom),
        sides=(_side(rng, 1), _side(rng, -1)),
        textures=_textures(rng),
        spine_tilt=float(rng.normal(0.68, 0.08)),
        spine_bend=float(rng.normal(0.0, 0.04)),
        skin=(float(rng.normal(90, 6)), float(rng.normal(0.78, 0.08)), float(rng.uniform(480, 800))),
        fat_thickness=float(rng.uniform(8, 24)),
        canal_radius=float(rng.uniform(0.85, 1.2)),
        muscle_bulk=float(rng.uniform(0.85, 1.15)),
        marrow=float(rng.normal(1.0, 0.10)),
        muscle=float(rng.normal(1.0, 0.08)),
        stripe=float(rng.uniform(4.0, 6.5)),
        foramen_size=tuple(rng.uniform(0.75, 1.3, 6).tolist()),
        bowel_level=float(rng.uniform(*contrast.bowel_content)),
        facet_line=float(rng.uniform(*contrast.facet_line)),
        web=float(rng.uniform(*contrast.web)),
        rim=float(rng.uniform(*build.rim)),
        ala_start=float(rng.uniform(*build.ala_start)),
        ruggedness=float(rng.uniform(*build.ruggedness)),
    )


def _pose(rng: np.random.Generator, zoom: float) -> Pose:
    turn, shift = np.clip(rng.normal(0, 1, (2, 3)), -difficulty.POSE_LIMIT, difficulty.POSE_LIMIT)
    turn, shift = turn * np.deg2rad([2.5, 2.5, 3.0]), shift * np.array([4.0, 6.0, 2.0])
    return Pose(
        roll=float(turn[0]),
        yaw=float(turn[1]),
        pitch=float(turn[2]),
        shift=(float(shift[0]), float(shift[1]), float(shift[2])),
        size=zoom * float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)),
    )


def _textures(rng: np.random.Generator) -> Textures:
    warp = (random_field(rng, 60.0), random_field(rng, 60.0), random_field(rng, 26.0))
    wavelengths = (4.5, 28.0, 11.0, 5.0, 2.2, 40.0, 10.0, 150.0)
    return Textures(warp, *(random_field(rng, wavelength) for wavelength in wavelengths))


def _side(rng: np.random.Generator, sign: int) -> Side:
    move = rng.normal(0, 1.5, 2)
    turn = float(rng.normal(0, np.deg2rad(3)))
    return Side(
        sign=sign,
        ilium=_varied(rng, _ILIUM, move, turn),
        ala=_varied(rng, _ALA, move, turn),
        joint_space=float(rng.uniform(2.0, 3.4)),
        joint_line=float(rng.uniform(0, 1)),
    )


def _varied(rng: np.random.Generator, rows: tuple[str, ...], move: Array, turn: float) -> Outline:
    """The drawn outline, moved, turned about the middle of the joint and jittered point by point."""
    points = np.array([[[float(n) for n in p.split(",")] for p in row.replace("|", " ").split()] for row in rows])
    centre = np.array([58.0, 5.0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (points - centre) @ rotation.T + centre + move
    points += rng.normal(0, 1.3, (1, *points.shape[1:])) + rng.normal(0, 0.6, points.shape)
    return Outline(np.array(_PLANES, np.float32), points.astype(np.float32))
