"""What is measured on: a small synthetic cohort as DICOM, and patch sets and manifests of any size made from little."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.notebook.cohort import prepare_cohort
from sijstudy.training.patches import PatchSet

COHORT = {"axspa_subjects": 8, "control_subjects": 6, "positive_slices": 92, "negative_slices": 108}
SLICES_PER_SUBJECT = 20


def settings(patch_size: int, **changes: object) -> StudyConfig:
    """The quick study's configuration on the benchmark's cohort of 200 slices of 448 x 448, CPU, all cores."""
    values = {"profile": "bench", "weights": "none", "device": "cpu", "patch_size": patch_size, **COHORT, **changes}
    return StudyConfig.from_mapping(values, source="benchmark")


def cohort(config: StudyConfig, work: Path) -> Manifest:
    """The synthetic cohort under ``work``, made on first use."""
    return prepare_cohort(config, work, workers=os.cpu_count() or 1)


def enlarged(manifest: Manifest, slices: int) -> Manifest:
    """A manifest of ``slices`` rows that names the same files again and again, for subjects of other names."""
    copies = -(-slices // len(manifest.slices))
    names = manifest.slices[["subject_id", "sop_instance_uid"]]
    parts = [manifest.slices.assign(**{name: names[name] + f"-{copy:04d}" for name in names}) for copy in range(copies)]
    table = pd.concat(parts, ignore_index=True).head(slices)
    return replace(manifest, slices=table)


def random_patches(slices: int, size: int, file: Path) -> PatchSet:
    """``slices`` patches ``(1, size, size)`` of random pixels in [0, 255] in a memory-mapped file, labels 0 and 1."""
    rng = np.random.default_rng(slices)
    shape = (slices, 1, size, size)
    patches = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, slices, 256):
        part = patches[start : start + 256]
        part[:] = rng.random(part.shape, dtype=np.float32) * 255
    patches.flush()
    rows = np.arange(slices)
    table = pd.DataFrame(
        {
            "subject_id": [f"R{row // SLICES_PER_SUBJECT:05d}" for row in rows],
            "slice_index": rows % SLICES_PER_SUBJECT,
            "label": rows // SLICES_PER_SUBJECT % 2,
            "sop_instance_uid": [f"1.2.{row}" for row in rows],
        }
    )
    del patches
    return PatchSet(np.load(file, mmap_mode="r"), table, "roi", f"random-{slices}-{size}")


def one_fold(patches: PatchSet, test_subjects: int = 2) -> Fold:
    """A split that holds back the last ``test_subjects`` subjects."""
    subjects = tuple(dict.fromkeys(patches.slices["subject_id"]))
    return Fold(1, subjects[:-test_subjects], subjects[-test_subjects:])
