"""The tables of a manifest: the rule for each column, which a CSV is read against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from sijstudy.cohort.columns import BOX_COLUMNS, MARROW_COLUMNS, OPTIONAL_READERS, READERS
from sijstudy.errors import StudyError
from sijstudy.files import read_table
from sijstudy.records import GROUPS

SUBJECT_ID = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
UID = r"[0-9.]{1,72}"  # 64, and the number of a frame


def _text(
    pattern: str, description: str, *, unique: bool = False, nullable: bool = False, required: bool = True
) -> pa.Column:
    check = pa.Check.str_matches(rf"^(?:{pattern})$")
    return pa.Column(str, check, unique=unique, nullable=nullable, required=required, description=description)


def _whole(low: int, high: int | None, description: str, *, nullable: bool = False, required: bool = True) -> pa.Column:
    check = pa.Check.ge(low) if high is None else pa.Check.in_range(low, high)
    return pa.Column("Int64", check, nullable=nullable, required=required, coerce=True, description=description)


def _vote(reader: str) -> pa.Column:
    description = f"vote of {reader.replace('_', ' ')}"
    return _whole(0, 1, description, nullable=True, required=reader not in OPTIONAL_READERS)


def _edge(column: str) -> pa.Column:
    side, edge = column.split("_")
    whose = f"{edge} of the {side} ilium's box (the subject's own side)"
    description = f"{whose}, pixels of the upright slice; empty when not in view"
    return pa.Column(float, pa.Check.ge(0), nullable=True, coerce=True, description=description)


def _marrow(whose: str) -> pa.Column:
    description = f"grey value of normal marrow of the {whose}, after rescale; empty where no bone is outlined"
    return pa.Column(float, pa.Check.gt(0), nullable=True, required=False, coerce=True, description=description)


SUBJECTS = pa.DataFrameSchema(
    {
        "subject_id": _text(SUBJECT_ID, "pseudonym of letters, digits, . _ and -; no dot in front", unique=True),
        "group": pa.Column(str, pa.Check.isin(GROUPS), description="axSpA or control"),
        "age_years": _whole(0, 120, "age at the examination, whole years; empty when not known", nullable=True),
        "sex": pa.Column(str, pa.Check.isin(["M", "F"]), nullable=True, description="M or F; empty when not known"),
    },
    strict=True,
)

SLICES = pa.DataFrameSchema(
    {
        "subject_id": _text(SUBJECT_ID, "as in subjects.csv"),
        "slice_index": _whole(0, None, "place in the series, counted from the lower to the upper pelvis"),
        "label": _whole(0, 1, "1 when bone marrow edema is present"),
        "file": _text(r".+", "image file, relative to the cohort's folder, with forward slashes"),
        "frame": _whole(
            1,
            None,
            "frame of a multi-frame file or plane of a volume, from 1; empty when the file is one slice",
            nullable=True,
            required=False,
        ),
        "sha256": _text(r"[0-9a-f]{64}", "SHA-256 of the file"),
        "sop_instance_uid": _text(UID, "SOP Instance UID; of a frame, with the frame's number appended", unique=True),
        **{column: _edge(column) for columns in BOX_COLUMNS.values() for column in columns},
        "segmentation": _text(
            r".+", "outlines of the subject, a file in the manifest's folder `outlines`", nullable=True
        ),
        "segmentation_sha256": _text(r"[0-9a-f]{64}", "SHA-256 of the outlines' file", nullable=True, required=False),
        "lesions": _whole(0, None, "number of separate edema lesions outlined on the slice", nullable=True),
        **{column: _marrow(whose) for column, whose in MARROW_COLUMNS.items()},
        **{reader: _vote(reader) for reader in READERS},
    },
    strict=True,
    unique=["subject_id", "slice_index"],
)


def read_validated(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """The table in a file, ``validated``. StudyError as that, and when the file is no table."""
    return validated(
        read_table(path, numbers=[name for name, spec in schema.columns.items() if spec.coerce]), schema, path
    )


def validated(table: pd.DataFrame, schema: pa.DataFrameSchema, path: Path) -> pd.DataFrame:
    """A text table in the types of ``schema``, in its column order, a column that may be absent filled with nothing.

    StudyError names the first bad column or cell.
    """
    for name in table.columns:
        if name not in schema.columns:
            raise StudyError(f"{path}: unknown column '{name}'; remove it (known: {', '.join(schema.columns)})")
    for name in schema.columns:
        if name not in table.columns and schema.columns[name].required:
            raise StudyError(f"{path}: column '{name}' is missing; add it, see docs/DATA.md")
    if table.empty:
        raise StudyError(f"{path}: has no row; see docs/DATA.md for what it lists")
    nothing = pd.Series(pd.NA, index=table.index, dtype=table.dtypes.iloc[0])
    typed = pd.DataFrame({name: table.get(name, nothing) for name in schema.columns})
    for name, column in schema.columns.items():
        if column.coerce:  # only number columns are coerced
            typed[name] = _numbers(typed[name], path, whole=str(column.dtype) == "Int64")
    try:
        return schema.validate(typed, lazy=True)
    except SchemaErrors as error:
        raise StudyError(_first_failure(error, path, schema)) from None


def schema_document() -> dict[str, Any]:
    """Both schemas as plain data, for data_manifest/schema.json: table -> column -> type, rule, description."""
    return {
        name: {
            column: {
                "type": {"Int64": "whole number", "float64": "number"}.get(str(spec.dtype), "text"),
                "required": spec.required,
                "may_be_empty": spec.nullable,
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
    if rule == "multiple_fields_uniqueness":
        return f"{path}:{row} a subject_id and slice_index that occur together more than once; remove one of the rows"
    if rule == "not_nullable":
        return f"{path}:{row} {column} is empty; fill it in"
    if "unique" in rule:
        return f"{path}:{row} {column}='{value}' occurs more than once; remove one of the rows"
    meaning = schema.columns[column].description
    return f"{path}:{row} {column}='{value}' breaks the rule {rule} ({meaning}); correct it"
