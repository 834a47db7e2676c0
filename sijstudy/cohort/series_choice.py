"""Which one of a subject's series the study uses, by stated rules (docs/DATA.md lists them)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sijstudy.cohort.series import Series
from sijstudy.errors import StudyError

CONTRASTS = ("gd_t1", "stir", "any")
MIN_SLICES = 3
Condition = Callable[[Series], bool]


@dataclass(frozen=True)
class Choice:
    """chosen: the series. rule: what chose it. considered: those among which it was chosen. left_out: why not."""

    chosen: Series
    rule: str
    considered: tuple[Series, ...]
    left_out: tuple[tuple[Series, str], ...]


def choose_series(
    subject_id: str, series: Sequence[Series], *, contrast: str = "gd_t1", pattern: re.Pattern[str] | None = None
) -> Choice:
    """The one series of a subject that the study uses.

    contrast: gd_t1, the paper's [2.1], stir or any. pattern: searched in a series' number and description; where
    given, it alone decides. Raises StudyError naming the candidates when not exactly one is left.
    """
    if contrast not in CONTRASTS:
        raise StudyError(f"--contrast is '{contrast}'; it must be {', '.join(CONTRASTS[:-1])} or {CONTRASTS[-1]}")
    left_out: list[tuple[Series, str]] = []
    if pattern is not None:
        left = _keep(series, lambda one: bool(pattern.search(one.text)), "not named by --series", left_out)
        return _only(subject_id, left, left, "named by --series", left_out, series)
    usable = _usable(series, left_out)
    if len(usable) == 1:
        alone = "the only MR series" if len(series) == 1 else "the only usable MR series"
        return _only(subject_id, usable, usable, alone, left_out, series)
    needed, words, wishes = _contrast(contrast)
    left = _keep(usable, needed, f"not {words}", left_out)
    points = [sum(wish(one) for wish in wishes) for one in left]
    best = [one for one, own in zip(left, points, strict=True) if own == max(points)]
    left_out += [(one, "another series fits better") for one in left if one not in best]
    rule = ", ".join(filter(None, (words, "with contrast agent" if best and _gd(best[0], contrast) else "",
                                   f"{best[0].plane} plane" if best else "")))  # fmt: skip
    return _only(subject_id, best, usable, rule, left_out, series)


def _usable(series: Sequence[Series], left_out: list[tuple[Series, str]]) -> list[Series]:
    """The series without localizers, and without derived and short ones unless nothing else is left."""
    left = _keep(series, lambda one: not one.is_localizer, "a localizer", left_out)
    drops: tuple[tuple[Condition, str], ...] = (
        (lambda one: one.is_derived, "a derived image or screenshot (image type, or no position)"),
        (lambda one: one.slices < MIN_SLICES, f"fewer than {MIN_SLICES} slices"),
    )
    for bad, reason in drops:
        good = [one for one in left if not bad(one)]
        if good:
            left = _keep(left, lambda one, bad=bad: not bad(one), reason, left_out)  # type: ignore[misc]
    if any(one.first.part == "water" for one in left):
        left = _keep(left, lambda one: one.first.part in ("", "water"), "a Dixon image beside water", left_out)
    return left


def _contrast(contrast: str) -> tuple[Condition, str, tuple[Condition, ...]]:
    """What a series must be, in words too, and what makes it fit better."""

    def coronal(one: Series) -> bool:
        return one.plane == "coronal"

    if contrast == "gd_t1":
        return (
            lambda one: one.is_t1 and one.is_fat_suppressed,
            "T1-weighted and fat-suppressed",
            (lambda one: one.has_agent, coronal),
        )
    if contrast == "stir":
        return lambda one: one.is_stir, "STIR", (coronal,)
    return lambda one: True, "any contrast", (coronal,)


def _gd(one: Series, contrast: str) -> bool:
    return contrast == "gd_t1" and one.has_agent


def _keep(series: Sequence[Series], wanted: Condition, reason: str, left_out: list[tuple[Series, str]]) -> list[Series]:
    left_out += [(one, reason) for one in series if not wanted(one)]
    return [one for one in series if wanted(one)]


def _only(
    subject_id: str,
    left: Sequence[Series],
    considered: Sequence[Series],
    rule: str,
    left_out: list[tuple[Series, str]],
    series: Sequence[Series],
) -> Choice:
    if len(left) == 1:
        return Choice(left[0], rule, tuple(considered), tuple(left_out))
    if left:
        names = ", ".join(f"'{one.text}'" for one in left)
        raise StudyError(
            f"subject {subject_id}: {len(left)} series fit equally: {names}; name one with --series, a regular "
            "expression on number and description"
        )
    names = ", ".join(f"'{one.text}' ({reason})" for one, reason in left_out)
    raise StudyError(
        f"subject {subject_id}: none of its {len(series)} series is the wanted one: {names}; name it with --series, or "
        "choose --contrast"
    )
