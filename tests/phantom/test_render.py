"""What a rendered slice must hold: bones on their sides, edema in bone at the joint, one body for both classes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from sijstudy.phantom.bones import bones_of
from sijstudy.phantom.difficulty import EDEMA_GAIN, EDEMA_MAX_BRIGHTENING, EDEMA_MIN_AREA_MM2, EDEMA_MIN_CONTRAST
from sijstudy.phantom.fields import Grid
from sijstudy.phantom.lesions import Edema, clearly_observed, draw_foci, edema_of
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import DIFFUSE, PATCH, SLIVER, SPECK, draw_protocol
from sijstudy.phantom.render import Body, Rendered, draw_body, render_slice

GRID = Grid(160)
PLANES = (-26.4, -13.2, 0.0, 13.2, 26.4)
RUN = [(PLANES[0], PLANES[-1])]
SUBJECTS = range(6)


def noise() -> np.random.Generator:
    return np.random.default_rng(99)


def render(body: Body, z: float) -> Rendered:
    return render_slice(body, GRID, z, noise())


@pytest.fixture(scope="module")
def ill() -> list[list[Rendered]]:
    return [[render(draw_body((5, n), RUN), z) for z in PLANES] for n in SUBJECTS]


def test_both_ilia_and_the_sacrum_are_on_every_used_slice(ill: list[list[Rendered]]) -> None:
    for rendered in (slice_ for subject in ill for slice_ in subject):
        left, right, sacrum, _ = np.moveaxis(rendered.masks, -1, 0)
        assert min(left.sum(), right.sum()) * GRID.pixel**2 > 400 and sacrum.any()
        assert np.nonzero(right)[1].mean() < GRID.size / 2 < np.nonzero(left)[1].mean()
        assert not (left & sacrum).any() and not (right & sacrum).any()


def test_all_but_the_edema_is_the_same_in_ill_and_healthy(ill: list[list[Rendered]]) -> None:
    for subject, slices in zip(SUBJECTS, ill, strict=True):
        healthy = render(draw_body((5, subject), []), PLANES[2])
        sick = slices[2]
        assert not healthy.masks[..., 3].any() and healthy.area == healthy.contrast == 0
        assert (healthy.masks[..., :3] == sick.masks[..., :3]).all()
        far = distance_transform_edt(~sick.masks[..., 3]) * GRID.pixel > 25
        assert (healthy.pixels[far] == sick.pixels[far]).mean() > 0.9
        lesion = sick.masks[..., 3]
        assert sick.pixels[lesion].mean() > 1.2 * healthy.pixels[lesion].mean()


def test_edema_lies_in_bone_mostly_near_the_joint_and_is_clearly_visible(ill: list[list[Rendered]]) -> None:
    near = []
    for rendered in (slice_ for subject in ill for slice_ in subject):
        left, right, sacrum, edema = np.moveaxis(rendered.masks, -1, 0)
        ilia = left | right
        assert edema.sum() * GRID.pixel**2 >= 0.95 * EDEMA_MIN_AREA_MM2
        assert rendered.contrast > 0.6 * EDEMA_GAIN[0]
        assert (edema & (ilia | sacrum)).sum() > 0.95 * edema.sum()
        to_joint = np.where(ilia, distance_transform_edt(~sacrum), distance_transform_edt(~ilia)) * GRID.pixel
        near.append(np.median(to_joint[edema]) < 25 and to_joint[edema].min() < 12)  # the ligament's space included
    assert np.mean(near) > 0.85  # others show a focus of the wing or the midline alone


def test_edema_goes_on_through_neighbouring_slices() -> None:
    body = draw_body((5, 1), RUN)
    masks = [render(body, z).masks[..., 3] for z in np.arange(-8.8, 9, 2.2)]
    shared = [(a & b).sum() / min(a.sum(), b.sum()) for a, b in pairwise(masks)]
    assert np.median(shared) > 0.5


def test_subjects_differ_and_pixels_are_12_bit(ill: list[list[Rendered]]) -> None:
    first, second = ill[0][2].pixels, ill[1][2].pixels
    assert first.dtype == np.uint16 and first.max() < 4096
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.9


def test_the_matrix_size_changes_the_sampling_not_the_body() -> None:
    body = draw_body((5, 0), RUN)
    fine = render_slice(body, Grid(320), 0.0, noise()).masks
    coarse = render_slice(body, Grid(160), 0.0, noise()).masks
    again = fine.reshape(160, 2, 160, 2, 4).mean(axis=(1, 3)) > 0.5
    for k, kept in enumerate((0.9, 0.9, 0.9, 0.8)):  # the smallest edema may reach its least area a step sooner
        assert (again[..., k] & coarse[..., k]).sum() > kept * coarse[..., k].sum()


def test_every_subject_has_faint_and_gross_foci() -> None:
    runs = [(-26.4, -24.2), (24.2, 26.4)]  # four slices in two stretches, the least that a subject carries
    low, high = EDEMA_GAIN
    for seed in range(40):
        gains = [(focus.gain - low) / (high - low) for focus in draw_foci(np.random.default_rng(seed), runs)]
        assert len(gains) >= 4 and min(gains) >= 0 and max(gains) < 1
        assert max(gains) > 0.35 and np.ptp(gains) > 0.25


def test_nearly_every_slice_of_a_subject_meets_more_than_one_focus() -> None:
    planes = (-26.4, -24.2, 24.2, 26.4)
    met = [
        sum(
            abs(focus.w - z) < focus.half_w
            for focus in draw_foci(np.random.default_rng(seed), [planes[:2], planes[2:]])
        )
        for seed in range(100)
        for z in planes
    ]
    assert min(met) >= 1
    assert np.mean(np.array(met) > 1) > 0.9


def test_edema_far_from_the_joints_is_brightened_like_any_other() -> None:
    plane = Plane(draw_body((5, 0), RUN).anatomy, GRID, 0.0)
    bones = bones_of(plane)
    mask = (bones.ilium[0] < -1) & (GRID.mm[None, :] > 100)  # in the wing, beyond the joints' region
    rng = np.random.default_rng(0)
    signal = rng.normal(0.3, 0.05, mask.shape).astype(np.float32)
    edema = Edema(np.where(mask, np.float32(0.1), np.float32(0)), mask, 0.1)
    seen = clearly_observed(edema, signal, np.ones_like(signal), bones)
    assert mask.sum() > 20 and seen.contrast == pytest.approx(EDEMA_MIN_CONTRAST * 0.05, rel=0.1)


def test_foci_apart_from_the_joint_lie_where_their_kind_says() -> None:
    body = draw_body((5, 0), RUN)
    plane = Plane(body.anatomy, GRID, 0.0)
    bones = bones_of(plane)
    apart = replace(body.foci[0], side=0, w=0.0, half_w=9.0, depth=16.0, half_along=0.25, inward=False)
    wing = edema_of(plane, bones, (replace(apart, bone="ilium", along=0.0, start=30.0),), 0.0).mask
    middle = edema_of(plane, bones, (replace(apart, bone="sacrum", along=0.6, start=45.0),), 0.0).mask
    box = np.nonzero((bones.ilium[0] < 0).any(axis=0))[0]
    assert np.nonzero(wing)[1].mean() > (box[0] + box[-1]) / 2
    assert np.abs(GRID.mm[np.nonzero(middle)[1]]).mean() < 20
    kept = edema_of(plane, bones, (replace(apart, bone="ilium", along=0.0, start=30.0, inward=True),), 0.0).mask
    assert not np.nonzero(kept)[1].size or np.nonzero(kept)[1].max() <= (box[0] + box[-1]) / 2


def test_an_edema_is_brightened_just_enough_to_stand_out() -> None:
    plane = Plane(draw_body((5, 0), RUN).anatomy, GRID, 0.0)
    bones = bones_of(plane)
    mask = (bones.ilium[0] < -1) & (GRID.mm[:, None] > 0)
    rng = np.random.default_rng(0)
    signal = rng.normal(0.3, 0.05, mask.shape).astype(np.float32)
    receive = np.full(mask.shape, 0.7, np.float32)

    def gained(gain: float) -> float:
        edema = Edema(np.where(mask, np.float32(gain), np.float32(0)), mask, gain)
        return clearly_observed(edema, signal, receive, bones).contrast

    assert gained(0.5) == pytest.approx(0.5)  # ten SDs: left as it is
    assert gained(0.1) == pytest.approx(EDEMA_MIN_CONTRAST * 0.05, rel=0.05)
    assert gained(0.01) == pytest.approx(0.01 * EDEMA_MAX_BRIGHTENING)


def test_strain_is_drawn_alike_in_ill_and_healthy_and_is_no_edema() -> None:
    marked = [n for n in range(40) if draw_body((5, n), []).stress]
    assert 4 <= len(marked) <= 19  # 32% of 40
    body = draw_body((5, marked[0]), [])
    assert body.stress == draw_body((5, marked[0]), RUN).stress
    plain = replace(body, stress=())
    place = min(PLANES, key=lambda z: abs(z - body.stress[0].w))
    with_strain, without = render(body, place), render(plain, place)
    assert not with_strain.masks[..., 3].any() and with_strain.contrast == 0
    brighter = with_strain.pixels.astype(float) - without.pixels
    assert brighter.max() > 0.3 * body.stress[0].gain * body.scanner.scale and (brighter > -5).all()


def test_every_kind_of_focus_shows_on_stir() -> None:
    protocol = draw_protocol(np.random.default_rng(0), "stir", GRID.size, False)
    for kind in (SLIVER, SPECK, PATCH, DIFFUSE):
        lesions = replace(protocol.lesions, kinds=(kind,), diffuse=0.0)
        body = draw_body((8, 1), RUN, replace(protocol, lesions=lesions))
        areas = [render_slice(body, GRID, z, noise()).area for z in PLANES]
        assert min(areas) >= 0.95 * lesions.min_area, kind
        if kind is DIFFUSE:
            assert max(areas) > 1500


def test_sacral_edema_goes_to_the_ilium_where_the_sacrum_is_out_of_the_slice() -> None:
    body = draw_body((8, 3), [(-40.0, -34.0)], draw_protocol(np.random.default_rng(0), "stir", GRID.size, False))
    body = replace(body, foci=tuple(replace(focus, bone="sacrum") for focus in body.foci))
    body = replace(body, anatomy=replace(body.anatomy, ala_start=-20.0))
    rendered = render_slice(body, GRID, -38.0, noise())
    assert rendered.area > 0 and (rendered.masks[..., 3] & ~rendered.masks[..., 2]).any()
