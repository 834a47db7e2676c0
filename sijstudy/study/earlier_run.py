"""What lies already in the folders that a run is about to write into, and must not be lost to one of another kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sijstudy.errors import StudyError
from sijstudy.study.numbers_file import NUMBERS, read_numbers
from sijstudy.training.networks import FITS

NAME = "give this run a name of its own with -p profile NAME"


def require_free(kept: str, runs: Path, reports: Path) -> None:
    """StudyError where a run on kept predictions would overwrite one that read images, or the other way round.

    kept: that parameter of the run. runs, reports: its folders. Of one kind, a run takes up what an earlier one of its
    name left; kept predictions give only some of the pages, without images.
    """
    if kept and (place := _trained(runs, reports)):
        raise StudyError(
            f"{place} is of a run that read images and trained networks, which a run on the predictions kept in {kept} "
            f"would overwrite; {NAME}, or leave -p profile out: --from-kept has one"
        )
    if not kept and (told := _parameters(reports)).get("kept"):
        raise StudyError(
            f"{reports / NUMBERS} is of a run on the predictions kept in {told['kept']}, which this one would "
            f"overwrite; {NAME}, or remove {reports}"
        )


def _trained(runs: Path, reports: Path) -> Path | None:
    """What shows that a run of this name was none on kept predictions; None when nothing does."""
    if (runs / FITS).is_file():
        return runs / FITS
    told = _parameters(reports)
    return reports / NUMBERS if told and not told.get("kept") else None


def _parameters(reports: Path) -> dict[str, Any]:
    """The parameters of the run whose reports lie in a folder; empty when they do not tell."""
    try:
        return dict(read_numbers(reports)["parameters"])
    except StudyError:
        return {}
