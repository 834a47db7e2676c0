"""The image of a slice of a manifest, whatever kind of file holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.images.dicom import DicomHeader, DicomSlice, read_header, read_pixels, read_slice
from sijstudy.images.nifti import is_volume, read_volume_header, read_volume_pixels, read_volume_slice
from sijstudy.records import Slice


def read_image(item: Slice) -> DicomSlice:
    """The slice with its pixels ``(H, W)`` float32. Raises StudyError naming the file when it cannot be read."""
    return read_plane(item.file, item.frame)


def read_plane(file: Path, frame: int | None) -> DicomSlice:
    """A slice by its file and its place in it, from 1, None where the file is one slice. Raises as ``read_image``."""
    if is_volume(file):
        return read_volume_slice(file, frame or 1)
    return read_slice(file, frame)


def read_image_pixels(item: Slice) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The pixels ``(H, W)`` of ``read_image`` alone, for a slice whose header was looked at before."""
    if is_volume(item.file):
        return read_volume_pixels(item.file, item.frame or 1)
    return read_pixels(item.file, item.frame)


def read_image_header(item: Slice) -> DicomHeader:
    """The slice's header, its pixels not read. Raises StudyError naming the file when it cannot be read."""
    if is_volume(item.file):
        return read_volume_header(item.file, item.frame or 1)
    return read_header(item.file, item.frame)
