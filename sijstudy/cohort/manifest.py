"""The manifest: which slices a study uses, of whom, with which label.

A manifest is a folder with ``slices.csv``, ``subjects.csv`` and ``cohort.json``; docs/DATA.md describes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from tqdm import tqdm

from sijstudy.cohort.box_cells import boxes_of
from sijstudy.cohort.columns import BOX_COLUMNS, MARROW_COLUMNS
from sijstudy.errors import StudyError
from sijstudy.files import file_hash, read_table
from sijstudy.records import Slice, Subject

SOURCES = ("synthetic", "hospital", "public")
FORMAT = 2  # of a manifest; raised when the same files would give other boxes, outlines or labels
OUTLINES = "outlines"  # where a manifest keeps its subjects' outlines


@dataclass(frozen=True)
class Manifest:
    """A validated manifest.

    root: folder that the slices' files are relative to. source: one of SOURCES. slices and subjects: tables of the
    schemas SLICES and SUBJECTS, sorted by subject_id and slice_index. boxes_proposed: some ilium boxes are drafts that
    nobody has looked at yet.
    """

    folder: Path
    root: Path
    name: str
    source: str
    slices: pd.DataFrame
    subjects: pd.DataFrame
    boxes_proposed: bool = False

    @property
    def outlines_root(self) -> Path:
        """Folder that the outlines' files are relative to."""
        return (self.folder / OUTLINES).resolve()

    def slice_records(self) -> list[Slice]:
        """The slices as records, in the order of the table, with absolute paths."""
        return [slice_record(row, self.root, self.outlines_root) for row in self.slices.to_dict("records")]

    def subject_records(self) -> list[Subject]:
        """The subjects as records."""
        return [
            Subject(
                row["subject_id"],
                row["group"],
                None if pd.isna(row["age_years"]) else int(row["age_years"]),
                None if pd.isna(row["sex"]) else row["sex"],
            )
            for row in self.subjects.to_dict("records")
        ]


def slice_record(row: Mapping[Any, Any], root: Path, outlines_root: Path) -> Slice:
    """A row of the slices' table as a record; empty cells are None or NaN."""
    return Slice(
        subject_id=row["subject_id"],
        index=int(row["slice_index"]),
        label=int(row["label"]),
        file=root / row["file"],
        frame=None if pd.isna(row["frame"]) else int(row["frame"]),
        uid=row["sop_instance_uid"],
        sha256=row["sha256"],
        boxes=boxes_of(row),
        segmentation=None if pd.isna(row["segmentation"]) else outlines_root / row["segmentation"],
        **{name: None if pd.isna(row[name]) else float(row[name]) for name in MARROW_COLUMNS},
    )


def load_manifest(folder: Path) -> Manifest:
    """Read and check a manifest. Raises StudyError naming the file, and the row and value where there is one.

    The DICOM files themselves are not touched, so that tables can be read where the images are not;
    ``verify_files`` looks at the images.
    """
    from sijstudy.cohort.schema import SLICES, SUBJECTS, read_validated  # here: pandera, which a new subject needs not

    about = _about(folder)
    slices = read_validated(folder / "slices.csv", SLICES)
    subjects = read_validated(folder / "subjects.csv", SUBJECTS)
    _check_subjects(slices, subjects, folder)
    _check_paths(slices, folder / "slices.csv")
    _check_files(slices, folder / "slices.csv")
    _check_boxes(slices, folder / "slices.csv")
    return Manifest(
        folder=folder,
        root=(folder / about["root"]).resolve(),
        name=about["name"],
        source=about["source"],
        slices=slices.sort_values(["subject_id", "slice_index"], ignore_index=True),
        subjects=subjects.sort_values("subject_id", ignore_index=True),
        boxes_proposed=about.get("boxes") == "proposed",
    )


def verify_files(manifest: Manifest, *, progress: bool = True) -> None:
    """Hash every slice and segmentation again.

    StudyError names the first file that is missing, has changed, or is a link that leads out of the cohort's folder.
    """
    folders = {"file": manifest.root, "segmentation": manifest.outlines_root}
    hashes = {
        (folders[file], name): expected
        for file, sha256 in (("file", "sha256"), ("segmentation", "segmentation_sha256"))
        for name, expected in manifest.slices[[file, sha256]].to_numpy()
        if not pd.isna(expected)
    }
    for (root, name), expected in tqdm(hashes.items(), desc="verifying files", unit="file", disable=not progress):
        path = inside(root, root / name)
        if file_hash(path) != expected:
            raise StudyError(f"{path}: its SHA-256 is not the manifest's; restore the file or build the manifest again")


