"""Decoding the pixels of one MR image to stored values after rescale; no window, no look-up table.

A window (VOI LUT) is a setting of a display: header values record it, the network never sees it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.images.stored_values import stored_values

Pixels = np.ndarray[Any, np.dtype[np.float32]]
GREY = ("MONOCHROME1", "MONOCHROME2")


def pixels_of(values: Attributes) -> Pixels:
    """Pixels ``(H, W)`` float32, bright tissue high, NaN where the file declares padding (PixelPaddingValue).

    MONOCHROME1 is turned over (0 and the highest storable value change places), then rescale slope and intercept
    apply: the frame's, the file's, or where there are none those of a single linear real-world value map.
    Raises StudyError naming the file when they cannot be decoded, are not one grey plane, not finite, all the same,
    all padding, padded and compressed with loss, or not stored in the lowest bits.
    """
    dataset, path = values.dataset, values.path
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise StudyError(f"{path}: holds no pixels (a header only, or cut off); export it again")
    colour = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if colour not in GREY:
        raise StudyError(f"{path}: {colour} pixels, not one grey plane; export the original image, grey")
    _check_bits(values)
    stored, padding = stored_values(values)
    if stored.ndim != 2:
        raise StudyError(f"{path}: pixels have shape {stored.shape}, not one grey plane; export single slices")
    slope, intercept = _rescale(values)
    pixels = _bright_high(stored, values, colour).astype(np.float32)
    pixels *= np.float32(slope)
    pixels += np.float32(intercept)
    tissue = pixels if padding is None else pixels[~padding]
    if tissue.size == 0:
        raise StudyError(f"{path}: all pixels are padding (PixelPaddingValue); leave this slice out")
    if not np.isfinite(tissue).all():
        raise StudyError(f"{path}: pixels are not all finite numbers; export it again")
    if tissue.min() == tissue.max():
        raise StudyError(f"{path}: all pixels have the value {tissue.min():g}; leave this slice out")
    if padding is not None:
        pixels[padding] = np.nan
    return pixels


def _check_bits(values: Attributes) -> None:
    """StudyError where other bits, such as an overlay's, lie below those of the pixels.

    The standard asks for HighBit = BitsStored - 1 (PS3.5, 8.1.1); bits above are masked, these are not.
    """
    high, bits = values.get("HighBit"), values.get("BitsStored")
    if high is not None and bits is not None and int(high) != int(bits) - 1 and "PixelData" in values.dataset:
        raise StudyError(
            f"{values.path}: its pixels lie in the bits up to {high}, {bits} of them (HighBit, BitsStored), so that "
            "lower bits hold something else; export it again"
        )


def _bright_high(stored: np.ndarray[Any, Any], values: Attributes, colour: str) -> np.ndarray[Any, Any]:
    if colour == "MONOCHROME2":
        return stored
    if not np.issubdtype(stored.dtype, np.integer):
        return -stored
    signed = int(values.get("PixelRepresentation") or 0) == 1
    ends = -1 if signed else 2 ** int(values.required("BitsStored")) - 1  # lowest + highest storable value
    return ends - stored.astype(np.int64)


def _rescale(values: Attributes) -> tuple[float, float]:
    slope, intercept = values.get("RescaleSlope"), values.get("RescaleIntercept")
    if slope is None and intercept is None:
        maps = values.sequence("RealWorldValueMappingSequence")
        if len(maps) == 1:
            slope, intercept = maps[0].get("RealWorldValueSlope"), maps[0].get("RealWorldValueIntercept")
    return (1.0 if slope is None else float(slope)), (0.0 if intercept is None else float(intercept))
