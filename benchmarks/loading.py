"""(a) Loading: DICOM -> ROI patch with noise, slices a second, against MONAI and the usual script."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Line, in_turn, timed
from benchmarks.pipelines import UsualDataset, monai_dataset, monai_pass, our_pass, samples, usual_loader
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.training.patches import PatchSet, load_patches


def measure(manifest: Manifest, config: StudyConfig, repeats: int) -> list[Line]:
    """First and cached pass of the three pipelines, one after the other in every round."""
    chosen, slices = samples(manifest, config), len(manifest.slices)
    loader = usual_loader(UsualDataset(chosen, config))
    made: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="sijstudy-patches-"))

    def ours_first() -> float:
        shutil.rmtree(folder, ignore_errors=True)

        def work() -> None:
            made["ours"] = load_patches(manifest, "roi", config, folder, workers=os.cpu_count() or 1, progress=False)
            _through(our_pass(made["ours"], config))

        return slices / timed(work)

    def monai_first() -> float:
        def work() -> None:
            made["monai"] = monai_dataset(chosen, config)
            _through(monai_pass(made["monai"]))

        return slices / timed(work)

    def ours_again() -> float:
        patches: PatchSet = made["ours"]
        return slices / timed(lambda: _through(our_pass(patches, config)))

    def monai_again() -> float:
        return slices / timed(lambda: _through(monai_pass(made["monai"])))

    def usual() -> float:
        return slices / timed(lambda: _through(loader))

    try:
        values = in_turn(repeats, ours_first, monai_first, ours_again, monai_again, usual, shown="loading")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    first, monai, again, cached, script = values
    unit = "slices/s"
    return [
        Line("a", f"loading {slices} slices, first pass, vs MONAI CacheDataset", unit, first, monai, low=3),
        Line("a", "loading, cached pass, vs MONAI CacheDataset", unit, again, cached, low=1),
        Line("a", "loading, first pass, vs pydicom + PIL + DataLoader", unit, first, script),
        Line("a", "loading, cached pass, vs pydicom + PIL + DataLoader", unit, again, script),
    ]


def _through(batches: Iterable[Any]) -> None:
    """Go through all batches."""
    for _ in batches:
        pass
