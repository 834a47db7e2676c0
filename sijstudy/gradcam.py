"""Grad-CAM on the last convolutional block, measured against the edema outline [2.3, 3.2, Fig. 8]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.fresh_torch import fresh_torch
from sijstudy.model import EdemaNet

Array = np.ndarray[Any, Any]


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
    from pytorch_grad_cam import GradCAM  # here, as it brings OpenCV: most of the study explains nothing

    training = model.training
    model.eval()
    with GradCAM(model=model, target_layers=[model.last_convolution]) as cam:
        maps = [
            cam(input_tensor=part.contiguous(), targets=[EdemaTarget()] * len(part))
            for part in patches.split(batch_size)
        ]
    model.zero_grad(set_to_none=True)
    model.train(training)
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
