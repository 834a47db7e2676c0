"""Slices of a used series that have no label: nobody read them, or the readers did not agree.

ASSUMED: they train no network and enter no measure, but stay in the course along a whole series: a hospital's diagnosis
is made of every slice it sends. A manifest built with ``--keep-unread`` lists them in a table of their own,
``unread.csv``.

No module that trains imports this one, so that a change here moves no network's address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sijstudy.cohort import manifest as manifests
from sijstudy.cohort.manifest import Manifest, slice_record
from sijstudy.cohort.schema import SLICES, read_validated
from sijstudy.errors import StudyError
from sijstudy.records import Slice

TABLE = "unread.csv"
UNREAD = SLICES.remove_columns(["label"])
NO_LABEL = -1  # of a record, whose label is a number


@dataclass(frozen=True)
class WholeSeries(Manifest):
    """A manifest whose ``slices`` hold the unread ones, too, in the order of the series.

    Their label is ``<NA>``, which neither ``== 0`` nor ``== 1`` picks, sums and means pass over, and ``int`` refuses;
    in records it is NO_LABEL. ``cohort_hash`` of it is made of the unread slices, too, for results that hang on them.
    """

    def slice_records(self) -> list[Slice]:
        """The slices as records, in the order of the table, with absolute paths."""
        rows = self.slices.assign(label=self.slices["label"].fillna(NO_LABEL))
        return [slice_record(row, self.root, self.outlines_root) for row in rows.to_dict("records")]


def read_unread(manifest: Manifest) -> pd.DataFrame:
    """The unread slices of a manifest: the columns of slices.csv but label; no row where it keeps none.

    StudyError names the row that breaks a rule of slices.csv, that slices.csv has as well, or whose subject it lacks.
    """
    path = manifest.folder / TABLE
    if not path.is_file():
        return manifest.slices.iloc[:0].drop(columns="label")
    table = read_validated(path, UNREAD)
    for check in (manifests._check_paths, manifests._check_files, manifests._check_boxes):
        check(table, path)
    _check_apart(table, manifest.slices, path)
    return table.sort_values(["subject_id", "slice_index"], ignore_index=True)


def whole_series(manifest: Manifest) -> Manifest:
    """The manifest with its unread slices among the others (``WholeSeries``); as it is where it keeps none.

    manifest: as ``load_manifest`` gives it. Raises StudyError as ``read_unread``.
    """
    if isinstance(manifest, WholeSeries) or (unread := read_unread(manifest)).empty:
        return manifest
    unread = unread.assign(label=pd.array([pd.NA] * len(unread), dtype="Int64"))[list(manifest.slices)]
    slices = pd.concat([manifest.slices, unread]).sort_values(["subject_id", "slice_index"], ignore_index=True)
    return WholeSeries(**{**vars(manifest), "slices": slices})


def labelled(manifest: Manifest) -> Manifest:
    """The manifest without its unread slices."""
    return replace(manifest, slices=manifest.slices[manifest.slices["label"].notna()].reset_index(drop=True))


def _check_apart(unread: pd.DataFrame, slices: pd.DataFrame, path: Path) -> None:
    """StudyError where a row of unread.csv is one of slices.csv, or of a subject without a labelled slice."""
    checks = (
        (~unread["subject_id"].isin(slices["subject_id"]), "subject_id", "has no slice in slices.csv"),
        (_among(unread, slices, ["sop_instance_uid"]), "sop_instance_uid", "stands in slices.csv, too"),
        (_among(unread, slices, ["subject_id", "slice_index"]), "slice_index", "of this subject is in slices.csv, too"),
        (_among(unread, slices, ["file", "frame"]), "file", "stands in slices.csv, too"),
    )
    for bad, column, reason in checks:
        if bad.any():
            place = int(bad.to_numpy().argmax())
            value = unread[column].iloc[place]
            raise StudyError(f"{path}: row {place + 2}: {column}='{value}' {reason}; remove the row")


def _among(rows: pd.DataFrame, others: pd.DataFrame, columns: Sequence[str]) -> pd.Series[bool]:
    """Whether each row's cells in these columns are a row's of ``others``; empty cells are equal."""
    known = set(others[columns].astype(object).fillna(0).itertuples(index=False, name=None))
    return pd.Series(
        [key in known for key in rows[columns].astype(object).fillna(0).itertuples(index=False, name=None)]
    )
