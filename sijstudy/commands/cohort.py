"""``sijstudy cohort``: the synthetic cohort."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sijstudy.commands.shared import Parameter, Profile, Root, settings_of
from sijstudy.errors import StudyError

cohort_app = typer.Typer(help="The synthetic cohort.", no_args_is_help=True)


@cohort_app.command("make")
def cohort_make(profile: Profile = "quick", parameter: Parameter = None, root: Root = Path()) -> None:
    """Draw a profile's synthetic cohort as DICOM files and build its manifest."""
    from sijstudy.notebook.cohort import prepare_cohort

    config = settings_of(profile, parameter, root)
    if config.manifest:
        raise StudyError(f"profile {profile} has manifest={config.manifest!r}: its cohort is given, not drawn")
    manifest = prepare_cohort(config, root.resolve(), workers=os.cpu_count() or 1)
    print(f"{len(manifest.slices)} slices of {len(manifest.subjects)} subjects")
    print(f"Manifest: {manifest.folder}")


@cohort_app.command("compare")
def cohort_compare(
    manifest: Annotated[Path, typer.Argument(help="Folder of a manifest, e.g. a synthetic cohort's.")],
    other: Annotated[Path, typer.Argument(help="Folder of the manifest it is held against.")],
    profile: Profile = "quick",
    parameter: Parameter = None,
    root: Root = Path(),
) -> None:
    """Print how alike two cohorts' images are: marrow and edema, and how surely a classifier tells them apart."""
    from sijstudy.analysis.cohort_distance import distance, statistics_table
    from sijstudy.cohort.manifest import load_manifest
    from sijstudy.training.store import RunStore

    config = settings_of(profile, parameter, root)
    first, second = load_manifest(manifest), load_manifest(other)
    print(statistics_table(first, second).to_string())
    print("median (5th to 95th percentile) over slices with outlined bone")
    apart = distance(first, second, config, RunStore(root / "runs").patches, workers=os.cpu_count() or 1)
    print(f"A classifier tells their patches apart with an AUC of {apart:.3f} (0.5: alike, 1: never mistaken)")
