"""The single readings of edema on a manifest's slices, beside the edema that they agreed on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from sijstudy.images.outlines import read_outlines
from sijstudy.images.segment_names import meaning_of
from sijstudy.records import Slice

Mask = np.ndarray[Any, np.dtype[np.bool_]]
AGREED = "edema"  # the mask of what the readings agree on


class Readings:
    """Reads them from a slice's ``segmentation``; keeps the file that was read last: ask subject by subject."""

    def __init__(self) -> None:
        self._read = lru_cache(1)(read_outlines)

    def of(self, item: Slice) -> dict[str, Mask | None] | None:
        """AGREED, and "edema reader 1" ... as drawn -> ``(H, W)`` bool; None for one without a pixel.

        None where nobody looked for edema on the slice. A reading that does not cover the slice is one without a pixel:
        the file does not tell. StudyError as ``read_outlines``.
        """
        if item.segmentation is None:
            return None
        outlines = self._read(item.segmentation)
        if AGREED not in outlines.segments or item.uid not in outlines.slices:
            return None
        names = sorted(name for name in outlines.segments if meaning_of(name).segment == AGREED)
        return {name: outlines.mask(item.uid, name) for name in names}
