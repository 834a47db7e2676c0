"""The state of a live panel -> its numbers: thresholds over saved predictions, and one slice as its network sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch

from sijstudy.aggregation import slice_decisions
from sijstudy.analysis.fold_summary import fold_metrics, rocs
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.gradcam import cam_maps
from sijstudy.images.dicom import read_slice
from sijstudy.intensity import to_8bit
from sijstudy.metrics import Confusion, Roc, confusion, mean_sd
from sijstudy.model import EdemaNet
from sijstudy.noise import add_noise
from sijstudy.notebook.workspace import Workspace
from sijstudy.records import Arm, Slice
from sijstudy.roi import RoiBoxes, roi_patch
from sijstudy.training.loop import load_model, noisy_patches, predict, seeded
from sijstudy.training.networks import open_networks
from sijstudy.training.patches import mask_patch, roi_of

Array = np.ndarray[Any, Any]

FILTER_SIZES = (1, 3, 5, 7, 9)  # slices
FACTORS = (0.4, 1.2)  # ROI factor, in units of the ilium box's width
WHOLE, ROI, FILTERED, SUBJECTS = "Slices, whole image", "Slices, ROI patch", "Slices, ROI, filtered", "Subjects"


@dataclass(frozen=True)
class Settings:
    """What the first panel's sliders set: filter size in slices (odd), thresholds in [0, 1]."""

    median_size: int
    slice_threshold: float
    subject_threshold: float

    @classmethod
    def of(cls, config: StudyConfig) -> Settings:
        """The settings the study was run with."""
        return cls(config.median_size, config.slice_threshold, config.subject_threshold)


@dataclass(frozen=True)
class Outcome:
    """All that follows from the settings.

    courses, subjects: as from ``add_courses`` (ROI arm) and ``subject_predictions``. confusions: counts over all
    folds. tables: Table 2's and 3's rows, metric -> mean, sd (percent, over folds). rocs: by fold, after the filter.
    points: by fold, where the slice threshold lies on that curve, as (1 - specificity, recall).
    """

    courses: pd.DataFrame
    subjects: pd.DataFrame
    confusions: dict[str, Confusion]
    tables: dict[str, pd.DataFrame]
    rocs: dict[int, Roc]
    points: dict[int, tuple[float, float]]


def outcome(predictions: Mapping[Arm, pd.DataFrame], settings: Settings, config: StudyConfig) -> Outcome:
    """Apply the settings to the test predictions of both arms (as from ``collect_predictions``)."""
    config = replace(config, **asdict(settings))
    courses = add_courses(predictions["roi"], config)
    subjects = subject_predictions(courses, config)
    scores = predictions["original"]["score"].to_numpy()
    whole = predictions["original"].assign(decision=slice_decisions(scores, config.slice_threshold))
    by_fold = {
        WHOLE: fold_metrics(whole),
        ROI: fold_metrics(courses),
        FILTERED: fold_metrics(courses, decision="filtered_decision", score="filtered_score"),
        SUBJECTS: fold_metrics(subjects),
    }
    filtered = by_fold[FILTERED]
    return Outcome(
        courses,
        subjects,
        {
            ROI: _counts(courses, "decision"),
            FILTERED: _counts(courses, "filtered_decision"),
            SUBJECTS: _counts(subjects, "decision"),
        },
        {name: _mean_sd(metrics) for name, metrics in by_fold.items()},
        rocs(courses, "filtered_score"),
        {int(row.Index): (1 - row.specificity, row.recall) for row in filtered.itertuples()},
    )


def _counts(frame: pd.DataFrame, decision: str) -> Confusion:
    return confusion(frame["label"].to_numpy(), frame[decision].to_numpy())


def _mean_sd(metrics: pd.DataFrame) -> pd.DataFrame:
    return 100 * pd.DataFrame({name: mean_sd(metrics[name].to_numpy()) for name in metrics}, index=["mean", "sd"]).T


@dataclass(frozen=True)
class Choice:
    """What the second panel's controls set. position: place among the subject's slices, from 0."""

    subject_id: str
    position: int
    noise: bool
    factor: float


