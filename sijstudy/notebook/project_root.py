"""Where the project's folder is, seen from wherever a notebook was opened."""

from __future__ import annotations

from pathlib import Path

from sijstudy.errors import StudyError


def find_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds ``notebooks/profiles`` (StudyError when there is none).

    An executed notebook lies in ``runs/PROFILE/notebooks``; opened there, it finds the project all the same.
    """
    for folder in (start, *start.parents):
        if (folder / "notebooks" / "profiles").is_dir():
            return folder
    raise StudyError(f"no folder 'notebooks/profiles' in {start} or above it; start from the project's folder")
