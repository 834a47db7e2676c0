"""Ilium boxes as cells of a table's row, in the columns BOX_COLUMNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sijstudy.cohort.columns import BOX_COLUMNS
from sijstudy.records import Box, IliumBoxes


def boxes_of(row: Mapping[Any, Any]) -> IliumBoxes | None:
    """The boxes of a row of numbers or text, None where all cells are empty.

    ValueError names a cell that is no number beside others that are, and a box without extent.
    """
    left, right = (_box(row, side) for side in ("left", "right"))
    return None if left is None and right is None else IliumBoxes(left, right)


def cells_of(boxes: IliumBoxes | None) -> dict[str, float | None]:
    """The boxes as cells, None for a side without a box."""
    sides: dict[str, Box | None] = {"left": boxes.left if boxes else None, "right": boxes.right if boxes else None}
    return {
        column: None if box is None else getattr(box, column.split("_")[1])
        for side, box in sides.items()
        for column in BOX_COLUMNS[side]
    }


def _box(row: Mapping[Any, Any], side: str) -> Box | None:
    values = {name: row[name] for name in BOX_COLUMNS[side]}
    if all(pd.isna(value) for value in values.values()):
        return None
    return Box(*(_edge(name, value, side) for name, value in values.items()))


def _edge(name: str, value: Any, side: str) -> float:
    text = "" if pd.isna(value) else str(value)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}='{text}' must be a number, as the {side} box has other edges") from None
