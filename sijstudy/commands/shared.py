"""What several groups of commands take: the project's folder, a profile, parameters."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for cycles of objects, a sixth of the time in which modules load and DICOM is made.

    For commands that end soon: what lies in cycles keeps its memory till then.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
