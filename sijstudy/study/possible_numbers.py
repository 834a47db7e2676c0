"""What an entry of numbers.json can be: a value in its interval, and all of them within what their unit holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sijstudy.headline import ONE, PERCENT, POINTS

BOUNDS = {PERCENT: (0, 100), POINTS: (-100, 100), ONE: (0, 1)}  # of a value, of both ends, and of the paper's
DIFFERENCE = (-1, 1)  # of two numbers without unit
MINUS = "-minus-"  # in the id of a difference, see analysis.headlines
LAST_DECIMAL = 1.5e-6  # value and ends are rounded each for itself, to six decimals


def impossible(number: Mapping[str, Any]) -> str:
    """What an entry that the schema allows has and cannot have, in words; empty when all can be."""
    unit = number["unit"]
    low, high = DIFFERENCE if unit == ONE and MINUS in number["id"] else BOUNDS[unit]
    found = {end: number[end] for end in ("value", "low", "high")}
    found["value of the paper"] = (number["paper"] or {}).get("value")
    for name, value in found.items():
        if value is not None and not low <= value <= high:
            if value in (math.inf, -math.inf) or value != value:
                return "a value or an end that is no number"
            return f"the {name} {_short(value)}, which is not within {low} to {high}"
    value, first, last = (number[end] for end in ("value", "low", "high"))
    if first is not None and not first - LAST_DECIMAL <= value <= last + LAST_DECIMAL:
        return f"the value {value}, which does not lie in its interval, {first} to {last}"
    return ""


def _short(value: float) -> str:
    text = str(value)  # it may be an integer of more digits than a float holds
    return text if len(text) <= 20 else f"{text[:17]}..."
