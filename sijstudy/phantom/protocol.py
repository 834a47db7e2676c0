"""How a subject was scanned: the contrast of the tissues, resolution, slice thickness, field of view, noise.

Two contrasts: the paper's gadolinium-enhanced, fat-suppressed T1 (2.1), and STIR, on which edema is bright without
an agent. Signals of STIR are ASSUMED from the levels of public volumes, relative to marrow; docs/PHANTOM.md has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sijstudy.phantom import difficulty

CONTRASTS = ("gd_fs_t1", "stir")
MATRICES = (256, 288, 320, 336, 384, 448)  # rows and columns that a randomised examination may have
STEP_LIMIT_MM = 3.4  # the used slices must lie in the joints, however thick they are
_SPREAD = {"fat": 0.25, "muscle": 0.18, "disc": 0.35, "fluid": 0.30}
_LEAST_SPREAD = 0.15  # SD of the log signal of every other tissue


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue, in units in which enhanced blood is near 1; pairs are the ends of a range."""

    fat: float = difficulty.FAT
    muscle: float = difficulty.MUSCLE
    marrow: float = difficulty.MARROW
    cortex: float = difficulty.CORTEX
    cartilage: float = difficulty.CARTILAGE
    ligament: float = difficulty.LIGAMENT
    disc: float = difficulty.DISC
    fluid: float = difficulty.FLUID
    nerve: float = difficulty.NERVE
    skin: float = difficulty.SKIN
    vessel: float = difficulty.VESSEL
    bowel_wall: float = difficulty.BOWEL_WALL
    bowel_content: tuple[float, float] = (0.05, 0.45)
    joint_line: tuple[float, float] = difficulty.JOINT_LINE
    foramen_vein: tuple[float, float] = difficulty.FORAMEN_VEIN
    facet_line: tuple[float, float] = difficulty.FACET_LINE
    fat_failure: tuple[float, float] = difficulty.FAT_FAILURE
    spot: tuple[float, float] = difficulty.SPOT_GAIN
    island: tuple[float, float] = difficulty.MARROW_ISLANDS
    plexus: tuple[float, float] = (
        0.0,
        0.0,
    )  # signal of the sacral nerves in front of the sacrum, beyond the nerve's own
    web: tuple[float, float] = (0.0, 0.0)  # signal of the web of small vessels and nerves in muscle, ligament and fat
    mottle: float = 1.0  # texture of the marrow, relative to ``difficulty.MARROW_MOTTLE`` and its finer companions
    ceiling: float = 1.6  # nothing is brighter


GD_FS_T1 = Contrast()
STIR = Contrast(
    fat=0.16,
    muscle=0.23,
    cortex=0.06,
    cartilage=0.17,
    ligament=0.09,
    disc=0.32,
    fluid=1.50,
    nerve=0.38,
    skin=0.26,
    vessel=0.60,
    bowel_wall=0.36,
    bowel_content=(0.03, 0.7),
    joint_line=(0.0, 0.06),
    foramen_vein=(0.05, 0.45),
    facet_line=(0.0, 0.9),
    spot=(0.03, 0.15),
    island=(0.01, 0.05),
    plexus=(0.3, 1.1),
    web=(0.10, 0.60),
    mottle=1.4,
    fat_failure=(0.0, 0.25),  # an inversion pulse nulls fat in an uneven field, too
    ceiling=2.4,
)


@dataclass(frozen=True)
class Build:
    """What the bodies of a cohort are like; pairs are the ends of a range.

    ``rim``: thickness of cortical bone, relative to the usual. ``ruggedness``: unevenness of bone where ligaments
    insert, beyond the usual. ``ala_start``: plane in mm below which the sacrum has no wings. ``paraspinal_veins``:
    mean number beyond the muscles' other veins. ``near_patches``: share of the bright patches that lie beside the
    joints. ``hemangiomas``: mean number.
    """

    rim: tuple[float, float] = (1.0, 1.0)
    ruggedness: tuple[float, float] = (0.0, 0.0)
    ala_start: tuple[float, float] = (-60.0, -60.0)  # out of view: the wings are as drawn
    paraspinal_veins: int = 0
    near_patches: float = difficulty.PATCH_NEAR
    hemangiomas: float = difficulty.HEMANGIOMA_RATE


