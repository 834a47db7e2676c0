"""What several groups of commands take: the project's folder, a profile, parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sijstudy.config import StudyConfig

Root = Annotated[Path, typer.Option(help="The project's folder, the one with notebooks/.", show_default="here")]
Profile = Annotated[str, typer.Option(help="smoke, quick, paper or stir, or the path of a profile of your own.")]
Parameter = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--parameter", metavar="NAME VALUE", help="Replace a parameter of the profile; may be repeated."
    ),
]


def settings_of(profile: str, parameter: list[str] | None, root: Path) -> StudyConfig:
    """A profile's parameters with the user's own on top."""
    from sijstudy.study.profiles import parse_overrides, profile_settings

    return profile_settings(profile, root, parse_overrides(parameter or []))[1]
