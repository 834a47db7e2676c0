"""numbers.json as it is read: its schema, where a run has it, where the repository keeps some (docs/NUMBERS.md)."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from sijstudy.errors import StudyError
from sijstudy.files import read_json

NUMBERS = "numbers.json"
SCHEMA_VERSION = 1
KEPT = "kept"  # folder beside reports/PROFILE: numbers that the repository keeps, a file for each profile and seed
FROM_KEPT = (  # notebooks whose tables and numbers can be made of kept predictions, without images and networks
    *("02_roi_comparison", "03_resnet_selection", "04_five_fold_training", "05_subject_diagnosis"),
    "09_whole_examinations",
)


def read_numbers(path: Path) -> dict[str, Any]:
    """The content of a file, or of the one in a folder of reports. StudyError when there is none, or it is broken."""
    file = path / NUMBERS if path.is_dir() else path
    if not file.is_file():
        reason = f"holds no {NUMBERS}; name the reports of a run that this version made, such as reports/quick"
        raise StudyError(f"{path} {reason if path.is_dir() else 'does not exist; name a folder of reports'}")
    content = read_json(file)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise StudyError(f"{file}: has schema version {version}, this sijstudy reads {SCHEMA_VERSION}; make it anew")
    if error := best_match(Draft202012Validator(schema()).iter_errors(content)):
        raise StudyError(f"{file}: {error.json_path}: {_short(error.message)}; make it anew, or undo the change")
    for number in content["numbers"]:
        if not all(math.isfinite(number[end]) for end in ("value", "low", "high") if number[end] is not None):
            raise StudyError(f"{file}: {number['id']} has a value or an end that is no number; make it anew")
    ids = [number["id"] for number in content["numbers"]]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise StudyError(f"{file}: {min(twice)} is there twice; make it anew, or undo the change")
    return dict(content)


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return dict(json.loads((files("sijstudy") / "study" / "numbers.schema.json").read_text(encoding="utf-8")))


def kept_file(root: Path, profile: str, seed: int) -> Path:
    """Where the repository keeps the numbers of a profile and seed. StudyError when it keeps none."""
    file = root / "reports" / KEPT / f"{profile}-seed{seed}.json"
    if not file.is_file():
        there = ", ".join(sorted(other.stem for other in (root / "reports" / KEPT).glob("*.json"))) or "none"
        raise StudyError(
            f"no numbers are kept for profile {profile} and seed {seed} in {root / 'reports' / KEPT} (kept: {there}); "
            "choose one of these, name another run with --against, or keep some (docs/NUMBERS.md)"
        )
    return file


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
