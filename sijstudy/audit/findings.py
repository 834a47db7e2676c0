"""What an audit finds: one graded sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Grade = Literal["grave", "warning", "note"]
GRADES: tuple[Grade, ...] = ("grave", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing a reader must know of the cohort.

    grade: ``grave`` what must be mended before the cohort is used or shared, ``warning`` what must be weighed,
    ``note`` what is good to know. topic: the part of the audit. advice: the way out, may be empty.
    where: which files, subjects or rows, may be empty.
    """

    grade: Grade
    topic: str
    sentence: str
    advice: str = ""
    where: str = ""

    def __post_init__(self) -> None:
        if self.grade not in GRADES:
            raise ValueError(f"grade {self.grade!r} must be one of {', '.join(GRADES)}")

    def line(self) -> str:
        """The finding as one line of plain text: grade, topic, what, where, what to do."""
        where = f" ({self.where})" if self.where else ""
        advice = f" {self.advice}" if self.advice else ""
        return _one_line(f"{self.grade.upper():<8} {self.topic:<12} {self.sentence}{where}{advice}")


def by_grade(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, grave ones first, otherwise in their order."""
    return tuple(sorted(findings, key=lambda finding: GRADES.index(finding.grade)))


def count(findings: Iterable[Finding]) -> dict[Grade, int]:
    """Number of findings of each grade."""
    grades = [finding.grade for finding in findings]
    return {grade: grades.count(grade) for grade in GRADES}


def counted(findings: Iterable[Finding]) -> str:
    """The numbers in words: "1 grave finding, 2 warnings and no notes"."""
    grave, warning, note = count(findings).values()
    return f"{_number(grave, 'grave finding')}, {_number(warning, 'warning')} and {_number(note, 'note')}"


def listed(names: Sequence[Any], limit: int = 5) -> str:
    """The first ``limit`` names, and how many more there are."""
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """A row per finding, grave ones first: grade, topic, finding, where, what to do."""
    rows = [(one.grade, one.topic, one.sentence, one.where, one.advice) for one in by_grade(findings)]
    return pd.DataFrame(rows, columns=["grade", "topic", "finding", "where", "what to do"])


def _number(value: int, noun: str) -> str:
    return f"{value or 'no'} {noun}{'' if value == 1 else 's'}"


def _one_line(text: str) -> str:
    """No control characters: a value from a file must not steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text).rstrip()
