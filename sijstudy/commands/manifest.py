"""``sijstudy manifest``: the tables that say which slice belongs to whom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sijstudy.cohort.options import BuildOptions
from sijstudy.options import taking

manifest_app = typer.Typer(help="The tables that say which slice belongs to whom.", no_args_is_help=True)


@manifest_app.command("build")
@taking(BuildOptions)
def manifest_build(
    dicom_root: Annotated[
        Path,
        typer.Argument(help="Folder with the DICOM files, in any layout; folders named like subjects, or PatientIDs."),
    ],
    manifest_folder: Annotated[Path, typer.Argument(help="Folder to write the manifest and the account into.")],
    options: BuildOptions,
) -> None:
    """Scan a DICOM folder, choose and order its slices, write the manifest; say what was left out and why."""
    from sijstudy.cohort.account import build_summary
    from sijstudy.cohort.build import build_manifest

    print(build_summary(build_manifest(dicom_root, manifest_folder, options, workers=os.cpu_count() or 1)))


@manifest_app.command("verify")
def manifest_verify(manifest_folder: Annotated[Path, typer.Argument(help="Folder of a manifest.")]) -> None:
    """Check a manifest's tables and every file's SHA-256."""
    from sijstudy.cohort.manifest import load_manifest, verify_files
    from sijstudy.cohort.unread import whole_series

    manifest = whole_series(load_manifest(manifest_folder))
    verify_files(manifest)
    print(f"{manifest_folder}: {len(manifest.slices)} slices of {len(manifest.subjects)} subjects, all files unchanged")
