"""Focal loss (Lin et al. 2017, the paper's reference 28) [2.5]."""

from __future__ import annotations

from torch import Tensor


def focal_loss(logits: Tensor, targets: Tensor, gamma: float, alpha: float) -> Tensor:
    """Mean of ``2 alpha_t (1 - p_t)^gamma (-ln p_t)`` over a batch: a scalar >= 0.

    logits ``(N,)``; targets ``(N,)`` float, 0 or 1. gamma >= 0 lessens the weight of easy slices. alpha in
    [0, 1] weighs the positive class, 1 - alpha the negative. The factor 2 makes alpha = 0.5 neutral, so that
    gamma = 0 and alpha = 0.5 give cross-entropy exactly.
    """
    from torchvision.ops import sigmoid_focal_loss  # here, for the reason given in model.build_model

    loss: Tensor = sigmoid_focal_loss(logits, targets, alpha=alpha, gamma=gamma, reduction="mean")
    return 2 * loss
