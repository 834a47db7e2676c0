"""What grey values alone tell of a patch: numbers by hand, and images that no pelvis makes."""

import numpy as np
import pytest
from scipy import ndimage

from sijstudy.training.feature_reference import _fitted
from sijstudy.training.patch_statistics import LEAST, PERCENTILES, PLACES, patch_statistics

SIZE = 48


def patches(number, seed):
    """Patches of one kind, each a little different: bright on the left, a blob in the middle, fine grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    made = []
    for _ in range(number):
        slope, blob, level = rng.normal([60, 70, 110], 8)
        middle = rng.normal(0.5, 0.04, 2)
        image = level - slope * x + blob * np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / 0.02)
        image += 10 * ndimage.gaussian_filter(rng.normal(size=x.shape), 2) / 0.14 + 5 * rng.normal(size=x.shape)
        made.append(np.clip(image, 0, 255))
    return np.array(made, np.float32)


@pytest.fixture(scope="module")
def reference():
    return _fitted(patch_statistics(patches(600, 1)), patch_statistics(patches(400, 2)), LEAST)


def test_patches_of_the_same_kind_are_like_them(reference):
    beyond = reference.percentiles(patch_statistics(patches(400, 3))) > 99
    assert beyond.mean() < 0.03


@pytest.mark.parametrize(
    "change",
    [
        lambda own: 255 - own,
        lambda own: np.rot90(own, axes=(1, 2)),
        lambda own: own[:, ::-1, ::-1],
        lambda own: np.clip(own, 0, 90) * 255 / 90,
        lambda own: np.clip(127 + 50 * np.random.default_rng(0).normal(size=own.shape), 0, 255),
        lambda own: ndimage.gaussian_filter(own, (0, 3, 3)),
        lambda own: np.full_like(own, 128),
        lambda own: np.where(np.arange(SIZE) < SIZE // 2, own, 0),
    ],
    ids=["inverted", "turned", "upside down", "saturated", "noise", "blurred", "one grey", "one half"],
)
def test_images_of_no_pelvis_are_unlike(reference, change):
    other = np.ascontiguousarray(change(patches(40, 4)))
    assert (reference.percentiles(patch_statistics(other)) > 99).mean() > 0.9


def test_the_numbers_by_hand():
    own = patches(5, 5)
    found = patch_statistics(own)
    assert found.shape == (5, len(PERCENTILES) + 4 + 2 + PLACES**2)
    np.testing.assert_allclose(found[:, :7], np.percentile(own, PERCENTILES, axis=(1, 2)).T, rtol=1e-4)
    parts = own.reshape(5, PLACES, SIZE // PLACES, PLACES, SIZE // PLACES).mean(axis=(2, 4))
    np.testing.assert_allclose(found[:, -(PLACES**2) :], parts.reshape(5, -1), rtol=1e-4)


def test_kinds_of_detail_add_up_to_the_variance():
    own = patches(5, 6)
    detail = np.expm1(patch_statistics(own)[:, 7:11] / 100)
    coarse = own.reshape(5, 6, 8, 6, 8).mean(axis=(2, 4)).reshape(5, -1)
    np.testing.assert_allclose(detail[:, 3], coarse.std(axis=1, ddof=1), rtol=1e-3)
    total = (detail[:, :3] ** 2).sum(axis=1) + coarse.var(axis=1)
    np.testing.assert_allclose(total, own.var(axis=(1, 2)), rtol=1e-3)


def test_shares_at_the_ends_of_the_scale():
    own = np.full((1, SIZE, SIZE), 100, np.float32)
    own[0, :12], own[0, 12:18] = 0, 255
    assert patch_statistics(own)[0, 11:13] == pytest.approx([100 * np.log(0.26), 100 * np.log(0.135)], rel=1e-4)


def test_what_never_varies_among_training_patches_is_no_infinite_distance(reference):
    """As a corner that padding keeps black: a grey level there is a grey level."""
    known = np.array([[0.0, 1.0], [0.0, 9.0], [0.0, 5.0]])
    fitted = _fitted(known, known, LEAST)
    assert fitted.distances(np.array([[1.0, 5.0]]))[0] < 10
