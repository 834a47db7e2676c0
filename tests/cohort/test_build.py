"""From DICOM files to a manifest: rows against what was put into the files; a build that fails leaves the old one."""

import json

import numpy as np
import pandas as pd
import pytest
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write, write_cohort, write_csv
from sample_builds import BOX_EDGES, account_of, build, change_csv, uid_of, voted

from sijstudy.cohort.manifest import cohort_hash, read_account, verify_files
from sijstudy.cohort.options import Wanted
from sijstudy.cohort.write import PARTS
from sijstudy.errors import StudyError


def test_rows_of_a_voted_cohort(cohort):
    manifest = voted(cohort, provenance={"seed": 7, "name": "not this"})
    slices = manifest.slices
    assert slices["subject_id"].tolist() == [f"S{subject:02d}" for subject in range(4) for _ in range(3)]
    assert slices["slice_index"].tolist() == [0, 1, 2] * 4
    assert slices["label"].tolist() == [1] * 6 + [0] * 6
    assert slices["file"].tolist()[:3] == ["S00/003.dcm", "S00/002.dcm", "S00/001.dcm"]  # names run downwards
    assert slices["lesions"].tolist() == [2] * 6 + [0] * 6
    assert slices[list(BOX_EDGES)].drop_duplicates().to_numpy().tolist() == [[22, 5, 30, 21, 2, 4, 10, 20]]
    assert slices[["reader_1", "reader_2", "reader_3"]].to_numpy().tolist()[:3] == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    about = json.loads((cohort.parent / "manifest/cohort.json").read_text())
    edema = {"agreement": None, "min_pixels": 1, "negatives": "majority"}
    region = {"region": "bone", "joint_mm": 15.0, "elsewhere": "leave-out", "labels": "tables"}
    named = {"format": 2, "name": "sample", "source": "hospital", "root": "../dicom", "seed": 7}
    assert about == {**named, "edema": edema, "edema_region": region}
    assert set(slices["segmentation"]) == {f"S{subject:02d}.npz" for subject in range(4)}
    verify_files(manifest, progress=False)


def test_workers_do_not_change_the_result(cohort, monkeypatch):
    monkeypatch.setattr("sijstudy.cohort.build.FEW", 3)
    one, two = voted(cohort), voted(cohort, folder="two", workers=2)
    pd.testing.assert_frame_equal(one.slices, two.slices)
    assert cohort_hash(one) == cohort_hash(two)


def test_boxes_table_outranks_the_segmentation(cohort, tmp_path):
    row = {
        "sop_instance_uid": uid_of(cohort, "S00", 0),
        **dict(zip(BOX_EDGES, (20.5, 4, 29, 18, "", "", "", ""), strict=True)),
    }
    manifest = build(cohort, boxes_csv=write_csv(tmp_path / "side.csv", [row]))
    first, second = manifest.slice_records()[:2]
    assert (first.boxes.left.x0, first.boxes.right) == (20.5, None)
    assert second.boxes.right is not None


def test_slices_without_a_box_are_left_out_where_one_is_required(cohort):
    series = [mr_dataset(0, step) for step in range(3)]
    masks = np.stack([bone_masks(2)] * 3)
    masks[1, :, :, :2] = False  # neither ilium
    write(seg_dataset(series, masks), cohort / "S00/SEG.dcm")
    assert len(voted(cohort).slices.query("subject_id == 'S00'")) == 3
    manifest = voted(cohort, require_boxes=True)
    assert manifest.slices.query("subject_id == 'S00'")["slice_index"].tolist() == [0, 2]
    row = account_of(manifest).set_index("file").loc["S00/002.dcm"]
    assert (row["outcome"], row["reason"]) == ("left out", "no ilium is outlined or boxed on it")


def test_a_left_out_slice_leaves_a_gap_in_the_index(cohort):
    (cohort / "S03/002.dcm").unlink()
    with pytest.raises(StudyError, match=r"S03/SEG\.dcm: frame \d+ \(.*\) lies on no slice of its subject"):
        build(cohort)
    manifest = build(cohort, wanted=Wanted(skip_broken=True))
    assert manifest.slices.query("subject_id == 'S03'")["slice_index"].tolist() == [0, 2]
    account = read_account(manifest.folder)
    gone = account[(account["outcome"] == "left out") & (account["kind"] == "SEG")]
    assert gone["file"].str.fullmatch(r"S03/SEG\.dcm #\d+").all() and len(gone) == 3  # both ilia and the sacrum
    assert gone["reason"].str.startswith("lies on no slice of its subject: it names image").all()
    assert "S03/SEG.dcm" in account[account["outcome"] == "used"]["file"].tolist()


