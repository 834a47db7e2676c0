"""How a notebook gets its workspace: from its parameters, on images and networks, or on kept predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.notebook.kept_workspace import KeptWorkspace
from sijstudy.notebook.project_root import find_root
from sijstudy.notebook.workspace import Workspace


def open_workspace(namespace: Mapping[str, Any], root: Path | None = None) -> Workspace:
    """The workspace of a notebook, from its ``globals()`` after the parameters cell.

    root: the project's folder; by default the nearest one upwards that holds ``notebooks/profiles``.
    """
    config = StudyConfig.from_namespace(namespace)
    if config.manifest and config.slices == "whole":
        raise StudyError(
            "parameter slices=whole is for the synthetic cohort; a manifest holds the slices it was built with, so "
            "leave slices out (`sijstudy manifest build --keep-unread` keeps whole series)"
        )
    kind = KeptWorkspace if config.kept else Workspace
    return kind(config, root or find_root(Path.cwd()))
