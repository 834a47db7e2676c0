"""Grad-CAM on the last convolutional block, measured against the edema outline [2.3, 3.2, Fig. 8]."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.fresh_torch import fresh_torch
from sijstudy.model import EdemaNet

Array = np.ndarray[Any, Any]


@fresh_torch()
def cam_maps(model: EdemaNet, patches: Tensor, *, batch_size: int = 16) -> Array:
    """Class activation maps ``(N, S, S)`` float32 in [0, 1] of noisy patches ``(N, 1, S, S)``.

    Selvaraju et al. 2017 (the paper's reference 54) on ``model.last_convolution``: gradients of the logit averaged
    over the plane weigh the activations, negative sums are cut to 0, the map is scaled to [0, 1], resized to the patch
    and scaled again (a map without any positive evidence stays 0), as the package grad-cam does it, which takes
    gradients of every layer. Hooks are released on return; the model is left as it came.
    """
    training = model.training
    model.eval()
    maps = [_scaled(_coarse(model, part.contiguous()), part.shape[-2:]) for part in patches.split(batch_size)]
    model.train(training)
    return torch.cat(maps).cpu().numpy()


def _coarse(model: EdemaNet, patches: Tensor) -> Tensor:
    """ReLU of the weighted sum of the last block's planes, ``(N, 1, h, w)``. No gradient is taken below it."""
    kept: list[Tensor] = []

    def keep(module: Any, inputs: Any, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0]

    asked = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hook = model.last_convolution.register_forward_hook(keep)
    try:
        for parameter in asked:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            gradient = torch.autograd.grad(model(patches).sum(), kept[0])[0]
    finally:
        hook.remove()
        for parameter in asked:
            parameter.requires_grad_()
    return (gradient.mean(dim=(2, 3), keepdim=True) * kept[0].detach()).sum(dim=1, keepdim=True).float().relu()


def _scaled(maps: Tensor, size: torch.Size) -> Tensor:
    """``(N, 1, h, w)`` -> ``(N, *size)``, each from 0 to 1."""
    return _spread(torch.nn.functional.interpolate(_spread(maps), size, mode="bilinear"))[:, 0]


def _spread(maps: Tensor) -> Tensor:
    """Each map less its minimum, over its maximum."""
    maps = maps - maps.amin((2, 3), keepdim=True)
    return maps / (1e-7 + maps.amax((2, 3), keepdim=True))


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
