"""How the slices were acquired, and which of them otherwise than the rest [2.1]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.audit.findings import Finding, listed
from sijstudy.audit.inspection import SliceFacts

SLICE = ("subject_id", "slice_index", "height_mm")
TOLERANCE = 1e-3  # relative; scanners round
ROBUST_Z = 3.5  # Iglewicz and Hoaglin 1993
DISPLAY = ("window_center", "window_width")  # set anew for each slice, and never applied to what the network sees
USUAL_SHARE = 0.5  # a value that this share of the slices has is the cohort's usual one


def acquisition_table(slices: Sequence[SliceFacts]) -> pd.DataFrame:
    """A row per slice that could be read: the columns SLICE (which it is, where it lies), one per acquisition value."""
    known = [one for one in slices if one.pixels]
    rows = [
        {**dict(zip(SLICE, (one.subject_id, one.index, one.height), strict=True)), **one.acquisition} for one in known
    ]
    return pd.DataFrame(rows, columns=None if rows else list(SLICE))


def parameters_of(table: pd.DataFrame) -> list[str]:
    """The columns of ``acquisition_table`` that say how a slice was acquired; display settings do not."""
    return [name for name in table if name not in (*SLICE, *DISPLAY)]


def acquisition_summary(table: pd.DataFrame, published: Mapping[str, Any]) -> pd.DataFrame:
    """Each acquisition value as found and as the paper gives it, all as text.

    Columns parameter, this cohort (values, the most frequent first), slices without, paper.
    """
    found = [name for name in table if name not in SLICE]
    rows = [
        (
            name,
            listed([_shown(value) for value in table[name].value_counts().index]) or "–" if name in found else "–",
            str(int(table[name].isna().sum())) if name in found else "–",
            str(published.get(name, "–")),
        )
        for name in dict.fromkeys([*published, *found])
    ]
    return pd.DataFrame(rows, columns=["parameter", "this cohort", "slices without", "paper"])


def outliers(table: pd.DataFrame) -> pd.DataFrame:
    """Values that differ from the cohort's usual one: parameter, usual, found, slices, subjects (a tuple).

    Usual is the most frequent value when at least half of the slices have it, and any other value is an outlier
    (numbers within 0.1% are the same). Without such a value, numbers more than 3.5 robust z (median and MAD) away are.
    """
    rows = [row for name in parameters_of(table) for row in _outliers(name, table[[name, "subject_id"]].dropna())]
    return pd.DataFrame(rows, columns=["parameter", "usual", "found", "slices", "subjects"])


def mixed_subjects(table: pd.DataFrame) -> pd.DataFrame:
    """Subjects whose own slices differ in a parameter: index subject_id, column parameters (text)."""
    if table.empty:
        return pd.DataFrame(columns=["parameters"])
    varied = table.groupby("subject_id")[parameters_of(table)].nunique() > 1
    text = {name: ", ".join(row.index[row]) for name, row in varied.iterrows() if row.any()}
    return pd.DataFrame({"parameters": pd.Series(text, dtype=object)})


def acquisition_findings(table: pd.DataFrame, published: Mapping[str, Any]) -> list[Finding]:
    """Outliers, series mixed within a subject, and what differs from the paper's protocol."""
    findings = [
        Finding(
            "warning",
            "acquisition",
            f"{name}: {int(part['slices'].sum())} slices differ from the usual {part['usual'].iloc[0]} "
            f"({listed(part['found'].tolist(), 3)}).",
            "Check that it is the wanted series; see the section on confounding.",
            listed(sorted({subject for own in part["subjects"] for subject in own})),
        )
        for name, part in outliers(table).groupby("parameter", sort=False)
    ]
    mixed = mixed_subjects(table)
    if len(mixed):
        sentence = "Slices of one subject were acquired in different ways."
        findings.append(
            Finding("warning", "acquisition", sentence, "Keep one series per subject.", listed(mixed.index))
        )
    other = [name for name, value in published.items() if name in table and not _usual_is(table[name], value)]
    if other:
        sentence = f"Usual values other than the paper's: {', '.join(other)}."
        findings.append(Finding("note", "acquisition", sentence, "The paper's numbers hold for its own protocol."))
    return findings


def _outliers(name: str, part: pd.DataFrame) -> list[tuple[Any, ...]]:
    if part.empty:
        return []
    values = part[name]
    usual = values.value_counts().index[0]
    numbers = pd.to_numeric(values, errors="coerce")
    same = np.isclose(numbers, usual, rtol=TOLERANCE) if numbers.notna().all() else (values == usual).to_numpy()
    shown = _shown(usual)
    if same.mean() >= USUAL_SHARE:
        odd = ~same
    elif numbers.notna().all():
        odd, shown = _far(numbers), f"{numbers.median():g} (median)"
    else:
        return []
    groups = part[odd].groupby(name, sort=False)["subject_id"]
    return [(name, shown, _shown(value), len(own), tuple(sorted(set(own)))) for value, own in groups]


def _far(numbers: pd.Series[float]) -> Any:
    distance = (numbers - numbers.median()).abs()
    return (0.6745 * distance > ROBUST_Z * distance.median()).to_numpy()


def _usual_is(values: pd.Series[Any], published: Any) -> bool:
    counts = values.value_counts()
    if counts.empty:
        return True  # nothing to compare; the table shows the gap
    usual = counts.index[0]
    if isinstance(published, str):
        return published.split()[0].casefold() == str(usual).split()[0].casefold()  # SIEMENS, Siemens Healthcare
    return isinstance(usual, Real) and bool(np.isclose(float(usual), published, rtol=TOLERANCE))


def _shown(value: Any) -> str:
    return f"{float(value):g}" if isinstance(value, Real) else str(value)
