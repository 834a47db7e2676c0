"""Stored values of one MR image, and which of them its file declares to be padding (PS3.3 C.7.5.1.1.2).

The same values whatever the transfer syntax: pydicom masks the bits above the stored ones, which may hold an overlay,
in uncompressed and RLE files only. It is kept from it here: padding may lie in those bits, and is looked for first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.pixels import pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.images.dicom_file import brief

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
ALWAYS_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
MAYBE_LOSSY = (JPEG2000, HTJ2K)  # lossless ones are allowed, too, and say LossyImageCompression 00
NEAR = 0.01  # of the span of values. ASSUMED: by so much compression may change padding
NEGLIGIBLE = 0.001  # of all pixels. ASSUMED: fewer change neither percentiles nor patches


def stored_values(values: Attributes) -> tuple[Array, Mask | None]:
    """Stored values, of whole pixels the stored bits only, and where they are padding; None where none is.

    Raises StudyError naming the file when they cannot be decoded, or padding was compressed with loss.
    """
    dataset, path = values.dataset, values.path
    try:
        cells = pixel_array(dataset, index=(values.frame or 1) - 1, correct_unused_bits=False)
    except Exception as error:  # cut off, or compressed in a way that no installed decoder reads
        if "less than expected" in str(error):
            raise StudyError(f"{path}: is cut off, pixels are missing; copy it or export it again") from None
        raise StudyError(f"{path}: pixels cannot be decoded ({brief(error)}); export it uncompressed") from None
    stored = _stored_bits(cells, values)
    ends = _padding_range(cells, values)
    if ends is None:
        return stored, None
    _check_lossless(stored, ends, values)
    padding = (stored >= ends[0]) & (stored <= ends[1])
    if not all(_storable(end, stored, values) for end in ends):  # in bits above the stored ones, too
        padding |= (cells >= ends[0]) & (cells <= ends[1])
    return stored, padding if padding.any() else None


def _stored_bits(cells: Array, values: Attributes) -> Array:
    """The lowest BitsStored bits of whole-number pixels, with their sign where pixels are signed."""
    if cells.dtype.kind not in "iu":
        return cells
    unused = 8 * cells.dtype.itemsize - int(values.required("BitsStored"))
    return (cells << unused) >> unused if unused > 0 else cells


def _padding_range(cells: Array, values: Attributes) -> tuple[float, float] | None:
    """Lowest and highest declared padding, as these pixels hold it; None where the file declares none."""
    kind = {4: "Float", 8: "DoubleFloat"}.get(cells.dtype.itemsize, "") if cells.dtype.kind == "f" else ""
    ends = [values.get(f"{kind}PixelPadding{name}") for name in ("Value", "RangeLimit")]
    if ends[0] in (None, ""):
        return None
    known = [_as_held(float(end), cells, values) for end in ends if end not in (None, "")]
    return min(known), max(known)


def _as_held(value: float, cells: Array, values: Attributes) -> float:
    """A value that some write unsigned beside signed pixels, or the other way round, as these pixels hold it."""
    if cells.dtype.kind not in "iu":
        return value
    span = 2 ** int(values.required("BitsAllocated"))
    low, high = (-span // 2, span // 2 - 1) if cells.dtype.kind == "i" else (0, span - 1)
    return value - span if value > high else value + span if value < low else value


def _storable(value: float, stored: Array, values: Attributes) -> bool:
    if stored.dtype.kind not in "iu":
        return True
    span = 2 ** int(values.required("BitsStored"))
    low = -span // 2 if stored.dtype.kind == "i" else 0
    return low <= value < low + span


def _check_lossless(stored: Array, ends: tuple[float, float], values: Attributes) -> None:
    """StudyError where loss has blurred the border of padding: some of its pixels have another value now."""
    if not _lossy(values):
        return
    margin = NEAR * (float(stored.max()) - float(stored.min()))
    near = (stored >= ends[0] - margin) & (stored <= ends[1] + margin)
    if near.mean() > NEGLIGIBLE:
        raise StudyError(
            f"{values.path}: compressed with loss, and {100 * near.mean():.2g}% of its pixels have about the value "
            f"that it declares as padding ({values.get('PixelPaddingValue')}): the two cannot be told apart any more; "
            "export it without loss, or without PixelPaddingValue if nothing is padded"
        )


def _lossy(values: Attributes) -> bool:
    syntax, said = values.dataset.file_meta.get("TransferSyntaxUID", ""), str(values.get("LossyImageCompression") or "")
    return said == "01" or syntax in ALWAYS_LOSSY or (syntax in MAYBE_LOSSY and said != "00")
