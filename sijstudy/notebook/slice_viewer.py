"""One slice as its network sees it, for the second live panel: image, ROI, patch, score, Grad-CAM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from sijstudy.aggregation import neighbours
from sijstudy.config import StudyConfig
from sijstudy.gradcam import cam_maps
from sijstudy.model import EdemaNet
from sijstudy.notebook.shown_slices import by_subject
from sijstudy.notebook.workspace import Workspace
from sijstudy.records import Slice
from sijstudy.roi import RoiBoxes, roi_patch
from sijstudy.training.inputs import middle, noisy_patches, seeded, with_noise
from sijstudy.training.networks import open_networks
from sijstudy.training.patches import channels_of, grey_image, mask_patch, roi_of
from sijstudy.training.scoring import load_model, predict

Array = np.ndarray[Any, Any]
FACTORS = (0.4, 1.2)  # ROI factor, in units of the ilium box's width


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
        return by_subject(self.work.manifest.slice_records())

    def fold_of(self, subject_id: str) -> int | None:
        """The first fold that tests the subject, so that its network has not seen it; None when there is none."""
        return next((fold.number for fold in self.work.folds if subject_id in fold.test), None)

    @cached_property
    def _tested(self) -> Array:
        """Every patch with the very noise it was tested with."""
        return middle(noisy_patches(self.work.patches("roi"), self.work.config, "test"))

    @cached_property
    def models(self) -> dict[int, EdemaNet]:
        """The ROI network of every fold, all loaded at once, so that no later move waits for one."""
        return {fold: load_model(run) for fold, run in open_networks(self.work.folder.root).runs["roi"].items()}

    def _image(self, subject_id: str, position: int) -> tuple[Array, Array | None]:
        item = self.items[subject_id][position]
        return grey_image(item, self.work.config), self.work.outlines.mask(item, "edema")

    def _sight(self, choice: Choice) -> Sight:
        """What ``choice`` shows. StudyError when the ROI factor leaves no patch or the study's networks are gone."""
        item = self.items[choice.subject_id][choice.position]
        image, edema = self.image(choice.subject_id, choice.position)
        config = replace(self.work.config, roi_factor=choice.factor)
        rois = roi_of(item, image.shape, config)
        inputs = self._inputs(choice, config)
        patch = inputs[config.context_slices // 2]
        fold, score, cam = self.fold_of(choice.subject_id), None, None
        if fold is not None:
            model, batch = self.models[fold], torch.from_numpy(inputs)[None]
            with _one_thread():
                score = float(predict(model, batch, config, torch.device("cpu"))[0])
                cam = cam_maps(model, batch)[0]
        edema_patch = None if edema is None else mask_patch(item, edema, config)
        return Sight(item, image, rois, patch, edema, edema_patch, fold, score, cam)

    def _inputs(self, choice: Choice, config: StudyConfig) -> Array:
        """What the network is shown of a slice: its patch in the middle of its neighbours', its bone: ``(C, S, S)``."""
        items = self.items[choice.subject_id]
        places = neighbours(np.array([item.index for item in items]), config.context_slices)[choice.position]
        patches = []
        for place in places:
            image, _ = self.image(choice.subject_id, int(place))
            clean = roi_patch(image, roi_of(items[place], image.shape, config), config.patch_size)
            patches.append(self._patch(items[place], clean, choice))
        if config.bone_channel:
            item = items[choice.position]
            patches += list(channels_of(item, "roi", config, self.work.outlines.bone(item))[1:])
        return np.stack(patches)

    def _patch(self, item: Slice, clean: Array, choice: Choice) -> Array:
        """The patch with the noise asked for; at the study's own factor the very patch that was tested."""
        if not choice.noise:
            return clean
        if choice.factor == self.work.config.roi_factor:
            tested: Array = self._tested[self.work.row_of(item)]
            return tested
        config = self.work.config
        generator = seeded(config.seed, "live", item.uid)
        noisy = with_noise(torch.from_numpy(clean)[None, None], config, generator)
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
