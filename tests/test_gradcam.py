"""Grad-CAM against a computation by hand, and its two measures against cases with a known answer."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from sijstudy.gradcam import cam_maps, energy_in, grow, peak_in
from sijstudy.model import build_model


def by_hand(model, patch):
    """ReLU(sum_k mean(dy/dA_k) A_k) of the last block, resized (Selvaraju et al. 2017, eq. 1 and 2)."""
    kept = {}
    hook = model.resnet.layer4[1].register_forward_hook(lambda module, inputs, output: kept.update(a=output))
    logit = model(patch)
    hook.remove()
    gradient = torch.autograd.grad(logit.sum(), kept["a"])[0]
    raw = (gradient.mean(dim=(2, 3), keepdim=True) * kept["a"]).sum(dim=1, keepdim=True).relu()
    return torch.nn.functional.interpolate(raw, patch.shape[-2:], mode="bilinear")[0, 0].detach().numpy()


def test_map_equals_the_hand_computation():
    model = build_model("resnet18", 16, "none", seed=5).eval()
    patch = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(1)) * 255
    wanted, found = by_hand(model, patch), cam_maps(model, patch)[0]
    assert found.max() > 0.99
    assert found.min() >= 0
    # The library scales the coarse map before resizing it, so maps agree up to the scale.
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(("backbone", "name", "channels"), [("resnet18", "1", 512), ("resnet50", "2", 2048)])
def test_the_map_is_made_of_the_last_block_before_the_average(backbone, name, channels):
    model, shapes = build_model(backbone, 16, "none", seed=0).eval(), []
    assert model.last_convolution is model.get_submodule(f"resnet.layer4.{name}")
    assert model.last_convolution is list(model.resnet.layer4)[-1]
    model.last_convolution.register_forward_hook(lambda module, inputs, output: shapes.append(output.shape))
    model.resnet.avgpool.register_forward_hook(lambda module, inputs, output: shapes.append(inputs[0].shape))
    model(torch.rand(1, 1, 64, 96))
    assert shapes == [(1, channels, 2, 3)] * 2


def test_hooks_are_released_and_mode_is_kept():
    model = build_model("resnet18", 16, "none", seed=0).train()
    model.resnet.conv1.requires_grad_(False)
    cam_maps(model, torch.rand(2, 1, 64, 64))
    assert model.training
    assert [name for name, one in model.named_parameters() if not one.requires_grad] == ["resnet.conv1.weight"]
    assert not model.last_convolution._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_loads_the_package_without_what_it_never_calls_and_leaves_no_stand_in():
    code = """
import sys, torch
from sijstudy.gradcam import cam_maps
from sijstudy.training.plain_resnet import PlainResNet
from sijstudy.model import EdemaNet
cam_maps(EdemaNet(PlainResNet("resnet18", 1, 8)), torch.rand(1, 1, 32, 32))
print([name for name in ("torchvision", "sklearn", "torch._dynamo", "pytorch_grad_cam") if name in sys.modules])
import pytorch_grad_cam
print(pytorch_grad_cam.EigenCAM.__name__, pytorch_grad_cam.utils.image.Compose.__module__)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["[]", "EigenCAM torchvision.transforms.transforms"]


def test_a_network_in_training_is_explained_as_it_would_score():
    model, patches = build_model("resnet18", 16, "none", seed=0).train(), torch.rand(3, 1, 64, 64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    maps = cam_maps(model, patches)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    np.testing.assert_allclose(maps, cam_maps(model.eval(), patches), atol=1e-5)


def test_pointing_game_and_energy():
    cam, mask = np.zeros((8, 8), np.float32), np.zeros((8, 8), bool)
    mask[2:4, 2:4] = True
    assert not peak_in(cam, mask)
    assert energy_in(cam, mask) == 0
    cam[2, 3], cam[6, 6] = 1.0, 0.5
    assert peak_in(cam, mask)
    assert energy_in(cam, mask) == np.float32(1 / 1.5)
    cam[6, 6] = 2.0
    assert not peak_in(cam, mask)


def test_the_peak_of_a_plateau_is_its_middle():
    """A plateau of 3 x 7 pixels in the rows 1 to 3 and the columns 2 to 8: its middle is row 2, column 5."""
    cam = np.zeros((10, 10), np.float32)
    cam[1:4, 2:9] = 0.7
    cam[8, 1] = 0.6
    for row, column in np.ndindex(cam.shape):
        mask = np.zeros(cam.shape, bool)
        mask[row, column] = True
        assert peak_in(cam, mask) == ((row, column) == (2, 5))


def test_grow_widens_by_whole_pixels():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert grow(mask, 2).sum() == 25
    assert grow(mask, 0).sum() == 1
