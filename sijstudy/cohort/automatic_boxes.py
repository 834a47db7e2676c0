"""Ilium boxes that the network finds on the slices of an examination, without anybody's outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from sijstudy.code import code_digest
from sijstudy.cohort.box_cells import cells_of
from sijstudy.cohort.columns import BOX_COLUMNS
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.cohort.seen_joints import see
from sijstudy.cohort.write import BOXES
from sijstudy.errors import StudyError
from sijstudy.files import file_hash, read_table
from sijstudy.kept import kept_table
from sijstudy.records import Slice
from sijstudy.segmentation.weights import SHIPPED


@dataclass(frozen=True)
class Automatic:
    """A manifest whose ilium boxes were found automatically.

    manifest: without the slices on which no joint was found. found: a row for every slice of the cohort, with the
    columns of boxes.csv, slice_index and confidence (0 without a box).
    """

    manifest: Manifest
    found: pd.DataFrame

    @property
    def without(self) -> pd.DataFrame:
        """Rows of ``found`` on which there is no joint."""
        return self.found[self.found["confidence"] == 0]


def confidences(manifest: Manifest, automatic: Automatic | None = None) -> dict[str, float]:
    """UID of a slice -> how sure its proposed boxes are, in [0, 1]; of those alone that the network found.

    automatic: where the study's own boxes are of the network, else those of the manifest's build count.
    """
    if automatic:
        return dict(zip(automatic.found["sop_instance_uid"], automatic.found["confidence"], strict=True))
    file = manifest.folder / BOXES
    if not manifest.boxes_proposed or not file.is_file():
        return {}
    table = read_table(file)
    if "confidence" not in table:
        return {}
    sure = pd.to_numeric(table["confidence"], errors="coerce")
    known = {(row.subject_id, row.file): own for row, own in zip(table.itertuples(), sure, strict=True) if own > 0}
    rows = manifest.slices.itertuples()
    names = {row.sop_instance_uid: row.file if pd.isna(row.frame) else f"{row.file}#{int(row.frame)}" for row in rows}
    subjects = dict(zip(manifest.slices["sop_instance_uid"], manifest.slices["subject_id"], strict=True))
    return {uid: known[key] for uid, name in names.items() if (key := (subjects[uid], name)) in known}


def automatic_rois(manifest: Manifest, cache: Path, *, workers: int = 1, progress: bool = True) -> Automatic:
    """The cohort with the boxes that the network finds in place of its own; kept in ``cache`` for the next time."""
    asked = {"cohort": cohort_hash(manifest), "code": code_digest(see), "weights": file_hash(SHIPPED)}
    return with_found(manifest, kept_table(cache, asked, lambda: _search(manifest, workers, progress)))


def with_found(manifest: Manifest, found: pd.DataFrame) -> Automatic:
    """The cohort with the boxes of ``found``. StudyError where it holds none."""
    boxed = found["confidence"].to_numpy() > 0
    if not boxed.any():
        raise StudyError(
            f"{manifest.folder}: no sacroiliac joint was found on any slice; give boxes, and roi_source=outlines"
        )
    columns = [*BOX_COLUMNS["left"], *BOX_COLUMNS["right"]]
    slices = manifest.slices.assign(**{name: found[name].to_numpy(float) for name in columns})[boxed]
    subjects = manifest.subjects[manifest.subjects["subject_id"].isin(slices["subject_id"])]
    used = replace(
        manifest,
        slices=slices.reset_index(drop=True),
        subjects=subjects.reset_index(drop=True),
        boxes_proposed=True,
    )
    return Automatic(used, found)


def _search(manifest: Manifest, workers: int, progress: bool) -> pd.DataFrame:
    items = manifest.slice_records()
    subjects = manifest.slices.groupby("subject_id", sort=False).indices
    jobs = (delayed(_of_subject)([items[place] for place in places]) for places in subjects.values())
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    shown = tqdm(done, "finding joints", len(subjects), unit="subject", disable=not progress)
    return pd.DataFrame([row for rows in shown for row in rows])


def _of_subject(items: Sequence[Slice]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for item, found in zip(items, see(items).boxes(), strict=True):
        about = {"subject_id": item.subject_id, "slice_index": item.index, "sop_instance_uid": item.uid}
        rows.append({**about, **cells_of(found.boxes), "confidence": round(found.confidence, 3)})
    return rows
