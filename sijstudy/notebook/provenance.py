"""Where a report comes from: commit, versions, device, cohort, weights."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from sijstudy import __version__
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.config import StudyConfig
from sijstudy.fresh_torch import numeric_environment
from sijstudy.training.device import arithmetic, resolve_device, threads_of

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "pydicom", "highdicom", "grad-cam")


def provenance(config: StudyConfig, manifest: Manifest) -> dict[str, str]:
    """Everything a reader needs to make the run again, as name -> text."""
    return {
        "commit": commit(),
        "sijstudy": __version__,
        "profile": config.profile,
        "seed": str(config.seed),
        "device": device_name(config),
        "precision": precision_line(config),
        **environment_row(),
        "weights": config.weights,
        "cohort": f"{manifest.name} ({manifest.source})",
        "cohort_hash": cohort_hash(manifest),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in PACKAGES},
    }


def cohort_line(manifest: Manifest, outlined: Manifest | None = None) -> str:
    """The cohort in one line: name, subjects by group, slices by label.

    outlined: the cohort before joints were looked for on its slices; those on which none was found are counted.
    """
    left_out = len(outlined.slices) - len(manifest.slices) if outlined is not None else 0
    without = f" Left out: {left_out} on which no joint was found." if left_out else ""
    groups = manifest.subjects["group"].value_counts()
    positive, slices = int(manifest.slices["label"].sum()), len(manifest.slices)
    return (
        f"{manifest.name}: {len(manifest.subjects)} subjects ({groups.get('axSpA', 0)} axSpA, "
        f"{groups.get('control', 0)} control), {slices} slices ({positive} with edema).{without}"
    )


def commit() -> str:
    """The checked-out commit, marked when files differ from it, but for reports, which a run itself writes.

    Without a checkout what ``SIJSTUDY_COMMIT`` says, as in a container, else "not a git checkout".
    """
    folder = Path(__file__).parent
    try:
        revision = _git("rev-parse", "HEAD", cwd=folder)
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)reports", cwd=folder)
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("SIJSTUDY_COMMIT") or "not a git checkout"
    return revision + (" with uncommitted changes" if changed else "")


def device_name(config: StudyConfig) -> str:
    """GPU model, or CPU with the threads of one fit; whether a cluster trained the networks."""
    if config.scheduler:
        return f"{device_name(replace(config, scheduler=''))}; networks trained by the workers of a Dask cluster"
    device = resolve_device(config.device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU {platform.machine()}, {config.parallel_fits} fits at a time, {threads_of(config)} thread(s) each"


def precision_line(config: StudyConfig) -> str:
    """Arithmetic that the configured precision means here, and the mode."""
    return f"{arithmetic(config, resolve_device(config.device))}, {config.mode}"


def environment_row() -> dict[str, str]:
    """The environment variables that change numbers, where any is set."""
    found = numeric_environment()
    return {"environment": ", ".join(f"{name}={value}" for name, value in found.items())} if found else {}


def _git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()
