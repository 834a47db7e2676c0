"""Several readings of edema on a slice -> one mask, each reading's vote, the slice's label [2.1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.options import option

Mask = np.ndarray[Any, np.dtype[np.bool_]]
NEGATIVES = ("majority", "unanimous")
SETTLING = 2  # readings that a slice needs where its subject has several


@dataclass(frozen=True)
class EdemaRule:
    """When outlines make a slice positive or negative.

    agreement: readings that must mark a pixel, >= 1; None for more than half of those that read the slice.
    min_pixels: agreed pixels that make a slice positive, >= 1. negatives: ``unanimous``, negative where no reading
    marks a pixel, in bone or not; ``majority``, negative where not positive. Raises StudyError for other values.
    """

    agreement: int | None = option("Readings that must mark an edema pixel.", None, show_default="more than half")
    min_pixels: int = option("Edema pixels that make a slice positive.", 1, "--min-edema-pixels")
    negatives: str = option(
        "majority: negative when not positive; unanimous: when no reading marks a pixel.", "majority"
    )

    def __post_init__(self) -> None:
        for name, value in (("agreement", self.agreement), ("min-edema-pixels", self.min_pixels)):
            if value is not None and value < 1:
                raise StudyError(f"--{name} is {value}; it must be at least 1")
        if self.negatives not in NEGATIVES:
            raise StudyError(f"--negatives is '{self.negatives}'; it must be {' or '.join(NEGATIVES)}")

    def needed(self, readings: int) -> int:
        """How many of ``readings`` must mark a pixel."""
        return readings // 2 + 1 if self.agreement is None else self.agreement


def consensus_mask(readings: Sequence[Mask], bone: Mask | None, rule: EdemaRule) -> Mask:
    """Pixels ``(H, W)`` bool that enough readings mark, inside ``bone`` where it is outlined. At least one reading."""
    agreed: Mask = np.sum(readings, axis=0) >= rule.needed(len(readings))
    return agreed if bone is None else agreed & bone


def slice_label(readings: Sequence[Mask], bone: Mask | None, rule: EdemaRule, *, missing: int = 0) -> int | None:
    """1, 0, or None for a slice that is neither, or that some more readings could make positive.

    missing: readings of the subject that do not cover this slice. One reading of several settles nothing [2.1].
    """
    if missing and len(readings) < SETTLING:
        return None
    if np.count_nonzero(consensus_mask(readings, bone, rule)) >= rule.min_pixels:
        return 1
    if missing:
        possible = np.sum(readings, axis=0) + missing >= rule.needed(len(readings) + missing)
        if np.count_nonzero(possible if bone is None else possible & bone) >= rule.min_pixels:
            return None
    if rule.negatives == "majority":
        return 0
    return None if any(reading.any() for reading in readings) else 0


def reading_vote(reading: Mask, bone: Mask | None, rule: EdemaRule) -> int | None:
    """A single reading's vote: 1 with enough pixels inside the bone, 0 without any pixel, None in between."""
    inside = reading if bone is None else reading & bone
    if np.count_nonzero(inside) >= rule.min_pixels:
        return 1
    return None if reading.any() else 0
