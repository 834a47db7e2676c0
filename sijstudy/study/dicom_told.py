"""What a diagnosis tells a viewer of a hospital, in a form that another process can be given (docs/DIAGNOSE.md).

Neither torch nor highdicom is loaded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sijstudy.records import Slice

if TYPE_CHECKING:
    import pandas as pd

NOTICE = "Research only, not for diagnosis."
#: what the planes of ``Told.masks`` mean, in this order
MASKS = ("left ilium", "right ilium", "sacrum", "edema")
ROIS = ("left ROI", "right ROI")  # the subject's own sides


@dataclass(frozen=True)
class Told:
    """All that the files say.

    slices: of the series. windows: of each slice the pixels (rows, columns) of ROIS that were cut out for the networks,
    empty where none were. used: for each of slices whether it was scored. table: ``Diagnosis.slices``. found: whether
    nobody drew any of the boxes. networks: addresses. rule, score, threshold, positive: of the decision.
    remarks: sentences for the SR. decided: False when no decision may be told: then nothing is called positive or
    negative. masks ``(N, H, W, 4)`` bool: found by itself, upright, on ``slices`` in the order of MASKS.
    basis: what else the result hangs on, of which UIDs are made.
    """

    slices: tuple[Slice, ...]
    windows: tuple[Mapping[str, tuple[slice, slice]], ...]
    used: tuple[bool, ...]
    table: pd.DataFrame
    found: bool
    networks: tuple[str, ...]
    rule: str
    score: float
    threshold: float
    positive: bool
    remarks: Sequence[str]
    decided: bool
    masks: np.ndarray[Any, np.dtype[np.bool_]] | None
    basis: tuple[Any, ...]


@dataclass(frozen=True)
class DicomResults:
    """The files that were written; None for one that was not, and notes why."""

    seg: Path | None = None
    sr: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """For JSON: names of the files, None for one that is not there."""
        return {"seg": self.seg and self.seg.name, "sr": self.sr and self.sr.name, "notes": list(self.notes)}

    @property
    def sentence(self) -> str:
        """Which files there are, and why one is not."""
        names = [path.name for path in (self.seg, self.sr) if path]
        return " ".join([f"The results as DICOM: {' and '.join(names)}."] * bool(names) + list(self.notes))

    def under(self, folder: Path) -> DicomResults:
        """The same, the folder as it was given."""
        seg, sr = (path and folder / path.name for path in (self.seg, self.sr))
        return replace(self, seg=seg, sr=sr)
