"""NIfTI volumes, label maps and several readers in a manifest build."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_samples import write_cohort, write_csv
from volume_samples import DRAWN_PIXEL, drawn, upright_affine, write_nifti, write_nrrd

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash, load_manifest, read_account, verify_files
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.cohort.unread import read_unread
from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.outlines import read_outlines
from sijstudy.images.read import read_image

REAL = Path(os.environ.get("SIJ_REAL") or Path(__file__).parents[3] / "shared/real_sij")
SUBJECTS = [
    {"subject_id": "7", "group": "axSpA", "age_years": "", "sex": ""},
    {"subject_id": "70", "group": "control", "age_years": "41", "sex": "F"},
]
SEGMENTS = [
    {"pattern": "*_bone.nii.gz", "segment": "bone", "reader": ""},
    *({"pattern": f"*_R{reader}.nii.gz", "segment": "edema", "reader": str(reader)} for reader in (1, 2, 3)),
]
AFFINE = upright_affine(pixel=DRAWN_PIXEL)
KINDS = ("apart", "joint", "joint", "apart", "spine")


@pytest.fixture
def cohort(tmp_path):
    """Two subjects, volumes in different axis orders; 7 has edema on plane 1 by all, on plane 2 by one reader."""
    root = tmp_path / "images"
    for subject, order, ill in (("7", (2, 0, 1), True), ("70", (0, 1, 2), False)):
        pairs = [drawn(kind, seed) for seed, kind in enumerate(KINDS)]
        image, bone = (np.stack(part) for part in zip(*pairs, strict=True))
        write_nifti(root / f"{subject}_STIR.nii.gz", image, AFFINE, axes=(order, (True, False, True)))
        write_nifti(root / f"{subject}_T1W.nii.gz", image + 1, AFFINE)
        write_nifti(root / f"{subject}_bone.nii.gz", bone.astype(np.uint8), AFFINE)
        for reader in (1, 2, 3):
            edema = np.zeros(bone.shape, np.uint8)
            if ill:
                edema[1, 80:86, 50:60] = 1
                edema[2, 80:86, 50:60] = reader == 2
            write_nifti(root / f"{subject}_R{reader}.nii.gz", edema, AFFINE)
    write_csv(root / "subjects.csv", SUBJECTS)
    write_csv(root / "segments.csv", SEGMENTS)
    return root


def build(root, folder="manifest", *, pattern="*_STIR.nii.gz", rule=EdemaRule(), segments="segments.csv", **options):  # noqa: B008
    options = BuildOptions(
        name="public",
        source="public",
        subjects_csv=root / "subjects.csv",
        segments_csv=root / segments if segments else None,
        wanted=Wanted(volumes=pattern),
        rule=rule,
        **options,
    )
    return build_manifest(root, root.parent / folder, options, progress=False)


def test_a_cohort_of_volumes(cohort):
    manifest = build(cohort, rule=EdemaRule(min_pixels=5, negatives="unanimous"))
    slices = manifest.slices.set_index(["subject_id", "slice_index"])
    assert slices["label"].to_dict() == {
        ("7", 0): 0, ("7", 1): 1, ("7", 3): 0, ("7", 4): 0, **{("70", place): 0 for place in range(5)},
    }  # fmt: skip
    assert slices.loc[("7", 1), ["reader_1", "reader_2", "reader_3"]].tolist() == [1, 1, 1]
    assert slices["reader_4"].isna().all() and slices.loc[("7", 1), "lesions"] == 1
    assert manifest.subjects["age_years"].isna().tolist() == [True, False]
    verify_files(manifest, progress=False)
    item = next(item for item in manifest.slice_records() if item.label)
    np.testing.assert_allclose(read_image(item).pixels, drawn("joint", 1)[0], rtol=1e-5)
    seg = read_outlines(item.segmentation)
    assert item.segmentation.parent == (cohort.parent / "manifest/outlines").resolve()
    assert seg.mask(item.uid, "edema").sum() == 60 and seg.mask(item.uid, "edema reader 2").sum() == 60
    np.testing.assert_array_equal(seg.mask(item.uid, "bone"), drawn("joint", 1)[1])


def test_what_became_of_every_file(cohort):
    manifest = build(cohort, rule=EdemaRule(negatives="unanimous"))
    account = read_account(manifest.folder).fillna("").set_index("file")
    assert (account.loc["7_STIR.nii.gz", ["kind", "subject_id", "outcome"]] == ["NIfTI volume", "7", "used"]).all()
    assert (account.loc["7_R1.nii.gz", ["kind", "outcome"]] == ["label map", "used"]).all()
    assert account.loc["70_T1W.nii.gz", "reason"].startswith("named neither by --volumes nor")
    gone = account[account.index.str.startswith("7_STIR.nii.gz #")]
    assert gone["reason"].tolist() == ["some readings mark edema, too few agree on enough of it"]


def test_a_plane_that_readings_disagree_on_is_kept_with_its_box(cohort):
    rule = EdemaRule(min_pixels=5, negatives="unanimous")
    without, manifest = build(cohort, "without", rule=rule), build(cohort, rule=rule, keep_unread=True)
    assert cohort_hash(manifest) == cohort_hash(without)
    (row,) = read_unread(manifest).to_dict("records")
    assert (row["subject_id"], row["slice_index"], row["frame"], row["reader_2"]) == ("7", 2, 3, 1)
    assert row["reader_1"] == row["reader_3"] == 0 and pd.notna(row["left_x0"])
    boxes = pd.read_csv(manifest.folder / "boxes_proposed.csv", dtype=str)
    assert len(boxes) == 10 and "7_STIR.nii.gz#3" in set(boxes["file"])
    account = read_account(manifest.folder).set_index("file").loc["7_STIR.nii.gz #3"]
    assert (account["outcome"], account["reason"]) == (
        "unread",
        "some readings mark edema, too few agree on enough of it",
    )


def test_proposed_boxes_are_kept_and_a_corrected_copy_wins(cohort, tmp_path):
    manifest = build(cohort)
    assert json.loads((manifest.folder / "cohort.json").read_text())["boxes"] == "proposed"
    boxes = pd.read_csv(manifest.folder / "boxes_proposed.csv", dtype=str)
    assert len(boxes) == 10 and boxes["left_x0"].isna().sum() == 2  # only the spine is in view
    assert manifest.boxes_proposed
    kept = manifest.slices.set_index("subject_id")
    assert kept["left_x0"].isna().sum() == 2 and kept["left_x0"].notna().sum() == 8
    boxes.loc[1, "left_x0"] = str(float(boxes.loc[1, "left_x0"]) + 3)
    boxes.loc[0, boxes.columns[2:]] = None  # no ilium there after all
    boxes.to_csv(tmp_path / "mended.csv", index=False)
    mended = build(cohort, boxes_csv=tmp_path / "mended.csv")
    changed = mended.slices["left_x0"] - manifest.slices["left_x0"]
    assert changed[1] == 3 and (changed[2:].dropna() == 0).all() and pd.isna(mended.slices["right_x0"][0])
    assert not mended.boxes_proposed and "boxes" not in json.loads((mended.folder / "cohort.json").read_text())
    assert not (mended.folder / "boxes_proposed.csv").exists()


def test_slices_that_proposals_left_out_are_in_the_table_and_come_back_by_it(cohort, tmp_path):
    """Only the spine is in view on two planes; on another readers disagree."""
    rule = EdemaRule(min_pixels=5, negatives="unanimous")
    manifest = build(cohort, rule=rule, require_boxes=True)
    assert len(manifest.slices) == 7
    boxes = pd.read_csv(manifest.folder / "boxes_proposed.csv", dtype=str).set_index("file")
    assert len(boxes) == 10 and "7_STIR.nii.gz#3" in boxes.index
    assert boxes.loc[["7_STIR.nii.gz#1", "70_STIR.nii.gz#1"], "confidence"].astype(float).tolist() == [0, 0]
    assert boxes.loc["7_STIR.nii.gz#1"].isna().sum() == 8 and boxes["confidence"].isna().sum() == 8
    boxes.loc["7_STIR.nii.gz#1"] = boxes.loc["7_STIR.nii.gz#2"]
    boxes.to_csv(tmp_path / "mended.csv")
    mended = build(cohort, "mended", rule=rule, require_boxes=True, boxes_csv=tmp_path / "mended.csv")
    assert mended.slices.loc[mended.slices["subject_id"] == "7", "slice_index"].tolist() == [0, 1, 3, 4]
    assert len(mended.slices) == 8 and not mended.boxes_proposed


def test_a_table_for_all_that_is_kept_leaves_no_draft_in_the_manifest(cohort, tmp_path):
    first = build(cohort, require_boxes=True)
    boxes = pd.read_csv(first.folder / "boxes_proposed.csv", dtype=str)
    boxes[boxes["left_x0"].notna()].to_csv(tmp_path / "mended.csv", index=False)
    mended = build(cohort, "mended", require_boxes=True, boxes_csv=tmp_path / "mended.csv")
    assert not mended.boxes_proposed and len(mended.slices) == len(first.slices) == 8


def test_swapped_sides_name_table_row_and_plane(cohort, tmp_path):
    boxes = pd.read_csv(build(cohort).folder / "boxes_proposed.csv", dtype=str)
    edges = [name for name in boxes if name.startswith(("left", "right"))]
    boxes.loc[2, edges] = boxes.loc[2, [*edges[4:], *edges[:4]]].to_numpy()
    boxes.to_csv(tmp_path / "mended.csv", index=False)
    words = r"^\S*mended\.csv: row 4: \S*/7_STIR\.nii\.gz#3: the subject's left ilium lies on the left of the image"
    with pytest.raises(StudyError, match=words):
        build(cohort, "mended", boxes_csv=tmp_path / "mended.csv")


def test_swapped_sides_of_outlines_name_the_plane(cohort):
    image, _ = drawn("joint", 1)
    ilium = np.zeros((len(KINDS), *image.shape), np.uint8)
    ilium[3, 60:120, 10:60] = 1  # the subject's right side; the image has its planes the other way round
    write_nifti(cohort / "70_left.nii.gz", ilium, AFFINE)
    rows = [row for row in SEGMENTS if row["segment"] != "bone"]
    rows += [{"pattern": "*_bone.nii.gz", "segment": "", "reader": ""}]
    rows += [{"pattern": "*_left.nii.gz", "segment": "left ilium", "reader": ""}]
    write_csv(cohort / "swapped.csv", rows)
    with pytest.raises(StudyError, match=r"^\S*/70_STIR\.nii\.gz#2: the slice's only ilium, the subject's left"):
        build(cohort, segments="swapped.csv")


def test_a_series_cannot_be_named_among_volumes(cohort):
    """It was ignored without a word."""
    both = Wanted(volumes="*_STIR.nii.gz", series="t1")
    options = BuildOptions(subjects_csv=cohort / "subjects.csv", wanted=both)
    with pytest.raises(StudyError, match=r"^--series 't1' names a series of DICOM files, and --volumes '\*_STIR"):
        build_manifest(cohort, cohort.parent / "both", options, progress=False)


def test_a_build_again_leaves_no_outlines_of_the_earlier_one(cohort):
    build(cohort)
    (cohort.parent / "manifest/outlines/99.npz").write_bytes(b"old")
    first = {path.name: path.read_bytes() for path in (cohort.parent / "manifest/outlines").iterdir()}
    build(cohort)
    again = {path.name: path.read_bytes() for path in (cohort.parent / "manifest/outlines").iterdir()}
    assert set(again) == {"7.npz", "70.npz"} and all(first[name] == content for name, content in again.items())


def test_a_failed_build_keeps_the_earlier_outlines(cohort):
    build(cohort)
    folder = cohort.parent / "manifest"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(StudyError, match="subject 7: has 3 edema readings, 4 must agree"):
        build(cohort, rule=EdemaRule(agreement=4))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_label_map_on_another_grid_is_refused(cohort):
    moved = AFFINE.copy()
    moved[:3, 3] += AFFINE[:3, 0] / 2
    write_nifti(cohort / "7_R2.nii.gz", np.zeros((5, 200, 200), np.uint8), moved)
    with pytest.raises(StudyError, match=r"7_R2\.nii\.gz: lies on another grid .*0\.50 mm beside"):
        build(cohort)


def test_a_readings_map_of_some_slices(cohort):
    write_nifti(cohort / "7_R1.nii.gz", np.zeros((2, 200, 200), np.uint8), AFFINE)
    for reader in (2, 3):
        (cohort / f"7_R{reader}.nii.gz").unlink()
    manifest = build(cohort)
    assert manifest.slices.loc[manifest.slices["subject_id"] == "7", "slice_index"].tolist() == [0, 1]
    reasons = read_account(manifest.folder)["reason"].dropna().tolist()
    assert reasons.count("no reading of edema covers it") == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda root: (root / "8_STIR.nii.gz").write_bytes((root / "7_STIR.nii.gz").read_bytes()),
            "8_STIR.*of no subject",
        ),
        (lambda root: (root / "7_STIR.nii.gz").unlink(), "subject 7 has no volume like"),
        (lambda root: (root / "7_STIR.nii.gz").write_bytes(b"cut"), r"7_STIR\.nii\.gz: cannot be read as NIfTI"),
        (lambda root: (root / "7_R1.nii.gz").write_bytes(b"cut"), r"7_R1\.nii\.gz: cannot be read as NIfTI"),
        (lambda root: [path.unlink() for path in root.glob("7_R*")], r"7_STIR.nii.gz: has no label"),
    ],
)
def test_cohorts_that_do_not_add_up(cohort, change, words):
    change(cohort)
    with pytest.raises(StudyError, match=words):
        build(cohort)
    assert not (cohort.parent / "manifest").exists()


def test_votes_and_labels_come_before_outlines(cohort, tmp_path):
    rows = [
        {"file": f"{subject}_STIR.nii.gz#{frame}", "label": int(frame == 2)}
        for subject in ("7", "70")
        for frame in range(1, 6)
    ]
    manifest = build(cohort, labels_csv=write_csv(tmp_path / "labels.csv", rows))
    assert manifest.slices["label"].tolist() == [int(frame == 2) for frame in manifest.slices["frame"]]


def test_slicer_outlines_for_a_dicom_cohort(tmp_path):
    """A hospital's DICOM series, edema drawn in Slicer, everything else as in its SEG."""
    sample = write_cohort(tmp_path / "dicom")
    (tmp_path / "drawn").mkdir()
    spacing, step = 0.558, 2.2
    affine = upright_affine(np.deg2rad(25.0), spacing, step)
    affine[:3, 3] = -125.0, 0.0, 90.0
    edema = np.zeros((3, 24, 32), np.uint8)
    edema[1, 8:12, 9:12] = 1
    for number in range(4):
        write_nrrd(
            tmp_path / f"drawn/S{number:02d}/Segmentation.seg.nrrd",
            edema * (number < 2),
            affine,
            fields={"Segment0_Name": "Edema", "Segment0_LabelValue": "1"},
        )
        (tmp_path / f"dicom/S{number:02d}/SEG.dcm").unlink()
    options = BuildOptions(sample.subjects_csv, "h", annotations=tmp_path / "drawn")
    manifest = build_manifest(sample.root, tmp_path / "manifest", options, progress=False)
    assert manifest.slices["label"].tolist() == [0, 1, 0] * 2 + [0] * 6
    assert load_manifest(manifest.folder).slices["segmentation"].unique().tolist() == [
        f"S{n:02d}.npz" for n in range(4)
    ]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (it is no part of the project)")
