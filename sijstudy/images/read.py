"""The image of a slice of a manifest, whatever kind of file holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.dicom import DicomHeader, DicomSlice, open_slices, read_header, read_pixels, read_slice
from sijstudy.images.nifti import is_volume, open_volume, read_volume_header, read_volume_pixels, read_volume_slice
from sijstudy.records import Slice

Source = tuple[Path, int | None]  # a slice's file, and its frame in a multi-frame file


def read_image(item: Slice) -> DicomSlice:
    """The slice with its pixels ``(H, W)`` float32. Raises StudyError naming the file when it cannot be read."""
    if is_volume(item.file):
        return read_volume_slice(item.file, item.frame or 1)
    return read_slice(item.file, item.frame)


def read_planes(sources: Iterable[Source], hashes: FileHashes) -> Iterator[tuple[Source, DicomSlice | StudyError]]:
    """Planes in the order of ``sources``; a file is decoded once for those of its planes that follow each other.

    A plane that cannot be read comes as the StudyError that ``read_image`` raises.
    """
    for file, own in groupby(sources, key=itemgetter(0)):
        try:
            plane_of = open_volume(file, hashes[file]) if is_volume(file) else open_slices(file)
        except StudyError as error:
            yield from ((source, error) for source in own)
            continue
        for source in own:
            try:
                yield source, plane_of(source[1])  # type: ignore[arg-type]  # planes of volumes have numbers
            except StudyError as error:
                yield source, error


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
