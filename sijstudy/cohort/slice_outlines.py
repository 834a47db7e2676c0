"""The outlines of a manifest's slices, whatever kind of file holds them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sijstudy.cohort.manifest import Manifest
from sijstudy.files import file_hash
from sijstudy.images.outlines import read_outlines
from sijstudy.images.segment_names import SEGMENTS
from sijstudy.records import Slice

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class SliceOutlines:
    """Reads what a slice's ``segmentation`` holds of it.

    Only the file that was read last is kept, for a cohort's masks can be larger than memory: ask in the order of the
    manifest, subject by subject. Every method raises StudyError as ``read_outlines`` does.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._read = lru_cache(1)(read_outlines)

    def masks(self, item: Slice) -> dict[str, Mask]:
        """What is outlined on the slice: a name of SEGMENTS -> ``(H, W)`` bool with at least one pixel.

        Not the single readers' edema. Empty for a slice without a segmentation.
        """
        return {name: mask for name, mask in self._of(item).items() if name in SEGMENTS and mask.any()}

    def mask(self, item: Slice, segment: str) -> Mask | None:
        """One of ``masks``; None where nothing is outlined."""
        return self.masks(item).get(segment)

    def bone(self, item: Slice) -> Mask | None:
        """All bone on the slice, ``(H, W)`` bool, as ``Segmentation.bone``; None without."""
        return None if item.segmentation is None else self._read(item.segmentation).bone(item.uid)

    def _of(self, item: Slice) -> dict[str, Mask]:
        """All that the file holds of the slice, masks without a pixel and single readers' edema too."""
        return {} if item.segmentation is None else self._read(item.segmentation).masks.get(item.uid, {})


def outlines_identity(manifest: Manifest, rows: Sequence[int]) -> dict[str, Any]:
    """What fixes the outlines of the slices in these rows, JSON-able: their files' hashes.

    Files are hashed as they are now, whatever the manifest says.
    """
    items = manifest.slice_records()
    used = {file for row in rows if (file := items[row].segmentation) is not None}
    return {"files": {file.name: file_hash(file) for file in used}}
