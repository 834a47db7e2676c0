"""From a network's logits to outlines on the slices' own pixels."""

import numpy as np
import pytest
import torch

from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.network import STRIDE
from sijstudy.segmentation.outline import BESIDE, _steadied, outline


class Bright(torch.nn.Module):
    """Calls what is bright the ilium of its side of the image, and edema everywhere."""

    def forward(self, images):
        assert images.shape[2] % STRIDE == 0
        assert images.shape[3] % STRIDE == 0
        logits = torch.zeros(len(images), len(BONES) + 2, *images.shape[2:])
        half = images.shape[3] // 2
        for number, columns in ((1, slice(half, None)), (2, slice(half))):  # the subject's left is on the right
            logits[:, number, :, columns] = 20 * (images[:, 0, :, columns] - 1)
        logits[:, -1] = 8.0
        return logits


def stack(shape=(2, 90, 110)):
    images = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    images[:, 30:60, 72:105] = 900
    return images


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.6, 0.6), (1.3, 0.8)])
def test_outlines_lie_on_the_slices_own_pixels(spacing):
    found = outline(stack(), spacing, Bright()).bone("left ilium")
    assert found.shape == (2, 90, 110)
    wrong = found != (stack() > 100)
    wrong[:, 28:62, 70:107] = False  # pixels at the border may go either way
    assert not wrong.any()
    assert found[:, 33:57, 75:102].all()


def test_edema_is_seen_in_ilium_and_sacrum_alone():
    found = outline(stack(), (1.0, 1.0), Bright())
    assert (found.edema[found.classes == 1] > 0.9).all()
    assert (found.edema[found.classes == 0] == 0).all()


def test_certainty_is_the_probability_of_the_class():
    found = outline(stack(), (1.0, 1.0), Bright())
    assert found.certainty[:, 40:50, 80:95].min() > 0.9
    assert found.certainty.max() <= 1


def test_only_the_largest_part_of_an_ilium_through_the_stack_is_kept():
    images = stack()
    images[0, 5:20, 90:105] = 900
    found = outline(images, (1.0, 1.0), Bright()).bone("left ilium")
    assert not found[0, :22, 85:].any()
    assert found[0, 40, 80]


def test_bones_can_be_asked_for_by_name():
    found = outline(stack(), (1.0, 1.0), Bright())
    assert found.bone("sacrum").sum() == 0
    assert (found.bone() == found.bone("left ilium", "right ilium")).all()


def lone_ilia():
    """The left ilium here on the first slice, there on the second: no pixel of one is of the other."""
    images = stack()
    images[1, 30:60, 72:105] = 0.5
    images[1, 5:25, 75:100] = 900
    return images


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("classes", "certainty", "edema"))


def test_neighbours_are_told_by_their_places_alone():
    images = np.concatenate([stack(), lone_ilia(), stack()])
    contiguous = outline(images, (1.0, 1.0), Bright())
    assert same(contiguous, outline(images, (1.0, 1.0), Bright(), range(6)))
    assert same(contiguous, outline(images, (1.0, 1.0), Bright(), (3, 4, 5, 6, 7, 8)))


def test_contiguous_slices_are_steadied_as_ever():
    likely = torch.rand((4, 6, 5, 7), generator=torch.Generator().manual_seed(0))
    steadied = _steadied(likely, np.arange(4))
    assert torch.equal(steadied[0], (1 - 2 * BESIDE) * likely[0] + BESIDE * (likely[0] + likely[1]))
    assert torch.equal(steadied[2], (1 - 2 * BESIDE) * likely[2] + BESIDE * (likely[1] + likely[3]))
    assert torch.equal(steadied[3], (1 - 2 * BESIDE) * likely[3] + BESIDE * (likely[2] + likely[3]))


def test_slices_apart_are_outlined_as_each_by_itself():
    images = lone_ilia()
    alone = [outline(images[at : at + 1], (1.0, 1.0), Bright()) for at in (0, 1)]
    apart = outline(images, (1.0, 1.0), Bright(), (0, 2))
    for at, one in enumerate(alone):
        assert one.bone("left ilium").any()
        assert (apart.classes[at] == one.classes[0]).all()
        assert (apart.edema[at] == one.edema[0]).all()
        assert (apart.certainty[at] == one.certainty[0]).all()
    assert not same(apart, outline(images, (1.0, 1.0), Bright(), (0, 1)))


def test_a_scrap_beyond_a_gap_is_no_ilium():
    images = stack()
    images[1, 30:60, 72:105] = 0.5
    images[1, 40:46, 80:86] = 900  # 36 square mm
    assert outline(images[1:], (1.0, 1.0), Bright()).bone("left ilium").any()
    assert not outline(images, (1.0, 1.0), Bright(), (0, 9)).bone("left ilium")[1].any()
