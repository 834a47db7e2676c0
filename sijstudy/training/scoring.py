"""A trained network -> scores of slices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sijstudy.errors import StudyError
from sijstudy.fresh_torch import fresh_torch
from sijstudy.model import EdemaNet, inputs_of
from sijstudy.training.device import autocast
from sijstudy.training.plain_resnet import PlainResNet
from sijstudy.training.store import FitRun

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


SCORED_AT_ONCE = 64  # patches of one forward pass


@fresh_torch()
def load_model(run: FitRun) -> EdemaNet:
    """The trained network of a finished run, in evaluation mode, on the CPU.

    KeyError or RuntimeError where weights and config.json do not fit together.
    """
    asked = run.config()
    inputs = inputs_of(asked)
    with torch.device("meta"):  # no memory and no random numbers for weights that are there already
        model = EdemaNet(PlainResNet(asked["backbone"], inputs.channels, asked["hidden_units"]), inputs)
    model.load_state_dict(run.weights(), assign=True)
    return model.to(memory_format=torch.channels_last).eval()


def predict(model: EdemaNet, patches: Tensor, config: StudyConfig, device: torch.device) -> np.ndarray[Any, Any]:
    """Slice scores ``(N,)`` float64 in [0, 1] of noisy patches; the model is left in the mode it came in.

    config: what the patches were made with. StudyError where the network learned from others.
    """
    given = inputs_of(config.subset("context_slices", "bone_channel", "intensity"))
    if model.inputs != given:
        raise StudyError(
            f"the network learned from {model.inputs.words}, and is given {given.words}; score with the parameters "
            "context_slices, bone_channel and intensity that it was trained with, or train it again"
        )
    return scores_of(model, patches.split(SCORED_AT_ONCE), config, device)


@fresh_torch()
@torch.inference_mode()
def scores_of(
    model: EdemaNet, parts: Iterable[Tensor], config: StudyConfig, device: torch.device
) -> np.ndarray[Any, Any]:
    """``predict`` on patches that come in parts, so that memory holds one of them."""
    training = model.training
    model.eval()
    with autocast(config, device):
        scores = [model(part.to(device)).float().sigmoid().cpu() for part in parts]
    model.train(training)
    result: np.ndarray[Any, Any] = torch.cat(scores).double().numpy()
    return result
