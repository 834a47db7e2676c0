"""The cohort of a study: the hospital's manifest, or the synthetic one, made on first use."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from sijstudy.code import code_digest
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import Manifest, load_manifest
from sijstudy.cohort.normal_marrow import require_bone
from sijstudy.cohort.options import BuildOptions
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import digest
from sijstudy.phantom import generate_cohort

COHORT_PARAMETERS = (
    "axspa_subjects",
    "control_subjects",
    "positive_slices",
    "negative_slices",
    "slices",
    "matrix_size",
    "phantom_contrast",
    "phantom_randomised",
    "seed",
)


def prepare_cohort(config: StudyConfig, root: Path, *, workers: int = 2, progress: bool = True) -> Manifest:
    """The manifest a study works on.

    ``config.manifest`` names the folder of a prepared one (relative to ``root``). When it is empty the
    synthetic cohort is written to ``root/data/NAME`` as DICOM, and its manifest built as a
    hospital's is, in ``root/data_manifest/NAME``; both are reused by later runs.
    """
    if config.manifest:
        return load_manifest(root / config.manifest)
    name = synthetic_name(config)
    images, folder = root / "data" / name, root / "data_manifest" / name
    images.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(images.parent / f".{name}.lock"):
        if (folder / "cohort.json").exists() and images.exists():
            with suppress(StudyError):  # a manifest of another version, or a damaged one: made again
                require_bone(manifest := load_manifest(folder), config)
                return manifest
        if not images.exists():
            generate_cohort(images, config, workers=workers, progress=progress)
        shutil.rmtree(folder, ignore_errors=True)
        options = BuildOptions(
            name=name,
            source="synthetic",
            subjects_csv=images / "subjects.csv",
            votes_csv=images / "votes.csv",
            provenance={"seed": config.seed, "generator": "sijstudy.phantom"},
        )
        return build_manifest(images, folder, options, workers=workers, progress=progress)


def synthetic_name(config: StudyConfig) -> str:
    """Name of the synthetic cohort: its sizes, its seed, and a hash of all that shapes its pixels."""
    shaping = (*COHORT_PARAMETERS, "inactive_subjects") if config.slices == "whole" else COHORT_PARAMETERS
    mark = digest({**config.subset(*shaping), "code": code_digest(generate_cohort)})[:8]
    kind = "synthetic-whole" if config.slices == "whole" else "synthetic"
    return f"{kind}-{config.axspa_subjects}x{config.control_subjects}-seed{config.seed}-{mark}"
