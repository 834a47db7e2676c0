"""The U-Net's layers, held against MONAI's, and its input."""

import pytest
import torch

from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.network import FEATURES, STRIDE, UNet, both_ways, folded, normalised


def test_it_is_monais_basic_unet():
    nets = pytest.importorskip("monai.networks.nets")
    torch.manual_seed(0)
    theirs = nets.BasicUNet(
        spatial_dims=2, in_channels=1, out_channels=len(BONES) + 2, features=FEATURES, norm="batch"
    ).eval()
    ours = UNet().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    image = torch.randn(2, 1, 4 * STRIDE, 3 * STRIDE)
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs(image))


def test_both_ways_it_takes_no_side():
    torch.manual_seed(0)
    network, image = UNet().eval(), torch.randn(1, 1, 2 * STRIDE, 3 * STRIDE)
    exchanged = [0, BONES.index("right ilium") + 1, BONES.index("left ilium") + 1, *range(3, len(BONES) + 2)]
    with torch.inference_mode():
        seen = both_ways(network, image)
        assert torch.allclose(both_ways(network, image.flip(-1)).flip(-1)[:, exchanged], seen, atol=1e-5)
        assert not torch.allclose(network(image), seen, atol=1e-3)


def test_folded_it_is_the_same_without_batch_normalisation():
    torch.manual_seed(0)
    network, image = UNet(), torch.randn(4, 1, 2 * STRIDE, 2 * STRIDE)
    network(image)  # so that its running means are not those it began with
    light = folded(network)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in light.modules())
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
    with torch.inference_mode():
        assert torch.allclose(light(image), network.eval()(image), atol=1e-4)


def test_its_input_does_not_depend_on_the_scale_of_the_grey_values():
    image = torch.rand(2, 1, 32, 32) * torch.tensor([1.0, 900.0]).reshape(2, 1, 1, 1)
    seen = normalised(image)
    assert torch.allclose(seen, normalised(7.5 * image), atol=1e-4)
    assert seen.mean((1, 2, 3)) == pytest.approx([0, 0], abs=1e-5)
    assert seen.std((1, 2, 3)) == pytest.approx([1, 1], abs=1e-4)


def test_a_constant_image_and_negative_values_give_numbers():
    assert normalised(torch.full((1, 1, 16, 16), -3.0)).isfinite().all()


def test_few_very_bright_pixels_do_not_darken_the_others():
    image = torch.rand(1, 1, 64, 64)
    bright = image.clone()
    bright[..., 3, :10] = 1e6  # less than half a percent of the pixels
    assert normalised(bright)[..., 30:, :] == pytest.approx(normalised(image)[..., 30:, :], abs=0.1)
