"""The account of a build, for people: what became of every file, as a table, a page, a summary of five lines."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from sijstudy.cohort.manifest import Manifest, read_account
from sijstudy.cohort.region_account import ELSEWHERE_COLUMNS, summary_lines
from sijstudy.cohort.region_masks import labels_are_given, region_of
from sijstudy.cohort.write import BOXES

COLUMNS = ("file", "kind", "subject_id", "series_uid", "series", "outcome", "reason")
USED, LEFT_OUT, UNREAD = "used", "left out", "unread"  # unread: without a label, kept for the course
NO_DICOM = ("not DICOM", "table", "NIfTI volume", "label map")
IMAGES = ("MR image", "MR multi-frame", "NIfTI volume")
FRAMED = ("MR multi-frame", "NIfTI volume", "SEG")  # kinds whose slices may have rows: FILE #3
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins with one of these


@dataclass(frozen=True)
class AccountRow:
    """One file, or one slice of it (``file #frame``). reason: one sentence, empty for a used file."""

    file: str
    kind: str
    subject_id: str = ""
    series_uid: str = ""
    series: str = ""
    outcome: str = USED
    reason: str = ""


@dataclass(frozen=True)
class ChosenSeries:
    """The series used of a subject, what chose it, and the slices it gave."""

    subject_id: str
    series: str
    rule: str
    slices: int


def account_table(rows: Sequence[AccountRow]) -> pd.DataFrame:
    """The rows as a table of text, sorted by file; cells are safe to open in a spreadsheet."""
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS)).sort_values(["file", "outcome"])
    return table.map(lambda cell: f"'{cell}" if cell.startswith(FORMULA) else cell).reset_index(drop=True)


def flow(account: pd.DataFrame) -> dict[str, int]:
    """Counts from files to slices: step -> how many are left."""
    files = _files(account)
    images = files[files["kind"].isin(IMAGES)]
    used = images[images["outcome"] == USED]
    return {
        "files": len(files),
        "DICOM files": int((~files["kind"].isin(NO_DICOM)).sum()),
        "MR files": len(images),
        "series": _series(images),
        "chosen series": _series(used),
        "MR files used": len(used),
    }


def _files(account: pd.DataFrame) -> pd.DataFrame:
    """A row per file; single slices of a file have rows of their own, and may be all that it has."""
    names = account["file"].mask(account["kind"].isin(FRAMED), account["file"].str.replace(r" #\d+$", "", regex=True))
    return account.assign(file=names).drop_duplicates("file")


def _series(images: pd.DataFrame) -> int:
    """How many series images are: a volume is one; a file that cannot be read says of none that it is its own."""
    volumes = images["kind"] == "NIfTI volume"
    told = images[~volumes & (images["series_uid"] + images["series"] != "")]
    return int(volumes.sum()) + len(told[["subject_id", "series_uid", "series"]].drop_duplicates())


def reasons(account: pd.DataFrame, outcome: str = LEFT_OUT) -> dict[str, int]:
    """Why files and slices are left out, or unread -> how many, the most frequent first."""
    left_out = account.loc[account["outcome"] == outcome, "reason"]
    return dict(Counter(_kind_of_reason(reason) for reason in left_out).most_common())


def summary(account: pd.DataFrame, slices: int, subjects: int) -> str:
    """Five lines for the command line, and one of slices without a label where they are kept."""
    counts, why, unread = flow(account), reasons(account), sum(reasons(account, UNREAD).values())
    top = "; ".join(f"{number} {reason}" for reason, number in list(why.items())[:3])
    numbers = {"DICOM": counts["DICOM files"], "NIfTI volumes": int((_files(account)["kind"] == "NIfTI volume").sum())}
    kinds = " and ".join(f"{number} {kind}" for kind, number in numbers.items() if number) or "no image"
    return "\n".join(
        (
            f"files        {counts['files']}, of them {kinds}",
            f"MR images    {counts['MR files']} files",
            f"series       {counts['series']}, of them {counts['chosen series']} chosen",
            f"slices used  {slices} of {subjects} subjects",
            *([f"unread       {unread}, kept for the course"] if unread else []),
            f"left out     {sum(why.values())}{f': {top}' if top else ''}",
        )
    )


def build_summary(manifest: Manifest) -> str:
    """``summary`` of a manifest that was just built, and where its parts lie."""
    account, lines = read_account(manifest.folder), []
    if account is not None:
        lines.append(summary(account, len(manifest.slices), len(manifest.subjects)))
        lines += summary_lines(region_of(manifest), account, tables=labels_are_given(manifest))
    lines += [f"Manifest: {manifest.folder}", f"Account:  {manifest.folder / 'account.md'}"]
    if (proposed := manifest.folder / BOXES).is_file():
        lines.append(f"Boxes:    {proposed} (proposed; look at them in notebook 01, hand a corrected copy to --boxes)")
    return "\n".join(lines)


def account_page(
    account: pd.DataFrame,
    chosen: Sequence[ChosenSeries],
    cohort: str,
    edema: tuple[Sequence[str], Sequence[Sequence[str]]] = ((), ()),
) -> str:
    """The account as Markdown: the flow, the reasons, the chosen series, the slices that are left out or unread.

    edema: sentences on where edema counts, and ``region_account.elsewhere_rows``.
    """
    steps = {**flow(account), "slices used": sum(series.slices for series in chosen)}
    series = account["series_uid"] + " " + account["series"]
    of_chosen = series.isin(series[account["outcome"] == USED])
    slices = account[
        (account["outcome"] == LEFT_OUT) & account["kind"].isin(IMAGES) & of_chosen & (account["series_uid"] != "")
    ]
    others = account[(account["outcome"] == LEFT_OUT) & account["kind"].isin(("SEG", "label map"))]
    parts = [
        f"# What became of every file of {_safe(cohort)}",
        "Written by `sijstudy manifest build`; `account.csv` beside it has a row per file.",
        "## From files to slices",
        _table(("step", "count"), steps.items()),
        "## Why files and slices are left out",
        _table(("reason", "count"), reasons(account).items()) if len(reasons(account)) else "Nothing is left out.",
        "## The series of each subject",
        _table(
            ("subject", "series", "chosen as", "slices"),
            ((one.subject_id, one.series, one.rule, one.slices) for one in chosen),
        ),
        "## Images of chosen series that are left out",
        _table(("file", "reason"), slices[["file", "reason"]].to_numpy()) if len(slices) else "None.",
        *_unread_section(account[account["outcome"] == UNREAD]),
        *_edema_section(*edema),
        "## Outlines that are left out",
        _table(("file", "reason"), others[["file", "reason"]].to_numpy()) if len(others) else "None.",
    ]
    return "\n\n".join(parts) + "\n"


def _unread_section(unread: pd.DataFrame) -> list[str]:
    if unread.empty:
        return []
    rows = _table(("file", "reason"), unread[["file", "reason"]].to_numpy())
    return ["## Slices without a label, kept for the course", rows]


def _edema_section(sentences: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    parts = ["## Where edema counts", " ".join(sentences)] if sentences else []
    return [*parts, _table(ELSEWHERE_COLUMNS, rows)] if rows else parts


def _kind_of_reason(reason: str) -> str:
    """A reason without what is special to one file, for counting: quoted names, and details after a colon."""
    return re.sub(r"( of)? '[^']*'|: .*", "", reason)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_safe(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _safe(cell: object) -> str:
    """Text of a file or header, so that no Markdown or HTML comes to life in it."""
    return html.escape(str(cell), quote=False).replace("|", "&#124;").replace("`", "&#96;").replace("\n", " ")
