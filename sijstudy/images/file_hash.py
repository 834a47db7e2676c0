"""The SHA-256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sijstudy.errors import StudyError


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