@dataclass(frozen=True)
class Sight:
    """A slice and what its network makes of it.

    image ``(H, W)`` and patch ``(S, S)`` float32 on the 8-bit scale; edema outlines of the readers ``(H, W)`` and
    ``(S, S)`` bool, None without one. fold: whose network has not seen the subject, None when all have; then score
    in [0, 1] and cam ``(S, S)`` float32 in [0, 1] are None too.
    """

    item: Slice
    image: Array
    rois: RoiBoxes
    patch: Array
    edema: Array | None
    edema_patch: Array | None
    fold: int | None
    score: float | None
    cam: Array | None


class Viewer:
    """One study's slices and networks. Nothing is read before it is asked for; what was made is kept."""

    def __init__(self, work: Workspace) -> None:
        self.work = work
        self.sight = lru_cache(256)(self._sight)
        self.image = lru_cache(64)(self._image)

    @cached_property
    def items(self) -> dict[str, list[Slice]]:
        """The slices of every subject, from the lower to the upper pelvis."""
        items: dict[str, list[Slice]] = {}
        for item in self.work.manifest.slice_records():
            items.setdefault(item.subject_id, []).append(item)
        return items

    def fold_of(self, subject_id: str) -> int | None:
        """The first fold that tests the subject, so that its network has not seen it; None when there is none."""
        return next((fold.number for fold in self.work.folds if subject_id in fold.test), None)

    @cached_property
    def _tested(self) -> torch.Tensor:
        """Every patch with the very noise it was tested with."""
        return noisy_patches(self.work.patches("roi"), self.work.config, "test")

    @cached_property
    def models(self) -> dict[int, EdemaNet]:
        """The ROI network of every fold, all loaded at once, so that no later move waits for one."""
        return {fold: load_model(run) for fold, run in open_networks(self.work.folder.root).runs["roi"].items()}

    def _image(self, subject_id: str, position: int) -> tuple[Array, Array | None]:
        item = self.items[subject_id][position]
        outline = self.work.masks(item).get("edema")
        return to_8bit(read_slice(item.file).pixels), outline if outline is not None and outline.any() else None

    def _sight(self, choice: Choice) -> Sight:
        """What ``choice`` shows. StudyError when the ROI factor leaves no patch or the study's networks are gone."""
        item = self.items[choice.subject_id][choice.position]
        image, edema = self.image(choice.subject_id, choice.position)
        config = replace(self.work.config, roi_factor=choice.factor)
        rois = roi_of(item, image.shape, config)
        patch = self._patch(item, roi_patch(image, rois, config.patch_size), choice)
        fold, score, cam = self.fold_of(choice.subject_id), None, None
        if fold is not None:
            model, batch = self.models[fold], torch.from_numpy(patch)[None, None]
            with _one_thread():
                score = float(predict(model, batch, config, torch.device("cpu"))[0])
                cam = cam_maps(model, batch)[0]
        edema_patch = None if edema is None else mask_patch(item, edema, config)
        return Sight(item, image, rois, patch, edema, edema_patch, fold, score, cam)

    def _patch(self, item: Slice, clean: Array, choice: Choice) -> Array:
        """The patch with the noise asked for; at the study's own factor the very patch that was tested."""
        if not choice.noise:
            return clean
        if choice.factor == self.work.config.roi_factor:
            tested: Array = self._tested[self.work.row_of(item), 0].numpy()
            return tested
        config = self.work.config
        noisy = add_noise(
            torch.from_numpy(clean)[None, None],
            gaussian_variance=config.noise_gaussian_variance,
            poisson=config.noise_poisson,
            generator=seeded(config.seed, "live", item.subject_id, item.index),
        )
        result: Array = noisy[0, 0].numpy()
        return result


@contextmanager
def _one_thread() -> Iterator[None]:
    """One patch is quick work for one thread; several wait for each other, for seconds where others use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def strange(choice: Choice, config: StudyConfig) -> list[str]:
    """In what the patch differs from those the network was trained on; empty when in nothing."""
    reasons = []
    if choice.factor != config.roi_factor:
        reasons.append(f"ROI factor {choice.factor:g}, trained with {config.roi_factor:g}")
    if not choice.noise:
        reasons.append("no noise, trained with noise")
    return reasons
