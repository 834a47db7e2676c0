"""How much of an examination was scored: a rule that was chosen on whole ones decides nothing on a fragment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sijstudy.cohort.slice_steps import stack_steps
from sijstudy.cohort.subject_folder import SubjectFolder
from sijstudy.images.read import read_image_header
from sijstudy.records import Slice
from sijstudy.training.rule_choice import RuleChoice

LEAST_SHARE = 0.5  # ASSUMED: of the slices that a whole examination shows the joints on; below, nothing is decided


@dataclass(frozen=True)
class Coverage:
    """Slices of a series that were scored, beside those of a whole examination.

    slices: of the series, as found. missing: slices that are not there between those, by their positions. expected:
    slices on which whole examinations of the run's cohort show the joints, at this series' slice distance; None where
    nobody knows. whole: the rule was chosen on whole examinations. forced: decide in any case.
    """

    scored: int
    slices: int
    missing: int
    expected: int | None
    whole: bool
    forced: bool

    @property
    def share(self) -> float:
        """Scored slices, of those expected, else of the series with what is missing in it; may exceed 1."""
        return self.scored / (self.expected or self.slices + self.missing)

    @property
    def partial(self) -> bool:
        """Something of the series was not scored, or is not there."""
        return bool(self.missing) or self.scored < self.slices or self.short

    @property
    def short(self) -> bool:
        """Too little of an examination: a single slice, or a share below LEAST_SHARE."""
        return self.scored == 1 or self.share < LEAST_SHARE

    @property
    def withholds(self) -> bool:
        """Nothing may be decided."""
        return self.whole and self.short and not self.forced

    @property
    def reason(self) -> str:
        """Why too little was scored for a rule that was chosen on whole examinations; empty where it is enough."""
        if not (self.whole and self.short):
            return ""
        if self.scored == 1:
            return "The rule was chosen on whole examinations, and a single slice is none."
        of = f"the {self.slices + self.missing} of this series"
        if self.expected:
            of = f"about {self.expected}, on which such an examination shows the joints with slices this far apart"
        return (
            f"The rule was chosen on whole examinations; {self.scored} slices are less than {LEAST_SHARE:.0%} of {of}."
        )

    @property
    def sentence(self) -> str:
        """How many slices were scored and which are not there, what follows, and whether it was forced."""
        gaps = f"; {self.missing} more {'is' if self.missing == 1 else 'are'} missing between them (a gap in positions)"
        said = [f"{self.scored} of {_slices(self.slices)} of the series scored{gaps if self.missing else ''}."]
        if self.reason and self.forced:  # else it is told as that of no decision
            said.append(f"Decided by --force. {self.reason}")
        elif self.partial and not self.withholds:
            said.append("What the others show is not known; a decision on a part does not stand for the whole.")
        return " ".join(said)


def coverage_of(
    subject: SubjectFolder, used: Sequence[Slice], choice: RuleChoice | None, *, forced: bool = False
) -> Coverage:
    """How much of a subject's series is ``used``. choice: notebook 09's where it decides."""
    indices = [item.index for item in subject.slices]
    missing = max(indices) - min(indices) + 1 - len(indices)
    depth, expected = choice.depth_mm if choice else None, None
    if depth and (step := _step(subject, indices)) > 0:  # NaN, where nothing tells it, is not
        expected = max(1, round(depth / step))
    return Coverage(len(used), len(indices), missing, expected, choice is not None, forced)


def _step(subject: SubjectFolder, indices: Sequence[int]) -> float:
    """From slice to slice, mm; NaN where a single slice does not tell."""
    if subject.seen and not math.isnan(subject.seen.step_mm):
        return subject.seen.step_mm
    return stack_steps([read_image_header(item) for item in subject.slices], indices).mm


def _slices(number: int) -> str:
    return f"{number} slice{'s' * (number != 1)}"
