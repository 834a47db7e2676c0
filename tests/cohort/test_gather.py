"""A hospital's tree from scan to manifest: whose files, which series, which outlines, what became of the rest."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from dicom_samples import bone_masks, enhanced_mr, mr_dataset, seg_dataset, write, write_csv
from hospital_samples import STIR, T1_GD, series_of_slices, write_hospital_tree

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.cohort_kinds import kinds_of
from sijstudy.cohort.manifest import load_manifest, read_account, verify_files
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.errors import StudyError
from sijstudy.images.outlines import read_outlines
from sijstudy.images.read import read_image


@pytest.fixture
def tree(tmp_path):
    return write_hospital_tree(tmp_path / "export").root


def build(tree, **options):
    above = tree.parent
    given = {
        "votes_csv": above / "votes.csv",
        "annotations": above / "outlines",
        "segments_csv": above / "segments.csv",
    }
    options = {"name": "h", "source": "hospital", "subjects_csv": above / "subjects.csv", **given, **options}
    return build_manifest(tree, above / "manifest", BuildOptions(**options), progress=False)


def test_a_tree_of_any_layout(tree):
    manifest = build(tree)
    assert manifest.slices["subject_id"].tolist() == ["P000"] * 3 + ["P001"] * 3
    assert manifest.slices["file"].tolist()[:3] == [f"A0/ST0/SE0/IM{number}" for number in (9, 8, 7)]
    assert manifest.slices["label"].tolist() == [1, 1, 1, 0, 0, 0]
    assert manifest.slices["lesions"].tolist() == [2, 2, 2, 0, 0, 0]
    assert manifest.slices["left_x0"].tolist() == [22] * 6
    verify_files(manifest, progress=False)
    first = load_manifest(manifest.folder).slice_records()[0]
    assert first.segmentation == tree.parent / "manifest/outlines/P000.npz"
    assert read_outlines(first.segmentation).mask(first.uid, "edema").sum() == 2
    assert read_image(first).pixels.shape == (24, 32)


def test_every_file_is_accounted_for(tree):
    manifest = build(tree)
    account = read_account(manifest.folder).set_index("file")
    files = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    assert set(account.index) == files | {"../outlines/0.dcm", "../outlines/1.dcm"}
    used = account[account["outcome"] == "used"]
    assert set(used.index) == {*manifest.slices["file"], "../outlines/0.dcm", "../outlines/1.dcm"}
    assert account.loc["A0/ST1/SE1/IM9", ["series", "subject_id", "reason"]].tolist() == [
        "3 stir_obl_cor", "P000", "not T1-weighted and fat-suppressed",
    ]  # fmt: skip
    assert account.loc["A1/ST0/SE2/IM8", "reason"] == "a localizer"
    assert account.loc["A1/ST1/SE3/IM9", ["kind", "reason"]].tolist() == [
        "other DICOM",
        "a screenshot (secondary capture)",
    ]
    assert account.loc["DICOMDIR", ["kind", "reason"]].tolist() == ["DICOMDIR", "a list of files, no image"]
    page = (manifest.folder / "account.md").read_text()
    rule = "T1-weighted and fat-suppressed, with contrast agent, coronal plane"
    assert f"| P001 | 4 t1_tse_fs_obl_cor_GD | {rule} | 3 |" in page


def test_another_contrast_and_a_named_series(tree):
    options = {"votes_csv": None, "annotations": None, "segments_csv": None}
    uids = [f"{subject}{number}" for subject in (0, 1) for number in range(3)]
    for wanted, number in ((Wanted("stir"), 3), (Wanted(series="^3 STIR"), 3), (Wanted(series="t1_.*gd"), 4)):
        labels = write_csv(
            tree.parent / "labels.csv",
            [{"sop_instance_uid": mr_uid(int(uid[0]), number, int(uid[1])), "label": 1} for uid in uids],
        )
        manifest = build(tree, **options, labels_csv=labels, wanted=wanted)
        assert set(manifest.slices["file"].str.contains("SE1")) == {number == 3}
    both = [
        {"sop_instance_uid": mr_uid(int(uid[0]), number, int(uid[1])), "label": 1} for uid in uids for number in (3, 4)
    ]
    labels = write_csv(tree.parent / "labels.csv", both)
    with pytest.raises(StudyError, match=r"labels\.csv: slice .*\.4\.1 has a row, its image is left out \(not STIR\)"):
        build(tree, **options, labels_csv=labels, wanted=Wanted("stir"))
    with pytest.raises(StudyError, match=r"--series '\(' is no regular expression"):
        build(tree, wanted=Wanted(series="("))


def mr_uid(subject, number, step):
    return str(series_of_slices(subject, number, step + 1)[step].SOPInstanceUID)


def test_outlines_of_a_series_that_is_not_used_are_left_out(tree):
    labels = write_csv(
        tree.parent / "labels.csv",
        [{"sop_instance_uid": mr_uid(subject, 3, step), "label": 1} for subject in (0, 1) for step in range(3)],
    )
    manifest = build(tree, votes_csv=None, labels_csv=labels, wanted=Wanted("stir"))
    assert manifest.slices["segmentation"].isna().all()
    account = read_account(manifest.folder).set_index("file")
    assert account.loc["../outlines/0.dcm", "reason"] == "outlines series '4 t1_tse_fs_obl_cor_GD', which is not used"


def test_segments_without_a_table_are_refused_and_the_table_is_named(tree):
    with pytest.raises(StudyError, match=r"0\.dcm: unknown segment 'Iliac bone L' .*--segments"):
        build(tree, segments_csv=None)


def drawn_files(manifest):
    """Used files with outlines, as the account names them."""
    account = read_account(manifest.folder)
    return sorted(account[(account["kind"] == "SEG") & (account["outcome"] == "used")]["file"])


def test_outlines_in_both_folders(tree):
    (tree.parent / "outlines/1.dcm").rename(tree / "A1/outlines")
    manifest = build(tree)
    assert sorted(set(manifest.slices["segmentation"])) == ["P000.npz", "P001.npz"]
    assert drawn_files(manifest) == ["../outlines/0.dcm", "A1/outlines"]
    verify_files(manifest, progress=False)


def test_outlines_in_a_folder_below_the_images(tree):
    shutil.move(tree.parent / "outlines", tree / "outlines")
    manifest = build(tree, annotations=tree / "outlines")
    assert drawn_files(manifest) == ["outlines/0.dcm", "outlines/1.dcm"]


def test_a_folder_named_like_a_subject_outranks_the_patient_id(tree):
    subjects = pd.read_csv(tree.parent / "subjects.csv", dtype=str).replace({"P000": "A0", "P001": "A1"})
    subjects.to_csv(tree.parent / "subjects.csv", index=False)
    assert build(tree).slices["subject_id"].unique().tolist() == ["A0", "A1"]


def test_a_folder_and_a_patient_id_of_two_subjects_are_refused(tree):
    (tree / "A0").rename(tree / "P001")
    with pytest.raises(
        StudyError, match=r"P001/ST.*: lies in the folder of subject P001, its PatientID is subject P000"
    ):
        build(tree)


def test_an_image_of_nobody_stops_the_build(tree):
    write(mr_dataset(7, 0), tree / "loose")
    with pytest.raises(StudyError, match=r"loose: an MR image of nobody: .*PatientID 'P007'"):
        build(tree)


def test_a_series_of_two_kinds_is_refused_unless_any_contrast_will_do(tree):
    """Its first image alone fits the contrast that is asked for."""
    write(series_of_slices(0, 4, **{**T1_GD, "ContrastBolusAgent": ""})[1], tree / "A0/ST0/SE0/IM8")
    said = (
        r"subject P000: series '4 t1_tse_fs_obl_cor_GD': its images are not of one kind: IM7 \(contrast agent given\) "
        r"and IM8 \(contrast agent not told\); take out"
    )
    with pytest.raises(StudyError, match=said):
        build(tree)
    manifest = build(tree, wanted=Wanted("any", series="t1"))
    assert len(manifest.slices) == 6 and {kind.agent for kind in kinds_of(manifest)} == {"unknown", "given"}


def test_two_equal_series_are_named(tree):
    for ds in series_of_slices(0, 6, **T1_GD):
        write(ds, tree / f"more/{ds.InstanceNumber}")
    with pytest.raises(StudyError, match=r"subject P000: 2 series fit equally: '4 t1_.*', '6 t1_.*'; .*--series"):
        build(tree)
    manifest = build(tree, wanted=Wanted(series="^4 "))
    assert len(manifest.slices) == 6


def test_two_persons_among_the_usable_series(tree):
    for ds in series_of_slices(0, 6, **STIR | {"PatientID": "P009"}):
        write(ds, tree / f"P000/{ds.InstanceNumber}")
    with pytest.raises(
        StudyError, match=r"P000/1: PatientID is 'P009', that of IM\d is 'P000'; give each person a folder"
    ):
        build(tree)


def test_enhanced_mr_with_outlines_votes_and_a_slice_left_out(tmp_path):
    root, steps = tmp_path / "export", (2, 0, 1)
    source = enhanced_mr(0, steps)
    write(source, root / "S1/enhanced")
    write(seg_dataset([source], np.stack([bone_masks(count) for count in (1, 2, 3)])), tmp_path / "outlines/x")
    subjects = [{"subject_id": "S1", "group": "axSpA", "age_years": 30, "sex": "F"}]
    votes = [{"file": f"S1/enhanced#{frame}", "reader_1": 1, "reader_2": int(frame != 3), "reader_3": ""}
             for frame in (1, 2, 3)]  # fmt: skip
    tables = {
        "subjects_csv": write_csv(tmp_path / "s.csv", subjects),
        "votes_csv": write_csv(tmp_path / "v.csv", votes),
    }
    options = BuildOptions(name="e", **tables, annotations=tmp_path / "outlines")
    manifest = build_manifest(root, tmp_path / "m", options, progress=False)
    assert manifest.slices[["frame", "slice_index", "lesions"]].to_numpy().tolist() == [[2, 0, 2], [1, 2, 1]]
    verify_files(manifest, progress=False)
    image = read_image(manifest.slice_records()[0])
    np.testing.assert_array_equal(
        image.pixels.astype(int).ravel()[:20], np.frombuffer(mr_dataset(0, 0).PixelData, "<u2")[:20]
    )
    account = read_account(manifest.folder).set_index("file")
    assert account["outcome"].to_dict() == {
        "S1/enhanced": "used", "S1/enhanced #3": "left out", "../outlines/x": "used",
    }  # fmt: skip


def test_all_bundled_files_of_pydicom_beside_a_good_subject(tree):
    data = Path(pydicom.__file__).parent / "data"
    shutil.copytree(data, tree / "P000/bundled", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.raises(StudyError, match=r"cut off.*--skip-broken"):
        build(tree)
    manifest = build(tree, wanted=Wanted(skip_broken=True))
    assert len(manifest.slices) == 6
    account = read_account(manifest.folder)
    assert account["file"].str.startswith("P000/bundled/").sum() > 180
    assert (account[account["file"].str.startswith("P000/bundled/")]["outcome"] == "left out").all()
