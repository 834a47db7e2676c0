"""How tables and errors call a slice whose file holds others, too: FILE#FRAME."""

from __future__ import annotations

from pathlib import Path


def slice_name(file: Path | str, frame: int | None) -> str:
    """The file's name as it is given; with ``#`` and the frame, from 1, where there is one."""
    return str(file) if frame is None else f"{file}#{frame}"