PLAIN = Build()
VARIED = Build(
    rim=(0.4, 1.1),
    ruggedness=(0.0, 4.0),
    ala_start=(-32.0, -18.0),
    paraspinal_veins=200,
    near_patches=0.0,
    hemangiomas=0.0,
)


@dataclass(frozen=True)
class LesionKind:
    """Size and place of one kind of focus: ``depth`` mm from the joint, ``half_length`` and ``along`` in units of the
    joint's length, ``half_width`` mm through the planes; ``weight``: how often it is drawn, relative to the others.

    ``start``: mm from the joint to its middle, from which ``depth`` is counted then. ``bone``: ilium, sacrum, or empty
    for either. ``inward``: it fades before the middle of the ilium, where the default ROI ends [2.2].
    """

    depth: tuple[float, float] = difficulty.EDEMA_DEPTH_MM
    half_length: tuple[float, float] = difficulty.EDEMA_HALF_LENGTH
    half_width: tuple[float, float] = difficulty.EDEMA_HALF_WIDTH_MM
    weight: float = 1.0
    along: tuple[float, float] = (0.18, 0.82)
    start: tuple[float, float] = (0.0, 0.0)
    bone: str = ""
    inward: bool = False


NEAR = LesionKind(weight=1 - 2 * difficulty.FAR_KIND)
WING = LesionKind(
    depth=difficulty.FAR_DEPTH_MM,
    weight=difficulty.FAR_KIND,
    along=(0.0, 0.35),
    start=difficulty.WING_START_MM,
    bone="ilium",
)
MIDLINE = replace(WING, along=(0.4, 0.95), start=difficulty.MIDLINE_START_MM, bone="sacrum")


@dataclass(frozen=True)
class LesionRange:
    """What foci a cohort may hold, ``gain`` from the faintest to the brightest; see ``difficulty`` for the units.

    ``extra``: mean number of foci per mm beyond those that cover every slice; ``least_extra``: at least so many in each
    stretch of slices. ``diffuse``: share of the subjects with one focus that fills a bone from joint to wing, besides
    the others. ``stress``: share of all subjects with edema of mechanical strain. ``seen``: mm2 that a reader outlines
    at least, in whole examinations.
    """

    gain: tuple[float, float] = difficulty.EDEMA_GAIN
    kinds: tuple[LesionKind, ...] = (NEAR, WING, MIDLINE)
    min_area: float = difficulty.EDEMA_MIN_AREA_MM2
    min_contrast: float = difficulty.EDEMA_MIN_CONTRAST
    extra: float = difficulty.EXTRA_FOCI_PER_MM
    least_extra: int = difficulty.LEAST_EXTRA_FOCI
    diffuse: float = 0.0
    stress: float = difficulty.STRESS_RATE
    seen: float = difficulty.EDEMA_SEEN_MM2


CLEARLY_OBSERVED = LesionRange()  # [2.1]
SLIVER = LesionKind(depth=(1.5, 4.0), half_length=(0.08, 0.5), weight=0.3, inward=True)
SPECK = LesionKind(depth=(2.0, 5.0), half_length=(0.02, 0.06), half_width=(3.0, 6.0), weight=0.15, inward=True)
PATCH = LesionKind(depth=(5.0, 25.0), half_length=(0.1, 0.45), weight=0.55, inward=True)
DIFFUSE = LesionKind(depth=(40.0, 90.0), half_length=(0.6, 2.0), half_width=(15.0, 45.0))
SLIVERS_TO_GROSS = LesionRange(
    gain=(0.10, 0.45),
    kinds=(SLIVER, SPECK, PATCH),
    min_area=40.0,
    min_contrast=1.6,
    extra=0.10,
    least_extra=0,
    diffuse=0.3,
    stress=0.0,
)


