"""Noise: every interpretation of the rate, exact Poisson counts, draws that depend on their generator alone."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr

from sijstudy.config import StudyConfig
from sijstudy.noise import LEAST_RATE, STEPS, add_noise, low_counts, poisson_counts, poisson_rate, quantile


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


INTERPRETATIONS = ["power_of_log10", "power_of_log", "log_of_power"]


def test_rates_of_every_interpretation_by_hand():
    pixels = torch.tensor([0.0, 1.0, float(np.e), 100.0, 255.0])
    assert torch.allclose(
        poisson_rate(pixels, "power_of_log10"),
        torch.tensor([0, 0, np.log10(np.e) ** 4, 16, np.log10(255) ** 4]).float(),
    )
    assert torch.allclose(
        poisson_rate(pixels, "power_of_log"), torch.tensor([0, 0, 1, np.log(100) ** 4, np.log(255) ** 4]).float()
    )
    assert torch.allclose(
        poisson_rate(pixels, "log_of_power"), torch.tensor([0, 0, 4, np.log(100.0**4), np.log(255.0**4)]).float()
    )
    with pytest.raises(ValueError, match="power_of_log10, power_of_log or log_of_power"):
        poisson_rate(pixels, "other")


def test_the_parameter_offers_every_interpretation():
    assert StudyConfig().noise_poisson == "power_of_log10"
    for name in INTERPRETATIONS:
        poisson_rate(torch.ones(1), StudyConfig(noise_poisson=name).noise_poisson)


@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
@pytest.mark.parametrize("pixel", [5.0, 80.0, 250.0])
def test_mean_and_variance_are_those_of_the_sum(interpretation, pixel):
    patches = torch.full((4, 1, 200, 200), pixel)
    noise = add_noise(patches, gaussian_variance=0.3, poisson=interpretation, generator=generator()) - patches
    rate = float(poisson_rate(torch.tensor([pixel]), interpretation))
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


@pytest.mark.parametrize(("low", "high"), [(LEAST_RATE, 45), (45, 200), (200, 950), (950, 20_000)])
@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_each_count_is_the_exact_quantile_of_its_normal_draw(low, high, spread):
    rates = torch.rand(100_000, generator=generator(1)) * (high - low) + low
    normal = (torch.randn(rates.shape, generator=generator(2)) * spread).clamp(-5.8, 5.8)  # as far as randn goes
    expected = stats.poisson.ppf(ndtr(normal.double().numpy()), rates.double().numpy())
    assert np.array_equal(quantile(rates, normal).numpy(), expected)


@pytest.mark.parametrize("rate", [0.03, 0.3, 4.04, 10.0, LEAST_RATE - 0.1, LEAST_RATE, 60.5, 333.3, 900.0])
def test_counts_have_the_poisson_distribution(rate):
    """Chi-square over 40 classes of nearly equal probability, of pixels among which all others have high rates."""
    rates = torch.full((2, 1, 500, 500), 500.0)
    rates[:, :, :, ::3] = rate
    counts = poisson_counts(rates, generator(3))[:, :, :, ::3].double().numpy().ravel()
    edges = np.unique(stats.poisson.ppf(np.linspace(0.001, 0.999, 40), rate))
    chances = np.diff(stats.poisson.cdf(edges, rate), prepend=0, append=1)
    found = np.bincount(np.searchsorted(edges, counts), minlength=len(chances))
    assert stats.chisquare(found, chances * counts.size).pvalue > 0.001
    assert counts.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate / counts.size))
    assert counts.var() == pytest.approx(rate, abs=4 * np.sqrt((2 * rate**2 + rate) / counts.size))


@pytest.mark.parametrize("shift", [0.0, 0.03])
def test_many_low_rates_at_once_have_the_poisson_distribution(shift):
    """Each rate by itself: chi-square of its counts; of the p-values of all rates, the least is as of so many."""
    rates = torch.arange(0.4, LEAST_RATE - 0.5, 0.75) + shift
    counts = low_counts(rates.repeat(40_000, 1), generator(6)).numpy()
    chances = []
    for rate, own in zip(rates.double().tolist(), counts.T, strict=True):
        edges = np.unique(stats.poisson.ppf(np.linspace(0.005, 0.995, 12), rate))
        expected = np.diff(stats.poisson.cdf(edges, rate), prepend=0, append=1) * len(own)
        found = np.bincount(np.searchsorted(edges, own), minlength=len(expected))
        chances.append(stats.chisquare(found, expected).pvalue)
    assert min(chances) > 0.01 / len(chances)
    assert stats.kstest(chances, "uniform").pvalue > 0.001


def test_tails_of_low_rates_are_there():
    for rate, limit in ((20 / STEPS, 7), (20.03, 37)):
        counts = low_counts(torch.full((2_000_000,), rate), generator(7)).numpy()
        expected = stats.poisson.sf(limit, rate) * counts.size
        assert (counts > limit).sum() == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_no_rate_gives_no_count():
    assert poisson_counts(torch.empty(0, 1, 8, 8), generator()).shape == (0, 1, 8, 8)


def test_rate_zero_gives_zero_among_high_and_among_low_rates():
    for other in (1.0, 500.0):
        rates = torch.full((50, 50), other)
        rates[10:20] = 0
        assert (poisson_counts(rates, generator())[10:20] == 0).all()


@pytest.mark.parametrize("rate", [14.5, 400.0])
def test_neighbours_are_independent(rate):
    counts = poisson_counts(torch.full((300, 300), rate), generator(4)).numpy()
    for one, other in ((counts[1:], counts[:-1]), (counts[:, 1:], counts[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.015


@pytest.mark.parametrize("scale", [5.0, 40.0, 900.0])
def test_generator_decides_counts_and_neither_layout_nor_the_global_state_matters(scale):
    rates, before = torch.rand(3, 1, 20, 24, generator=generator(5)) * scale, torch.get_rng_state()
    kept = rates.clone()
    first = poisson_counts(rates, generator(1))
    assert first.shape == rates.shape
    assert first.dtype == torch.float32
    assert torch.equal(first, poisson_counts(rates, generator(1)))
    assert torch.equal(first, poisson_counts(rates.transpose(2, 3).contiguous().transpose(2, 3), generator(1)))
    assert not torch.equal(first, poisson_counts(rates, generator(2)))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(rates, kept)
