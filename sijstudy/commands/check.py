"""``sijstudy check``: a run's numbers beside those of another, or whether those of a run to come could stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sijstudy.commands.shared import Parameter, Root, settings_of
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError


def check(
    run: Annotated[Path | None, typer.Argument(help="A run's folder of reports, or its numbers.json.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The other run, likewise.", show_default="numbers kept for this profile and seed"),
    ] = None,
    planned: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE",
            help="In place of RUN: could a run of this profile, with -p, be compared?",
            show_default="",
        ),
    ] = None,
    parameter: Parameter = None,
    force: Annotated[bool, typer.Option("--force", help="Compare runs of other sizes or cohorts, too.")] = False,
    root: Root = Path(),
) -> None:
    """Compare two runs number by number; exit status 1 when one is off or missing (docs/NUMBERS.md)."""
    if planned is not None and run is None:
        return _plan(settings_of(planned, parameter, root), against, root)
    if run is None or planned is not None or parameter:
        raise StudyError("name a run's folder of reports, or a run to come with --planned PROFILE and -p NAME VALUE")
    _compare(run, against, force=force, root=root)


def _plan(config: StudyConfig, against: Path | None, root: Path) -> None:
    """Say whether a run that is still to come can be compared, before hours are spent on it."""
    from sijstudy.study.comparison import require_comparable
    from sijstudy.study.numbers_file import kept_file, numbers_path, read_numbers

    other = numbers_path(against or kept_file(root, config.profile, config.seed))
    require_comparable(config, read_numbers(other), other)
    print(f"A run of profile {config.profile} with these parameters can be compared with {other}")


def _compare(run: Path, against: Path | None, *, force: bool, root: Path) -> None:
    from sijstudy.study.comparison import compare
    from sijstudy.study.numbers_file import kept_file, numbers_path, read_numbers

    own = read_numbers(run)
    other_path = against or kept_file(root, own["profile"], own["seed"])
    if numbers_path(run).samefile(numbers_path(other_path)):
        raise StudyError(f"{run} and {other_path} are one file, which agrees with itself; name another run of the two")
    found = compare(own, read_numbers(other_path), force=force)
    verdicts = [f"{row.verdict} ({row.why})" if row.why else row.verdict for row in found.rows]
    cells = [(row.name, row.one, row.other, verdict) for row, verdict in zip(found.rows, verdicts, strict=True)]
    cells.insert(0, ("number", str(run), str(other_path), "verdict"))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in found.notes:
        print(f"Mind: {note}.")
    print(f"{run} {'agrees' if found.agrees else 'does not agree'} with {other_path}: {found.counts}")
    raise typer.Exit(0 if found.agrees else 1)
