"""Every interpretation of the paper's wording, applied to slices: for notebook 02's drawings [2.2]."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from sijstudy.config import StudyConfig
from sijstudy.images.read import read_image
from sijstudy.noise import add_noise, poisson_rate
from sijstudy.records import Slice
from sijstudy.roi import RoiBoxes
from sijstudy.training.inputs import seeded
from sijstudy.training.patches import patch_of, roi_of

Array = np.ndarray[Any, Any]
WHITE = 255
NOISES = {
    "power_of_log10": "power_of_log10: rate (log10 x)^4",
    "power_of_log": "power_of_log: rate (ln x)^4",
    "log_of_power": "log_of_power: rate ln(x^4)",
    "none": "none: Gaussian noise only",
}


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
    clean = np.array(patch, dtype=np.float32)[None, None]
    noisy = {NOISES[name]: _noisy(clean, name, config)[0, 0].numpy() for name in choices_of("noise_poisson")}
    return {"no noise": clean[0, 0], **noisy}


def noise_shares(patches: Array, config: StudyConfig) -> pd.DataFrame:
    """What each ``noise_poisson`` makes of patches ``(N, C, S, S)``, their first channel: a row each, titles as drawn.

    Columns: mean rate; of the summed intensity, percent, what the Poisson noise brings on average; of the pixels,
    percent, those that the noisy patches have above white, 255. ZeroDivisionError where every pixel is 0.
    """
    patches = patches[:, :1]
    clean = torch.from_numpy(np.array(patches, dtype=np.float32))
    rows = {}
    for name in choices_of("noise_poisson"):
        rate = 0.0 if name == "none" else float(poisson_rate(clean, name).double().mean())
        white = (_noisy(patches, name, config) > WHITE).double().mean()
        rows[NOISES[name]] = {
            "mean rate": rate,
            "of the summed intensity (%)": 100 * rate / (rate + float(clean.double().mean())),
            "pixels above 255 (%)": 100 * float(white),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _noisy(patches: Array, poisson: str, config: StudyConfig) -> torch.Tensor:
    """Patches ``(N, 1, S, S)`` with the study's Gaussian noise and that Poisson noise."""
    return add_noise(
        torch.from_numpy(np.array(patches, dtype=np.float32)),
        gaussian_variance=config.noise_gaussian_variance,
        poisson=poisson,
        generator=seeded(config.seed, "drawing", poisson),
    )
