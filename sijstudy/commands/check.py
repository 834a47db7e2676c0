"""``sijstudy check``: a run's numbers beside those of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sijstudy.commands.shared import Root
from sijstudy.errors import StudyError


def check(
    run: Annotated[Path, typer.Argument(help="A run's folder of reports, or its numbers.json.")],
    against: Annotated[
        Path | None,
        typer.Option(help="The other run, likewise.", show_default="numbers kept for this profile and seed"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compare runs of other sizes or cohorts, too.")] = False,
    root: Root = Path(),
) -> None:
    """Compare two runs number by number; exit status 1 when one is off or missing (docs/NUMBERS.md)."""
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
