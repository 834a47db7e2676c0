"""Where edema counts, as pixels: distances by hand, each side, what is unknown."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from sijstudy.cohort.edema_region import EdemaRegion
from sijstudy.cohort.region_masks import near_joint, region_mask, region_of
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes
from sijstudy.roi import roi_boxes, roi_mask

SHAPE = (12, 40)


def block(y0, y1, x0, x1):
    mask = np.zeros(SHAPE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


# the subject's right ilium, a joint of two columns, the sacrum, a joint of three, the left ilium
RIGHT, SACRUM, LEFT = block(2, 10, 2, 10), block(2, 10, 12, 26), block(2, 10, 29, 38)
BONES = {"right ilium": RIGHT, "sacrum": SACRUM, "left ilium": LEFT}


def columns(mask, bone):
    return sorted(set(np.nonzero(mask & bone)[1].tolist()))


def test_distances_are_in_mm_between_centres_of_pixels():
    found = near_joint(BONES, (1.0, 0.5), 3.0)  # columns are 0.5 mm wide: six of them
    # right ilium: sacrum begins at column 12, so that 12 - 6 = 6 is the furthest column; left: 25 + 6 = 31
    assert columns(found, RIGHT) == [6, 7, 8, 9] and columns(found, LEFT) == [29, 30, 31]
    assert columns(found, SACRUM) == [12, 13, 14, 15, 23, 24, 25]  # 9 + 6 = 15, 29 - 6 = 23
    assert near_joint(BONES, (1.0, 0.5), 2.99)[5, 6] == np.False_ and found[5, 6] == np.True_


def test_rows_are_measured_by_their_own_distance():
    ilium, sacrum = block(0, 4, 5, 20), block(6, 12, 5, 20)
    found = near_joint({"left ilium": ilium, "sacrum": sacrum}, (2.0, 0.5), 6.0)
    assert sorted(set(np.nonzero(found & ilium)[0].tolist())) == [3]  # row 6 is 3 rows of 2 mm from row 3
    assert sorted(set(np.nonzero(found & sacrum)[0].tolist())) == [6]


def test_every_pixel_against_a_slow_loop():
    rng, spacing, reach = np.random.default_rng(3), (0.7, 1.3), 5.0
    masks = {name: rng.random(SHAPE) > 0.98 for name in BONES}
    places = np.argwhere(np.ones(SHAPE, bool)) * spacing

    def near(mask):
        own = np.argwhere(mask) * spacing
        return (np.hypot(*(places[:, None] - own[None]).transpose(2, 0, 1)).min(axis=1) <= reach).reshape(SHAPE)

    ilia = near(masks["left ilium"] | masks["right ilium"])
    np.testing.assert_array_equal(near_joint(masks, spacing, reach), ilia & near(masks["sacrum"]))


@pytest.mark.parametrize("side", ["left ilium", "right ilium"])
def test_one_side_only(side):
    other = LEFT if side == "right ilium" else RIGHT
    found = near_joint({side: BONES[side], "sacrum": SACRUM}, (1.0, 1.0), 4.0)
    assert (found & BONES[side]).any() and not (found & other).any()
    sacral = columns(found, SACRUM)
    assert sacral == ([12, 13] if side == "right ilium" else [25])


@pytest.mark.parametrize("names", [["sacrum"], ["left ilium", "right ilium"], ["bone"], []])
def test_without_a_pair_of_bones_there_is_no_joint(names):
    masks = {name: BONES.get(name, RIGHT | SACRUM) for name in names}
    assert region_mask(EdemaRegion("joint"), masks, None, SHAPE, (1.0, 1.0)) is None


def test_edema_painted_over_bone_is_near_and_other_bone_is_not():
    hole = block(4, 6, 8, 10)
    painted = {**BONES, "right ilium": RIGHT & ~hole}
    assert near_joint(painted, (1.0, 1.0), 6.0)[hole].all()
    vertebra = block(0, 2, 8, 14)
    bones = {**BONES, "bone": RIGHT | SACRUM | LEFT | vertebra}
    assert near_joint(BONES, (1.0, 1.0), 6.0)[1, 11]
    assert not (near_joint(bones, (1.0, 1.0), 6.0) & vertebra).any()


def test_the_roi_is_that_of_the_default_interpretation():
    boxes, config = IliumBoxes(Box(29, 2, 38, 10), Box(2, 2, 10, 10)), StudyConfig()
    rois = roi_boxes(boxes, SHAPE, reading="centre_inward", factor=0.8, height="extend")
    assert (config.roi_reading, config.roi_factor, config.roi_height) == ("centre_inward", 0.8, "extend")
    found = region_mask(EdemaRegion("roi"), {}, boxes, SHAPE, (1.0, 1.0))
    np.testing.assert_array_equal(found, roi_mask(rois, SHAPE))
    assert region_mask(EdemaRegion("roi"), BONES, None, SHAPE, (1.0, 1.0)) is None
    assert region_mask(EdemaRegion(), {}, None, SHAPE, (1.0, 1.0)).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"region": "hip"}, "--edema-region is 'hip'; it must be bone, joint or roi"),
        ({"elsewhere": "drop"}, "--edema-elsewhere is 'drop'; it must be leave-out or negative"),
        ({"joint_mm": 0.0}, "--joint-mm is 0; it must be above 0"),
        ({"joint_mm": float("nan")}, "--joint-mm is nan"),
    ],
)
def test_options_that_mean_nothing(given, words):
    with pytest.raises(StudyError, match=words):
        EdemaRegion(**given)


def test_a_manifest_says_its_region(tmp_path):
    manifest, file = SimpleNamespace(folder=tmp_path), tmp_path / "cohort.json"
    file.write_text("{}")
    assert region_of(manifest) == EdemaRegion()
    file.write_text(json.dumps({"edema_region": {"region": "joint", "joint_mm": 8, "labels": "outlines"}}))
    assert region_of(manifest) == EdemaRegion("joint", 8)
    for bad in ({"region": "hip"}, {"region": "joint", "joint_mm": "far"}):
        file.write_text(json.dumps({"edema_region": bad}))
        with pytest.raises(StudyError, match=r"cohort.json: 'edema_region' states no region"):
            region_of(manifest)