def test_the_real_cohort(tmp_path):
    subjects = [{"subject_id": name, "group": "axSpA", "age_years": "", "sex": ""} for name in ("1007", "1013", "4386")]
    segments = [{"pattern": "*_disease_region.nii.gz", "segment": "bone", "reader": ""}]
    for reader, reading in enumerate(("R11", "R12", "R21", "R22"), 1):
        segments.append({"pattern": f"*_inflammation_{reading}.nii.gz", "segment": "edema", "reader": str(reader)})
    options = BuildOptions(
        name="real",
        source="public",
        subjects_csv=write_csv(tmp_path / "subjects.csv", subjects),
        segments_csv=write_csv(tmp_path / "segments.csv", segments),
        wanted=Wanted(volumes="*_STIR.nii.gz"),
        rule=EdemaRule(3, 20, "unanimous"),
    )
    manifest = build_manifest(REAL, tmp_path / "real", options, progress=False)
    counts = manifest.slices.groupby("subject_id")["label"].agg(["sum", "size"])
    assert counts.to_dict("index") == {
        "1007": {"sum": 12, "size": 22}, "1013": {"sum": 23, "size": 25}, "4386": {"sum": 9, "size": 12},
    }  # fmt: skip
    account = read_account(manifest.folder)
    assert account["file"].str.contains(" #").sum() == 3 + 13
