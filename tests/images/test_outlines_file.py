"""A subject's outlines: readers united and settled, the bone as the limit, a file that gives back what it was given."""

import os
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from volume_samples import COLUMNS, PLANES, ROWS, write_nifti

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.label_maps import Outline, outlines_on_slices, read_label_map
from sijstudy.images.nifti import read_volume_headers
from sijstudy.images.outlines import read_outlines
from sijstudy.images.outlines_file import combined, read_outlines_file, write_outlines
from sijstudy.images.segment_names import Meaning, SegmentRow, SegmentTable

RNG = np.random.default_rng(5)
REAL = Path(os.environ.get("SIJ_REAL") or Path(__file__).parents[3] / "shared/real_sij")


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    stack = RNG.integers(0, 900, (PLANES, ROWS, COLUMNS)).astype(np.int16)
    return read_volume_headers(write_nifti(tmp_path_factory.mktemp("image") / "image.nii", stack))


def outline(slices, segment, reader=None, read=None, **rectangles):
    """Rectangles ``p2=(r0, r1, c0, c1)`` on plane 2 ...; read: planes drawn on."""
    masks = {}
    for key, (r0, r1, c0, c1) in rectangles.items():
        mask = np.zeros((ROWS, COLUMNS), bool)
        mask[r0:r1, c0:c1] = True
        masks[slices[int(key[1:])].uid] = mask
    drawn = range(PLANES) if read is None else read
    return Outline(Meaning(segment, reader), masks, frozenset(slices[place].uid for place in drawn))


def readings(slices):
    return [
        outline(slices, "bone", p0=(0, 24, 0, 16), p1=(0, 24, 0, 16), p2=(0, 24, 0, 16)),
        outline(slices, "edema", 1, p0=(2, 6, 2, 6), p2=(2, 6, 14, 20)),
        outline(slices, "edema", 2, p0=(3, 7, 2, 6), p1=(2, 3, 2, 3), p2=(2, 6, 14, 20)),
        outline(slices, "edema", 3, read=(0, 1, 2), p0=(3, 6, 2, 6)),
    ]


def by_place(slices, values):
    return [values.get(header.uid, "unread") for header in slices]


def test_labels_votes_and_consensus(slices):
    found = combined(readings(slices), slices, EdemaRule(agreement=2, min_pixels=9, negatives="unanimous"), "s")
    # plane 0: 12 pixels by two; 1: one pixel by one; 2: 8 pixels inside the bone by two; 3 and 4: nobody marks any
    assert by_place(slices, found.labels) == [1, None, None, 0, 0]
    assert by_place(slices, found.votes) == [
        (1, 1, 1, None), (0, None, 0, None), (None, None, 0, None), (0, 0, None, None), (0, 0, None, None),
    ]  # fmt: skip
    assert found.segments == {"bone", "edema", "edema reader 1", "edema reader 2", "edema reader 3"}
    edema = found.masks[slices[0].uid]["edema"]
    assert edema.sum() == 12 and edema[3:6, 2:6].all()
    assert found.masks[slices[2].uid]["edema"].sum() == 8 and not found.masks[slices[2].uid]["edema"][:, 16:].any()
    assert found.masks[slices[2].uid]["edema reader 1"].sum() == 24  # as drawn


def test_the_majority_rule_leaves_nothing_open(slices):
    found = combined(readings(slices), slices, EdemaRule(min_pixels=9), "s")
    assert by_place(slices, found.labels) == [1, 0, 0, 0, 0]


def test_outlines_without_a_reader(slices):
    found = combined([outline(slices, "edema", read=(0, 1), p1=(1, 3, 1, 3))], slices, EdemaRule(), "s")
    assert by_place(slices, found.labels) == [0, 1, "unread", "unread", "unread"]
    assert found.votes[slices[0].uid] == (None,) * 4 and found.slices == {slices[0].uid, slices[1].uid}
    assert set(found.masks) == {slices[1].uid} and found.segments == {"edema"}


def test_maps_of_one_meaning_are_united(slices):
    parts = [outline(slices, "edema", 1, read=(0,), p0=(0, 2, 0, 2)), outline(slices, "edema", 1, p0=(4, 6, 0, 2))]
    found = combined(parts, slices, EdemaRule(), "s")
    assert found.masks[slices[0].uid]["edema"].sum() == 8 and len(found.slices) == PLANES


