"""Hashes, and files that are written whole or not at all: JSON, tables."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pandas as pd

from sijstudy.errors import StudyError

HASH_LENGTH = 20


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
    return pd.read_csv(path, dtype={"subject_id": str})


def read_table(path: Path) -> pd.DataFrame:
    """A CSV (UTF-8, commas) as text columns, blanks around cells removed. StudyError when it is no table."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; docs/DATA.md lists the tables a cohort needs") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}); name a CSV file you may read") from None
    except ValueError as error:  # pandas' parser errors, a wrong encoding
        raise StudyError(f"{path}: not a CSV table ({' '.join(str(error).split())}); save it as CSV in UTF-8") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise StudyError(f"{path}: its rows have more cells than its first line names; mend the commas")
    return table.apply(lambda column: column.str.strip().replace("", pd.NA))
