"""The account's words on where edema counts, and on edema that lies elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sijstudy.cohort.edema_region import BONE, LEAVE_OUT, EdemaRegion
from sijstudy.cohort.region_masks import MAYBE_ELSEWHERE, ONLY_ELSEWHERE, SliceEdema

ELSEWHERE_COLUMNS = ("file", "label", "edema that counts, mm2", "edema elsewhere, mm2")
OF_TABLES = (
    "Labels come from a table of votes or labels: where the edema they speak of lies is not known; only readers who "
    "were asked to do so left out edema elsewhere."
)


def region_lines(region: EdemaRegion, slices: Sequence[SliceEdema], *, tables: bool) -> list[str]:
    """What is said of the region: sentences for the account's page. tables: votes or labels are given as a table."""
    lines = [f"Outlined edema counts {region.text} (`--edema-region {region.region}`)."]
    if region.region != BONE:
        fate = "left without a label" if region.elsewhere == LEAVE_OUT else "negative"
        both = sum(one.counts_mm2 > 0 and one.elsewhere_mm2 > 0 for one in slices)
        lines.append(
            f"A slice with too little of it there, and edema elsewhere, is {fate} "
            f"(`--edema-elsewhere {region.elsewhere}`). Agreed edema is on {len(slices)} slices; on {both} of them it "
            f"lies there and elsewhere, on {sum(one.counts_mm2 == 0 for one in slices)} elsewhere alone."
        )
    return [*lines, OF_TABLES] if tables else lines


def elsewhere_rows(slices: Sequence[SliceEdema]) -> list[tuple[str, str, str, str]]:
    """Slices with edema elsewhere that outlines do not make positive: file, label, mm2 that count, mm2 elsewhere."""
    names = {1: "positive", 0: "negative", None: "none"}
    return [
        (one.file, names[one.label], f"{one.counts_mm2:.0f}", f"{one.elsewhere_mm2:.0f}")
        for one in slices
        if one.elsewhere_mm2 > 0 and (one.label != 1 or one.counts_mm2 == 0)
    ]


def summary_lines(region: EdemaRegion, account: pd.DataFrame, *, tables: bool) -> list[str]:
    """One or two lines for the command line; none where edema counts in all bone."""
    if region.region == BONE:
        return []
    counts = [int(account["reason"].str.startswith(kind).sum()) for kind in (ONLY_ELSEWHERE, MAYBE_ELSEWHERE)]
    line = f"edema        counts {region.text}; no label: {counts[0]} slices with edema elsewhere"
    line += f", {counts[1]} where nobody knows" if counts[1] else ""
    return [line, *([f"             {OF_TABLES}"] if tables else [])]
