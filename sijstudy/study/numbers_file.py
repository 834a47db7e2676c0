"""numbers.json as it is read: its schema, where a run has it, where the repository keeps some (docs/NUMBERS.md)."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from sijstudy.errors import StudyError
from sijstudy.given_json import read_given_json
from sijstudy.study.possible_numbers import impossible

NUMBERS = "numbers.json"
SCHEMA_VERSION = 1
WAY_ON = f"name the reports of a run that this version made, such as reports/quick, or the {NUMBERS} in them"
KEPT = "kept"  # folder beside reports/PROFILE: numbers that the repository keeps, a file for each profile and seed
FROM_KEPT = (  # notebooks whose tables and numbers can be made of kept predictions, without images and networks
    *("02_roi_comparison", "03_resnet_selection", "04_five_fold_training", "05_subject_diagnosis"),
    "09_whole_examinations",
)


def read_numbers(path: Path) -> dict[str, Any]:
    """The content of a file, or of the one in a folder of reports.

    StudyError when there is none, when it is broken, or when a number in it cannot be (``possible_numbers``).
    """
    file = numbers_path(path)
    content = read_given_json(file, WAY_ON)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise StudyError(f"{file}: has schema version {_short(str(version))}, this sijstudy reads {SCHEMA_VERSION}; "
                         "make it anew")  # fmt: skip
    if error := best_match(Draft202012Validator(schema()).iter_errors(content)):
        place = " ".join(error.json_path.split())  # a name in it may have lines
        way_on = "make it anew, or undo the change" if "numbers" in content else WAY_ON
        raise StudyError(f"{file}: {_short(place)}: {_short(error.message)}; {way_on}")
    for number in content["numbers"]:
        if reason := impossible(number):
            raise StudyError(f"{file}: {number['id']} has {reason}; make it anew, or undo the change")
    ids = [number["id"] for number in content["numbers"]]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise StudyError(f"{file}: {min(twice)} is there twice; make it anew, or undo the change")
    return dict(content)


def numbers_path(path: Path) -> Path:
    """The file itself, or the one in a folder of reports. StudyError when there is none."""
    try:
        file = path / NUMBERS if path.is_dir() else path
        there = file.is_file()
    except OSError as error:
        raise StudyError(f"{_short(str(path))}: cannot be read ({error.strerror}); {WAY_ON}") from None
    if not there:
        reason = f"holds no {NUMBERS}" if path.is_dir() else "does not exist"
        raise StudyError(f"{path} {reason}; {WAY_ON}")
    return file


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return dict(json.loads((files("sijstudy") / "study" / "numbers.schema.json").read_text(encoding="utf-8")))


def kept_file(root: Path, profile: str, seed: int) -> Path:
    """Where the repository keeps the numbers of a profile and seed. StudyError when it keeps none."""
    name, kept = f"{profile}-seed{seed}", {file.stem: file for file in (root / "reports" / KEPT).glob("*.json")}
    if name not in kept:  # which is asked of the folder: what stands in a file makes no path
        there, profile = ", ".join(sorted(kept)) or "none", _short(" ".join(profile.split()))
        raise StudyError(
            f"no numbers are kept for profile {profile} and seed {_short(str(seed))} in {root / 'reports' / KEPT} "
            f"(kept: {there}); choose one of these, name another run with --against, or keep some (docs/NUMBERS.md)"
        )
    return kept[name]


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
