"""A profile and the user's own parameters on top of it, from texts and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sijstudy.config import StudyConfig, read_profile
from sijstudy.errors import StudyError


def profile_path(profile: str | Path, root: Path) -> Path:
    """File of a profile given by name (quick) or by path (my/own.yaml)."""
    text = str(profile)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(profile)
    return root / "notebooks" / "profiles" / f"{text}.yaml"


def profile_settings(profile: str | Path, root: Path, overrides: Mapping[str, Any]) -> tuple[StudyConfig, StudyConfig]:
    """A profile's parameters, and the same with ``overrides`` on top. StudyError names what does not fit."""
    path = profile_path(profile, root)
    values = read_profile(path)
    base = StudyConfig.from_mapping(values, source=str(path))
    return base, StudyConfig.from_mapping({**values, **overrides}, source=f"profile {path.stem} with -p")


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as name -> value, each value read as YAML. StudyError for any that is not."""
    overrides: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise StudyError(f"-p {pair}: give a name and a value, such as -p epochs 5")
        try:
            overrides[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise StudyError(f"-p {name}: {text!r} is not a value that YAML can read; quote it") from None
    return overrides
