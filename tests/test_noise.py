"""Noise: the formulae of both readings, and draws that depend on their generator alone."""

import numpy as np
import pytest
import torch

from sijstudy.noise import add_noise, poisson_rate, to_8bit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_rates_of_both_readings_by_hand():
    pixels = torch.tensor([0.0, 1.0, float(np.e), 100.0, 255.0])
    assert torch.allclose(
        poisson_rate(pixels, "power_of_log"), torch.tensor([0, 0, 1, np.log(100) ** 4, np.log(255) ** 4]).float()
    )
    assert torch.allclose(
        poisson_rate(pixels, "log_of_power"), torch.tensor([0, 0, 4, np.log(100.0**4), np.log(255.0**4)]).float()
    )
    with pytest.raises(ValueError, match="power_of_log or log_of_power"):
        poisson_rate(pixels, "other")


@pytest.mark.parametrize("reading", ["power_of_log", "log_of_power"])
@pytest.mark.parametrize("pixel", [5.0, 80.0, 250.0])
def test_mean_and_variance_are_those_of_the_sum(reading, pixel):
    patches = torch.full((4, 1, 200, 200), pixel)
    noise = add_noise(patches, gaussian_variance=0.3, poisson=reading, generator=generator()) - patches
    rate = float(poisson_rate(torch.tensor([pixel]), reading))
    n = noise.numel()
    assert float(noise.double().mean()) == pytest.approx(rate, abs=5 * np.sqrt((rate + 0.3) / n))
    assert float(noise.double().var()) == pytest.approx(rate + 0.3, rel=0.03)


def test_gaussian_alone():
    patches = torch.full((4, 1, 200, 200), 9.0)
    noise = add_noise(patches, gaussian_variance=0.3, poisson="none", generator=generator()) - patches
    assert abs(float(noise.mean())) < 0.01
    assert float(noise.var()) == pytest.approx(0.3, rel=0.02)
    assert torch.equal(add_noise(patches, gaussian_variance=0.0, poisson="none", generator=generator()), patches)


def test_generator_decides_and_the_global_state_is_untouched():
    patches, before = torch.rand(2, 1, 16, 16) * 255, torch.get_rng_state()
    options = {"gaussian_variance": 0.3, "poisson": "power_of_log"}
    first = add_noise(patches, **options, generator=generator(1))
    assert torch.equal(first, add_noise(patches, **options, generator=generator(1)))
    assert not torch.equal(first, add_noise(patches, **options, generator=generator(2)))
    assert torch.equal(before, torch.get_rng_state())


def test_8bit_scale_clips_its_percentiles_and_ignores_gain_and_offset():
    image = np.random.default_rng(0).gamma(2, 100, (80, 80)).astype(np.float32)
    scaled = to_8bit(image)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (0, 255)
    np.testing.assert_allclose(to_8bit(3 * image + 40), scaled, atol=0.01)
    assert np.mean(scaled == 255) == pytest.approx(0.005, abs=0.001)
    assert (to_8bit(np.full((8, 8), 5.0)) == 0).all()
