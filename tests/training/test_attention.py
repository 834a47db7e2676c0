"""Attention over a subject's slices: it finds the telling slice, and learns from training subjects alone."""

import numpy as np
import pytest
import torch

from sijstudy.training.attention import GatedAttention, fit_attention
from sijstudy.training.inputs import seeded


def bags(count, seed, features=6):
    """Every second subject has one slice out of 5 to 20 that differs in one feature; where it stands varies."""
    rng = np.random.default_rng(seed)
    made, truth, places = [], [], []
    for k in range(count):
        bag = rng.normal(0, 1, (int(rng.integers(5, 21)), features)).astype(np.float32)
        place = int(rng.integers(len(bag)))
        bag[place, 2] += 6 * (k % 2)
        made.append(torch.from_numpy(bag))
        truth.append(float(k % 2))
        places.append(place)
    return made, truth, places


def test_weights_sum_to_one_and_order_does_not_matter():
    head, bag = GatedAttention(6).eval(), bags(1, 0)[0][0]
    logit, weights = head(bag)
    assert weights.sum().item() == pytest.approx(1, abs=1e-6) and (weights > 0).all()
    turned, flipped = head(bag.flip(0))
    torch.testing.assert_close(turned, logit)
    torch.testing.assert_close(flipped.flip(0), weights)


def test_attention_finds_the_one_slice_that_tells():
    """A mean of the slices would hide one in twenty; attention decides rightly and looks at it."""
    made, truth, _ = bags(40, 1)
    head = fit_attention(made, truth, seeded(1))
    others, wanted, places = bags(60, 2)
    with torch.inference_mode():
        found = [head(bag) for bag in others]
    decided = np.array([logit.item() > 0 for logit, _ in found])
    assert (decided == np.array(wanted, bool)).mean() > 0.9
    looked = [
        weights.argmax().item() == place for (_, weights), place, one in zip(found, places, wanted, strict=True) if one
    ]
    assert np.mean(looked) > 0.9


def test_the_same_seed_learns_the_same_and_leaves_torch_alone(monkeypatch):
    monkeypatch.setattr("sijstudy.training.attention.EPOCHS", 3)
    made, truth, _ = bags(10, 3)
    torch.manual_seed(4)
    before = torch.get_rng_state()
    one, again, other = (fit_attention(made, truth, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.decide.weight, other.decide.weight)
