"""The manifest: which slices a study uses, of whom, with which label; its schema and its checks.

A manifest is a folder with ``slices.csv``, ``subjects.csv`` and ``cohort.json``; docs/DATA.md describes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from tqdm.auto import tqdm

from sijstudy.artifacts import read_json
from sijstudy.errors import StudyError
from sijstudy.records import GROUPS, Box, IliumBoxes, Slice, Subject

SUBJECT_ID = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
UID = r"[0-9.]{1,64}"
BOX_COLUMNS = {side: [f"{side}_{edge}" for edge in ("x0", "y0", "x1", "y1")] for side in ("left", "right")}
READERS = ("reader_1", "reader_2", "reader_3")


def _text(pattern: str, description: str, *, unique: bool = False, nullable: bool = False) -> pa.Column:
    check = pa.Check.str_matches(rf"^(?:{pattern})$")
    return pa.Column(str, check, unique=unique, nullable=nullable, description=description)


def _whole(low: int, high: int | None, description: str, *, nullable: bool = False) -> pa.Column:
    check = pa.Check.ge(low) if high is None else pa.Check.in_range(low, high)
    return pa.Column("Int64", check, nullable=nullable, coerce=True, description=description)


def _edge(column: str) -> pa.Column:
    side, edge = column.split("_")
    description = f"{edge} of the {side} ilium's box (the subject's own side), pixels; empty when not in view"
    return pa.Column(float, pa.Check.ge(0), nullable=True, coerce=True, description=description)


SUBJECTS = pa.DataFrameSchema(
    {
        "subject_id": _text(SUBJECT_ID, "pseudonym: letters, digits, dot, underscore, hyphen", unique=True),
        "group": pa.Column(str, pa.Check.isin(GROUPS), description="axSpA or control"),
        "age_years": _whole(0, 120, "age at the examination, whole years"),
        "sex": pa.Column(str, pa.Check.isin(["M", "F"]), description="M or F"),
    },
    strict=True,
)

SLICES = pa.DataFrameSchema(
    {
        "subject_id": _text(SUBJECT_ID, "as in subjects.csv"),
        "slice_index": _whole(0, None, "place in the series, counted from the lower to the upper pelvis"),
        "label": _whole(0, 1, "1 when bone marrow edema is present"),
        "file": _text(r".+", "DICOM file, relative to the cohort's folder, with forward slashes", unique=True),
        "sha256": _text(r"[0-9a-f]{64}", "SHA-256 of the file", unique=True),
        "sop_instance_uid": _text(UID, "SOP Instance UID", unique=True),
        **{column: _edge(column) for columns in BOX_COLUMNS.values() for column in columns},
        "segmentation": _text(r".+", "DICOM SEG of the subject, relative to the cohort's folder", nullable=True),
        "lesions": _whole(0, None, "number of separate edema lesions outlined on the slice", nullable=True),
        **{reader: _whole(0, 1, f"vote of {reader.replace('_', ' ')}", nullable=True) for reader in READERS},
    },
    strict=True,
    unique=["subject_id", "slice_index"],
)


@dataclass(frozen=True)
class Manifest:
    """A validated manifest.

    root: folder that the slices' files are relative to. source: synthetic or hospital. slices and subjects:
    tables of the schemas SLICES and SUBJECTS, sorted by subject_id and slice_index.
    """

    folder: Path
    root: Path
    name: str
    source: str
    slices: pd.DataFrame
    subjects: pd.DataFrame

    def slice_records(self) -> list[Slice]:
        """The slices as records, in the order of the table, with absolute paths."""
        return [
            Slice(
                subject_id=row["subject_id"],
                index=int(row["slice_index"]),
                label=int(row["label"]),
                file=self.root / row["file"],
                sha256=row["sha256"],
                boxes=_boxes(row),
                segmentation=None if pd.isna(row["segmentation"]) else self.root / row["segmentation"],
            )
            for row in self.slices.to_dict("records")
        ]

    def subject_records(self) -> list[Subject]:
        """The subjects as records."""
        return [
            Subject(row["subject_id"], row["group"], int(row["age_years"]), row["sex"])
            for row in self.subjects.to_dict("records")
        ]


def load_manifest(folder: Path) -> Manifest:
    """Read and check a manifest. Raises StudyError naming the file, and the row and value where there is one."""
    about = read_json(folder / "cohort.json") if folder.is_dir() else None
    if not isinstance(about, dict) or not {"name", "source", "root"} <= set(about):
        raise StudyError(f"{folder} is no manifest; make one with `sijstudy manifest build`")
    slices = validated(read_table(folder / "slices.csv"), SLICES, folder / "slices.csv")
    subjects = validated(read_table(folder / "subjects.csv"), SUBJECTS, folder / "subjects.csv")
    _check_subjects(slices, subjects, folder)
    _check_paths(slices, folder / "slices.csv")
    _check_boxes(slices, folder / "slices.csv")
    return Manifest(
        folder=folder,
        root=(folder / about["root"]).resolve(),
        name=str(about["name"]),
        source=str(about["source"]),
        slices=slices.sort_values(["subject_id", "slice_index"], ignore_index=True),
        subjects=subjects.sort_values("subject_id", ignore_index=True),
    )


def verify_files(manifest: Manifest, *, progress: bool = True) -> None:
    """Hash every file again. StudyError names the first that is missing or has changed."""
    shown = tqdm(manifest.slice_records(), desc="verifying files", unit="file", disable=not progress)
    for item in shown:
        if not item.file.is_file():
            raise StudyError(f"{item.file}: no such file; restore it or take its row out of {manifest.folder}")
        if file_hash(item.file) != item.sha256:
            raise StudyError(
                f"{item.file}: its SHA-256 is not the manifest's; restore the file or build the manifest again"
            )


def cohort_hash(manifest: Manifest) -> str:
    """SHA-256 of what the study depends on: pixels, order, labels, boxes, groups; not paths or row order."""
    columns = ["subject_id", "slice_index", "label", "sha256", *BOX_COLUMNS["left"], *BOX_COLUMNS["right"]]
    slices = manifest.slices[columns].sort_values(["subject_id", "slice_index"])
    subjects = manifest.subjects[["subject_id", "group"]].sort_values("subject_id")
    text = slices.to_csv(index=False, float_format="%.6f") + subjects.to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_table(path: Path) -> pd.DataFrame:
    """A CSV as text columns, empty cells missing. StudyError when it is missing or no table."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; docs/DATA.md lists the tables a cohort needs") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not a CSV table ({str(error).strip()}); save it as CSV in UTF-8") from None


