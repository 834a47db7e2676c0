"""A manifest build by the region in which edema counts."""

import json

import numpy as np
import pytest
from dicom_samples import write_csv
from volume_samples import upright_affine, write_nifti

from sijstudy.analysis.region_pixels import RegionPixels, counted_patches
from sijstudy.cohort.account import build_summary
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.edema_region import EdemaRegion
from sijstudy.cohort.manifest import read_account
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.cohort.region_masks import region_of
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.cohort.unread import read_unread
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.read import read_image

ROWS, COLUMNS, PIXEL = 60, 100, 1.5
SIZE = (6, ROWS, COLUMNS)
AXES = ((0, 2, 1), (True, False, True))  # another order of axes than the image's
RIGHT, SACRUM, LEFT = (slice(10, 50), slice(10, 30)), (slice(10, 50), slice(32, 68)), (slice(10, 50), slice(70, 90))
NEAR, FAR, SPINE = (slice(20, 24), slice(26, 30)), (slice(20, 24), slice(10, 14)), (slice(2, 6), slice(48, 52))
#: where edema is drawn on each plane; the last plane shows no sacrum
DRAWN = ([NEAR], [FAR], [SPINE], [], [NEAR, SPINE], [FAR])
VALUES = {"right ilium": (1, RIGHT), "left ilium": (2, LEFT), "sacrum": (3, SACRUM)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A subject whose ilia, sacrum and edema are outlined, and all bone in a map of its own."""
    root = tmp_path_factory.mktemp("region") / "images"
    bones, edema, every = (np.zeros(SIZE, np.uint8) for _ in range(3))
    for name, (value, place) in VALUES.items():
        bones[(slice(0, 5 if name == "sacrum" else 6), *place)] = value
    for plane, places in enumerate(DRAWN):
        for place in places:
            edema[(plane, *place)] = 1
    every[:] = bones > 0
    every[:, 0:8, 44:56] = 1
    image = np.random.default_rng(5).normal(300, 40, SIZE) + 500.0 * edema
    affine = upright_affine(pixel=PIXEL)
    write_nifti(root / "7_STIR.nii.gz", image.astype(np.float32), affine)
    for name, array in (("bones", bones), ("edema", edema), ("bone", every)):
        write_nifti(root / f"7_{name}.nii.gz", array, affine)
    write_csv(root / "subjects.csv", [{"subject_id": "7", "group": "axSpA", "age_years": "", "sex": ""}])
    return root


def build(root, tmp_path, *names, folder="m", **options):
    rows = [{"pattern": "*_edema.nii.gz", "value": "", "segment": "edema"}]
    rows += [{"pattern": "*_bones.nii.gz", "value": value, "segment": name} for name, (value, _) in VALUES.items()]
    rows += [{"pattern": "*_bone.nii.gz", "value": "", "segment": "bone"}]
    segments = write_csv(tmp_path / "segments.csv", [row for row in rows if row["pattern"][2:-7] in {"edema", *names}])
    options = {"rule": EdemaRule(min_pixels=5), **options}
    given = BuildOptions(
        subjects_csv=root / "subjects.csv", segments_csv=segments, wanted=Wanted(volumes="*_STIR.nii.gz"), **options
    )
    return build_manifest(root, tmp_path / folder, given, progress=False)


def labels(manifest):
    return dict(zip(manifest.slices["slice_index"].tolist(), manifest.slices["label"].tolist(), strict=True))


def test_edema_elsewhere_leaves_a_slice_out_and_the_account_lists_it(root, tmp_path):
    manifest = build(root, tmp_path, "bones", "bone", region=EdemaRegion("joint", 10.0))
    assert labels(manifest) == {0: 1, 3: 0, 4: 1}
    stated = json.loads((manifest.folder / "cohort.json").read_text())["edema_region"]
    assert stated == {"region": "joint", "joint_mm": 10.0, "elsewhere": "leave-out", "labels": "outlines"}
    assert region_of(manifest) == EdemaRegion("joint", 10.0)
    page = (manifest.folder / "account.md").read_text()
    place = "near the joint (ilium and sacrum within 10 mm)"
    assert f"Outlined edema counts {place} (`--edema-region joint`)." in page
    assert "on 5 slices; on 1 of them it lies there and elsewhere, on 3 elsewhere alone." in page
    area = 16 * PIXEL**2  # four by four pixels
    assert page.count(f"| none | 0 | {area:.0f} |") == 3
    assert f"7_STIR.nii.gz #2 | its edema lies elsewhere: {area:.0f} mm2 of it, and 0 mm2 {place} |" in page
    unknown = f"its edema may lie elsewhere, as no ilium is outlined beside a sacrum on it: {area:.0f} mm2"
    assert f"| 7_STIR.nii.gz #6 | {unknown} |" in page
    assert f"counts {place}; no label: 2 slices with edema elsewhere, 1 where nobody knows" in build_summary(manifest)
    items, outlines = manifest.slice_records(), SliceOutlines(manifest)
    assert outlines.mask(items[2], "edema").sum() == 16 and manifest.slices["lesions"].tolist() == [1, 0, 1]


def test_edema_elsewhere_that_too_few_agree_on_is_no_edema_elsewhere(root, tmp_path):
    """Sixteen pixels are agreed on, twenty are asked for: readers disagree, and the place alone says nothing."""
    rule = EdemaRule(min_pixels=20, negatives="unanimous")
    manifest = build(root, tmp_path, "bones", "bone", region=EdemaRegion("joint", 10.0), rule=rule)
    reasons = read_account(manifest.folder).set_index("file")["reason"]
    why = "some readings mark edema elsewhere, too few agree on enough of it: 36 mm2 of it, and 0 mm2 near the joint"
    assert reasons["7_STIR.nii.gz #2"].startswith(why) and reasons["7_STIR.nii.gz #3"].startswith(why)
    assert not reasons.str.startswith("its edema lies elsewhere").any()
    assert "no label: 0 slices with edema elsewhere" in build_summary(manifest)


def test_by_default_edema_counts_in_all_bone(root, tmp_path):
    manifest = build(root, tmp_path, "bones", "bone")
    assert labels(manifest) == {0: 1, 1: 1, 2: 1, 3: 0, 4: 1, 5: 1}
    page = (manifest.folder / "account.md").read_text()
    assert "Outlined edema counts in all bone (`--edema-region bone`)." in page and "elsewhere" not in page
    assert "edema  " not in build_summary(manifest) and region_of(manifest) == EdemaRegion()


def test_slices_with_edema_elsewhere_as_negatives_or_for_the_course(root, tmp_path):
    negative = build(root, tmp_path, "bones", "bone", region=EdemaRegion("joint", 10.0, "negative"))
    assert labels(negative) == {0: 1, 1: 0, 2: 0, 3: 0, 4: 1}  # where nobody knows, still none
    assert (negative.folder / "account.md").read_text().count("| negative | 0 | 36 |") == 2
    kept = build(root, tmp_path, "bones", region=EdemaRegion("joint", 10.0), keep_unread=True, folder="kept")
    assert labels(kept) == {0: 1, 3: 0, 4: 1} and read_unread(kept)["slice_index"].tolist() == [1, 2, 5]


def test_a_wide_joint_takes_all_of_the_ilium(root, tmp_path):
    assert labels(build(root, tmp_path, "bones", region=EdemaRegion("joint", 60.0)))[1] == 1


def test_without_a_joint_the_way_on_is_named(root, tmp_path):
    words = r"subject 7: --edema-region is joint, but on each of its slices no ilium is outlined beside a sacrum on it"
    with pytest.raises(StudyError, match=f"{words}; outline ilia and sacrum, or take --edema-region roi"):
        build(root, tmp_path, "bone", region=EdemaRegion("joint"))
    with pytest.raises(StudyError, match=r"region is roi, but .* no ilium is outlined or boxed.*--boxes"):
        build(root, tmp_path, region=EdemaRegion("roi"))


def test_the_roi_of_given_boxes(root, tmp_path):
    cells = {"left_x0": 70, "left_y0": 10, "left_x1": 90, "left_y1": 50}
    cells |= {"right_x0": 10, "right_y0": 10, "right_x1": 30, "right_y1": 50}
    rows = [{"file": f"7_STIR.nii.gz#{plane}", **cells} for plane in range(1, 6)]
    boxes = write_csv(tmp_path / "boxes.csv", rows)
    manifest = build(root, tmp_path, boxes_csv=boxes, region=EdemaRegion("roi"))
    assert labels(manifest) == {0: 1, 3: 0, 4: 1}  # from the ilium's middle inwards: FAR lies lateral of it


def test_votes_do_not_say_where_edema_lies(root, tmp_path):
    votes = [{"file": f"7_STIR.nii.gz#{plane}", **dict.fromkeys(("reader_1", "reader_2", "reader_3"), 1)}
             for plane in range(1, 7)]  # fmt: skip
    manifest = build(
        root, tmp_path, "bones", region=EdemaRegion("joint"), votes_csv=write_csv(tmp_path / "votes.csv", votes)
    )
    assert set(labels(manifest).values()) == {1} and len(manifest.slices) == 6
    assert json.loads((manifest.folder / "cohort.json").read_text())["edema_region"]["labels"] == "tables"
    page, said = (manifest.folder / "account.md").read_text(), "where the edema they speak of lies is not known"
    assert said in page and said in build_summary(manifest)
    assert page.count("| positive | 0 | 36 |") == 3  # votes against outlines: listed


def test_baselines_are_measured_where_edema_counts(root, tmp_path):
    manifest = build(root, tmp_path, "bones", region=EdemaRegion("joint", 10.0))
    item, pixels = manifest.slice_records()[0], RegionPixels(manifest)
    image = read_image(item)
    found = pixels.of(item, image.header.spacing, {})
    values, name = image.pixels[found.inside], found.name
    # 10 mm are six columns of 1.5 mm: on each side four of the ilium (26 to 29) and four of the sacrum (32 to 35)
    assert len(values) == 2 * 40 * 8 and name == "bone outline near the joint"
    assert np.sum(values > 600) == 16
    config = StudyConfig(patch_size=64)
    inside = counted_patches(manifest, config)
    assert inside.shape == (3, 64, 64) and 0.1 < inside[0].mean() < 0.9
    assert counted_patches(build(root, tmp_path, "bones", folder="bone"), config) is None


def test_totalsegmentators_folder_comes_in_as_it_is(root, tmp_path):
    """Its files per class, in a folder named like the subject; the classes that nobody looks for are left out."""
    names = {"hip_right": "right ilium", "hip_left": "left ilium", "sacrum": "sacrum", "spleen": None}
    for file, name in names.items():
        mask = np.zeros(SIZE, np.uint8)
        if name:
            mask[(slice(0, 5), *VALUES[name][1])] = 1
        write_nifti(tmp_path / f"made/7/{file}.nii.gz", mask, upright_affine(pixel=PIXEL), axes=AXES)
    manifest = build(root, tmp_path, annotations=tmp_path / "made", region=EdemaRegion("joint", 10.0))
    assert labels(manifest) == {0: 1, 3: 0, 4: 1}
    boxes = manifest.slices.loc[0, ["left_x0", "left_x1", "right_x0", "right_x1"]].tolist()
    assert boxes == [70, 90, 10, 30]  # the subject's left lies on the right of the image
    account = (manifest.folder / "account.csv").read_text().splitlines()
    assert sum("spleen" in line and "left out" in line for line in account) == 1