@pytest.mark.parametrize("declared", [None, 0.2, 99.0])  # absent, the gap only, nonsense
def test_the_slice_distance_is_measured_where_the_header_misleads(tmp_path, declared):
    root = write_cohort(tmp_path / "dicom", axspa=1, controls=0, slices=1).root
    for step in (1, 2, 5):
        write(mr_dataset(0, step, SpacingBetweenSlices=declared), root / f"S00/{step}.dcm")
    write(mr_dataset(0, 0, SpacingBetweenSlices=declared), root / "S00/001.dcm")
    (root / "S00/1.dcm").rename(root / "S00/b.dcm")
    labels = [{"file": f"S00/{name}", "label": 1} for name in ("001.dcm", "b.dcm", "2.dcm", "5.dcm")]
    manifest = build(root, labels_csv=write_csv(tmp_path / "side.csv", labels))
    assert manifest.slices["slice_index"].tolist() == [0, 1, 2, 5]


def test_grey_values_that_do_not_begin_at_0_have_no_level_of_marrow(cohort):
    for step in range(3):
        ds = mr_dataset(1, step, RescaleSlope=1, RescaleIntercept=-300)  # a third of the pixels is below 0
        write(ds, cohort / f"S01/{3 - step:03d}.dcm")
    levels = voted(cohort).slices.groupby("subject_id")["stack_marrow"].count()
    assert levels.to_dict() == {"S00": 3, "S01": 0, "S02": 3, "S03": 3}


def test_files_beside_the_folders_belong_to_their_patient_id(cohort):
    for path in (cohort / "S01").iterdir():
        path.rename(cohort / f"S01-{path.name}")
    (cohort / "S01").rmdir()
    change_csv(cohort / "subjects.csv", 1, subject_id="P001")
    assert sorted(build(cohort).slices["subject_id"].unique()) == ["P001", "S00", "S02", "S03"]


def test_hidden_files_documents_and_the_manifest_itself_are_left_out(cohort):
    (cohort / "S00/.DS_Store").write_text("x")
    (cohort / ".cache").mkdir()
    (cohort / "notes.txt").write_text("x")
    (cohort / "S00/Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    first = build(cohort, folder="dicom/manifest")
    again = build(cohort, folder="dicom/manifest")
    assert cohort_hash(first) == cohort_hash(again)


def test_one_shared_patient_id_is_a_placeholder(cohort):
    for subject in range(4):
        for step in range(3):
            write(mr_dataset(subject, step, PatientID="ANON"), cohort / f"S{subject:02d}/{3 - step:03d}.dcm")
    assert len(build(cohort).subjects) == 4


def test_a_failed_build_keeps_the_earlier_manifest(cohort):
    build(cohort)
    folder = cohort.parent / "manifest"
    before = {name: (folder / name).read_bytes() for name in PARTS}
    (cohort / "S03/001.dcm").write_bytes(b"")
    with pytest.raises(StudyError, match="empty"):
        build(cohort)
    assert {name: (folder / name).read_bytes() for name in PARTS} == before
    assert sorted(path.name for path in cohort.parent.iterdir()) == ["dicom", "manifest"]


def test_a_build_stopped_while_moving_leaves_no_manifest(cohort, monkeypatch):
    build(cohort)
    real = type(cohort).replace

    def stop(self, target):
        if self.name == "subjects.csv" and target.parent.name == "manifest":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(type(cohort), "replace", stop)
    with pytest.raises(StudyError, match=r"cannot write .*manifest \(No space left on device\)"):
        build(cohort)
    assert not (cohort.parent / "manifest/cohort.json").exists()


def test_a_place_that_cannot_be_written(cohort):
    (cohort.parent / "taken").write_text("a file")
    for folder in ("taken", "taken/below"):
        with pytest.raises(StudyError, match=rf"cannot write .*{folder} \("):
            build(cohort, folder=folder)
