"""The tables a cohort may bring beside its images: readers' votes, labels, ilium boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd

from sijstudy.cohort.box_cells import boxes_of
from sijstudy.cohort.columns import BOX_COLUMNS, OPTIONAL_READERS, READERS
from sijstudy.errors import StudyError
from sijstudy.files import read_table, same_name, whole_number
from sijstudy.records import IliumBoxes

Value = TypeVar("Value")
Votes = tuple[int | None, ...]
KEYS = ("sop_instance_uid", "file")
CONFIDENCE = ("confidence",)  # of proposed boxes, of which a corrected copy comes back as the table


@dataclass(frozen=True)
class Place:
    """Which slice is meant: its SOP instance UID, its file relative to the DICOM folder, and its subject."""

    uid: str
    file: str
    subject_id: str


@dataclass(frozen=True)
class SideTable(Generic[Value]):
    """A table by slice. rows: SOP instance UID or file -> (subject_id or None, value).

    files: SOP instance UID -> file, where a table names slices by both.
    """

    path: Path
    rows: dict[str, tuple[str | None, Value]]
    files: Mapping[str, str] = field(default_factory=dict)

    def of(self, place: Place) -> Value | None:
        """The value of a slice, None without a row.

        StudyError when the row gives the slice to someone else, or names another file beside the slice's UID.
        """
        key = self._key(place)
        if not _may_be(self.files.get(key), place.file):
            raise StudyError(
                f"{self.where(place)}: sop_instance_uid {key} is that of {place.file}, the column file says "
                f"'{self.files[key]}'; correct the one that is wrong, or leave the column file out"
            )
        subject, value = self.rows.get(key, (None, None))
        if subject not in (None, place.subject_id):
            raise StudyError(
                f"{self.path}: slice {key} is listed for subject {subject}, its file lies with {place.subject_id}; "
                "correct the row or move the file"
            )
        return value

    def has(self, place: Place) -> bool:
        """True when the table has a row for the slice, an empty one too."""
        return self._key(place) in self.rows

    def where(self, place: Place) -> str:
        """The table and its row of the slice, counted as a spreadsheet does; for errors. The slice must have one."""
        return f"{self.path}: row {self._numbers[self._key(place)]}"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.rows, 2)}

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """Key in one spelling -> key as the table has it."""
        return {same_name(key): key for key in self.rows}

    def _key(self, place: Place) -> str:
        return place.uid if place.uid in self.rows else self._as_written(place.file)

    def _as_written(self, key: str) -> str:
        """A UID or file as the table spells it, ``key`` itself where the table has it so, or not at all."""
        return key if key in self.rows else self._spellings.get(same_name(key), key)

    def check_used(self, keys: set[str], left_out: Mapping[str, str]) -> None:
        """StudyError when a row names none of ``keys``, the UIDs and files of the slices that the cohort has.

        left_out: UIDs and files of images that are no slice of the cohort -> why.
        """
        files: dict[str, str] = {}
        for key in (*sorted(keys, key=lambda key: key not in self.rows), *left_out):
            row = self._as_written(key)
            other = files.setdefault(row, key) if row in self.rows else key
            if other != key and (key in keys or other != row):
                raise StudyError(
                    f"{self.path}: the row of {row} fits two files, whose names differ only in how accents are written "
                    "(Unicode NFC and NFD); rename one of them"
                )
        left_out = {self._as_written(key): reason for key, reason in left_out.items()}
        if lost := set(self.rows) - {self._as_written(key) for key in keys}:
            key = min(lost)
            if key in left_out:
                raise StudyError(
                    f"{self.path}: slice {key} has a row, its image is left out ({left_out[key]}); drop the row, or "
                    "choose the series with --series"
                )
            raise StudyError(f"{self.path}: slice {key} has a row but no DICOM file; add the file or drop the row")


@dataclass(frozen=True)
class Tables:
    """What a cohort brings beside its images; None where it brings no such table."""

    votes: SideTable[Votes] | None = None
    labels: SideTable[int] | None = None
    boxes: SideTable[IliumBoxes | None] | None = None


def read_tables(votes_csv: Path | None, labels_csv: Path | None, boxes_csv: Path | None) -> Tables:
    """Read the tables that are given. StudyError names the file, the row and the value at fault."""
    return Tables(
        votes=_read(votes_csv, READERS, _votes) if votes_csv else None,
        labels=_read(labels_csv, ("label",), _label) if labels_csv else None,
        boxes=_read(boxes_csv, (*BOX_COLUMNS["left"], *BOX_COLUMNS["right"]), boxes_of) if boxes_csv else None,
    )


def _read(path: Path, columns: tuple[str, ...], parse: Callable[[dict[str, Any]], Value]) -> SideTable[Value]:
    """Rows keyed by sop_instance_uid, or by file where the table lacks that column."""
    table = read_table(path, numbers=columns)
    key = _key_column(table, columns, path)
    rows: dict[str, tuple[str | None, Value]] = {}
    files: dict[str, str] = {}
    for number, row in enumerate(table.to_dict("records"), 2):
        cells = {str(name): None if pd.isna(value) else str(value) for name, value in row.items()}
        name = (cells[key] or "").replace("\\", "/")
        if not name or name in rows:
            reason = f"{key} '{name}' occurs twice; remove one" if name else f"{key} is empty; fill it in"
            raise StudyError(f"{path}: row {number}: {reason}")
        try:
            rows[name] = (cells.get("subject_id"), parse(cells))
        except ValueError as error:
            raise StudyError(f"{path}: row {number}: {error}; correct it") from None
        if key != "file" and (file := cells.get("file")):
            files[name] = file.replace("\\", "/")
    return SideTable(path, rows, files)


def _may_be(written: str | None, file: str) -> bool:
    """Whether a table's name of a file, if any, can be this file's, as seen from a folder above or below its root.

    A name without a frame says nothing on it.
    """
    if written is None:
        return True
    if "#" not in written:
        file = file.partition("#")[0]
    names = [same_name(name).removeprefix("./").split("/") for name in (written, file)]
    last = min(map(len, names))
    return names[0][-last:] == names[1][-last:]


def _key_column(table: pd.DataFrame, columns: tuple[str, ...], path: Path) -> str:
    known = ("subject_id", *KEYS, *columns, *(CONFIDENCE if columns[0] in BOX_COLUMNS["left"] else ()))
    for name in table.columns:
        if name not in known:
            raise StudyError(f"{path}: unknown column '{name}'; remove it (known: {', '.join(known)})")
    for name in columns:
        if name not in table.columns and name not in OPTIONAL_READERS:
            raise StudyError(f"{path}: column '{name}' is missing; add it, see docs/DATA.md")
    for key in KEYS:
        if key in table.columns:
            return key
    raise StudyError(f"{path}: names no slice; add the column sop_instance_uid or the column file")


def _binary(cells: dict[str, Any], column: str) -> int | None:
    cell = cells.get(column)
    if cell is None:
        return None
    number = whole_number(cell)
    if number not in (0, 1):
        raise ValueError(f"{column}='{cell}' must be 0 or 1")
    return number


def _votes(cells: dict[str, Any]) -> Votes:
    return tuple(_binary(cells, name) for name in READERS)


def _label(cells: dict[str, Any]) -> int:
    label = _binary(cells, "label")
    if label is None:
        raise ValueError("label is empty, it must be 0 or 1")
    return label
