"""Grad-CAM on the last convolutional block, measured against the edema outline [2.3, 3.2, Fig. 8]."""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.fresh_torch import fresh_torch
from sijstudy.model import EdemaNet

Array = np.ndarray[Any, Any]
PACKAGE = "pytorch_grad_cam"
UNUSED = (
    "torchvision",
    "torchvision.transforms",
    "sklearn",
    "sklearn.decomposition",
)  # by Grad-CAM, of what it imports


class _Absent(ModuleType):
    """Stands for a module whose names are imported and never used."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@lru_cache(maxsize=1)
def _grad_cam() -> Any:
    """The package's ``GradCAM``, loaded without what it never calls: all else of the package, and UNUSED.

    Torch's compiler, which torchvision brings, takes longer to load than a subject's maps to compute. What stood in
    is taken out again: who imports these packages later gets them whole. Here and not at the top, as it brings OpenCV:
    most of the study explains nothing.
    """
    if PACKAGE in sys.modules:
        return importlib.import_module(PACKAGE).GradCAM
    parent = ModuleType(PACKAGE)  # in place of the package's __init__, which imports two dozen methods
    parent.__path__ = list(getattr(importlib.util.find_spec(PACKAGE), "submodule_search_locations", ()))
    stand_ins = {name: _Absent(name) for name in UNUSED if name not in sys.modules}
    sys.modules.update({**stand_ins, PACKAGE: parent})
    try:
        from pytorch_grad_cam.grad_cam import GradCAM
    finally:
        for name in [name for name in sys.modules if name in stand_ins or name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
    return GradCAM


class EdemaTarget:
    """What is explained: the logit of the positive class, for one slice of a batch."""

    def __call__(self, output: Tensor) -> Tensor:
        """Output ``()`` of one slice -> the scalar whose gradient is taken."""
        return output


@fresh_torch()
def cam_maps(model: EdemaNet, patches: Tensor, *, batch_size: int = 16) -> Array:
    """Class activation maps ``(N, S, S)`` float32 in [0, 1] of noisy patches ``(N, 1, S, S)``.

    Selvaraju et al. 2017 (the paper's reference 54) on ``model.last_convolution``: gradients averaged over
    the plane weigh the activations, negative sums are cut to 0, the map is resized to the patch and
    scaled to a maximum of 1 (a map without any positive evidence stays 0). Hooks are released on return;
    the model is left as it came.
    """
    training, learning = model.training, [one for one in model.parameters() if one.requires_grad]
    model.eval()
    model.requires_grad_(False)
    model.last_convolution.requires_grad_(True)  # gradients are followed no further down
    with _grad_cam()(model=model, target_layers=[model.last_convolution]) as cam:
        maps = [
            cam(input_tensor=part.contiguous(), targets=[EdemaTarget()] * len(part))
            for part in patches.split(batch_size)
        ]
    model.zero_grad(set_to_none=True)
    model.requires_grad_(False)
    model.train(training)
    for one in learning:
        one.requires_grad_(True)
    return np.nan_to_num(np.concatenate(maps)).astype(np.float32)


def peak_in(cam: Array, mask: Array) -> bool:
    """Pointing game (Zhang et al. 2018): does the map's highest pixel lie in the edema outline?

    cam ``(S, S)`` in [0, 1]; mask ``(S, S)`` bool. A map that is 0 everywhere points nowhere: False.
    Equal highest pixels are represented by the one nearest to their centre of mass.
    """
    if not cam.any():
        return False
    rows, columns = np.nonzero(cam == cam.max())
    nearest = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return bool(mask[rows[nearest], columns[nearest]])


def energy_in(cam: Array, mask: Array) -> float:
    """Share of the map's sum inside the outline, in [0, 1] (Wang et al. 2020); 0 for an empty map."""
    total = float(cam.sum())
    return float(cam[mask].sum()) / total if total > 0 else 0.0


def grow(mask: Array, pixels: int) -> Array:
    """The outline widened by ``pixels`` in every direction (square neighbourhood): ``(S, S)`` bool.

    A map with a cell for every 32 pixels cannot point more finely than half a cell, so the pointing game
    is also played with the outline widened by 16.
    """
    window = torch.nn.functional.max_pool2d(
        torch.from_numpy(mask.astype(np.float32))[None, None], 2 * pixels + 1, stride=1, padding=pixels
    )
    return window[0, 0].numpy() > 0
