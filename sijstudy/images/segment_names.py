"""The segments table: which of the study's segments, by which reader, an outline in a file means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

import pandas as pd

from sijstudy.errors import StudyError
from sijstudy.files import read_table, same_name, whole_number

#: bone: all bone in view, for cohorts that outline ilia and sacrum as one
SEGMENTS = ("left ilium", "right ilium", "sacrum", "bone", "edema")
#: TotalSegmentator's hip is ilium, ischium and pubis in one; on slices through the joint it is the ilium
ALIASES = {
    f"{first} {second}": f"{side} ilium"
    for side in ("left", "right")
    for first, second in (("hip", side), (side, "hip"), ("ilium", side))
}
#: further classes of TotalSegmentator's tasks total_mr and vertebrae_mr, by their names without sides
OTHERS = frozenset(
    """spleen, kidney, gallbladder, liver, stomach, pancreas, adrenal gland, lung, esophagus, small bowel, duodenum,
    colon, urinary bladder, prostate, vertebrae, intervertebral discs, spinal cord, heart, aorta, inferior vena cava,
    portal vein and splenic vein, iliac artery, iliac vena, humerus, scapula, clavicula, fibula, tibia, femur,
    gluteus maximus, gluteus medius, gluteus minimus, autochthon, iliopsoas, quadriceps femoris,
    thigh medial compartment, thigh posterior compartment, sartorius, brain""".replace("\n", " ").split(", ")
)
#: how a row may say which outlines it means
MARKS = ("label", "pattern", "value", "number", "property", "tracking")
COLUMNS = (*MARKS, "segment", "reader")
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


def known_label(label: str) -> Meaning | None:
    """What a label means without a table; without a segment for one to leave out, None for an unknown one.

    One of SEGMENTS or ALIASES, in any case, words parted by blanks or underscores. Of OTHERS, with a side or
    without: left out, as they are certainly not what the study looks for.
    """
    words = label.lower().replace("_", " ").split()
    name = " ".join(words)
    segment = ALIASES.get(name, name)
    if segment in SEGMENTS:
        return Meaning(segment)
    plain = " ".join(word for word in words if word not in ("left", "right"))
    return Meaning(None) if plain in {" ".join(other.split()) for other in OTHERS} else None


@dataclass(frozen=True)
class Described:
    """How a file describes an outline in it. label: of a segment. value: in a label map.

    Of a DICOM SEG only: number: the segment's. properties: spellings of its property type, ``code``, ``scheme:code``
    and meaning, each also followed by a blank and its modifier in the same spelling ("Ilium Left"). tracking: its
    tracking id and UID.
    """

    label: str | None = None
    value: int | None = None
    number: int | None = None
    properties: tuple[str, ...] = ()
    tracking: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The outline in a message, with all that a row may name it by."""
        parts = [] if self.value is None else [f"value {self.value}"]
        parts += [] if self.number is None else [f"number {self.number}"]
        parts += [f"property {'; '.join(self.properties)}"] if self.properties else []
        parts += [f"tracking {'; '.join(self.tracking)}"] if self.tracking else []
        if self.label is None:
            return ", ".join(parts)
        return f"segment '{self.label}'" + (f" ({', '.join(parts)})" if parts else "")


@dataclass(frozen=True)
class SegmentRow:
    """One row: an outline that fits all the cells (MARKS) which are not None means ``meaning``."""

    meaning: Meaning
    label: str | None = None
    pattern: str | None = None
    value: int | None = None
    number: int | None = None
    property: str | None = None
    tracking: str | None = None

    def fits(self, file: PurePath, outline: Described) -> bool:
        """True when the row speaks of this outline; texts are compared without regard to case."""
        return (
            self.names(file)
            and (self.label is None or (outline.label is not None and _folded(self.label) == _folded(outline.label)))
            and self.value in (None, outline.value)
            and self.number in (None, outline.number)
            and (self.property is None or _folded(self.property) in map(_folded, outline.properties))
            and (self.tracking is None or _folded(self.tracking) in map(_folded, outline.tracking))
        )

    def covers(self, other: SegmentRow) -> bool:
        """True when this row fits whatever ``other`` fits, as far as their cells alone tell."""

        def same(name: str) -> bool:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, str) and isinstance(theirs, str):
                mine, theirs = _folded(mine), _folded(theirs)
                return mine == theirs or (name == "property" and theirs.startswith(f"{mine} "))
            return mine is None or mine == theirs

        return all(map(same, MARKS))

    def names(self, file: PurePath) -> bool:
        """True when the row may speak of this file."""
        return self.pattern is None or PurePath(same_name(str(file))).match(same_name(self.pattern))


