"""Are a new subject's patches like those that the networks were trained on? Where most are not, nothing is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.cohort.manifest import Manifest, load_manifest
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.training.feature_reference import PatchReference, keep_reference, load_reference
from sijstudy.training.patches import PatchSet, load_patches
from sijstudy.training.store import FitRun, RunStore

Array = np.ndarray[Any, Any]
LIMIT = 99.0  # percentile of held-out patches beyond which a patch counts as unlike them
MOST = 0.5  # ASSUMED: no decision when more than half of a subject's slices are unlike


@dataclass(frozen=True)
class Likeness:
    """percentile ``(n,)`` of each slice: where its distance stands among held-out patches, by the networks' features or
    by grey values, whichever is further; the median over networks.

    NaN where a network has no reference. held_out: patches that the smallest reference was calibrated on, 0 without.
    """

    percentile: Array
    held_out: int

    @property
    def unlike(self) -> Array:
        """``(n,)`` bool: slices beyond LIMIT."""
        beyond: Array = self.percentile > LIMIT
        return beyond

    @property
    def withholds(self) -> bool:
        """Most slices are unlike: the networks were never shown the like, and their scores decide nothing."""
        return bool(self.unlike.mean() > MOST)

    @property
    def sentence(self) -> str:
        """How many slices are unlike the training patches, or why nobody can tell."""
        if not self.held_out:
            return (
                "Whether the patches are like those of the training cannot be told: these networks have no reference "
                "of them, and their training patches are not here; run notebook 04 again where the cohort is."
            )
        if self.held_out < 100:
            return (
                f"Whether the patches are like those of the training cannot be told: {self.held_out} held-out patches "
                f"are too few to know their {LIMIT:g}th percentile."
            )
        count = f"{int(self.unlike.sum())} of {len(self.unlike)} slices"
        return (
            f"{count} are unlike the training patches: further from them than {LIMIT:g}% of {self.held_out} patches of "
            "held-out subjects (Mahalanobis' distance of the networks' features, or of the patches' grey values)."
        )


def likeness(features: Mapping[int, Array], images: Array, runs: Mapping[int, FitRun], config: StudyConfig) -> Likeness:
    """The likeness of n patches, ``images`` ``(n, S, S)`` in [0, 255] without noise.

    features: fold -> ``(n, k)``, as its network sees them.

    Without references in the fits' folders they are made of the training patches, where these and the cohort's
    manifest still are.
    """
    references = {fold: _reference(run, config) for fold, run in runs.items()}
    rows = [
        np.full(len(own), np.nan) if (known := references[fold]) is None else known.percentiles(own, images)
        for fold, own in features.items()
    ]
    sizes = [0 if known is None else len(known.features.held_out) for known in references.values()]
    return Likeness(np.median(rows, axis=0), min(sizes))


def _reference(run: FitRun, config: StudyConfig) -> PatchReference | None:
    known = load_reference(run)
    if known is None and (patches := _kept_patches(run, config)) is not None:
        return keep_reference(run, patches, config)
    return known


def _kept_patches(run: FitRun, config: StudyConfig) -> PatchSet | None:
    """The patches that a fit was trained on, where the store still has them and the workspace their manifest."""
    asked, store = run.config(), RunStore(run.folder.resolve().parents[1])
    if not (store.patches / f"{asked['patches']}.npy").is_file():
        return None
    own = store.root.parent / config.manifest if config.manifest else None
    for folder in [own] if own else sorted((store.root.parent / "data_manifest").glob("*")):
        manifest = _manifest_of(folder, {*asked["train"], *asked["test"]})
        if (
            manifest
            and (found := load_patches(manifest, asked["arm"], config, store.patches)).digest == asked["patches"]
        ):
            return found
    return None


def _manifest_of(folder: Any, subjects: set[str]) -> Manifest | None:
    try:
        manifest = load_manifest(folder)
    except StudyError:
        return None
    return manifest if set(manifest.subjects["subject_id"]) == subjects else None