def cohort_hash(manifest: Manifest) -> str:
    """SHA-256 of what the study depends on: pixels, order, UIDs, labels, boxes, groups; not paths or row order."""
    columns = ["subject_id", "slice_index", "label", "sha256", "sop_instance_uid"]
    columns += [*BOX_COLUMNS["left"], *BOX_COLUMNS["right"]]
    if manifest.slices["frame"].notna().any():
        columns.append("frame")
    slices = manifest.slices[columns].sort_values(["subject_id", "slice_index"])
    subjects = manifest.subjects[["subject_id", "group"]].sort_values("subject_id")
    text = slices.to_csv(index=False, float_format="%.6f") + subjects.to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_account(folder: Path) -> pd.DataFrame | None:
    """The account that the build left beside a manifest, a row per file, all text; None for a manifest without one."""
    path = folder / "account.csv"
    return read_table(path).fillna("") if path.is_file() else None


def inside(root: Path, path: Path) -> Path:
    """``path`` itself. StudyError when it leads out of ``root``, links followed."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise StudyError(f"{path}: leads out of the cohort's folder {root}; put the file itself there, not a link")
    return path


def _about(folder: Path) -> dict[str, Any]:
    """The content of cohort.json, checked."""
    path = folder / "cohort.json"
    if not path.is_file():
        raise StudyError(f"{folder} is no manifest, it has no cohort.json; make one with `sijstudy manifest build`")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} is no JSON ({error}); build the manifest again") from None
    if isinstance(about, dict) and about.get("format") != FORMAT:
        raise StudyError(
            f"{path}: is of another version of this package, which read images and outlines otherwise; build the "
            "manifest again"
        )
    for key in ("name", "source", "root"):
        if not isinstance(about, dict) or not isinstance(about.get(key), str):
            raise StudyError(f"{path}: '{key}' must be there and be text; build the manifest again")
    check_source(about["source"], path)
    return about


def check_source(source: str, where: Path | str) -> None:
    """StudyError, starting with ``where``, unless ``source`` is one of SOURCES."""
    if source not in SOURCES:
        raise StudyError(f"{where}: source is '{source}'; it must be {', '.join(SOURCES[:-1])} or {SOURCES[-1]}")


def _check_subjects(slices: pd.DataFrame, subjects: pd.DataFrame, folder: Path) -> None:
    used, known = set(slices["subject_id"]), set(subjects["subject_id"])
    if used - known:
        raise StudyError(f"{folder / 'slices.csv'}: subject {min(used - known)} has no row in subjects.csv; add one")
    if known - used:
        raise StudyError(f"{folder / 'subjects.csv'}: subject {min(known - used)} has no slice; remove its row")


def _check_paths(slices: pd.DataFrame, path: Path) -> None:
    for column in ("file", "segmentation"):
        for row, value in _rows(slices[column]):
            parts = PurePosixPath(value)
            if parts.is_absolute() or ".." in parts.parts or "\\" in value or re.match(r"^[A-Za-z]:", value):
                raise StudyError(f"{path}: row {row}: {column}='{value}' leads out of the cohort's folder; correct it")


def _check_files(slices: pd.DataFrame, path: Path) -> None:
    """A file may hold several slices, each with a frame of its own; a file with another's content is a copy."""
    whole = slices["frame"].isna() & slices.duplicated("file", keep=False)
    names = slices["sha256"].map(slices.groupby("sha256")["file"].first())
    hashes = slices["file"].map(slices.groupby("file")["sha256"].first())
    checks = (
        (slices.duplicated(["file", "frame"]), "file", "occurs more than once"),
        (whole, "file", "occurs more than once, here without a frame"),
        (slices["file"] != names, "sha256", "occurs more than once, in different files"),
        (slices["sha256"] != hashes, "sha256", "is not the one that an earlier row gives the same file"),
    )
    for bad, column, reason in checks:
        if bad.any():
            place = int(bad.to_numpy().argmax())
            value = slices[column].iloc[place]
            raise StudyError(f"{path}: row {place + 2}: {column}='{value}' {reason}; remove one of the rows")


def _check_boxes(slices: pd.DataFrame, path: Path) -> None:
    for side, columns in BOX_COLUMNS.items():
        present = slices[columns].notna()
        partial = present.any(axis=1) & ~present.all(axis=1)
        x0, y0, x1, y1 = (slices[column] for column in columns)
        for bad, reason in ((partial, "has some edges and lacks others"), ((x1 <= x0) | (y1 <= y0), "is empty")):
            if bad.any():
                place = int(bad.to_numpy().argmax())
                raise StudyError(f"{path}: row {place + 2}: the {side} ilium's box {reason}; correct it")


def _rows(column: pd.Series[str]) -> Iterable[tuple[int, str]]:
    """(row number in the file, value) of the cells that are not empty."""
    return ((place + 2, value) for place, value in enumerate(column) if not pd.isna(value))