@dataclass(frozen=True)
class SegmentTable:
    """The rows in the order of the file, of which the first that fits counts. Without rows, labels speak."""

    path: Path | None = None
    rows: tuple[SegmentRow, ...] = ()

    def meaning(self, file: Path, outline: Described) -> Meaning | None:
        """What an outline in ``file`` means; None when nothing says.

        Where no row fits, a label that other programs use is known, too (``known_label``).
        """
        for row in self.rows:
            if row.fits(file, outline):
                return row.meaning
        return known_label(outline.label or "")

    def cells(self) -> list[dict[str, str | int | None]]:
        """The rows as plain data, for JSON."""
        return [{**{name: getattr(row, name) for name in MARKS}, **asdict(row.meaning)} for row in self.rows]

    def leaves_out(self, file: Path) -> bool:
        """True when the first row that fits all of this label map leaves it out, and none before it names a segment."""
        for row in self.rows:
            if row.pattern is None or not row.names(file):
                continue
            whole = all(getattr(row, name) is None for name in MARKS if name != "pattern")
            if whole or row.meaning.segment:
                return row.meaning.segment is None
        return False

    def declared(self, file: Path) -> tuple[Meaning, ...]:
        """What the rows that name this label map by its pattern mean, whether or not it has such pixels."""
        return tuple(row.meaning for row in self.rows if row.pattern is not None and row.names(file))


def _check_order(rows: Sequence[SegmentRow], path: Path) -> None:
    """StudyError when a row can never apply, as an earlier one with another meaning fits all that it names."""
    for later, row in enumerate(rows):
        for earlier, other in enumerate(rows[:later]):
            if other.meaning != row.meaning and other.covers(row):
                raise StudyError(
                    f"{path}: row {later + 2} never applies, as row {earlier + 2} fits all that it names and comes "
                    "first; put the more particular row above"
                )


def read_segment_table(path: Path) -> SegmentTable:
    """Read a segments table: CSV with the columns COLUMNS in any order, of which only ``segment`` must be there.

    label: segment label in a DICOM SEG or a Slicer segmentation. pattern: file name with * and ?, or the end of a
    path. value: number in a label map, empty for all but 0. number, property, tracking: of a segment in a DICOM SEG,
    see ``Described``. segment: one of SEGMENTS, empty to leave it out. reader: 1 to 4, edema only. StudyError names
    the row and value at fault.
    """
    table = read_table(path, numbers=("value", "number", "reader"))
    for name in table.columns:
        if name not in COLUMNS:
            raise StudyError(f"{path}: unknown column '{name}'; remove it (known: {', '.join(COLUMNS)})")
    if "segment" not in table.columns:
        raise StudyError(f"{path}: column 'segment' is missing; add it, see docs/DATA.md")
    rows = []
    for number, cells in enumerate(table.reindex(columns=list(COLUMNS)).to_dict("records"), 2):
        try:
            rows.append(_row({str(name): None if pd.isna(cell) else str(cell) for name, cell in cells.items()}))
        except ValueError as error:
            raise StudyError(f"{path}: row {number}: {error}; correct it") from None
    _check_order(rows, path)
    return SegmentTable(path, tuple(rows))


def _row(cells: Mapping[str, str | None]) -> SegmentRow:
    value, number = _whole(cells, "value", None), _whole(cells, "number", None)
    texts = {name: cells[name] for name in ("label", "pattern", "property", "tracking")}
    if number is None and not any(texts.values()):
        raise ValueError("neither label, pattern, number, property nor tracking says which outlines are meant")
    segment = cells["segment"] and cells["segment"].lower()
    if segment is not None and segment not in SEGMENTS:
        raise ValueError(f"segment='{cells['segment']}' must be one of {', '.join(SEGMENTS)}, or empty to leave it out")
    reader = _whole(cells, "reader", MAX_READERS)
    if reader is not None and segment != "edema":
        raise ValueError(f"reader='{reader}' stands beside segment '{segment or ''}', only edema has readers")
    return SegmentRow(Meaning(segment, reader), value=value, number=number, **texts)


def _folded(label: str) -> str:
    return same_name(label).strip().lower()


def _whole(cells: Mapping[str, str | None], column: str, highest: int | None) -> int | None:
    text = cells[column]
    if text is None:
        return None
    number = whole_number(text) or 0
    if number < 1 or (highest is not None and number > highest):
        raise ValueError(f"{column}='{text}' must be a whole number {f'from 1 to {highest}' if highest else 'above 0'}")
    return number
