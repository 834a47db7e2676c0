"""The segments table: which of the study's segments, by which reader, an outline in a file means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from sijstudy.errors import StudyError
from sijstudy.files import read_table, same_name, whole_number

#: bone: all bone in view, for cohorts that outline ilia and sacrum as one
SEGMENTS = ("left ilium", "right ilium", "sacrum", "bone", "edema")
COLUMNS = ("label", "pattern", "value", "segment", "reader")
MAX_READERS = 4


@dataclass(frozen=True)
class Meaning:
    """What an outline means. segment: one of SEGMENTS, None for an outline to leave out.

    reader: number of the reading, from 1, None for an outline that is nobody's in particular.
    """

    segment: str | None
    reader: int | None = None

    @property
    def name(self) -> str:
        """How masks are called: the segment, "edema reader 2" for a reading."""
        return f"{self.segment} reader {self.reader}" if self.reader else str(self.segment)


def meaning_of(name: str) -> Meaning:
    """The meaning whose ``name`` this is."""
    segment, _, reader = name.partition(" reader ")
    return Meaning(segment, int(reader) if reader else None)


@dataclass(frozen=True)
class SegmentRow:
    """One row: an outline whose label, file and value fit means ``meaning``; what is None fits any."""

    label: str | None
    pattern: str | None
    value: int | None
    meaning: Meaning

    def fits(self, file: PurePath, label: str | None, value: int | None) -> bool:
        """True when the row speaks of this outline; labels are compared without regard to case."""
        return (
            (self.label is None or (label is not None and _folded(self.label) == _folded(label)))
            and self.names(file)
            and (self.value is None or self.value == value)
        )

    def names(self, file: PurePath) -> bool:
        """True when the row may speak of this file."""
        return self.pattern is None or PurePath(same_name(str(file))).match(same_name(self.pattern))


@dataclass(frozen=True)
class SegmentTable:
    """The rows in the order of the file, of which the first that fits counts. Without rows, labels speak."""

    path: Path | None = None
    rows: tuple[SegmentRow, ...] = ()

    def meaning(self, file: Path, *, label: str | None = None, value: int | None = None) -> Meaning | None:
        """What the outline of ``file`` with this segment label or label map value means; None when nothing says.

        Where no row fits, a label that is itself one of SEGMENTS, in any case, means that segment.
        """
        for row in self.rows:
            if row.fits(file, label, value):
                return row.meaning
        name = (label or "").strip().lower()
        return Meaning(name) if name in SEGMENTS else None

    def cells(self) -> list[dict[str, str | int | None]]:
        """The rows as plain data, for JSON; ``segment_table`` reads them back."""
        return [
            {"label": row.label, "pattern": row.pattern, "value": row.value, **asdict(row.meaning)} for row in self.rows
        ]

    def declared(self, file: Path) -> tuple[Meaning, ...]:
        """What the rows that name this label map by its pattern mean, whether or not it has such pixels."""
        return tuple(row.meaning for row in self.rows if row.pattern is not None and row.names(file))


def read_segment_table(path: Path) -> SegmentTable:
    """Read a segments table: CSV with the columns COLUMNS in any order, of which only ``segment`` must be there.

    label: segment label in a DICOM SEG or a Slicer segmentation. pattern: file name with * and ?, or the end of a
    path. value: number in a label map, empty for all but 0. segment: one of SEGMENTS, empty to leave it out.
    reader: 1 to 4, edema only. StudyError names the row and value at fault.
    """
    table = read_table(path, numbers=("value", "reader"))
    for name in table.columns:
        if name not in COLUMNS:
            raise StudyError(f"{path}: unknown column '{name}'; remove it (known: {', '.join(COLUMNS)})")
    if "segment" not in table.columns:
        raise StudyError(f"{path}: column 'segment' is missing; add it, see docs/DATA.md")
    return segment_table(table.reindex(columns=list(COLUMNS)).to_dict("records"), path)


def segment_table(rows: Iterable[Mapping[Any, Any]], path: Path) -> SegmentTable:
    """The table of rows that hold COLUMNS, empty cells None or NaN. StudyError names the row and value at fault."""
    parsed = []
    for number, cells in enumerate(rows, 2):
        try:
            parsed.append(_row({name: None if pd.isna(cells[name]) else str(cells[name]) for name in COLUMNS}))
        except ValueError as error:
            raise StudyError(f"{path}: row {number}: {error}; correct it") from None
    return SegmentTable(path, tuple(parsed))


def _row(cells: Mapping[str, Any]) -> SegmentRow:
    label, pattern = cells["label"], cells["pattern"]
    if label is None and pattern is None:
        raise ValueError("label and pattern are both empty, one of them must say which outlines are meant")
    segment = None if cells["segment"] is None else cells["segment"].lower()
    if segment is not None and segment not in SEGMENTS:
        raise ValueError(f"segment='{cells['segment']}' must be one of {', '.join(SEGMENTS)}, or empty to leave it out")
    value, reader = _whole(cells, "value", None), _whole(cells, "reader", MAX_READERS)
    if reader is not None and segment != "edema":
        raise ValueError(f"reader='{reader}' stands beside segment '{segment or ''}', only edema has readers")
    return SegmentRow(label, pattern, value, Meaning(segment, reader))


def _folded(label: str) -> str:
    return same_name(label).strip().lower()


def _whole(cells: Mapping[str, Any], column: str, highest: int | None) -> int | None:
    text = cells[column]
    if text is None:
        return None
    number = whole_number(text) or 0
    if number < 1 or (highest is not None and number > highest):
        raise ValueError(f"{column}='{text}' must be a whole number {f'from 1 to {highest}' if highest else 'above 0'}")
    return number
