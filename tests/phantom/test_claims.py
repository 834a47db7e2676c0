"""What docs/PHANTOM.md and the model card say of the drawn cohort is true of it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from sijstudy.analysis.edema_reach import edema_reach
from sijstudy.cohort.manifest import load_manifest
from sijstudy.config import StudyConfig
from sijstudy.images.outlines import box_of_mask
from sijstudy.phantom.bones import Bones, bones_of
from sijstudy.phantom.fields import Array, Grid, cover
from sijstudy.phantom.generate import subject_protocol
from sijstudy.phantom.lesions import edema_of
from sijstudy.phantom.lookalikes import LookAlikes, paint_patches, paint_spots
from sijstudy.phantom.plan import ACQUIRED, plan_cohort
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import CLEARLY_OBSERVED, MIDLINE, NEAR, WING
from sijstudy.phantom.render import Body, draw_body
from sijstudy.records import GROUPS, IliumBoxes
from sijstudy.roi import roi_boxes, roi_mask
from sijstudy.study.card_facts import sentence_of_reach

GRID = Grid(112)
COHORT = StudyConfig(seed=1)  # looked at while the shares were set, so nothing is learned of other seeds here
READINGS = (("centre_inward", 0.6), ("centre_inward", 0.8), ("centre_inward", 1.0), ("shifted_box", 0.8))
DEFAULT = ("centre_inward", 0.8)
SEEN = 0.06  # signal by which a look-alike must brighten a pixel to count


def seen(group: str) -> Iterator[tuple[Body, Plane, Bones]]:
    """Used slices of a group, as the cohort of the paper's size draws it: every third, of controls every sixth."""
    every = 3 if group == "axSpA" else 6
    for subject in (subject for subject in plan_cohort(COHORT) if subject.group == group):
        protocol = subject_protocol(subject, COHORT)
        places = {k: (k - ACQUIRED // 2) * protocol.step for k in subject.slices}
        runs = [(places[first], places[last]) for first, last in subject.runs] if group == "axSpA" else []
        body = draw_body((COHORT.seed, 1, subject.number), runs, protocol)
        for z in list(places.values())[::every]:
            plane = Plane(body.anatomy, GRID, z)
            yield body, plane, bones_of(plane)


def inside(bones: Bones, reading: str, factor: float) -> np.ndarray:
    left, right = (box_of_mask(distance < 0) for distance in bones.ilium)
    shape = (GRID.size, GRID.size)
    rois = roi_boxes(IliumBoxes(left=left, right=right), shape, reading=reading, factor=factor, height="extend")
    return roi_mask(rois, shape)


def bone_distance(bones: Bones) -> Array:
    return np.minimum(bones.any_ilium, np.minimum(bones.sacrum, bones.lumbar))


def hemangiomas_of(body: Body, plane: Plane, bones: Bones) -> Array:
    """Signal that they add to the slice."""
    added, outside = np.zeros((GRID.size, GRID.size), np.float32), 1 - cover(bone_distance(bones))
    alone = replace(body.looks, spots=(), islands=())
    paint_spots(plane, bones, alone, added, outside)
    return added


def patches_of(looks: LookAlikes, plane: Plane, bones: Bones) -> Array:
    """Signal that the patches of soft tissue add to the slice; bone is painted over them."""
    added = np.zeros((GRID.size, GRID.size), np.float32)
    paint_patches(plane, looks, added, 1 - cover(bone_distance(bones)))
    return added


@dataclass
class Slice:
    """What is counted on one slice, in pixels. edema, looks: all, and those inside the default ROI; edema inside each
    of READINGS. apart: mm from the nearest hemangioma's edge to the joint, NaN without one."""

    group: str
    edema: int
    within: list[int]
    looks: int
    looks_within: int
    apart: float


def count(group: str, body: Body, plane: Plane, bones: Bones) -> Slice:
    mask = edema_of(plane, bones, body.foci, CLEARLY_OBSERVED.min_area).mask
    rois = [inside(bones, *reading) for reading in READINGS]
    balls = hemangiomas_of(body, plane, bones) > SEEN
    looks = balls | (patches_of(body.looks, plane, bones) > SEEN)
    joint = np.minimum(*(GRID.upsample(joint.distance) for joint in bones.joints))
    assert (bone_distance(bones)[balls] < 1).all()
    return Slice(
        group=group,
        edema=int(mask.sum()),
        within=[int((mask & roi).sum()) for roi in rois],
        looks=int(looks.sum()),
        looks_within=int((looks & rois[READINGS.index(DEFAULT)]).sum()),
        apart=float(joint[balls].min()) if balls.any() else float("nan"),
    )


@pytest.fixture(scope="module")
def slices() -> list[Slice]:
    return [count(group, *drawn) for group in GROUPS for drawn in seen(group)]


def share_beyond(slices: list[Slice], reading: tuple[str, float]) -> float:
    k = READINGS.index(reading)
    return 1 - sum(each.within[k] for each in slices) / sum(each.edema for each in slices)


def test_a_tenth_of_the_edema_lies_beyond_the_default_roi(slices: list[Slice]) -> None:
    assert 0.08 < share_beyond(slices, DEFAULT) < 0.15
    k = READINGS.index(DEFAULT)
    mostly = np.mean([each.within[k] < each.edema / 2 for each in slices if each.edema])
    assert 0.02 < mostly < 0.06


def test_factor_and_interpretation_of_the_roi_decide_how_much_of_it_is_seen(slices: list[Slice]) -> None:
    default = share_beyond(slices, DEFAULT)
    assert share_beyond(slices, ("centre_inward", 0.6)) > 1.4 * default
    assert share_beyond(slices, ("centre_inward", 1.0)) < 0.75 * default
    assert share_beyond(slices, ("shifted_box", 0.8)) > 0.3


def test_the_far_foci_are_few_and_lie_on_both_sides_of_the_roi() -> None:
    assert [kind.weight for kind in CLEARLY_OBSERVED.kinds] == pytest.approx([0.82, 0.09, 0.09])
    assert (NEAR.start, WING.bone, MIDLINE.bone) == ((0.0, 0.0), "ilium", "sacrum")
    assert max(WING.start[1], MIDLINE.start[1]) > NEAR.depth[1]  # some lie wholly apart from the joint


@pytest.mark.parametrize("group", GROUPS)
def test_a_fifth_of_the_look_alikes_lies_inside_the_default_roi(slices: list[Slice], group: str) -> None:
    """Bright patches of soft tissue and hemangiomas; alike in both classes, up to the chance of so few subjects."""
    own = [each for each in slices if each.group == group]
    assert 0.12 < sum(each.looks_within for each in own) / sum(each.looks for each in own) < 0.35


def test_hemangiomas_lie_in_bone_away_from_the_joints(slices: list[Slice]) -> None:
    apart = [each.apart for each in slices if np.isfinite(each.apart)]
    assert len(apart) > 10 and min(apart) > 11.5


def test_the_model_cards_sentence_counts_what_is_drawn(smoke_study) -> None:
    (folder,) = (smoke_study.root / "data_manifest").glob("synthetic-10x5-*")  # not the whole examinations
    manifest, config = load_manifest(folder), StudyConfig()
    reach = edema_reach(manifest, config)
    assert reach is not None and reach.slices == 60
    assert 0.03 < reach.beyond < 0.4  # ten subjects: a few large foci decide
    card = html.unescape((smoke_study.result.index.parent / "model_card.html").read_text(encoding="utf-8"))
    assert sentence_of_reach(reach, config) in card
