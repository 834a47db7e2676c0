"""Two runs' headline numbers side by side: which are identical, within the other's interval, off or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.study.number_text import interval_text, quantity
from sijstudy.study.numbers_file import FROM_KEPT

IDENTICAL, WITHIN, OFF, MISSING = "identical", "within", "off", "missing"
# Parameters in which the runs may differ: the run's name, its seed, how it was computed; the cohort has a hash, and
# what one notebook alone reads decides whether that notebook's numbers are there at all.
FREE = (
    *("profile", "seed", "device", "mode", "precision", "parallel_fits", "threads_per_fit", "manifest"),
    *("external_manifest", "external_also", "ablations", "kept"),
)
# What says which number it is. Who is behind it (people) may differ between runs that measured the same: who was tested
# hangs on the seed, who was called positive on the networks.
MEANING = {"unit": "unit", "name": "name", "given_networks": "kind of interval", "paper": "number of the paper"}
Number = Mapping[str, Any]


@dataclass(frozen=True)
class Compared:
    """A number of two runs, as text, and one of IDENTICAL, WITHIN, OFF, MISSING.

    why: what else than value and interval differs, in words.
    """

    name: str
    one: str
    other: str
    verdict: str
    why: str = ""


@dataclass(frozen=True)
class Comparison:
    """All numbers of two runs in the order of the first.

    notes: what else differs between them, sentences. unanswered: notebooks that ended in neither run, whose numbers
    nobody compared.
    """

    rows: tuple[Compared, ...]
    notes: tuple[str, ...]
    unanswered: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether no number is off or missing."""
        return not {OFF, MISSING} & {row.verdict for row in self.rows}

    @property
    def counts(self) -> str:
        """How many numbers have which verdict, in words; what neither run answered has none."""
        counted = Counter(row.verdict for row in self.rows)
        words = {IDENTICAL: "identical", WITHIN: "within the other's interval", OFF: "off", MISSING: "on one side only"}
        told = [f"{counted[verdict]} {word}" for verdict, word in words.items() if counted[verdict]]
        return ", ".join([*told, *([f"nothing known of {', '.join(self.unanswered)}"] if self.unanswered else [])])


def compare(one: Mapping[str, Any], other: Mapping[str, Any], *, force: bool = False) -> Comparison:
    """Compare two contents of numbers.json.

    StudyError when they are of different studies (sizes, method, cohort), which ``force`` overrides, or hold no number.
    """
    differences = _differences(one, other)
    if differences and not force:
        raise StudyError(f"these are runs of different studies: {'; '.join(differences)}; --force compares them anyway")
    first, second = ({number["id"]: number for number in content["numbers"]} for content in (one, other))
    if not first and not second:
        raise StudyError("neither run has a number to compare; run the study's notebooks to their end")
    keys = list(dict.fromkeys((*first, *second)))
    beyond = [key for key in keys if not key.startswith(FROM_KEPT)] if _from_kept(one, other) else []
    rows = tuple(_row(first.get(key), second.get(key)) for key in keys if key not in beyond)
    left_out = [f"{len(beyond)} numbers take images or networks and are not compared with kept predictions"]
    unanswered = tuple(name for name in one["unanswered"] if name in other["unanswered"])
    return Comparison(rows, (*differences, *(left_out if beyond else []), *_notes(one, other)), unanswered)


def require_comparable(config: StudyConfig, other: Mapping[str, Any], where: Path) -> None:
    """StudyError when a run of these parameters, which is still to come, would be of another study than ``other``.

    where: the file of ``other``. The message gives the parameters that make them one study, as a command takes them.
    """
    mine, theirs = asdict(config), _parameters(other)
    if not (changed := _changed(mine, theirs)):
        return
    shown = _shown(changed, mine, theirs)
    given = " ".join(f"-p {name} {theirs[name]!s}" for name in changed if name in mine and name in theirs)
    raise StudyError(
        f"a run of profile {config.profile} with these parameters would be of another study than {where} ({shown}); "
        f'give it {given} (with make: PARAMETERS="{given}")'
    )


