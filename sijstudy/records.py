"""The nouns of the study as frozen dataclasses: boxes, slices, subjects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Group = Literal["axSpA", "control"]
Sex = Literal["M", "F"]
Arm = Literal["original", "roi"]

GROUPS: tuple[Group, ...] = ("axSpA", "control")
ARMS: tuple[Arm, ...] = ("original", "roi")


@dataclass(frozen=True)
class Box:
    """An axis-aligned rectangle on one slice.

    Frame: pixels of that slice, turned upright (``images.upright``); x grows to the right (columns), y grows downwards
    (rows). Half-open: pixel (row, column) lies inside when y0 <= row < y1 and x0 <= column < x1.
    Coordinates are floats, so that ROI rules do not round before the crop does.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"box {self} is empty: x0 < x1 and y0 < y1 must hold")

    @property
    def width(self) -> float:
        """Extent along x, in pixels, > 0."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Extent along y, in pixels, > 0."""
        return self.y1 - self.y0

    @property
    def centre_x(self) -> float:
        """Middle along x, in pixels."""
        return (self.x0 + self.x1) / 2

    @property
    def centre_y(self) -> float:
        """Middle along y, in pixels."""
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True)
class IliumBoxes:
    """The ilium boxes of one slice, named by the subject's own side.

    On a coronal slice shown in the radiological convention the subject's right ilium lies on the
    left of the image. Either side may be missing (None), not both.
    """

    left: Box | None
    right: Box | None

    def __post_init__(self) -> None:
        if self.left is None and self.right is None:
            raise ValueError("a slice needs at least one ilium box")


@dataclass(frozen=True)
class Slice:
    """One MR slice of the manifest (paper 2.1).

    ``index`` counts from the lower to the upper pelvis and is unique within a subject. ``label`` is 1 when
    bone marrow edema is present. ``file`` is absolute; ``frame`` is the slice's place in it, counted from 1, None
    when the file is one slice. ``uid`` is the slice's key in outlines. ``segmentation`` holds the subject's outlines.
    ``slice_marrow`` and ``stack_marrow``: grey values of normal marrow (``marrow.MarrowLevels``), None where not known.
    """

    subject_id: str
    index: int
    label: int
    file: Path
    frame: int | None
    uid: str
    sha256: str
    boxes: IliumBoxes | None
    segmentation: Path | None
    slice_marrow: float | None = None
    stack_marrow: float | None = None


@dataclass(frozen=True)
class Subject:
    """One person: the unit that is split into training and test data (paper 2.1, 2.5). None where not known."""

    subject_id: str
    group: Group
    age_years: int | None
    sex: Sex | None
