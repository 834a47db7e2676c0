"""One slice's readings of edema, and where edema counts -> its masks, label and votes.

Pixels on which enough readings agree are settled first, inside the bone; where they count comes after. Both look at
single pixels, so that the order changes no mask; the smallest number of pixels is asked of those that count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sijstudy.images.consensus import EdemaRule, Mask, consensus_mask, reading_vote, slice_label
from sijstudy.images.segment_names import MAX_READERS, Meaning

Judge = Callable[[Sequence[Mask], Mask | None], int | None]  # readings, bone -> 1, 0 or None
ELSEWHERE = "edema elsewhere"  # how the mask of agreed edema that does not count is called


@dataclass(frozen=True)
class Counted:
    """Where edema counts. masks: UID -> ``(H, W)`` bool, of slices on which that is known.

    leave_out: a slice whose edema lies elsewhere alone has no label; otherwise it is negative.
    """

    masks: Mapping[str, Mask]
    leave_out: bool = True


@dataclass(frozen=True)
class ReadSlice:
    """What was drawn on a slice. readings: at least one. missing: readings of the subject that do not cover it.

    bone: ``(H, W)`` bool, None where it is not outlined. all_bone: it is all bone in view, not ilia and sacrum alone.
    """

    readings: Mapping[Meaning, Mask]
    bone: Mask | None
    all_bone: bool
    missing: int


@dataclass(frozen=True)
class SettledSlice:
    """edema, elsewhere: agreed pixels that count, and that do not, ``(H, W)`` bool; label, votes: 1, 0 or None.

    ruled_out: the slice has no label since its edema lies elsewhere alone, or nobody knows where it lies.
    """

    edema: Mask
    elsewhere: Mask
    label: int | None
    votes: tuple[int | None, ...]
    ruled_out: bool = False


def settle(drawn: ReadSlice, rule: EdemaRule, counted: Counted | None, uid: str) -> SettledSlice:
    """Settle a slice by ``rule``; counted None: edema counts in all bone.

    Where it is unknown where edema counts, a slice is negative without any edema, and else has no label. Beyond an
    outline of ilia and sacrum alone edema lies elsewhere, in vertebrae perhaps; beyond all bone it is none.
    """
    stack = list(drawn.readings.values())

    def label(readings: Sequence[Mask], bone: Mask | None) -> int | None:
        return slice_label(readings, bone, rule, missing=drawn.missing)

    def vote(readings: Sequence[Mask], bone: Mask | None) -> int | None:
        return reading_vote(readings[0], bone, rule)

    if counted is None:
        edema = consensus_mask(stack, drawn.bone, rule)
        votes = {meaning.reader: vote([mask], drawn.bone) for meaning, mask in drawn.readings.items()}
        return SettledSlice(edema, np.zeros_like(edema), label(stack, drawn.bone), _by_reader(votes))
    judged = _Judged(drawn.bone, drawn.bone if drawn.all_bone else None, counted.masks.get(uid), counted.leave_out)
    inside = np.zeros_like(stack[0]) if judged.where is None else consensus_mask(stack, judged.inner, rule)
    settled = judged.answer(label, stack)
    return SettledSlice(
        edema=inside,
        elsewhere=consensus_mask(stack, judged.outer, rule) & ~inside,
        label=settled,
        votes=_by_reader({
            meaning.reader: judged.answer(vote, [mask]) for meaning, mask in drawn.readings.items()
        }),
        ruled_out=settled is None and judged.rules_out(label, stack),
    )  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    """bone: outlined. outer: where edema is edema at all. where: it counts, None when unknown. leave_out: as there."""

    bone: Mask | None
    outer: Mask | None
    where: Mask | None
    leave_out: bool

    @property
    def inner(self) -> Mask | None:
        return self.where if self.bone is None or self.where is None else self.bone & self.where

    def answer(self, judge: Judge, stack: Sequence[Mask]) -> int | None:
        anywhere = judge(stack, self.outer)
        if self.where is None:
            return 0 if anywhere == 0 else None
        inside = judge([mask & self.where for mask in stack], self.inner)
        return None if inside == 0 and anywhere != 0 and self.leave_out else inside

    def rules_out(self, judge: Judge, stack: Sequence[Mask]) -> bool:
        """Whether it is the place of the edema, not its readers' disagreement, that leaves no label."""
        if self.where is None:
            return judge(stack, self.outer) == 1
        return judge([mask & self.where for mask in stack], self.inner) == 0


def _by_reader(votes: Mapping[int | None, int | None]) -> tuple[int | None, ...]:
    return tuple(votes.get(reader) for reader in range(1, MAX_READERS + 1))
