"""How much edema a subject has, by the segmentation and by each reading: volumes, and how far they agree."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from sijstudy.analysis.icc import LEAST, Icc, icc
from sijstudy.analysis.slice_readers import SEGMENTATION, VOLUME
from sijstudy.cohort.readings import AGREED

AGREED_NAME, MEAN = "agreed outline", "mean reading"
NOT_ALL = "slices that not all readers cover"


def volumes(seen: pd.DataFrame) -> pd.DataFrame:
    """Millilitres of edema: index subject_id; columns SEGMENTATION, "reader 1" ..., AGREED_NAME, MEAN (of the readers).

    seen: ``slice_readers.read_slices``. Only slices count that all who read anything of their subject cover, and on
    which where edema counts is known, for the segmentation, too: volumes of different slices are not to be compared.
    Subjects without such a slice are left out. ``attrs[NOT_ALL]``: how many slices do not count as only some readers
    cover them. Without single readings (the outlines are nobody's in particular) only AGREED_NAME stands beside the
    segmentation. Empty where edema was never outlined.
    """
    columns = [name for name in seen if str(name).startswith(VOLUME)]
    if not columns:
        return pd.DataFrame()
    covered = seen[columns].notna()
    takes_part = covered.groupby(seen["subject_id"]).transform("any")
    shared = (covered == takes_part).all(axis=1)
    table = seen[shared].groupby("subject_id")[columns].sum(min_count=1).dropna(subset=[VOLUME + SEGMENTATION])
    table = table.rename(columns={name: str(name).removeprefix(VOLUME) for name in columns})
    readers = sorted(name for name in table if str(name).startswith(f"{AGREED} reader"))
    own = table[readers].rename(columns={name: str(name).removeprefix(f"{AGREED} ") for name in readers})
    mean = pd.DataFrame({MEAN: own.mean(axis=1)}) if readers else pd.DataFrame(index=table.index)
    volumes_of = pd.concat([table[[SEGMENTATION]], own, table[[AGREED]].set_axis([AGREED_NAME], axis=1), mean], axis=1)
    volumes_of.attrs[NOT_ALL] = int((covered.any(axis=1) & ~shared).sum())
    return volumes_of


def agreement_of_volumes(table: pd.DataFrame) -> pd.DataFrame:
    """ICC(2,1) of ``volumes``: index who; columns subjects, icc, low, high, and bias, the mean difference in ml.

    The segmentation with each reading, with what they agreed on and with their mean; then the readers among themselves,
    by pairs and all together. Only subjects with both volumes count.
    """
    readers = [name for name in table if str(name).startswith("reader")]
    others = [name for name in table if name != SEGMENTATION]
    pairs = [(SEGMENTATION, str(name)) for name in others] + list(itertools.combinations(readers, 2))
    rows = {" and ".join(pair): _row(table[list(pair)]) for pair in pairs}
    if len(readers) > 2:
        rows[f"all {len(readers)} readings"] = _row(table[readers])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["subjects", "icc", "low", "high", "bias"])


def volume_sentence(table: pd.DataFrame, agreement: pd.DataFrame) -> str:
    """What the volumes say: the segmentation's ICC beside the readers' own."""
    left_out = table.attrs.get(NOT_ALL, 0)
    partly = f" Slices left out, as only some of their subject's readers cover them: {left_out}." if left_out else ""
    if table.empty:
        return partly.strip() or "Nobody outlined edema in this cohort, so its volume has nothing to stand beside."
    if len(table) < LEAST:
        return f"With {len(table)} subject{'s' * (len(table) > 1)} no ICC is given: it takes {LEAST}.{partly}"
    truth = MEAN if MEAN in table else AGREED_NAME
    words = f"Segmentation and {truth}: ICC(2,1) {_text(agreement.loc[f'{SEGMENTATION} and {truth}'])}"
    own = agreement[agreement.index.str.startswith("reader")]["icc"].dropna()
    if len(own):
        words += f"; readings with each other {own.min():.2f} to {own.max():.2f}"
    elif truth == AGREED_NAME:
        words += "; the manifest keeps the agreed outline alone, so readers have no ICC of their own"
    share = table[SEGMENTATION].sum() / table[truth].sum() if table[truth].sum() else float("nan")
    size = "" if np.isnan(share) else f" In all the segmentation finds {100 * share:.0f}% of the volume of the {truth}."
    mostly = "Where one subject has far more edema than the others, the ICC is mostly about that one."
    return f"{words}.{size}{partly} {mostly}"


def _row(own: pd.DataFrame) -> tuple[float, ...]:
    values = own.dropna().to_numpy(dtype=np.float64)
    found: Icc = icc(values)
    bias = float((values[:, 0] - values[:, 1]).mean()) if len(values) and values.shape[1] == 2 else float("nan")
    return len(values), found.value, found.low, found.high, bias


def _text(row: pd.Series) -> str:
    if np.isnan(row["icc"]):
        return "undefined, as all volumes are the same"
    return f"{row['icc']:.2f} (95% CI {row['low']:.2f} to {row['high']:.2f}, {row['subjects']:.0f} subjects)"
