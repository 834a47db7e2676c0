"""Hashes, and files that are written whole or not at all: JSON, tables."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any

import pandas as pd

from sijstudy.errors import StudyError

HASH_LENGTH = 20
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def digest(content: Any) -> str:
    """Hash of any JSON-able content, independent of key order: 20 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits. StudyError when it is missing or cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; restore it or build the manifest again") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None


class FileHashes(dict[Path, str]):
    """SHA-256 by file; a file is read when it is first asked for, and not again."""

    def __missing__(self, path: Path) -> str:
        """As ``file_hash``."""
        self[path] = file_hash(path)
        return self[path]


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a temporary neighbour of ``path``, then move it into place in one step.

    A reader, or a run after a crash, sees the old file or the whole new one. Raises StudyError when the
    folder cannot be written (no permission, disk full); no temporary file stays behind, except after a
    ``kill -9``: that one is never read, and ``remove_temporaries`` takes it away.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise StudyError(f"cannot write {path} ({error.strerror}); free space or choose another folder") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def remove_temporaries(path: Path) -> None:
    """Remove what killed processes left of writing ``path``. Only for the holder of a lock on all its writers."""
    for temporary in path.parent.glob(f".{path.name}.*"):
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, indented, with sorted keys."""
    text = json.dumps(content, indent=2, sort_keys=True, default=str)
    write_atomic(path, lambda stream: stream.write(text.encode()))


def read_json(path: Path) -> Any:
    """Read JSON; StudyError names a file that is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path} does not exist; run the earlier notebooks of the study first") from None
    except json.JSONDecodeError as error:
        raise StudyError(f"{path} is not valid JSON ({error}); delete it and run the study again") from None


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table atomically; floats with 17 digits, so that they are read back unchanged."""
    text = frame.to_csv(index=False, float_format="%.17g")
    write_atomic(path, lambda stream: stream.write(text.encode()))


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table written by ``write_csv``; subject ids stay text. StudyError names a missing file."""
    if not path.exists():
        raise StudyError(f"{path} does not exist; run the earlier notebooks of the study first")
    return pd.read_csv(path, dtype={"subject_id": str}, keep_default_na=False, na_values=[""])


def read_table(path: Path, numbers: Collection[str] = ()) -> pd.DataFrame:
    """A table as people write it, as text columns, blanks around names and cells removed. StudyError when it is none.

    Cells are separated by commas, semicolons or tabs; the text is UTF-8, or UTF-16 with a byte order mark, as a
    spreadsheet's "Unicode text". numbers: columns of numbers; only there, and not between commas, a decimal comma
    becomes a point. Nothing else is changed: 007 and 1e3 stay what they are. Columns and last rows without any
    content are dropped.
    """
    text = _table_text(path)
    separator = _separator(text, path)
    table = _table_of(text, separator, path).rename(columns=lambda name: "" if _nameless(name) else name.strip())
    table = table.apply(lambda column: column.str.strip().replace("", pd.NA))
    table = _named_columns(table, path)
    filled = table.notna().any(axis=1).to_numpy().nonzero()[0]
    table = table.iloc[: filled[-1] + 1 if len(filled) else 0]
    names = [name for name in table.columns if name in numbers]
    table[names] = _with_points(table[names], separator, path)
    return table


def whole_number(text: str) -> int | None:
    """The number of a cell such as 1, 01 or 1.0, as spreadsheets write whole numbers; None when it is none."""
    match = re.fullmatch(r"([0-9]+)(\.0*)?", text)
    return int(match[1]) if match else None


def same_name(text: str) -> str:
    """One spelling of a file name: macOS writes an umlaut as two characters (NFD), other systems as one (NFC)."""
    return unicodedata.normalize("NFC", text)


def _table_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; docs/DATA.md lists the tables a cohort needs") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}); name a CSV file you may read") from None
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise StudyError(f"{path}: is a workbook of a spreadsheet, not a CSV table; save it as CSV in UTF-8")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        reason = "not a CSV table (cut off, in UTF-16)" if wide else f"row {row}: holds a letter that is not UTF-8"
        raise StudyError(f"{path}: {reason}; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise StudyError(
            f"{path}: not a CSV table (it holds zero bytes, as UTF-16 without a mark); save it as CSV in UTF-8"
        )
    return text


