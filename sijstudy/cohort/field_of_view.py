"""Whether an image's pixels can be as large as its file says: lengths in another unit than mm change every area.

ASSUMED: the bounds. A small piece that was cut out of an image has pixels of a usual size, and passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from sijstudy.cohort.slice_names import slice_name
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.nifti import is_volume, reading_volume

LARGEST_VIEW = 1000.0  # mm, of rows or columns together
LARGEST_PIXEL = 4.0  # mm
SMALLEST_VIEW = 60.0  # mm, where pixels are finer than FINE_PIXEL
FINE_PIXEL = 0.3  # mm
OTHER_UNITS = {"meter": "metres", "micron": "microns"}  # nibabel's names of NIfTI's xyzt_units


def check_field_of_view(header: DicomHeader) -> None:
    """StudyError, naming file and value, when a slice is so large, or so small and fine, as no pelvis is imaged."""
    name = slice_name(header.file, None if is_volume(header.file) else header.frame)  # a volume's planes are alike
    _check(name, header.file, header.shape, header.spacing)


def check_volume(path: Path) -> None:
    """``check_field_of_view`` of a NIfTI volume before its planes are read; what else is wrong with it is said there.

    Of lengths in metres all planes would lie in one place. StudyError where it is no readable NIfTI.
    """
    with reading_volume(path):
        image: Any = nib.load(path)
        if not isinstance(image, nib.Nifti1Pair) or len(image.shape) < 3 or 0 in image.shape:
            return
        spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    if np.isfinite(spacing).all():
        within = np.argsort(spacing, kind="stable")[:2]  # slices lie along the largest voxels
        _check(str(path), path, [image.shape[axis] for axis in within], spacing[within].tolist())


def _check(name: str, path: Path, shape: Sequence[int], spacing: Sequence[float]) -> None:
    view = [count * mm for count, mm in zip(shape, spacing, strict=True)]
    large = max(view) > LARGEST_VIEW or max(spacing) > LARGEST_PIXEL
    small = min(view) < SMALLEST_VIEW and max(spacing) < FINE_PIXEL
    if large or small:
        raise StudyError(
            f"{name}: {shape[0]} x {shape[1]} pixels of {_mm(spacing)} make a field of view of {_mm(view)}, which no "
            f"image of a pelvis has; {_way_on(path)}"
        )


def _mm(pair: Sequence[float]) -> str:
    return " x ".join(f"{value:.0f}" if value >= 999.5 else f"{value:.3g}" for value in pair) + " mm"


def _way_on(path: Path) -> str:
    if not is_volume(path):
        return "correct PixelSpacing (in mm), or export the series again"
    with reading_volume(path):
        image: Any = nib.load(path)
        unit = str(image.header.get_xyzt_units()[0])
    if unit in OTHER_UNITS:
        return f"its xyzt_units say that lengths are in {OTHER_UNITS[unit]}; convert its affine and xyzt_units to mm"
    return "give its affine in mm, or convert it again"
