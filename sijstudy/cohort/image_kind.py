"""What kind of images a series holds, and whether others are of that kind: weighting, fat, contrast agent, plane.

A scan protocol is told by ``series``; what no header says is UNKNOWN here and never taken for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from sijstudy.cohort.image_header import MARKS
from sijstudy.cohort.series import MrImage, Series

UNKNOWN = "unknown"
SUPPRESSED, FAT_BRIGHT = "suppressed", "not suppressed"
GIVEN, NOT_GIVEN = "given", "not given"
NEEDED = ("weighting", "fat", "plane")  # must be known of a series before networks are asked about it
NO_MATTER = {("STIR", "agent")}  # nobody takes STIR after an agent, and no header says so
NAMES = {"weighting": "weighting", "fat": "fat suppression", "agent": "contrast agent", "plane": "plane"}

DIFFUSION = re.compile(r"(?<![a-z])(dwi|dti|diff[a-z]*|trace[w]?|resolve|adc)(?![a-z])")
DIFFUSION_TYPES = {"DIFFUSION", "TRACEW", "ADC", "EADC", "FA"}
T2_STAR = re.compile(r"t2[ _-]?(\*|star)|(?<![a-z])(medic|merge|swi|mffe)(?![a-z])")
T2 = re.compile(r"(?<![a-z0-9])t2w?(?![0-9])")
PROTON = re.compile(r"(?<![a-z0-9])pdw?(?![a-z0-9])|proton")
LONG_TR, T2_FROM = 1000.0, 60.0  # ms; as ``Series.is_t1``, and echo times from which T2 rather than protons weigh


@dataclass(frozen=True)
class ImageKind:
    """What images show. Every field may be UNKNOWN.

    weighting: T1, STIR, T2, PD, T2*, FLAIR, diffusion, localizer or map. fat: SUPPRESSED or FAT_BRIGHT. agent: GIVEN
    or NOT_GIVEN. plane: coronal, axial or sagittal, each possibly oblique.
    """

    weighting: str = UNKNOWN
    fat: str = UNKNOWN
    agent: str = UNKNOWN
    plane: str = UNKNOWN

    @property
    def words(self) -> str:
        """The kind for a sentence: "Gd-enhanced T1 with fat suppression, coronal"."""
        gd = "Gd-enhanced " if self.agent == GIVEN else ""
        weighting = "images of unknown weighting" if self.weighting == UNKNOWN else self.weighting
        fat = {SUPPRESSED: " with fat suppression", FAT_BRIGHT: " without fat suppression"}.get(self.fat, "")
        agent = " without contrast agent" if self.agent == NOT_GIVEN else ""
        own = "" if self.weighting == "STIR" else fat  # which is fat suppression already
        return f"{gd}{weighting}{own}{agent}, {'plane unknown' if self.plane == UNKNOWN else self.plane}"

    def differs(self, other: ImageKind) -> tuple[str, ...]:
        """The fields that both know and in which they differ."""
        return tuple(
            one.name
            for one in fields(self)
            if UNKNOWN not in (own := (getattr(self, one.name), getattr(other, one.name))) and own[0] != own[1]
        )

    def lacks(self, other: ImageKind) -> tuple[str, ...]:
        """The fields that ``other`` knows and this one does not."""
        return tuple(name for name, value in asdict(other).items() if value != UNKNOWN and self.unknown(name))

    def unknown(self, name: str) -> bool:
        """Whether a field is UNKNOWN."""
        return bool(getattr(self, name) == UNKNOWN)

    def stated(self, contrast: str) -> ImageKind:
        """With what ``contrast`` (``series_choice.CONTRASTS``) says of it where nothing else does."""
        said = STATED.get(contrast, ImageKind())
        return replace(self, **{name: getattr(said, name) for name in self.lacks(said)})


STATED = {"gd_t1": ImageKind("T1", SUPPRESSED, GIVEN), "stir": ImageKind("STIR", SUPPRESSED)}
# What the phantom draws (config.phantom_contrast); its planes lean back with the sacrum.
SYNTHETIC = {
    "gd_fs_t1": replace(STATED["gd_t1"], plane="coronal"),
    "stir": replace(STATED["stir"], plane="coronal"),
}


@dataclass(frozen=True)
class Mixture:
    """Where the images of a series differ: fields of ImageKind, and in words two images with their values."""

    fields: tuple[str, ...] = ()
    words: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields)


def kind_of(series: Series) -> ImageKind:
    """The kind of a series by the headers of all its images and, for volumes without one, its file's name.

    Fields in which its images differ (``mixture_of``) are UNKNOWN.
    """
    own = _kinds(series)
    return replace(own[0], **dict.fromkeys(_differing(own), UNKNOWN))


def mixture_of(series: Series) -> Mixture:
    """In what the images of a series differ; a header that is silent differs from one that tells."""
    own = _kinds(series)
    if not (names := _differing(own)):
        return Mixture()
    place = next(place for place, kind in enumerate(own) if kind != own[0])
    pair = (series.first, own[0]), (series.images[place], own[place])
    return Mixture(names, " and ".join(_told(image, kind, _differing((own[0], own[place]))) for image, kind in pair))


def _kinds(series: Series) -> list[ImageKind]:
    """The kind of each image; planes that are alike but for rounding are one.

    Where the headers of some images name an agent, the series' description does not speak for those that do not.
    """
    first, kinds, named = series.first, [], any(image.contrast_agent for image in series.images)
    localizer = series.is_localizer  # asks all images
    for image in series.images:
        alone = replace(series, images=(image,))
        weighting = "localizer" if localizer else _weighting(alone)
        alike = image.orientation and first.orientation and np.allclose(image.orientation, first.orientation, atol=1e-2)
        plane = series.plane if alike else alone.plane
        agent = UNKNOWN if named and not image.contrast_agent else _agent(alone)
        kinds.append(ImageKind(weighting, _fat(alone, weighting), agent, plane))
    return kinds


def _differing(kinds: Sequence[ImageKind]) -> tuple[str, ...]:
    return tuple(name for name in NAMES if len({getattr(kind, name) for kind in kinds}) > 1)


def _told(image: MrImage, kind: ImageKind, names: Sequence[str]) -> str:
    file = image.file.name if image.frame is None else f"{image.file.name} #{image.frame}"
    said = {name: "not told" if kind.unknown(name) else getattr(kind, name) for name in names}
    return f"{file} ({', '.join(f'{NAMES[name]} {value}' for name, value in said.items())})"


def telling(kinds: Sequence[ImageKind]) -> tuple[ImageKind, ...]:
    """Those of a cohort's kinds that others are to be held against, in the same order.

    Kinds that know all of NEEDED, where there are any; of these none that only says less than another does, as stripped
    headers among whole ones do: with what it leaves open, anything would agree.
    """
    known = [own for own in kinds if not any(own.unknown(name) for name in NEEDED)] or kinds
    return tuple(own for own in known if not any(_says_less(own, other) for other in known))


def _says_less(own: ImageKind, other: ImageKind) -> bool:
    missing = {(own.weighting, name) for name in own.lacks(other)} - NO_MATTER
    return bool(missing) and not other.lacks(own) and not own.differs(other)


def contrast_of(kinds: Sequence[ImageKind]) -> str:
    """Which choice of ``--contrast`` looks for images of the first of these kinds: the paper's when it is not known."""
    weighting = kinds[0].weighting if kinds else UNKNOWN
    wanted = [name for name, said in STATED.items() if weighting in (said.weighting, UNKNOWN)]
    return wanted[0] if wanted else "any"


