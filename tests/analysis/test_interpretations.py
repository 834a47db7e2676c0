"""Notebook 02's drawings of what the paper's wording can mean."""

from sijstudy.analysis import interpretations


def test_interpretations_cover_every_choice(sample_work):
    item = sample_work.examples(positive=1, negative=0)[0]
    assert item.label == 1
    drawn = interpretations.roi_interpretations(item, sample_work.config)
    assert list(drawn) == ["centre_inward", "beyond_edge", "shifted_box"]
    assert len({patch.tobytes() for _, patch in drawn.values()}) == 3
    noisy = interpretations.noise_interpretations(drawn["centre_inward"][1], sample_work.config)
    assert len(noisy) == 4
    assert len({patch.tobytes() for patch in noisy.values()}) == 4
