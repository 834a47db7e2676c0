"""How much of the outlined edema the ROI leaves out: what the networks on ROI patches cannot see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.roi import roi_mask
from sijstudy.training.patches import roi_of

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


@dataclass(frozen=True)
class EdemaReach:
    """Shares in [0, 1] over the slices on which edema is outlined and an ilium has a box.

    beyond: of edema's area, in pixels, that lies beyond the ROI. mostly: of the ``slices`` that show more than half of
    their edema there.
    """

    beyond: float
    mostly: float
    slices: int


def edema_reach(manifest: Manifest, config: StudyConfig) -> EdemaReach | None:
    """The reach under the configured ROI [2.2]; None where no edema is outlined. StudyError as outlines raise it."""
    outlines, rows = SliceOutlines(manifest), []
    for item in manifest.slice_records():
        edema = None if item.boxes is None else outlines.mask(item, "edema")
        if edema is not None:
            inside = roi_mask(roi_of(item, edema.shape, config), edema.shape)
            rows.append((int(edema.sum()), int((edema & ~inside).sum())))
    if not rows:
        return None
    area, beyond = np.array(rows).T
    return EdemaReach(float(beyond.sum() / area.sum()), float(np.mean(beyond > area / 2)), len(rows))