def verdict_of(one: Number, other: Number) -> str:
    """IDENTICAL: value, interval and people are the same in all digits of the files; an undefined value has no people.

    WITHIN: the value of one lies in the interval of the other, its ends included, or only the people are others.
    OFF: neither, or they are not the same number (``other_meaning``).
    """
    if other_meaning(one, other):
        return OFF
    if all(one[end] == other[end] for end in ("value", "low", "high")):
        return IDENTICAL if one["people"] == other["people"] or one["value"] is None else WITHIN
    return WITHIN if _holds(one, other["value"]) or _holds(other, one["value"]) else OFF


def other_meaning(one: Number, other: Number) -> str:
    """In what two entries are not the same number, in words; empty when they are."""
    return ", ".join(f"another {word}" for name, word in MEANING.items() if one[name] != other[name])


def _holds(number: Number, value: float | None) -> bool:
    return value is not None and number["low"] is not None and bool(number["low"] <= value <= number["high"])


def _row(one: Number | None, other: Number | None) -> Compared:
    name = (one or other or {})["name"]
    if not (one and other):
        return Compared(name, _text(one), _text(other), MISSING)
    verdict, why = verdict_of(one, other), other_meaning(one, other)
    if verdict == WITHIN and one["people"] != other["people"]:
        why = f"{one['people']} and {other['people']} people"
    return Compared(name, _text(one), _text(other), verdict, why)


def _text(number: Number | None) -> str:
    """Value and interval; what says how that was made is left out."""
    if number is None:
        return MISSING
    interval = interval_text({**number, "given_networks": False})
    return quantity(number["value"], number["unit"]) + (f" ({interval})" if interval else "")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What makes them runs of different studies, in words."""
    found = []
    mine, theirs = (_parameters(content) for content in (one, other))
    changed = _changed(mine, theirs)
    if changed:
        found.append(
            f"profiles {one['profile']} and {other['profile']} have other parameters ({_shown(changed, mine, theirs)})"
        )
    cohorts = one["cohort"], other["cohort"]
    given = any(cohort["source"] != "synthetic" for cohort in cohorts)
    if given and (cohorts[0]["hash"] != cohorts[1]["hash"] or not cohorts[0]["hash"]):
        found.append(f"their cohorts differ ({' and '.join(_named(cohort) for cohort in cohorts)})")
    return found


def _parameters(content: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a run; what a file of an earlier version does not name was as it is by default."""
    return {**asdict(StudyConfig()), **content["parameters"]}


def _changed(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys((*mine, *theirs)) if name not in FREE and mine.get(name) != theirs.get(name)]


def _shown(changed: Sequence[str], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return ", ".join(f"{name} {mine.get(name)} and {theirs.get(name)}" for name in changed[:3]) + more


def _from_kept(*runs: Mapping[str, Any]) -> bool:
    return any(run["parameters"].get("kept") for run in runs)


def _named(cohort: Mapping[str, str]) -> str:
    return f"{cohort['source']} {cohort['hash'] or 'of unknown content'}"


def _notes(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What is no reason to refuse, but can be one why numbers differ."""
    notes = []
    if one["seed"] != other["seed"]:
        notes.append(f"seeds {one['seed']} and {other['seed']}: about one number in six may be off by chance alone")
    elif one["cohort"]["hash"] != other["cohort"]["hash"]:
        notes.append("the synthetic cohort was drawn with other pixels or outlines")
    for name in dict.fromkeys((*one["made_with"], *other["made_with"])):
        texts = [content["made_with"].get(name, "unknown") for content in (one, other)]
        if texts[0] != texts[1]:
            notes.append(f"{name}: {texts[0]} and {texts[1]}")
    for content in (one, other):
        if content["unanswered"]:
            notes.append(f"profile {content['profile']}: not run to the end: {', '.join(content['unanswered'])}")
    return notes
