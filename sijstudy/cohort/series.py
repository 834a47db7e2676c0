"""MR series as their headers describe them: weighting, fat suppression, contrast agent, plane."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sijstudy.cohort.header_words import agent_is_given, fat_is_suppressed
from sijstudy.images.dicom import slice_uid

# Words in descriptions and sequence names, as vendors and hospitals write them; between letters they do not count.
LOCALIZER = re.compile(r"(?<![a-z])(loc|locali[sz]er|localisation|scout|survey|pilot|3[ _-]?plane)(?![a-z])")
T1 = re.compile(r"(?<![a-z0-9])(t1w?|vibe|lava|thrive)(?![0-9])")
STIR = re.compile(r"(?<![a-z])(stir|tirm)(?![a-z])|(?<![a-z])t?ir[_ -]?tse|(?<![a-z])tirb?[23]d")
# Images that a scanner makes of one measurement, by image type (blanks as _, * as _STAR) and by description.
PART_TYPES = {
    **dict.fromkeys(("WATER", "W"), "water"),
    **dict.fromkeys(("FAT", "F"), "fat"),
    **dict.fromkeys(("IN_PHASE", "IP", "INPHASE"), "in phase"),
    **dict.fromkeys(("OPP_PHASE", "OUT_PHASE", "OP", "OPPOSED_PHASE", "OUTPHASE"), "opposed phase"),
    **dict.fromkeys(("FF", "PDFF", "FAT_FRACTION", "FATFRACTION", "FAT_FRAC", "FATFRAC"), "fat fraction"),
    **dict.fromkeys(("PERCENT_FAT", "FAT_PERCENT"), "fat fraction"),
    **dict.fromkeys(("WF", "WATER_FRACTION", "WATERFRACTION", "PERCENT_WATER"), "water fraction"),
    **dict.fromkeys(("P", "PHASE", "PHASE_MAP", "P_FFE", "P_SE", "P_IR"), "phase image"),
    **dict.fromkeys(("I", "IMAGINARY", "I_FFE", "I_SE", "I_IR"), "imaginary part"),
    **dict.fromkeys(("R2_STAR", "R2STAR", "ADC", "EADC", "EXP_ADC", "EXPADC", "EXPONENTIAL_ADC"), "map"),
}
MAPS = ("fat fraction", "water fraction", "map", "phase image", "imaginary part")  # no weighted images
MAP_NAMES = (
    ("fat fraction", re.compile(r"(?<![a-z])(pdff|fat[ _-]?(signal[ _-]?)?(frac|percent)|percent[ _-]?fat)")),
    ("fat fraction", re.compile(r"(?<![a-z])fett[ _-]?(anteil|fra[ck]|gehalt|prozent)")),
    ("fat fraction", re.compile(r"(?<![a-z0-9])(f|ff|fat|fett)[ _-]?%|(?<![0-9])%[ _-]?(f|ff|fat|fett)(?![a-z])")),
    (
        "water fraction",
        re.compile(r"(?<![a-z])(water[ _-]?(frac|percent)|percent[ _-]?water|wasser[ _-]?(anteil|fra[ck]))"),
    ),
    (
        "water fraction",
        re.compile(r"(?<![a-z0-9])(w|wf|water|wasser)[ _-]?%|(?<![0-9])%[ _-]?(w|water|wasser)(?![a-z])"),
    ),
    ("map", re.compile(r"(?<![a-z0-9])([tr][12]([ _-]?star|s|\*)?|b[01]|field)[ _-]?(map|karte)(?![a-z])")),
    ("map", re.compile(r"(?<![a-z0-9])moco[ _-]?[tr][12]([ _-]?star|\*)?(?![a-z0-9])")),  # with motion correction
    ("map", re.compile(r"(?<![a-z0-9])r2([ _-]?star|s|\*)(?![a-z])")),
    ("map", re.compile(r"(?<![a-z])(e|d|exp[a-z]*[ _.-]?)?adc(?![a-z])")),
)
# FF is feet first where a weighting is named and no Dixon sequence.
FAT_FRACTION = re.compile(r"(?<![a-z0-9])q?ff(?![a-z0-9])")
WEIGHTED = re.compile(r"(?<![a-z0-9])(t[12]w?|pdw?|t?se|fse|stir|tirm)(?![a-z0-9])")
DIXON = re.compile(r"dixon|ideal|flex|vibe|(?<![a-z])wf[is](?![a-z])")
DIXON_NAMES = (
    ("water", re.compile(r"(water|[ _-]w|^water:.*)$")),
    ("fat", re.compile(r"([ _-]fat|[ _-]f|^fat:.*)$")),
    ("in phase", re.compile(r"([ _-]in|[ _-]ip|in[ _-]?phase|^in[ _-]?phase:.*)$")),
    ("opposed phase", re.compile(r"([ _-]opp|[ _-]op|(opp|out)[a-z]*[ _-]?phase|^(opp|out)[a-z]*[ _-]?phase:.*)$")),
)
MIN_SLICES = 3
LONGEST_TAU = 400.0  # ms: fat is nulled near 150 at 1.5 T and 220 at 3 T; fluid (FLAIR) beyond 1500
TURNED = np.cos(np.deg2rad(20.0))  # planes further apart than 20 degrees are of different directions


@dataclass(frozen=True)
class MrImage:
    """One MR image by its header: a slice, or one of those that are told from it.

    frame: its place in a multi-frame file, from 1, else None. orientation: ``(6,)`` unit vectors, None where the
    header has none. times in ms, None where not stated. words: sequence, options and protocol, lower case.
    position ``(3,)`` mm, None where the header has none. study: UIDs of the study and the frame of reference.
    marks: values of ``image_header.MARKS``, "" where not stated. thickness: of the slice, mm, None where not stated.
    options_stated: the header speaks of scan options, so that fat suppression would be named.
    """

    file: Path
    frame: int | None
    sop_uid: str
    patient_id: str
    series_uid: str
    number: str
    description: str
    image_type: tuple[str, ...]
    orientation: tuple[float, ...] | None
    repetition_time: float | None
    echo_time: float | None
    words: str
    contrast_agent: str
    colour: bool = False
    position: tuple[float, ...] | None = None
    study: tuple[str, str] = ("", "")
    marks: tuple[str, ...] = ()
    thickness: float | None = None
    inversion_time: float | None = None
    options_stated: bool = False

    @property
    def uid(self) -> str:
        """The slice's key in a manifest."""
        return slice_uid(self.sop_uid, self.frame)

    @property
    def part(self) -> str:
        """Which of the images that a scanner makes of one measurement: water, fat ..., one of MAPS; "" when none."""
        names = [name.replace(" ", "_").replace("*", "_STAR") for name in self.image_type]
        parts = [PART_TYPES.get(name, "map" if name.endswith("_MAP") else "") for name in names]
        parts += ["map"] if {"T2_STAR", "DERIVED"} <= set(names) else []  # not derived, it is a weighting
        if any(parts):
            return next((part for part in parts if part in MAPS), next(filter(None, parts)))
        text = self.description.lower()
        dixon = bool(DIXON.search(f"{text} {self.words}"))
        if FAT_FRACTION.search(text) and (dixon or not WEIGHTED.search(text)):
            return "fat fraction"
        patterns = (*MAP_NAMES, *DIXON_NAMES) if dixon else MAP_NAMES
        return next((part for part, pattern in patterns if pattern.search(text)), "")


