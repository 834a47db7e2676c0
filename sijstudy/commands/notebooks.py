"""``sijstudy notebooks``: the notebooks themselves."""

from __future__ import annotations

from pathlib import Path

import typer

from sijstudy.commands.shared import Root

notebooks_app = typer.Typer(help="The study's notebooks.", no_args_is_help=True)


@notebooks_app.command("sync")
def notebooks_sync(root: Root = Path()) -> None:
    """Bring the parameters cell of every notebook to the current defaults and notes."""
    from sijstudy.study.notebook_files import find_notebooks, sync_parameters

    for notebook in find_notebooks(root):
        changed = sync_parameters(notebook)
        print(f"{notebook.name}: {'parameters cell written' if changed else 'up to date'}")
