"""(i) A whole study from an empty folder to its reports, against the bare steps of all the networks that it trains."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import median

from joblib import Parallel, delayed

from benchmarks.epochs import BareSteps
from benchmarks.grid import grid, images
from benchmarks.measure import Line, timed
from benchmarks.rerun import PROJECT, finished_study
from sijstudy.cohort.manifest import load_manifest
from sijstudy.config import StudyConfig
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.records import ARMS
from sijstudy.study.plan import CANDIDATES
from sijstudy.study.profiles import profile_settings
from sijstudy.training.patches import load_patches

PROFILE = "quick"
ROUNDS = 3  # of bare steps, before and after the study; the median counts
STEPS = 20  # of such a round


def measure(work: Path, profile: str = PROFILE) -> list[Line]:
    """The study once. Its networks' steps are measured as it trains: as many side by side as it has fits at once."""
    root = work / profile
    for made in ("data", "data_manifest", "runs", "reports"):
        shutil.rmtree(root / made, ignore_errors=True)
    config = profile_settings(profile, PROJECT, {})[1]
    before = {name: bare_rate(config, name) for name in backbones(config)}
    seconds = timed(lambda: finished_study(work, profile))
    after = {name: bare_rate(config, name) for name in backbones(config)}
    rates = {name: (before[name] + after[name]) / 2 for name in before}
    manifest = load_manifest(root / "data_manifest" / synthetic_name(config))
    cache, workers = root / "runs" / "patches", os.cpu_count() or 1
    patches = {arm: load_patches(manifest, arm, config, cache, workers=workers) for arm in ARMS}
    fits = grid(patches, config)
    bare = sum(images(fit) / rates[fit.backbone] for fit in fits)
    what = f"the whole {profile} study, {len(fits)} networks, vs their bare steps"
    return [Line("i", what, "s", (seconds,), (bare,), high=1.35)]


def backbones(config: StudyConfig) -> tuple[str, ...]:
    """Those that the study trains."""
    return tuple(dict.fromkeys((config.backbone, *CANDIDATES)))


def bare_rate(config: StudyConfig, backbone: str) -> float:
    """Patches a second of all networks that are trained at once."""
    jobs = (delayed(_rate)(config, backbone) for _ in range(config.parallel_fits))
    return float(sum(Parallel(n_jobs=config.parallel_fits)(jobs)))


def _rate(config: StudyConfig, backbone: str) -> float:
    slices = STEPS * config.batch_size
    steps = BareSteps(replace(config, backbone=backbone), slices)
    return slices / median([steps.epoch() for _ in range(ROUNDS)])
