"""Grad-CAM over test slices of all folds, each map beside its edema outline where there is one [3.2, Fig. 8]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from sijstudy.analysis.cam_checks import BLIND, NETWORK, REDRAWN, blind_map, likeness, measured, redrawn
from sijstudy.code import code_digest
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.slice_outlines import SliceOutlines, outlines_identity
from sijstudy.errors import StudyError
from sijstudy.files import digest, read_csv, write_atomic, write_csv
from sijstudy.folds import Fold
from sijstudy.fresh_torch import environment_identity
from sijstudy.gradcam import cam_maps, grow
from sijstudy.intervals import intervals, subject_weights
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.inputs import middle, noisy_patches
from sijstudy.training.patches import PatchSet, mask_patch
from sijstudy.training.scoring import load_model
from sijstudy.training.store import FitRun

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


Array = np.ndarray[Any, Any]

HALF_CELL = 16  # pixels of the patch: a ResNet's last map has a cell for every 32

MEASURES = {
    "peak_in": "pointing game: peak in the edema",
    "area": "share of the patch covered by edema",
    "peak_near": "peak in the edema or within half a map cell of it",
    "area_near": "share of the patch covered by the widened outline",
    "energy": "share of the map's sum in the edema",
}


@dataclass(frozen=True)
class Explained:
    """Maps of n slices, in the order of ``measures``.

    measures: fold, subject_id, slice_index, score, and the columns of MEASURES as fractions; beside them the
    measures of ``cam_checks``, and likeness: the correlation of the map with that of redrawn weights.
    patches, masks, maps: ``(n, S, S)`` float32 in [0, 255], bool, float32 in [0, 1].
    """

    measures: pd.DataFrame
    patches: Array
    masks: Array
    maps: Array

    def examples(self, *, best: bool, count: int = 5) -> list[tuple[str, Array, Array, Array]]:
        """The slices with the most (or least) energy in the edema, a subject only once: for ``cam_gallery``."""
        ranked = self.measures.sort_values("energy", ascending=not best).drop_duplicates("subject_id").head(count)
        return [
            (
                f"{row.subject_id}, slice {row.slice_index}\nscore {row.score:.2f}, {100 * row.energy:.0f}% in edema",
                self.patches[row.Index],
                self.masks[row.Index],
                self.maps[row.Index],
            )
            for row in ranked.itertuples()
        ]


def explain_folds(
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    folds: Sequence[Fold],
    config: StudyConfig,
    *,
    progress: bool = True,
) -> Explained:
    """Explain the positive test slices of every fold by that fold's own network.

    With ``config.cam_slices`` > 0 at most that many, evenly spread over folds and slices. Slices without
    an outlined edema cannot be measured and are left out; StudyError when none has one.
    """
    chosen = _chosen_rows(patches, folds, config.cam_slices)
    masks = _edema_masks(manifest, _positive_rows(patches), config)
    chosen = [(fold, row) for fold, row in chosen if row in masks]
    if not chosen:
        raise StudyError(
            f"manifest {manifest.folder}: no positive slice has an edema outline; Grad-CAM needs SEG files"
        )
    parts = []
    with numerics(config, resolve_device(config.device)):
        for fold in tqdm(folds, desc="Grad-CAM", unit="fold", disable=not progress):
            rows = [row for number, row in chosen if number == fold.number]
            if rows:
                usual = [masks[row] for row in patches.rows_of(fold.train) if row in masks]
                blind = blind_map(usual or [np.zeros_like(masks[rows[0]])])
                own = {row: masks[row] for row in rows}
                parts.append(_explain(runs[fold.number], fold.number, own, blind, patches, config))
    measures, inputs, outlines, maps = zip(*parts, strict=True)
    return Explained(
        pd.concat(measures, ignore_index=True), *(np.concatenate(stack) for stack in (inputs, outlines, maps))
    )


def load_explained(
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    folds: Sequence[Fold],
    config: StudyConfig,
    cache: Path,
) -> Explained:
    """``explain_folds``, from ``cache`` when it was done before: same networks, same slices, same outlines."""
    rows = _positive_rows(patches)
    key = digest(
        {
            "runs": {fold.number: runs[fold.number].folder.name for fold in folds},
            "tests": {fold.number: sorted(fold.test) for fold in folds},
            "patches": patches.digest,
            "outlines": outlines_identity(manifest, rows),
            "code": code_digest(load_explained),
            **environment_identity(),
            **config.subset("cam_slices"),
        }
    )
    stacks, table = cache / f"{key}.npz", cache / f"{key}.csv"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{key}.lock"):
        if not stacks.exists():
            made = explain_folds(runs, patches, manifest, folds, config)
            write_csv(table, made.measures)
            write_atomic(stacks, lambda file: np.savez(file, patches=made.patches, masks=made.masks, maps=made.maps))
    with np.load(stacks, allow_pickle=False) as read:
        return Explained(read_csv(table), read["patches"], read["masks"], read["maps"])


def explain_rows(
    runs: Mapping[int, FitRun],
    patches: PatchSet,
    manifest: Manifest,
    chosen: Sequence[tuple[int, int]],
    config: StudyConfig,
) -> tuple[Array, Array, Array]:
    """Explain any slices, with edema or without: each by the network of its fold.

    chosen: (fold, row of the patches) of n >= 1 slices. Returns, in their order, patches, masks and maps as in
    ``Explained``; the mask of a slice without an edema outline is empty.
    """
    rows = np.array([row for _, row in chosen])
    noisy = noisy_patches(patches, config, "test", rows)
    outlines = _edema_masks(manifest, sorted({row for _, row in chosen}), config)
    device = resolve_device(config.device)
    maps = np.zeros((len(rows), *noisy.shape[2:]), np.float32)
    for fold in {fold for fold, _ in chosen}:
        places = [place for place, (number, _) in enumerate(chosen) if number == fold]
        with numerics(config, device):
            maps[places] = cam_maps(load_model(runs[fold]).to(device), noisy[places].to(device))
    empty = np.zeros(maps.shape[1:], bool)
    return middle(noisy), np.stack([outlines.get(int(row), empty) for row in rows]), maps


def _positive_rows(patches: PatchSet) -> list[int]:
    return [int(row) for row in np.flatnonzero(patches.slices["label"].to_numpy() == 1)]


def _chosen_rows(patches: PatchSet, folds: Sequence[Fold], limit: int) -> list[tuple[int, int]]:
    positive = set(_positive_rows(patches))
    every = [(fold.number, int(row)) for fold in folds for row in patches.rows_of(fold.test) if row in positive]
    if 0 < limit < len(every):
        return [every[place] for place in np.linspace(0, len(every) - 1, limit).round().astype(int)]
    return every


def _edema_masks(manifest: Manifest, rows: Sequence[int], config: StudyConfig) -> dict[int, Array]:
    """Edema outline of each row as the ROI patch shows it, where there is one."""
    items, outlines = manifest.slice_records(), SliceOutlines(manifest)
    masks = {}
    for row in rows:
        outline = outlines.mask(items[row], "edema")
        if outline is not None:
            masks[row] = mask_patch(items[row], outline, config)
    return masks


def _explain(
    run: FitRun, fold: int, masks: Mapping[int, Array], blind: Array, patches: PatchSet, config: StudyConfig
) -> tuple[pd.DataFrame, Array, Array, Array]:
    """masks: row -> outline of the slices to explain, in their order. blind: the fold's ``blind_map``."""
    rows, device = list(masks), resolve_device(config.device)
    model = load_model(run).to(device)
    inputs = noisy_patches(patches, config, "test", rows)
    maps = cam_maps(model, inputs.to(device))
    unlearned = cam_maps(redrawn(model, config.seed + fold), inputs.to(device))
    outlines = np.stack(list(masks.values()))
    widened = np.stack([grow(mask, HALF_CELL) for mask in outlines])
    table = run.predictions().merge(patches.slices.iloc[rows], on=["subject_id", "slice_index", "label"], how="right")
    measures = table[["subject_id", "slice_index", "score"]].assign(
        fold=fold,
        **measured(maps, outlines, widened, NETWORK),
        area=outlines.mean(axis=(1, 2)),
        area_near=widened.mean(axis=(1, 2)),
        **measured(np.stack([blind] * len(rows)), outlines, widened, BLIND),
        **measured(unlearned, outlines, widened, REDRAWN),
        likeness=likeness(maps, unlearned),
    )
    return measures, middle(inputs), outlines, maps


def cam_summary(measures: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """Pointing game and energy over the explained slices, with 95% CIs given these networks (subjects resampled).

    measures: a row per slice with subject_id and the measured columns peak_in, peak_near, energy, area
    (fractions). Returns percent, index measure, columns mean, low, high.
    """
    names = ["peak_in", "peak_near", "energy", "area", "area_near"]
    sums = measures.groupby("subject_id")[names].sum().to_numpy(float)
    counts = measures.groupby("subject_id").size().to_numpy(float)
    weights = subject_weights(len(counts), samples, seed)
    low, high = intervals((weights @ sums) / (weights @ counts)[:, None])
    table = pd.DataFrame({"mean": sums.sum(0) / counts.sum(), "low": low, "high": high}, index=names)
    return 100 * table.rename_axis("measure")