def _weighting(series: Series) -> str:
    image, words = series.first, series.words
    if series.is_localizer:
        return "localizer"
    value = dict(zip(MARKS, image.marks, strict=False)).get("b-value", "")
    if value not in ("", "0") or DIFFUSION.search(words) or DIFFUSION_TYPES & set(image.image_type):
        return "diffusion"
    if series.is_map:
        return "map"
    if series.is_stir:
        return "STIR"
    if "sequence:ir" in words and "sequence:gr" not in words and image.inversion_time:
        return "FLAIR"
    if T2_STAR.search(words):
        return "T2*"
    if series.is_t1:
        return "T1"
    return _long(image.repetition_time, image.echo_time, words)


def _long(repetition: float | None, echo: float | None, words: str) -> str:
    """T2, T2* or PD by times, else by words."""
    if repetition is not None and echo is not None:
        if repetition < LONG_TR:
            return "T2*"
        return "T2" if echo >= T2_FROM or T2.search(words) else "PD"
    return "T2" if T2.search(words) else "PD" if PROTON.search(words) else UNKNOWN


def _fat(series: Series, weighting: str) -> str:
    if weighting == "STIR":
        return SUPPRESSED
    return {True: SUPPRESSED, False: FAT_BRIGHT, None: UNKNOWN}[series.fat_suppression]


def _agent(series: Series) -> str:
    """A header without a word of an agent leaves it open: many a hospital's never fills it in."""
    return {True: GIVEN, False: NOT_GIVEN, None: UNKNOWN}[series.agent]
