"""Which one of a subject's series the study uses, by stated rules (docs/DATA.md lists them)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sijstudy.cohort.series import MIN_SLICES, Series
from sijstudy.errors import StudyError

CONTRASTS = ("gd_t1", "stir", "any")
SHOWN = 8  # names in a message, at most
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

    contrast: gd_t1, the paper's [2.1] and taken for "", stir or any. pattern: where given, it alone decides: the name
    or UID of a series as messages give it, else searched in the names. Raises StudyError naming the candidates when
    not exactly one is left, or images when no series can be made of them.
    """
    contrast = checked_contrast(contrast) or CONTRASTS[0]
    left_out: list[tuple[Series, str]] = []
    if pattern is not None:
        named = _named(series, pattern)
        left = _keep(series, lambda one: one in named, "not named by --series", left_out)
        _check_loose(subject_id, left)
        return _only(subject_id, left, left, "named by --series", left_out, series)
    usable = _usable(subject_id, series, left_out)
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


def checked_contrast(contrast: str) -> str:
    """``contrast`` itself, "" when none is asked for. StudyError when it is none of CONTRASTS."""
    if contrast and contrast not in CONTRASTS:
        raise StudyError(f"--contrast is '{contrast}'; it must be {', '.join(CONTRASTS[:-1])} or {CONTRASTS[-1]}")
    return contrast


def _named(series: Sequence[Series], pattern: re.Pattern[str]) -> list[Series]:
    """The series that --series names outright, by name or as one of UID|UID|REGEX; else those whose name it finds."""
    given = pattern.pattern.lower()
    outright = [one for one in series if given == one.text.lower() or one.by_uid.lower() in given.split("|")]
    return outright or [one for one in series if pattern.search(one.text)]


def _usable(subject_id: str, series: Sequence[Series], left_out: list[tuple[Series, str]]) -> list[Series]:
    """The series without localizers and maps, and without derived and short ones unless nothing else is left."""
    left = _keep(series, lambda one: not one.is_localizer, "a localizer", left_out)
    left = _keep(left, lambda one: not one.is_map, "a map or phase image, not a weighted one", left_out)
    _check_loose(subject_id, [one for one in left if not one.is_derived])
    drops: tuple[tuple[Condition, str], ...] = (
        (lambda one: one.is_derived, "a derived image or screenshot (image type, or no position)"),
        (lambda one: one.is_short, f"fewer than {MIN_SLICES} slices"),
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
        names = _listed([_name(one, left) for one in left])
        raise StudyError(f"subject {subject_id}: {len(left)} series fit equally: {names}{_way(left, series)}")
    names = _listed([f"{_name(one, series)} ({reason})" for one, reason in left_out])
    raise StudyError(
        f"subject {subject_id}: none of its {len(series)} series is the wanted one: {names}{_way(series, series)}; or "
        "choose --contrast"
    )


def _name(one: Series, among: Sequence[Series]) -> str:
    """What --series takes for a series, and of a phase how many slices it has."""
    alone = sum(other.text == one.text for other in among) == 1
    name = f"'{one.text}'" if alone else f"'{one.by_uid}' (UID of '{one.text}')"
    return f"{name} ({one.slices} slice{'s' * (one.slices > 1)})" if one.phase else name


def _way(wanted: Sequence[Series], series: Sequence[Series]) -> str:
    """Why there are several series, where they are phases of one, and how one of all ``series`` is named."""
    split = [one for one in wanted if one.phase]
    place = (
        "several images of a place"
        if any(_shares(one, series) for one in split)
        else "several temporal positions or sequences"
    )
    telling = (one.phase for one in split if sum(other.text.endswith(one.phase) for other in series) == 1)
    such = next((f"such as '{phase}$'" for phase in telling), "on number and description")
    why = f", as one series holds {place}" if split else ""
    return f"{why}; name one with --series, by its whole name or a regular expression {such}"


def _shares(one: Series, series: Sequence[Series]) -> bool:
    """True where the phases of ``one``'s series have more slices than places."""
    phases = [other for other in series if other.phase and other.origin == one.origin]
    return sum(phase.slices for phase in phases) > one.reach


def _check_loose(subject_id: str, series: Sequence[Series]) -> None:
    """StudyError when images that bear one name are series of one slice each."""
    loose = [one for one in series if one.slices == 1 and not one.phase]
    names = Counter(one.text for one in loose)
    for one in loose:
        if names[one.text] >= MIN_SLICES:
            raise StudyError(
                f"subject {subject_id}: {names[one.text]} files '{one.text}', such as {one.first.file}, are series of "
                "one slice: each has a SeriesInstanceUID of its own or none, and no SeriesNumber and StudyInstanceUID "
                "that they share; export or anonymise them again, keeping these alike within a series"
            )


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN + 1 else []
    return ", ".join([*names[: SHOWN if more else None], *more])