def test_bone_is_ilia_and_sacrum_when_the_sacrum_is_outlined(slices):
    edema = outline(slices, "edema", p0=(0, 4, 0, 12))
    ilium, sacrum = outline(slices, "right ilium", p0=(0, 24, 0, 4)), outline(slices, "sacrum", p0=(0, 24, 4, 8))
    sizes = []
    for bones in ([], [ilium], [sacrum], [ilium, sacrum]):
        found = combined([edema, *bones], slices, EdemaRule(), "s")
        sizes.append(int(found.masks[slices[0].uid]["edema"].sum()))
    assert sizes == [48, 48, 48, 32]


def test_bone_only(slices):
    found = combined([outline(slices, "bone", p0=(0, 4, 0, 4))], slices, EdemaRule(), "s")
    assert found.labels == {} and found.segments == {"bone"} and len(found.slices) == PLANES


def test_readings_that_do_not_add_up(slices):
    with pytest.raises(StudyError, match=r"^s: has 3 edema readings, 4 must agree; lower --agreement"):
        combined(readings(slices), slices, EdemaRule(agreement=4), "s")
    both = [outline(slices, "edema", 1), outline(slices, "edema")]
    with pytest.raises(StudyError, match=r"^s: edema is outlined with a reader's number and without"):
        combined(both, slices, EdemaRule(), "s")


# --- the file -------------------------------------------------------------------------------------------


def saved(tmp_path, slices, name="S1.npz"):
    found = combined(readings(slices), slices, EdemaRule(), "s")
    write_outlines(tmp_path / name, found, slices)
    return found, tmp_path / name


def test_a_file_gives_back_what_it_was_given(tmp_path, slices):
    found, path = saved(tmp_path, slices)
    masks, segments, read = read_outlines_file(path)
    assert (segments, read) == (found.segments, found.slices)
    assert {uid: set(own) for uid, own in masks.items()} == {uid: set(own) for uid, own in found.masks.items()}
    for uid, own in found.masks.items():
        for name, mask in own.items():
            np.testing.assert_array_equal(masks[uid][name], mask)
    other = saved(tmp_path, slices, "again.npz")[1]
    assert other.read_bytes() == path.read_bytes()


def test_a_file_without_any_pixel(tmp_path, slices):
    found = combined([outline(slices, "edema", 1)], slices, EdemaRule(), "s")
    write_outlines(tmp_path / "a.npz", found, slices)
    assert read_outlines_file(tmp_path / "a.npz") == ({}, frozenset({"edema", "edema reader 1"}), found.slices)


def test_damaged_and_foreign_files(tmp_path, slices):
    whole = saved(tmp_path, slices)[1].read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps({"format": 1}))
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "objects.npz", format=np.array([print], dtype=object))
    for name in ("cut", "pickle", "other", "objects"):
        with pytest.raises(StudyError, match=rf"{name}\.npz: no outlines file of this study \(.*; build") as caught:
            read_outlines_file(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)
    with pytest.raises(StudyError, match="no such file"):
        read_outlines_file(tmp_path / "gone.npz")


# --- real readings --------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (it is no part of the project)")
@pytest.mark.parametrize(("subject", "counts"), [("1007", (12, 10, 3)), ("1013", (23, 2, 0)), ("4386", (9, 3, 13))])
def test_three_of_four_real_readings(subject, counts):
    rows = [SegmentRow(Meaning("bone"), pattern="*_disease_region.nii.gz")]
    for reader, reading in enumerate(("R11", "R12", "R21", "R22"), 1):
        rows.append(SegmentRow(Meaning("edema", reader), pattern=f"*_inflammation_{reading}.nii.gz"))
    table = SegmentTable(None, tuple(rows))
    headers = read_volume_headers(REAL / f"{subject}_STIR.nii.gz")
    maps = [path for path in sorted(REAL.glob(f"{subject}_*.nii.gz")) if table.declared(path)]
    outlines = [outline for path in maps for outline in outlines_on_slices(read_label_map(path), headers, table)]
    found = combined(outlines, headers, EdemaRule(agreement=3, min_pixels=20, negatives="unanimous"), subject)
    tally = Counter(found.labels.values())
    assert (tally[1], tally[0], tally[None]) == counts


def test_the_one_way_to_read_outlines_knows_the_file(tmp_path, slices):
    found, path = saved(tmp_path, slices)
    seg = read_outlines(path)
    np.testing.assert_array_equal(seg.mask(slices[0].uid, "edema"), found.masks[slices[0].uid]["edema"])
    assert seg.lesion_count(slices[0].uid) == 1 and seg.lesion_count(slices[4].uid) == 0
