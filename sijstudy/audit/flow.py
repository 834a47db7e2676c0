"""From the files that were found to the slices that are used: the cohort's flow diagram as numbers [2.1]."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sijstudy.cohort.account import IMAGES, UNREAD, USED, reasons
from sijstudy.cohort.manifest import Manifest
from sijstudy.records import GROUPS

OUTLINES = ("SEG", "label map")
SHOWN = 4  # reasons named at one step


@dataclass(frozen=True)
class Step:
    """One box of the diagram, and what is left out before the next one: a line per reason under ``heading``."""

    text: str
    left_out: tuple[str, ...] = ()
    heading: str = "left out"


@dataclass(frozen=True)
class Flow:
    """Steps from top to bottom, then a box per group."""

    steps: tuple[Step, ...]
    groups: tuple[str, ...]


def cohort_flow(manifest: Manifest, account: pd.DataFrame | None) -> Flow:
    """The flow of a cohort. account: ``manifest.read_account``; None, and the flow starts at the slices used."""
    used = Step(f"{_n(len(manifest.slices), 'slice')} used\nof {_n(len(manifest.subjects), 'subject')}")
    steps = () if account is None else _steps_before(account)
    return Flow((*steps, used), tuple(_group_text(manifest, group) for group in GROUPS))


def _steps_before(account: pd.DataFrame) -> tuple[Step, ...]:
    """Files found, MR images among them, images of the wanted series; slices left out are rows 'file #frame'."""
    table = account.assign(path=account["file"].str.replace(r" #\d+$", "", regex=True))
    files = table.drop_duplicates("path")
    images = table[table["kind"].isin(IMAGES)]
    series = images[["subject_id", "series_uid", "series"]].agg(tuple, axis=1)
    chosen = series.isin(set(series[images["outcome"] == USED]))
    wanted, others = images[chosen], images[~chosen]
    foreign = files[~files["kind"].isin(IMAGES)]
    subjects = images["subject_id"].replace("", pd.NA).nunique()
    late = wanted[wanted["outcome"] != USED]
    return (
        Step(_n(len(files), "file") + " found", _kinds(foreign), "no MR images"),
        Step(f"{_n(images['path'].nunique(), 'MR file')}\nof {_n(subjects, 'subject')}", _reasons(others)),
        Step(f"{_n(wanted['path'].nunique(), 'file')} of the wanted series", _reasons(late)),
    )


def _kinds(files: pd.DataFrame) -> tuple[str, ...]:
    counts = files["kind"].value_counts()
    return tuple(f"{number} {kind}{' (outlines)' if kind in OUTLINES else ''}" for kind, number in counts.items())


def _reasons(rows: pd.DataFrame) -> tuple[str, ...]:
    unread = sum(reasons(rows, UNREAD).values())
    counts = {**({"without a label, kept for the course": unread} if unread else {}), **reasons(rows)}
    lines = [f"{number} {reason}" for reason, number in counts.items()]
    rest = sum(list(counts.values())[SHOWN:])
    return (*lines[:SHOWN], *([f"{rest} for other reasons"] if rest else []))


def _group_text(manifest: Manifest, group: str) -> str:
    own = manifest.subjects.loc[manifest.subjects["group"] == group, "subject_id"]
    slices = manifest.slices[manifest.slices["subject_id"].isin(own)]
    positive = int(slices["label"].sum())
    counts = f"{_n(len(own), 'subject')}, {_n(len(slices), 'slice')}"
    return f"{group}\n{counts}\n{positive} with, {len(slices) - positive} without edema"


def _n(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
