"""Ilium boxes and the cells of a row, there and back."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.cohort.box_cells import boxes_of, cells_of
from sijstudy.records import Box, IliumBoxes

LEFT, RIGHT = Box(22, 5, 30, 21.5), Box(2, 4, 10, 20)


@pytest.mark.parametrize("boxes", [None, IliumBoxes(LEFT, None), IliumBoxes(None, RIGHT), IliumBoxes(LEFT, RIGHT)])
@pytest.mark.parametrize("kind", ["numbers", "text", "table"])
def test_there_and_back(boxes, kind):
    row = cells_of(boxes)
    if kind == "text":
        row = {name: None if value is None else str(value) for name, value in row.items()}
    if kind == "table":
        row = pd.DataFrame([row]).astype(float).to_dict("records")[0]
    assert boxes_of(row) == boxes


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("x", "left_y1='x' must be a number"),
        (None, "left_y1='' must be"),
        (np.nan, "left_y1='' must be"),
        ("4", "empty"),
    ],
)
def test_what_is_no_box(cell, words):
    with pytest.raises(ValueError, match=words):
        boxes_of({**cells_of(IliumBoxes(LEFT, RIGHT)), "left_y1": cell})
