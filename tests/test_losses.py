"""Focal loss against cross-entropy, its formula, and extreme logits."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from sijstudy.losses import focal_loss

LOGITS = torch.linspace(-6, 6, 25)
TARGETS = torch.arange(25) % 2.0


def test_without_focus_and_balance_it_is_cross_entropy():
    assert torch.allclose(focal_loss(LOGITS, TARGETS, 0.0, 0.5), binary_cross_entropy_with_logits(LOGITS, TARGETS))


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.5), (2.0, 0.25), (0.5, 0.9)])
def test_formula_by_hand(gamma, alpha):
    p = LOGITS.double().sigmoid()
    p_t = torch.where(TARGETS == 1, p, 1 - p)
    alpha_t = torch.where(TARGETS == 1, alpha, 1 - alpha)
    wanted = (2 * alpha_t * (1 - p_t) ** gamma * -p_t.log()).mean()
    assert float(focal_loss(LOGITS, TARGETS, gamma, alpha)) == pytest.approx(float(wanted), rel=1e-5)


def test_easy_slices_weigh_less():
    easy, hard = torch.tensor([4.0]), torch.tensor([-1.0])
    one = torch.ones(1)
    ratio = focal_loss(easy, one, 2.0, 0.5) / focal_loss(hard, one, 2.0, 0.5)
    plain = focal_loss(easy, one, 0.0, 0.5) / focal_loss(hard, one, 0.0, 0.5)
    assert ratio < plain / 100


def test_extreme_logits_have_finite_loss_and_gradient():
    logits = torch.tensor([-200.0, 200.0, 0.0], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([1.0, 0.0, 1.0]), 2.0, 0.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