@dataclass(frozen=True)
class Protocol:
    """One examination. Lengths in mm; ``size`` rows and columns; ``noise`` SD range of the receiver at 448 pixels.

    ``samples``: planes averaged over a slice's thickness. ``blur``: SD of the in-plane smoothing at 448 pixels, in
    pixels. ``shading``: log-signal SD of the receive profile. ``gamma``: exponent of the signal. ``zoom``: of the body.
    ``acquired``: lines of k-space measured in either direction, of those that the matrix needs; the others are 0, which
    blurs, rings at edges and makes noise grainy. ``sharpening``: weight of the scanner's edge filter.
    """

    sequence: str = "gd_fs_t1"
    contrast: Contrast = GD_FS_T1
    build: Build = PLAIN
    lesions: LesionRange = CLEARLY_OBSERVED
    size: int = 448
    fov: float = 250.0  # [2.1]
    thickness: float = 2.0  # [2.1]
    step: float = 2.2  # 2 mm and 0.2 mm gap [2.1]
    samples: int = 1
    blur: float = 0.8
    noise: tuple[float, float] = difficulty.NOISE_SD
    shading: float = difficulty.SHADING_SD
    gamma: float = 1.0
    zoom: float = 1.0
    acquired: tuple[float, float] = (1.0, 1.0)  # share of the rows and columns that are measured, the rest is filled
    sharpening: float = 0.0


PAPER = Protocol()
EXAMINATION = Protocol(  # STIR through the whole pelvis, as hospitals take it
    sequence="stir",
    contrast=STIR,
    build=VARIED,
    lesions=SLIVERS_TO_GROSS,
    thickness=3.0,
    step=3.3,
    samples=2,
    noise=(0.02, 0.035),
    acquired=(0.9, 0.75),
    sharpening=0.5,
)


def draw_protocol(rng: np.random.Generator, sequence: str, size: int, randomised: bool) -> Protocol:
    """The examination of one subject: the fixed one of its ``sequence`` (CONTRASTS), or one at random around it.

    ``size``: rows and columns; the most that a randomised one may have.
    """
    fixed = replace(PAPER if sequence == "gd_fs_t1" else EXAMINATION, size=size)
    return any_scanner(rng, fixed) if randomised else fixed


def any_scanner(rng: np.random.Generator, fixed: Protocol) -> Protocol:
    """Domain randomisation: all that differs between scanners, drawn wider than any one hospital's scanners differ."""
    thickness = float(rng.uniform(2.0, 5.0))
    sizes = [n for n in MATRICES if n <= fixed.size] or [fixed.size]
    return replace(
        fixed,
        contrast=_random_contrast(rng, fixed.contrast),
        size=int(rng.choice(sizes)),
        fov=float(rng.uniform(190, 256)),
        thickness=round(thickness, 2),
        step=round(min(1.1 * thickness, STEP_LIMIT_MM), 2),
        samples=2,
        blur=float(rng.uniform(0.5, 1.4)),
        noise=(0.010, 0.045),
        shading=float(rng.uniform(0.05, 0.25)),
        gamma=float(rng.uniform(0.85, 1.2)),
        zoom=float(rng.uniform(0.92, 1.08)),
        acquired=(float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.5, 1.0))),
        sharpening=float(rng.uniform(0.0, 1.0)),
    )


def _random_contrast(rng: np.random.Generator, contrast: Contrast) -> Contrast:
    """Every tissue brighter or darker by a factor of its own; marrow is the yardstick and stays."""
    drawn: dict[str, Any] = {}
    for spec in fields(contrast):
        value = getattr(contrast, spec.name)
        if isinstance(value, float) and spec.name not in ("marrow", "mottle", "ceiling"):
            drawn[spec.name] = value * float(np.exp(_SPREAD.get(spec.name, _LEAST_SPREAD) * rng.normal()))
    return replace(contrast, **drawn, mottle=contrast.mottle * float(rng.uniform(0.7, 1.5)))
