"""What the header of an NRRD file says: where its voxels lie in the patient, and 3D Slicer's names of segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sijstudy.errors import StudyError

Array = np.ndarray[Any, Any]

TO_LPS = {  # NRRD's names of the patient space -> signs that lead to LPS
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


def nrrd_affine(header: Mapping[str, Any], dimensions: int, path: Path) -> tuple[Array, bool]:
    """Index -> LPS mm ``(4, 4)``, and whether the first axis is a list of layers. StudyError names what is missing."""
    space = str(header.get("space", "")).lower()
    if space not in TO_LPS:
        raise StudyError(f"{path}: its space is '{space}', not LPS, RAS or LAS; export it with patient coordinates")
    try:
        directions = np.array([[np.nan] * 3 if row is None else row for row in header["space directions"]], float)
        origin = np.array(header["space origin"], float)
    except (KeyError, TypeError, ValueError):
        raise StudyError(f"{path}: lacks space directions or origin; export it with patient coordinates") from None
    spatial = np.isfinite(directions).all(axis=1)
    if directions.shape != (dimensions, 3) or spatial.sum() != 3 or not spatial[-3:].all() or origin.shape != (3,):
        raise StudyError(f"{path}: its axes are not three of space after at most one of layers; export it again")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions[spatial].T, origin
    affine = np.diag([*TO_LPS[space], 1.0]) @ affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise StudyError(f"{path}: its space directions are not invertible; export it again")
    return affine, dimensions == 4


def slicer_segments(header: Mapping[str, Any]) -> dict[tuple[int, int], str]:
    """(layer, value) -> name, from Slicer's SegmentN_Name, _LabelValue and _Layer; older files have no layers."""
    found = {}
    for key, value in header.items():
        match = re.fullmatch(r"(Segment\d+)_Name", str(key))
        if match:
            prefix = match[1]
            layer, number = header.get(f"{prefix}_Layer", 0), header.get(f"{prefix}_LabelValue", 1)
            found[int(layer), int(number)] = str(value)
    return found
