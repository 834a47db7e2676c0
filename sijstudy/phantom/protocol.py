"""How a subject was scanned: the contrast of the tissues, resolution, slice thickness, field of view, noise.

Two contrasts: the paper's gadolinium-enhanced, fat-suppressed T1 (2.1), and STIR, on which edema is bright without
an agent. Signals of STIR are ASSUMED from the levels of public volumes, relative to marrow; docs/PHANTOM.md has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sijstudy.phantom import knobs

CONTRASTS = ("gd_fs_t1", "stir")
MATRICES = (256, 288, 320, 336, 384, 448)  # rows and columns that a randomised examination may have
STEP_LIMIT_MM = 3.4  # the used slices must lie in the joints, however thick they are
_SPREAD = {"fat": 0.25, "muscle": 0.18, "disc": 0.35, "fluid": 0.30}
_LEAST_SPREAD = 0.15  # SD of the log signal of every other tissue


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue, in units in which enhanced blood is near 1; pairs are the ends of a range."""

    fat: float = knobs.FAT
    muscle: float = knobs.MUSCLE
    marrow: float = knobs.MARROW
    cortex: float = knobs.CORTEX
    cartilage: float = knobs.CARTILAGE
    ligament: float = knobs.LIGAMENT
    disc: float = knobs.DISC
    fluid: float = knobs.FLUID
    nerve: float = knobs.NERVE
    skin: float = knobs.SKIN
    vessel: float = knobs.VESSEL
    bowel_wall: float = knobs.BOWEL_WALL
    bowel_content: tuple[float, float] = (0.05, 0.45)
    joint_line: tuple[float, float] = knobs.JOINT_LINE
    foramen_vein: tuple[float, float] = knobs.FORAMEN_VEIN
    facet_line: tuple[float, float] = knobs.FACET_LINE
    fat_failure: tuple[float, float] = knobs.FAT_FAILURE
    spot: tuple[float, float] = knobs.SPOT_GAIN
    island: tuple[float, float] = knobs.MARROW_ISLANDS
    paraspinal_veins: int = 0  # mean number beyond the muscles' other veins
    mottle: float = 1.0  # texture of the marrow, relative to ``knobs.MARROW_MOTTLE`` and its finer companions
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
    paraspinal_veins=40,
    fat_failure=(0.0, 0.25),  # an inversion pulse nulls fat in an uneven field, too
    ceiling=2.4,
)


@dataclass(frozen=True)
class LesionRange:
    """From the faintest and smallest to the largest focus that a cohort may hold; see ``knobs`` for the units."""

    gain: tuple[float, float] = knobs.EDEMA_GAIN
    depth: tuple[float, float] = knobs.EDEMA_DEPTH_MM
    half_length: tuple[float, float] = knobs.EDEMA_HALF_LENGTH
    min_area: float = knobs.EDEMA_MIN_AREA_MM2
    min_contrast: float = knobs.EDEMA_MIN_CONTRAST


CLEARLY_OBSERVED = LesionRange()  # [2.1]
SLIVERS_TO_GROSS = LesionRange(
    gain=(0.24, 0.65), depth=(3.0, 45.0), half_length=(0.08, 0.80), min_area=90.0, min_contrast=3.0
)


@dataclass(frozen=True)
class Protocol:
    """One examination. Lengths in mm; ``size`` rows and columns; ``noise`` SD range of the receiver at 448 pixels.

    ``samples``: planes averaged over a slice's thickness. ``blur``: SD of the in-plane smoothing at 448 pixels, in
    pixels. ``shading``: log-signal SD of the receive profile. ``gamma``: exponent of the signal. ``zoom``: of the body.
    """

    sequence: str = "gd_fs_t1"
    contrast: Contrast = GD_FS_T1
    lesions: LesionRange = CLEARLY_OBSERVED
    size: int = 448
    fov: float = 250.0  # [2.1]
    thickness: float = 2.0  # [2.1]
    step: float = 2.2  # 2 mm and 0.2 mm gap [2.1]
    samples: int = 1
    blur: float = 0.8
    noise: tuple[float, float] = knobs.NOISE_SD
    shading: float = knobs.SHADING_SD
    gamma: float = 1.0
    zoom: float = 1.0


PAPER = Protocol()


def draw_protocol(rng: np.random.Generator, sequence: str, size: int, randomised: bool) -> Protocol:
    """The examination of one subject: the fixed one of its ``sequence`` (CONTRASTS), or one at random around it.

    ``size``: rows and columns; the most that a randomised one may have.
    """
    if sequence == "gd_fs_t1":
        fixed = Protocol(size=size)
    else:
        fixed = Protocol("stir", STIR, SLIVERS_TO_GROSS, size=size, thickness=3.0, step=3.3, samples=2)
    return _randomised(rng, fixed) if randomised else fixed


def _randomised(rng: np.random.Generator, fixed: Protocol) -> Protocol:
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
        noise=(0.008, 0.032),
        shading=float(rng.uniform(0.05, 0.25)),
        gamma=float(rng.uniform(0.85, 1.2)),
        zoom=float(rng.uniform(0.92, 1.08)),
    )


def _random_contrast(rng: np.random.Generator, contrast: Contrast) -> Contrast:
    """Every tissue brighter or darker by a factor of its own; marrow is the yardstick and stays."""
    drawn: dict[str, Any] = {}
    for spec in fields(contrast):
        value = getattr(contrast, spec.name)
        if isinstance(value, float) and spec.name not in ("marrow", "mottle", "ceiling", "paraspinal_veins"):
            drawn[spec.name] = value * float(np.exp(_SPREAD.get(spec.name, _LEAST_SPREAD) * rng.normal()))
    return replace(contrast, **drawn, mottle=contrast.mottle * float(rng.uniform(0.7, 1.5)))
