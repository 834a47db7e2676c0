"""Which slices of a cohort a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sijstudy.records import Slice

Item = TypeVar("Item")


def middles(slices: Iterable[Slice], positive: int, negative: int) -> list[Slice]:
    """The middle one of evenly spread subjects with two outlined ilia, those with edema first."""
    every, shown = list(slices), []
    for label, count in ((1, positive), (0, negative)):
        items = [item for item in every if item.label == label and _two_sided(item)]
        found = [own[len(own) // 2] for own in by_subject(items).values()]
        shown += [found[(2 * k + 1) * len(found) // (2 * count)] for k in range(count)]
    return shown


def spread(slices: Iterable[Slice], subjects: int, of_each: int) -> list[Slice]:
    """``of_each`` slices of each of at most ``subjects`` subjects, evenly spread, in the body's order."""
    every = list(by_subject(slices).values())
    return [item for own in _evenly(every, subjects) for item in _evenly(own, of_each)]


def by_subject(items: Iterable[Slice]) -> dict[str, list[Slice]]:
    """subject_id -> the subject's slices, in the order they come in."""
    own: dict[str, list[Slice]] = {}
    for item in items:
        own.setdefault(item.subject_id, []).append(item)
    return own


def _evenly(items: list[Item], count: int) -> list[Item]:
    """``count`` of the items, the first and the last among them; all when there are fewer."""
    if len(items) <= count:
        return items
    return [items[round(place * (len(items) - 1) / max(1, count - 1))] for place in range(count)]


def _two_sided(item: Slice) -> bool:
    return item.boxes is not None and item.boxes.left is not None and item.boxes.right is not None