@dataclass(frozen=True)
class Series:
    """The images of one series; where it holds several of each place, those of one part and one phase.

    phase: what tells its images from others of the series in the same places, in words. reach: number of places
    of all phases together, 0 where the series has one.
    """

    images: tuple[MrImage, ...]
    phase: str = ""
    reach: int = 0

    @property
    def first(self) -> MrImage:
        """The image that speaks for the series in what all its images share."""
        return self.images[0]

    @property
    def text(self) -> str:
        """Number, description, part and phase: what --series is matched with, and how messages call the series."""
        return self._called(f"{self.first.number} {self.first.description}".strip())

    @property
    def by_uid(self) -> str:
        """A name for series whose ``text`` is the same: their UID, or their study's where they have none."""
        return self._called(self.first.series_uid or self.first.study[0] or "no UID")

    @property
    def origin(self) -> tuple[str, ...]:
        """What its phases share, and no two other series do."""
        return self.by_uid.removesuffix(self.phase), self.first.number, self.first.description

    def _called(self, name: str) -> str:
        part = f"({self.first.part})" if self.first.part else ""
        return ", ".join(filter(None, (" ".join(filter(None, (name, part))), self.phase)))

    @cached_property
    def words(self) -> str:
        """Description, protocol and sequence, lower case."""
        return f"{self.first.description} {self.first.words}".lower()

    @property
    def slices(self) -> int:
        """Number of slices, copies counted once."""
        return len({image.uid for image in self.images})

    @property
    def is_short(self) -> bool:
        """Fewer than MIN_SLICES places, other phases of the series counted too."""
        return max(self.reach, self.slices) < MIN_SLICES

    @property
    def is_map(self) -> bool:
        """Values that were computed from images, or the phase of the signal: nothing that a reader grades edema on."""
        return self.first.part in MAPS

    @property
    def is_localizer(self) -> bool:
        """By image type, by description, or as its planes lie in several directions, none of them the usual one."""
        named = any("LOCALIZER" in image.image_type for image in self.images)
        return named or bool(LOCALIZER.search(self.first.description.lower())) or self._scattered()

    @property
    def is_derived(self) -> bool:
        """A secondary capture, projection, reformat or subtraction, or no image of a plane; Dixon water is none."""
        if all(image.colour or image.orientation is None for image in self.images):
            return True
        types = set(self.first.image_type)
        reworked = types & {"MPR", "MIP", "MNIP", "PROJECTION IMAGE", "SUB", "SUBTRACTION", "SCREEN SAVE"}
        return bool(reworked) or ("SECONDARY" in types and self.first.part != "water")

    @property
    def is_stir(self) -> bool:
        """Short-tau inversion recovery; the sequences that null fluid are inversion recovery, too, with a long tau."""
        if (self.first.inversion_time or 0) > LONGEST_TAU:
            return False
        inverted = "sequence:ir" in self.words and "sequence:gr" not in self.words
        return inverted or bool(STIR.search(self.words))

    @property
    def is_t1(self) -> bool:
        """T1-weighted: TR below 1000 ms and TE below 30 ms where the header states them, else by description."""
        if self.is_stir:
            return False
        repetition, echo = self.first.repetition_time, self.first.echo_time
        if repetition is not None and echo is not None:
            return repetition < 1000 and echo < 30
        return bool(T1.search(self.words))

    @property
    def fat_suppression(self) -> bool | None:
        """Whether fat is suppressed: by Dixon image, scan options or words; None where they say both, or nothing."""
        if self.first.part:
            return None if self.is_map else self.first.part == "water"
        return fat_is_suppressed(self.words, options_stated=self.first.options_stated)

    @property
    def is_fat_suppressed(self) -> bool:
        """Known to be so."""
        return bool(self.fat_suppression)

    @property
    def agent(self) -> bool | None:
        """Whether a contrast agent was given, by header and description; None where they differ, or are silent."""
        return agent_is_given(self.first.contrast_agent, self.first.description)

    @property
    def has_agent(self) -> bool:
        """Known to be so."""
        return bool(self.agent)

    @property
    def plane(self) -> str:
        """``plane_of`` its slices; "unknown" without orientation."""
        return "unknown" if self.first.orientation is None else plane_of(self.first.orientation)

    def _scattered(self) -> bool:
        normals = [_normal(image.orientation) for image in self.images if image.orientation is not None]
        if not normals:
            return False
        aligned = np.abs(np.array(normals) @ np.array(normals).T) > TURNED
        return bool(aligned.sum(axis=1).max() <= len(normals) / 2)


def plane_of(orientation: tuple[float, ...]) -> str:
    """Plane of an orientation ``(6,)``: coronal, axial or sagittal, each of them possibly oblique.

    ASSUMED: oblique coronal up to 60 degrees from coronal, with the plane leaning back as the sacrum does.
    """
    x, y, z = _normal(orientation)
    if abs(x) > max(abs(y), abs(z)):
        return "sagittal"
    y, z = (y, z) if z >= 0 else (-y, -z)
    angle = np.degrees(np.arctan2(z, y))  # 0 coronal, 90 axial; beyond, planes that lean forward
    return "coronal" if angle <= 60 or angle >= 150 else "axial"


def _normal(orientation: tuple[float, ...]) -> np.ndarray:
    normal: np.ndarray = np.cross(orientation[:3], orientation[3:])
    return normal / max(float(np.linalg.norm(normal)), 1e-9)
