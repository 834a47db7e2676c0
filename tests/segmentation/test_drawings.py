"""What the network learns from: drawings, and what is made of them anew each time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sijstudy.phantom.anatomy import Spine, draw_anatomy
from sijstudy.phantom.bones import bones_of, facets_distance, lumbar_distance
from sijstudy.phantom.fields import Grid
from sijstudy.phantom.plane import Plane
from sijstudy.segmentation.drawings import EDEMA, MARROW, SIZE, SLICES, draw
from sijstudy.segmentation.varied import CROP, _Draw, _moved, _sclerosis, varied


@pytest.fixture(scope="module")
def drawings():
    return draw(8, seed=3, workers=1, progress=False)


def test_the_same_seed_draws_the_same_whatever_the_workers(drawings):
    again = draw(8, seed=3, workers=2, progress=False)
    assert (again.images == drawings.images).all()
    assert (again.labels == drawings.labels).all()
    assert (draw(1, seed=4, workers=1, progress=False).images != drawings.images[:SLICES]).any()


def test_all_classes_and_edema_are_drawn(drawings):
    assert drawings.images.shape == drawings.labels.shape == (8 * SLICES, SIZE, SIZE)
    assert set(np.unique(drawings.labels & (EDEMA - 1))) == {0, 1, 2, 3, 4, 5}
    assert (drawings.labels >= EDEMA).any()


def test_edema_lies_in_ilium_or_sacrum_and_is_brighter_than_the_bone_around(drawings):
    edema, classes = drawings.labels >= EDEMA, drawings.labels & (EDEMA - 1)
    assert np.isin(classes[edema], (1, 2, 3, 5)).mean() > 0.97  # of the rest a canal took the class
    many = [k for k in range(len(edema)) if edema[k].sum() > 100]
    brighter = [
        drawings.images[k][edema[k]].mean() / np.median(drawings.images[k][(classes[k] > 0) & ~edema[k]]) for k in many
    ]
    assert min(brighter) > 1.05


def test_the_median_bone_has_the_value_marrow(drawings):
    bones = [image[label > 0] for image, label in zip(drawings.images, drawings.labels, strict=True)]
    medians = [np.median(bone) for bone in bones if bone.size > 50]
    assert np.median(medians) == pytest.approx(MARROW, abs=1)


def test_the_subjects_right_ilium_lies_on_the_left_of_the_image(drawings):
    for label in drawings.labels & (EDEMA - 1):
        left, right = (np.flatnonzero((label == number).any(axis=0)) for number in (1, 2))
        if left.size and right.size:
            assert right.mean() < left.mean()


def samples(drawings, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return varied(torch.from_numpy(drawings.images), torch.from_numpy(drawings.labels), chance)


def test_samples_are_drawn_anew_from_the_generator(drawings):
    first, again, other = samples(drawings), samples(drawings), samples(drawings, 1)
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert first.inputs.shape == (8 * SLICES, 1, CROP, CROP)
    assert first.inputs.isfinite().all()
    assert first.inputs.dtype == torch.float32


def test_slices_of_an_examination_lie_side_by_side():
    near = draw(1, seed=5, slices=3, apart=1.5, workers=1, progress=False).labels
    middle = draw(1, seed=5, slices=1, apart=1.5, workers=1, progress=False).labels
    assert (near[1] == middle[0]).all()  # through the middle of the body
    assert 0 < (near[0] != near[1]).mean() < 0.05 and 0 < (near[2] != near[1]).mean() < 0.05


def test_a_mirrored_sample_keeps_the_subjects_sides(drawings):
    for classes in samples(drawings).classes:
        left, right = ((classes == number).any(dim=0).nonzero().flatten().float() for number in (1, 2))
        if len(left) and len(right):
            assert right.mean() < left.mean()


def test_labels_move_with_the_image(drawings):
    labels = torch.from_numpy(drawings.labels)
    as_image = (labels > 0).float()[:, None]
    image, classes, edema = _moved(as_image, labels, _Draw(torch.Generator().manual_seed(2), len(labels)))
    assert ((image[:, 0] > 0.5) == ((classes > 0) | edema)).float().mean() > 0.995


def test_bones_keep_no_fixed_contrast_to_what_surrounds_them(drawings):
    shares = []
    for seed in range(3):
        made = samples(drawings, seed)
        for one, classes in zip(made.inputs[:, 0], made.classes, strict=True):
            if 200 < (classes > 0).sum() < classes.numel() - 200:
                shares.append(float(one[classes > 0].median() - one[classes == 0].median()))
    assert min(shares) < -0.2
    assert max(shares) > 0.5


GRID = Grid(SIZE, float(SIZE))


def slice_of(spine, w):
    body = draw_anatomy(np.random.default_rng(3))
    pose = replace(body.pose, yaw=0.0, pitch=0.0)
    return Plane(replace(body, spine=spine, pose=pose), GRID, w * pose.size + pose.shift[2])


def area(distance):
    return int((distance < 0).sum())


def test_sacrum_and_ilia_end_where_the_spine_says():
    spine = Spine(start=(-36.0, -2.0), sacrum=10.0, ilium=30.0, arch=1.0)
    before, behind, last = (bones_of(slice_of(spine, w)) for w in (5.0, 20.0, 52.0))
    assert area(before.sacrum) > 20 * area(behind.sacrum)
    assert min(map(area, behind.ilium)) > 500
    assert max(map(area, last.ilium)) == 0
    endless = bones_of(slice_of(Spine(), 52.0))
    assert min(map(area, endless.ilium)) > 500


def test_arches_stand_behind_the_vertebrae_as_large_as_asked():
    small, large = (Spine(start=(-36.0, -2.0), sacrum=10.0, ilium=30.0, arch=size) for size in (0.8, 1.3))
    assert area(facets_distance(slice_of(Spine(), 45.0))[0]) == 0
    assert 0 < area(facets_distance(slice_of(small, 45.0))[0]) < area(facets_distance(slice_of(large, 45.0))[0])


def test_the_spine_starts_where_it_says():
    usual, forward = (
        Spine(start=start, sacrum=10.0, ilium=30.0, arch=1.0) for start in ((-36.0, -2.0), (-26.0, -20.0))
    )
    assert area(lumbar_distance(slice_of(usual, -26.0))) == 0
    assert area(lumbar_distance(slice_of(forward, -26.0))) > 0
    assert area(bones_of(slice_of(forward, -32.0)).sacrum) > area(bones_of(slice_of(Spine(), -32.0)).sacrum)


def test_sclerosis_darkens_bone_without_edema_in_some_samples():
    classes = torch.ones(200, CROP, CROP, dtype=torch.long)
    classes[:, :, CROP // 2 :] = 0
    edema = torch.zeros_like(classes, dtype=torch.bool)
    edema[:, : CROP // 2] = True
    factor = _sclerosis(classes, edema, _Draw(torch.Generator().manual_seed(5), 200))[:, 0]
    assert factor.min() < 0.5
    assert factor.max() <= 1
    bone = factor[:, CROP // 2 + 2 :, : CROP // 2 - 2]
    assert 0.2 < (bone.flatten(1).min(1).values < 0.95).float().mean() < 0.4
    assert (factor[:, : CROP // 2 - 1] == 1).all()
    assert (factor[:, :, CROP // 2 + 1 :] == 1).all()
