"""A run's network, and its scores of patches."""

from types import SimpleNamespace

import numpy as np
import torch
from toy_fits import CONFIG

from sijstudy.model import Inputs, build_model
from sijstudy.training.scoring import SCORED_AT_ONCE, load_model, predict


def test_the_network_of_a_run_is_the_one_that_was_trained():
    trained = build_model("resnet34", 5, "none", seed=3, inputs=Inputs(3))
    config = {"backbone": "resnet34", "hidden_units": 5, "context_slices": 3}
    run = SimpleNamespace(config=lambda: config, weights=trained.state_dict)
    loaded = load_model(run)
    assert not any(module.training for module in loaded.modules())
    assert loaded.state_dict().keys() == trained.state_dict().keys()
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_scores_are_sigmoids_of_the_network_as_it_is_tested():
    model, patches = build_model("resnet18", 4, "none", seed=0), torch.rand(SCORED_AT_ONCE + 3, 1, 32, 32)
    for training in (True, False):
        model.train(training)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        scores = predict(model, patches, CONFIG, torch.device("cpu"))
        assert model.training == training
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        with torch.inference_mode():
            logits = model.eval()(patches)
        assert scores.dtype == np.float64
        np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits.numpy())), atol=1e-5)