def validated(table: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    """A text table in the types of ``schema``, in its column order. StudyError names the first bad cell."""
    for name in table.columns:
        if name not in schema.columns:
            raise StudyError(f"{path}: unknown column '{name}'; remove it (known: {', '.join(schema.columns)})")
    for name in schema.columns:
        if name not in table.columns:
            raise StudyError(f"{path}: column '{name}' is missing; add it, see docs/DATA.md")
    typed = table.copy()
    for name, column in schema.columns.items():
        if column.coerce:  # only number columns are coerced
            typed[name] = _numbers(table[name], path, whole=str(column.dtype) == "Int64")
    try:
        return schema.validate(typed, lazy=True)[list(schema.columns)]
    except SchemaErrors as error:
        raise StudyError(_first_failure(error, path, schema)) from None


def schema_document() -> dict[str, Any]:
    """Both schemas as plain data, for data_manifest/schema.json: table -> column -> type, rule, description."""
    return {
        name: {
            column: {
                "type": str(spec.dtype),
                "required": not spec.nullable,
                "unique": spec.unique,
                "rules": [str(check.error) for check in spec.checks],
                "description": spec.description,
            }
            for column, spec in schema.columns.items()
        }
        for name, schema in (("subjects.csv", SUBJECTS), ("slices.csv", SLICES))
    }


def write_schema(path: Path) -> None:
    """Write ``schema_document`` as JSON."""
    path.write_text(json.dumps(schema_document(), indent=2) + "\n", encoding="utf-8")


def _numbers(column: pd.Series[str], path: Path, *, whole: bool) -> pd.Series[Any]:
    numbers = pd.to_numeric(column, errors="coerce")
    bad = column.notna() & (numbers.isna() | ~np.isfinite(numbers.fillna(0)) | (whole & (numbers % 1 != 0)))
    if bad.any():
        place = int(bad.to_numpy().argmax())
        kind = "a whole number" if whole else "a number"
        raise StudyError(f"{path}: row {place + 2}: {column.name}='{column.iloc[place]}' must be {kind}; correct it")
    return numbers.astype("Int64") if whole else numbers.astype(float)


def _first_failure(error: SchemaErrors, path: Path, schema: pa.DataFrameSchema) -> str:
    """One line for the first of pandera's failure cases; rows count the header as 1."""
    case = error.failure_cases.iloc[0]
    row = "" if pd.isna(case["index"]) else f" row {int(case['index']) + 2}:"
    column, rule, value = case["column"], str(case["check"]), case["failure_case"]
    if column not in schema.columns:
        return f"{path}:{row} subject_id and slice_index must be unique together ({value}); remove one of the rows"
    if rule == "not_nullable":
        return f"{path}:{row} {column} is empty; fill it in"
    if "unique" in rule:
        return f"{path}:{row} {column}='{value}' occurs more than once; remove one of the rows"
    return f"{path}:{row} {column}='{value}' breaks the rule {rule}; correct it"


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


def _boxes(row: dict[Any, Any]) -> IliumBoxes | None:
    left, right = (
        None if pd.isna(row[columns[0]]) else Box(*(float(row[column]) for column in columns))
        for columns in BOX_COLUMNS.values()
    )
    return None if left is None and right is None else IliumBoxes(left, right)
