"""A number of a study that its readers take home: value, interval, unit, what the paper says, where it stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

PERCENT, POINTS, ONE = "%", "points", "1"  # units: percent, percentage points, a number that has none
UNDEFINED = "not defined with these people: a class is missing, or nobody is behind the number"


@dataclass(frozen=True)
class Published:
    """What the paper says: value and SD over folds in the unit of ours, and where."""

    value: float
    where: str
    sd: float | None = None


@dataclass(frozen=True)
class Headline:
    """One number of a notebook.

    section: the heading under which its report shows it. value, low, high: in ``unit``, the ends of the 95% CI; NaN
    becomes None. people: different ones behind it, where that is known. given_networks: the interval allows for no
    other training. no_interval: why there is none; empty where there is one.
    """

    name: str
    section: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = PERCENT
    paper: Published | None = None
    people: int | None = None
    given_networks: bool = False
    no_interval: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, known(getattr(self, name)))
        if None in (self.value, self.low, self.high):
            object.__setattr__(self, "low", None)
            object.__setattr__(self, "high", None)
            object.__setattr__(self, "no_interval", self.no_interval or UNDEFINED)


def known(value: float | None) -> float | None:
    """A float, or None for NaN."""
    return None if value is None or math.isnan(value) else float(value)
