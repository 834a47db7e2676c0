"""How the slices lie: their plane, and its angle to the sacrum where that is outlined, else to strict coronal.

Oblique coronal slices are to run along the sacrum. An algorithm that finds edema in STIR was tested by how far they do
not (J Clin Med 2023, 12, 4852: a quarter of 173 examinations lay within 2.2 degrees).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.audit.findings import Finding, listed
from sijstudy.audit.inspection import SliceFacts
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.series import plane_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.images.slice_order import normal_of
from sijstudy.images.upright import Plane

Array = np.ndarray[Any, Any]
COLUMNS = ["subject_id", "plane", "from_coronal_deg", "from_sacrum_deg"]
# ASSUMED: the paper above has no limit; a slice 100 mm long then leaves the sacrum's direction by 17 mm.
LIMIT_DEG = 10.0
LONG = 1.3  # ASSUMED: an outline that is less longer than thick has no long axis
LEAST_SLICES = 3
ENDS = 0.4  # ASSUMED: where both end slices show at most this part of the largest section, the stack holds the sacrum


def plane_table(manifest: Manifest, slices: Sequence[SliceFacts]) -> pd.DataFrame:
    """A row per subject with a slice that could be read: COLUMNS.

    plane: coronal, axial or sagittal, oblique ones with them. from_coronal_deg: angle in [0, 90] between the first
    slice's plane and strict coronal. from_sacrum_deg: angle in [0, 90] between it and the sacrum's long axis as
    outlined (``long_axis``), NaN without an outline that has one. An outline on slices that do not pass through the
    whole sacrum is long in their own plane, however they lie: its angle is too small, and NaN up to LIMIT_DEG.
    """
    own: dict[str, dict[int, Plane]] = defaultdict(dict)
    for fact in slices:
        if fact.plane is not None:
            own[fact.subject_id][fact.index] = fact.plane
    points = _sacrum_points(manifest, own)
    rows = []
    for name, planes in own.items():
        orientation = planes[min(planes)].orientation
        normal = normal_of(orientation)
        axis = long_axis(points[name]) if len(points[name]) >= LEAST_SLICES else None
        tilt = np.nan if axis is None else np.degrees(np.arcsin(min(1.0, abs(float(axis @ normal)))))
        if tilt <= LIMIT_DEG and not passes_through(points[name]):
            tilt = np.nan
        coronal = np.degrees(np.arccos(min(1.0, abs(float(normal[1])))))
        rows.append((name, plane_of(orientation), float(coronal), float(tilt)))
    return pd.DataFrame(rows, columns=COLUMNS)


def long_axis(parts: Sequence[Array]) -> Array | None:
    """Unit vector ``(3,)`` along the sacrum, seen from the side; None when the outline is not LONG.

    parts: points ``(n, 3)`` mm (LPS) inside its outline, an array per slice. The side-to-side direction is left out, as
    the sacrum is about as broad as it is long.
    """
    side = np.concatenate(parts)[:, 1:]
    values, vectors = np.linalg.eigh(np.cov(side.T))
    if values[1] < LONG**2 * values[0]:
        return None
    return np.array([0.0, *vectors[:, 1]])


def passes_through(parts: Sequence[Array]) -> bool:
    """Whether the slices go from one end of the sacrum to the other: its sections are small (ENDS) at both.

    parts: as for ``long_axis``, in the order of the slices.
    """
    sizes = [len(part) for part in parts]
    return max(sizes[0], sizes[-1]) <= ENDS * max(sizes)


def plane_summary(table: pd.DataFrame) -> pd.DataFrame:
    """The planes of a cohort, as text: plane, subjects, and the range of either angle in degrees."""
    rows = [
        (plane, str(len(part)), _range(part["from_sacrum_deg"]), _range(part["from_coronal_deg"]))
        for plane, part in table.groupby("plane")
    ]
    return pd.DataFrame(rows, columns=["plane", "subjects", "degrees from the sacrum", "degrees from strict coronal"])


def plane_findings(table: pd.DataFrame) -> list[Finding]:
    """Axial and sagittal series, slices that leave the sacrum's direction, and where no outline says so."""
    findings = []
    for plane, part in table[table["plane"] != "coronal"].groupby("plane"):
        findings.append(
            Finding(
                "warning",
                "plane",
                f"The slices of {_subjects(len(part))} are {plane}, not oblique coronal.",
                "Choose the coronal series; the method is made for it.",
                listed(part["subject_id"].tolist()),
            )
        )
    coronal = table[table["plane"] == "coronal"]
    askew = coronal[coronal["from_sacrum_deg"] > LIMIT_DEG]
    if len(askew):
        findings.append(
            Finding(
                "warning",
                "plane",
                f"The slices of {_subjects(len(askew))} lie more than {LIMIT_DEG:g} degrees off the sacrum's long axis "
                f"({_range(askew['from_sacrum_deg'])} degrees).",
                "Performance falls with that angle (J Clin Med 2023, 12, 4852), which is larger still where the "
                "outlined slices do not pass through the whole sacrum; look at these subjects apart.",
                listed(askew["subject_id"].tolist()),
            )
        )
    open_ = coronal[coronal["from_sacrum_deg"].isna()]
    if len(open_):
        findings.append(
            Finding(
                "note",
                "plane",
                f"Whether the slices of {_subjects(len(open_))} run along the sacrum is not known; they lie "
                f"{_range(open_['from_coronal_deg'])} degrees from strict coronal.",
                "Outlines of the sacrum on all slices through it tell.",
                listed(open_["subject_id"].tolist()),
            )
        )
    return findings


def _sacrum_points(manifest: Manifest, own: dict[str, dict[int, Plane]]) -> dict[str, list[Array]]:
    """Subject -> points ``(n, 3)`` mm of each slice on which the sacrum is outlined, in the order of the slices."""
    outlines, found = SliceOutlines(manifest), defaultdict(list)
    for item in sorted(manifest.slice_records(), key=lambda one: one.index):
        plane = own.get(item.subject_id, {}).get(item.index)
        mask = outlines.mask(item, "sacrum") if plane is not None else None
        if plane is not None and mask is not None and mask.any():
            rows, columns = np.nonzero(mask)
            across, down = np.reshape(plane.orientation, (2, 3))
            steps = np.outer(columns * plane.spacing[1], across) + np.outer(rows * plane.spacing[0], down)
            found[item.subject_id].append(np.array(plane.position) + steps)
    return found


def _range(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    low, high = f"{known.min():.0f}", f"{known.max():.0f}"
    return low if low == high else f"{low} to {high}"


def _subjects(number: int) -> str:
    return f"{number} subject{'s' * (number != 1)}"
