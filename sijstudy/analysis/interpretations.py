"""Every interpretation of the paper's wording, applied to one slice: for notebook 02's drawings [2.2]."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from sijstudy.config import StudyConfig
from sijstudy.images.read import read_image
from sijstudy.noise import add_noise
from sijstudy.records import Slice
from sijstudy.roi import RoiBoxes
from sijstudy.training.inputs import seeded
from sijstudy.training.patches import patch_of, roi_of

Array = np.ndarray[Any, Any]


def choices_of(parameter: str) -> tuple[str, ...]:
    """The values a named parameter may take, as ``StudyConfig`` declares them."""
    (spec,) = (spec for spec in fields(StudyConfig) if spec.name == parameter)
    return tuple(spec.metadata["choices"])


def roi_interpretations(item: Slice, config: StudyConfig) -> dict[str, tuple[RoiBoxes, Array]]:
    """ROI boxes and patch ``(S, S)`` of a slice under each ``roi_reading``."""
    shape = read_image(item).pixels.shape
    configs = {name: replace(config, roi_reading=name) for name in choices_of("roi_reading")}
    return {name: (roi_of(item, shape, other), patch_of(item, "roi", other)) for name, other in configs.items()}


def noise_interpretations(patch: Array, config: StudyConfig) -> dict[str, Array]:
    """A patch ``(S, S)`` in [0, 255] without noise and under each ``noise_poisson``."""
    clean = torch.from_numpy(np.array(patch, dtype=np.float32))[None, None]
    noisy = {
        name: add_noise(
            clean,
            gaussian_variance=config.noise_gaussian_variance,
            poisson=name,
            generator=seeded(config.seed, "drawing", name),
        )
        for name in choices_of("noise_poisson")
    }
    return {
        "no noise": clean[0, 0].numpy(),
        **{_noise_title(name): value[0, 0].numpy() for name, value in noisy.items()},
    }


def _noise_title(poisson: str) -> str:
    return {
        "power_of_log": "power_of_log: rate (ln x)^4",
        "log_of_power": "log_of_power: rate ln(x^4)",
        "none": "none: Gaussian noise only",
    }[poisson]
