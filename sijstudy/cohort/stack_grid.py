"""The one grid that all slices of a stack have, where something is sought on all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader, DicomSlice
from sijstudy.records import Slice


def spacing_of(planes: Sequence[DicomSlice]) -> tuple[float, float]:
    """mm between rows, and between columns. StudyError when slices differ in size or spacing: they are no stack."""
    kinds = {(plane.header.shape, tuple(round(mm, 4) for mm in plane.header.spacing)) for plane in planes}
    if len(kinds) > 1:
        raise StudyError(
            f"{stack_file(planes[0].header)}: slices of {len(kinds)} sizes or spacings; joints are sought on slices of "
            "one series: choose it, or give boxes"
        )
    between_rows, between_columns = planes[0].header.spacing
    return float(between_rows), float(between_columns)


def stack_file(first: DicomHeader | Slice) -> Path:
    """What holds the stack of this slice, for errors: its multi-frame file or volume, or the slice's folder."""
    return first.file.parent if first.frame is None else first.file
