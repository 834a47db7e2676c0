"""The ResNet that is written out, against torchvision's with the same weights."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM

from sijstudy.gradcam import cam_maps
from sijstudy.model import build_model
from sijstudy.training.plain_resnet import BLOCKS, PlainResNet
from sijstudy.training.scoring import load_model


@pytest.mark.parametrize("backbone", BLOCKS)
def test_the_layers_are_torchvisions(backbone):
    wanted = build_model(backbone, 8, "none", seed=3).eval().resnet
    found = PlainResNet(backbone, 1, 8).eval()
    found.load_state_dict(wanted.state_dict())
    assert [name for name, _ in found.named_children()] == [name for name, _ in wanted.named_children()]
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(found(images), wanted(images))


def test_a_finished_run_is_loaded_as_ever(finished_work):
    run = finished_work[1]["roi"][1]
    asked = run.config()
    wanted, found = build_model(asked["backbone"], asked["hidden_units"], "none", 0).eval(), load_model(run)
    wanted.load_state_dict(run.weights())
    patches = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    assert not found.training and found.inputs == wanted.inputs
    with torch.inference_mode():
        torch.testing.assert_close(found(patches), wanted(patches))
        torch.testing.assert_close(found.features(patches), wanted.features(patches))
    np.testing.assert_allclose(cam_maps(found, patches), cam_maps(wanted, patches), atol=1e-5)


def test_it_does_not_wait_for_torchs_compiler():
    code = "import sys, sijstudy.training.scoring, sijstudy.gradcam; print('torchvision' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


class Logit:
    def __call__(self, output):
        return output


@pytest.mark.parametrize("size", [(96, 96), (64, 160)])
def test_maps_are_those_of_the_package_grad_cam(size):
    model = build_model("resnet18", 16, "none", seed=5).eval()
    patches = torch.rand(3, 1, *size, generator=torch.Generator().manual_seed(1)) * 255
    with GradCAM(model=model, target_layers=[model.last_convolution]) as cam:
        wanted = cam(input_tensor=patches, targets=[Logit()] * 3)
    np.testing.assert_allclose(cam_maps(model, patches), wanted, atol=1e-4)
