"""Notebook 02's drawings of what the paper's wording can mean."""

import numpy as np
import pytest

from sijstudy.analysis import interpretations
from sijstudy.config import StudyConfig


def test_interpretations_cover_every_choice(sample_work):
    item = sample_work.examples(positive=1, negative=0)[0]
    assert item.label == 1
    drawn = interpretations.roi_interpretations(item, sample_work.config)
    assert list(drawn) == ["centre_inward", "beyond_edge", "shifted_box"]
    assert len({patch.tobytes() for _, patch in drawn.values()}) == 3
    noisy = interpretations.noise_interpretations(drawn["centre_inward"][1], sample_work.config)
    assert len(noisy) == 5
    assert len({patch.tobytes() for patch in noisy.values()}) == 5
    assert list(interpretations.noise_shares(np.ones((1, 1, 8, 8)), sample_work.config).index) == list(noisy)[1:]


def test_the_shares_of_the_noise_are_those_of_a_patch_counted_by_hand():
    """Half of it grey 100, half white: by the bases' powers, and by what of white grows beyond it."""
    patches = np.full((2, 1, 60, 50), 100.0)
    patches[:, :, :, :25] = 255.0
    shares = interpretations.noise_shares(patches, StudyConfig(weights="none", noise_gaussian_variance=0.0))
    rates = [(16 + np.log10(255) ** 4) / 2, (np.log(100) ** 4 + np.log(255) ** 4) / 2, 2 * np.log(25500), 0]
    assert shares["mean rate"].to_numpy() == pytest.approx(rates, rel=1e-5)
    assert shares["of the summed intensity (%)"].to_numpy() == pytest.approx(
        [100 * rate / (rate + 177.5) for rate in rates], rel=1e-5
    )
    assert shares["pixels above 255 (%)"].to_numpy() == pytest.approx([50, 100, 50, 0], abs=0.1)
