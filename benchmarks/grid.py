"""(h) The paper's whole grid of fits from cached patches, on a GPU: five folds of two arms and the selection runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from benchmarks.epochs import BareSteps, UsualScript
from benchmarks.measure import Line, timed
from benchmarks.pipelines import Sample, samples
from benchmarks.samples import cohort, enlarged, settings
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.folds import make_folds, split_validation
from sijstudy.records import ARMS, Arm
from sijstudy.study.plan import CANDIDATES
from sijstudy.training.loop import Fit
from sijstudy.training.parallel import fit_all
from sijstudy.training.patches import PatchSet, load_patches
from sijstudy.training.store import RunStore

SLICES = 815  # the paper's [2.1]
MODES = ("strict", "fast")
COMPARED_EPOCHS = 3  # of the usual script and of the bare steps; the median counts
BARE_STEPS = 20  # of such an epoch


def gpu_settings(fits_at_once: int) -> StudyConfig:
    """The paper's sizes and epochs on the GPU, in the arithmetic that it computes best, from random weights."""
    return settings(StudyConfig().patch_size, device="cuda", precision="native", parallel_fits=fits_at_once)


def grid(patches: Mapping[Arm, PatchSet], config: StudyConfig) -> list[Fit]:
    """The fits of notebooks 03 and 04 as the paper has them: Fig. 5's on the ROI arm, Table 2's on every arm."""
    labels = patches["roi"].slices.groupby("subject_id")["label"].max()
    groups = labels.map({1: "axSpA", 0: "control"}).rename("group").reset_index()
    folds = make_folds(groups, folds=config.folds, test_fraction=config.test_fraction, seed=config.seed)
    split = split_validation(folds[0], groups, config.validation_fraction, config.seed)
    chosen = [Fit(split, patches["roi"], name, config.selection_epochs, follow=True) for name in CANDIDATES]
    return chosen + [Fit(fold, own, config.backbone, config.epochs) for own in patches.values() for fold in folds]


def images(fit: Fit) -> int:
    """Patches that ``fit`` trains on, each counted once an epoch."""
    return len(fit.patches.rows_of(fit.fold.train)) * fit.epochs


def measure_here(fits_at_once: int, work: Path) -> list[Line]:
    """``measure`` with the paper's sizes on this machine's GPU, on a synthetic cohort made under ``work``."""
    if not torch.cuda.is_available():
        raise StudyError("section h needs a GPU that torch can use, and there is none; leave it out")
    config = gpu_settings(fits_at_once)
    manifest = enlarged(cohort(config, work), SLICES)
    workers = os.cpu_count() or 1
    patches = {arm: load_patches(manifest, arm, config, work / "runs" / "patches", workers=workers) for arm in ARMS}
    return measure(patches, samples(manifest, config), config)


def measure(patches: Mapping[Arm, PatchSet], chosen: list[Sample], config: StudyConfig) -> list[Line]:
    """The grid in both modes, once each, against the bare steps of its networks and the usual script.

    chosen: the samples that the ROI patches were made from, for the usual script.
    """
    fits = grid(patches, config)
    total = sum(map(images, fits))
    bare = total / sum(images(fit) / _bare_rate(fit.backbone, config) for fit in fits)
    rows = fits[-1].patches.rows_of(fits[-1].fold.train)
    script = UsualScript([chosen[row] for row in rows], config)
    usual = len(rows) / median([script.epoch() for _ in range(COMPARED_EPOCHS)])
    lines = []
    for mode in MODES:
        print(f"    {len(fits)} fits, {total} images, mode {mode}", file=sys.stderr, flush=True)
        seconds = _grid_seconds(fits, replace(config, mode=mode))
        what = f"paper's grid, {mode}, {config.parallel_fits} fits at a time"
        rate = (total / seconds,)
        lines += [
            Line("h", f"{what}: whole time of {len(fits)} fits", "s", (seconds,), high=60),
            Line("h", f"{what}: vs the bare steps", "images/s", rate, (bare,), low=0.7),
            Line("h", f"{what}: vs the usual script", "images/s", rate, (usual,), low=20),
        ]
    return lines


def _grid_seconds(fits: list[Fit], config: StudyConfig) -> float:
    with tempfile.TemporaryDirectory(prefix="sijstudy-grid-") as folder:
        store = RunStore(Path(folder))
        return timed(lambda: fit_all(fits, config, store))


def _bare_rate(backbone: str, config: StudyConfig) -> float:
    slices = BARE_STEPS * config.batch_size
    steps = BareSteps(replace(config, backbone=backbone, mode="fast"), slices)
    return slices / median([steps.epoch() for _ in range(COMPARED_EPOCHS)])
