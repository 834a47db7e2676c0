"""A manifest's folder, written as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sijstudy.cohort.manifest import OUTLINES, Manifest, load_manifest
from sijstudy.cohort.unread import TABLE, whole_series
from sijstudy.errors import StudyError
from sijstudy.files import write_atomic, write_csv, write_json

BOXES = "boxes_proposed.csv"  # where proposed boxes are kept
# cohort.json last: it makes a folder a manifest
PARTS = ("account.csv", "account.md", "slices.csv", "subjects.csv", "cohort.json")


@dataclass(frozen=True)
class Draft:
    """What a manifest's folder is to hold."""

    slices: pd.DataFrame
    subjects: pd.DataFrame
    account: pd.DataFrame
    page: str
    about: Mapping[str, Any]
    outlines: Mapping[str, bytes]
    boxes: pd.DataFrame | None
    unread: pd.DataFrame


def write_draft(folder: Path, content: Draft) -> Manifest:
    """Write beside ``folder``, check there as any reader would, then move the files in.

    Raises StudyError when the folder cannot be written or a table breaks its schema; an earlier manifest then stays.
    """
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as draft_name:
            draft = Path(draft_name)
            write_csv(draft / "slices.csv", content.slices)
            write_csv(draft / "subjects.csv", content.subjects)
            write_csv(draft / "account.csv", content.account)
            write_atomic(draft / "account.md", lambda stream: stream.write(content.page.encode()))
            write_json(draft / "cohort.json", content.about)
            _write_extras(draft, content)
            _check_draft(draft, folder)
            place.mkdir(exist_ok=True)
            (place / "cohort.json").unlink(missing_ok=True)
            _move_extras(draft, place)
            for part in PARTS:
                (draft / part).replace(place / part)
    except OSError as error:
        raise StudyError(f"cannot write {folder} ({error.strerror}); choose a folder you may write to") from None
    return load_manifest(folder)


def _write_extras(draft: Path, content: Draft) -> None:
    """What only some manifests have: outlines, boxes that were proposed, slices without a label."""
    for name, packed in content.outlines.items():
        (draft / OUTLINES).mkdir(exist_ok=True)
        (draft / OUTLINES / name).write_bytes(packed)
    if content.boxes is not None:
        write_csv(draft / BOXES, content.boxes)
    if len(content.unread):
        write_csv(draft / TABLE, content.unread)


def _move_extras(draft: Path, place: Path) -> None:
    """Move them in; an earlier manifest's go, as they would no longer belong to it."""
    for name in (BOXES, TABLE):
        (place / name).unlink(missing_ok=True)
    if (place / OUTLINES).is_dir():
        shutil.rmtree(place / OUTLINES)
    for name in (OUTLINES, BOXES, TABLE):
        if (draft / name).exists():
            (draft / name).replace(place / name)


def _check_draft(draft: Path, folder: Path) -> None:
    try:
        whole_series(load_manifest(draft))
    except StudyError as error:
        raise StudyError(str(error).replace(str(draft), str(folder))) from None
