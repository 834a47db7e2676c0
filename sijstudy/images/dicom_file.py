"""Opening a DICOM file: whatever is wrong with it becomes one line that names it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from sijstudy.errors import StudyError


@contextmanager
def quiet(library: str) -> Iterator[None]:
    """Keep to oneself what pydicom or nibabel say of oddities in a header.

    They name no file, quote values of patients, and mean nothing to who reads the terminal; what matters is an error.
    """
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pydicom raises on a missing, foreign or damaged file into a StudyError naming ``path``.

    Attributes are decoded when they are first looked at, and damaged bytes raise almost any exception then.
    """
    try:
        with quiet("pydicom"):
            yield
    except StudyError:
        raise
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; restore it or take its row out of the manifest") from None
    except InvalidDicomError:
        raise StudyError(f"{path}: not a DICOM file; take it out of the folder or export it again") from None
    except Exception as error:
        raise StudyError(f"{path}: cannot be read as DICOM ({brief(error)}); export it again") from None


def open_file(path: Path, *, pixels: bool, tags: Sequence[str] | None = None) -> FileDataset:
    """The data set of a file, without pixels or with the attributes ``tags`` only where that is enough.

    Call it inside ``reading``; raises StudyError for an empty file.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise StudyError(f"{path}: the file is empty; copy it again")
    return pydicom.dcmread(path, stop_before_pixels=not pixels, specific_tags=list(tags) if tags else None)


def brief(error: Exception) -> str:
    """An exception's text in one short line."""
    return " ".join(str(error).split())[:120] or type(error).__name__
