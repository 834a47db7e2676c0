"""The region in which edema counts: all bone, near the sacroiliac joint, or the ROI. What an option says, no more."""

from __future__ import annotations

from dataclasses import dataclass

from sijstudy.errors import StudyError
from sijstudy.options import option

BONE, JOINT, ROI = "bone", "joint", "roi"
REGIONS = (BONE, JOINT, ROI)
LEAVE_OUT, NEGATIVE = "leave-out", "negative"


@dataclass(frozen=True)
class EdemaRegion:
    """Where edema makes a slice positive. Raises StudyError for values other than these.

    region: BONE, everywhere in outlined bone. JOINT: in ilium and sacrum, no further than ``joint_mm`` from the other
    of the two; ASSUMED 15 mm: SPARCC calls edema deep from 10 mm below the joint's surface on, and the joint's space is
    some mm wide. ROI: in the ROI boxes that the ilium boxes give by the default interpretation of [2.2].
    elsewhere: what a slice becomes whose edema lies elsewhere alone: LEAVE_OUT, or NEGATIVE.
    """

    region: str = option("Where edema counts: bone (all of it), joint (near it) or roi.", BONE, "--edema-region")
    joint_mm: float = option("joint: how near ilium and sacrum must both be, mm.", 15.0, "--joint-mm")
    elsewhere: str = option(
        "A slice with edema elsewhere alone: leave-out or negative.", LEAVE_OUT, "--edema-elsewhere"
    )

    def __post_init__(self) -> None:
        for name, value, known in (
            ("region", self.region, REGIONS),
            ("elsewhere", self.elsewhere, (LEAVE_OUT, NEGATIVE)),
        ):
            if value not in known:
                raise StudyError(f"--edema-{name} is '{value}'; it must be {', '.join(known[:-1])} or {known[-1]}")
        if not 0 < self.joint_mm < float("inf"):
            raise StudyError(f"--joint-mm is {self.joint_mm:g}; it must be above 0")

    @property
    def text(self) -> str:
        """The region in a sentence: "edema counts ..."."""
        return {
            BONE: "in all bone",
            JOINT: f"near the joint (ilium and sacrum within {self.joint_mm:g} mm)",
            ROI: "in the ROI",
        }[self.region]
