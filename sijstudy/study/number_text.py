"""Numbers of numbers.json as readers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sijstudy.headline import ONE, PERCENT, POINTS

UNKNOWN = "–"


def interval_text(number: Mapping[str, Any]) -> str:
    """The interval of an entry of numbers.json, empty where it has none."""
    if number["low"] is None:
        return ""
    low, high = (_decimal(number[end], number["unit"]) for end in ("low", "high"))
    return f"{low} to {high}{' given these networks' if number['given_networks'] else ''}"


def quantity(value: float | None, unit: str) -> str:
    """A number in its unit: 93.80%, +1.20 points, 0.981; a dash where it is unknown."""
    if value is None:
        return UNKNOWN
    text = _decimal(value, unit)
    sign = "+" if unit == POINTS and not text.startswith("−") and text.strip("0.") else ""
    return f"{sign}{text}{ {PERCENT: '%', POINTS: ' points', ONE: ''}[unit] }"


def _decimal(value: float, unit: str) -> str:
    text = f"{abs(value):.{3 if unit == ONE else 2}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text
