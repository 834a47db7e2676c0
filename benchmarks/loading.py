"""(a) Loading: DICOM -> ROI patch with noise, slices a second, against MONAI and the usual script."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measure import Line, in_turn, timed
from benchmarks.pipelines import UsualDataset, monai_dataset, monai_pass, our_pass, samples, usual_loader
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.training.patches import PatchSet, load_patches


class Passes:
    """The three pipelines on one cohort, each pass timed in slices a second; ``folder`` is where ours keeps patches."""

    def __init__(self, manifest: Manifest, config: StudyConfig, folder: Path) -> None:
        self.manifest, self.config, self.folder = manifest, config, folder
        self.chosen = samples(manifest, config)
        self.loader = usual_loader(UsualDataset(self.chosen, config))
        self.ours: PatchSet | None = None
        self.monai: Any = None

    def ours_first(self) -> float:
        """Ours, nothing kept from before."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return self._rate(self._load_ours)

    def monai_first(self) -> float:
        """MONAI's, its cache made anew."""
        return self._rate(self._load_monai)

    def ours_again(self) -> float:
        """Ours, from the patches of the first pass."""
        assert self.ours is not None
        patches = self.ours
        return self._rate(lambda: our_pass(patches, self.config))

    def monai_again(self) -> float:
        """MONAI's, from its cache."""
        return self._rate(lambda: monai_pass(self.monai))

    def usual(self) -> float:
        """The usual script, which keeps nothing."""
        return self._rate(lambda: self.loader)

    def _load_ours(self) -> Iterable[Any]:
        workers = os.cpu_count() or 1
        self.ours = load_patches(self.manifest, "roi", self.config, self.folder, workers=workers, progress=False)
        return our_pass(self.ours, self.config)

    def _load_monai(self) -> Iterable[Any]:
        self.monai = monai_dataset(self.chosen, self.config)
        return monai_pass(self.monai)

    def _rate(self, batches: Callable[[], Iterable[Any]]) -> float:
        return len(self.manifest.slices) / timed(lambda: _through(batches()))


def measure(manifest: Manifest, config: StudyConfig, repeats: int) -> list[Line]:
    """First and cached pass of the three pipelines, one after the other in every round."""
    with tempfile.TemporaryDirectory(prefix="sijstudy-patches-", ignore_cleanup_errors=True) as folder:
        work = Passes(manifest, config, Path(folder) / "patches")
        jobs = (work.ours_first, work.monai_first, work.ours_again, work.monai_again, work.usual)
        first, monai, again, cached, script = in_turn(repeats, *jobs, shown="loading")
    unit, slices = "slices/s", len(manifest.slices)
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