def _separator(text: str, path: Path) -> str:
    """What separates the names in the first line. StudyError when that is not one character."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if re.fullmatch(r'"?sep=.?"?\s*', first, re.IGNORECASE):
        raise StudyError(f"{path}: begins with '{first.strip()}' instead of the names of columns; remove that line")
    bare = re.sub(r'"[^"]*"', "", first)
    found = [separator for separator in SEPARATORS if separator in bare]
    if len(found) > 1:
        names = " and ".join(SEPARATORS[separator] for separator in found)
        raise StudyError(f"{path}: its first line holds {names}; separate names and cells by one of them")
    return found[0] if found else ","


def _table_of(text: str, separator: str, path: Path) -> pd.DataFrame:
    def parse(text: str) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, na_values=[""])

    try:
        table = parse(text)
        if isinstance(table.index, pd.RangeIndex):
            return table
    except ValueError as error:  # pandas' parser errors
        if "Expected" not in str(error):
            said = " ".join(str(error).split())
            raise StudyError(f"{path}: not a CSV table ({said}); save it as CSV in UTF-8") from None
    return parse(_widened(text, separator, path))


def _widened(text: str, separator: str, path: Path) -> str:
    """A table some of whose rows end in more separators than its first line, with as many there.

    StudyError when there is content in a cell that the first line does not name.
    """
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(map(str.strip, row))]
    for number, row in enumerate(rows, 1):
        if any(cell.strip() for cell in row[len(rows[0]) :]):
            way = "a number with a decimal comma needs a point there" if separator == "," else "mend the separators"
            raise StudyError(f"{path}: row {number}: has {len(row)} cells, the first line names {len(rows[0])}; {way}")
    head, line, rest = text.partition("\n")
    missing = max(map(len, rows)) - len(rows[0])
    return head.rstrip("\r") + separator * missing + line + rest


def _nameless(name: str) -> bool:
    return not name.strip() or re.fullmatch(r"Unnamed: \d+", name) is not None


def _named_columns(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The columns with a name. StudyError when one without has a cell, or a name is there twice."""
    for place, name in enumerate(table.columns):
        cells = table.iloc[:, place].dropna()
        if name == "" and len(cells):
            where = f"row {int(cells.index[0]) + 2}: column {place + 1}='{cells.iloc[0]}'"
            raise StudyError(f"{path}: {where} has no name in the first line; give it one, or empty its cells")
        twin = re.sub(r"\.\d+$", "", name)  # what pandas makes of the second of two
        if name != "" and ((twin != name and twin in table.columns) or list(table.columns).count(name) > 1):
            raise StudyError(f"{path}: column '{twin}' occurs twice in the first line; remove one of them")
    return table.loc[:, [name != "" for name in table.columns]].copy()


def _with_points(table: pd.DataFrame, separator: str, path: Path) -> pd.DataFrame:
    """Columns of numbers, decimal commas made points. StudyError where it is not certain that a comma is one."""
    cells = [
        (f"{path}: row {row}: {name}='{cell}'", cell)
        for name in table.columns
        for row, cell in enumerate(table[name], 2)
        if isinstance(cell, str)
    ]
    commas = [(where, cell) for where, cell in cells if re.fullmatch(r"[+-]?\d+,\d+", cell)]
    if not commas:
        return table
    where, cell = commas[0]
    point = cell.replace(",", ".")
    if separator == ",":
        raise StudyError(f"{where} has a decimal comma in a table separated by commas; write {point}")
    points = [cell for _, cell in cells if "." in cell]
    if points:
        raise StudyError(f"{where} has a decimal comma, '{points[0]}' a point; write all numbers with points")
    if all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for _, cell in commas):
        raise StudyError(f"{where} may be {point} or {cell.replace(',', '')}; write it as the one that is meant")
    return table.replace(r"^([+-]?\d+),(\d+)$", r"\1.\2", regex=True)
