"""The part of an image that holds what is asked for, so that only that is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage


def around(mask: np.ndarray[Any, np.dtype[np.bool_]], reach: Sequence[int]) -> tuple[slice, ...]:
    """The smallest window with all true pixels of ``mask``, of which there is one, and ``reach`` more along each axis.

    Cut at the mask's borders.
    """
    (found,) = ndimage.find_objects(mask.astype(np.int8))
    return tuple(
        slice(max(0, own.start - far), min(size, own.stop + far))
        for own, far, size in zip(found, reach, mask.shape, strict=True)
    )
