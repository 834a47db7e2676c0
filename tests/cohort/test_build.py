"""From DICOM files to a manifest: rows against what was put into the files, and every way a cohort can be wrong."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from dicom_samples import COLUMNS, ROWS, SEGMENTS, bone_masks, mr_dataset, seg_dataset, write, write_cohort, write_csv
from pydicom import dcmwrite

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash, read_account, verify_files
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.cohort.write import PARTS
from sijstudy.errors import StudyError

BOXES = ("left_x0", "left_y0", "left_x1", "left_y1", "right_x0", "right_y0", "right_x1", "right_y1")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("template") / "dicom").root


@pytest.fixture
def cohort(template, tmp_path):
    """A cohort of four subjects, S00 and S01 with edema, three slices each, free to be spoilt."""
    return shutil.copytree(template, tmp_path / "dicom")


def build(root, folder="manifest", workers=1, **options):
    given = {"name": "sample", "source": "hospital", "subjects_csv": root / "subjects.csv"}
    return build_manifest(
        root, root.parent / folder, BuildOptions(**{**given, **options}), workers=workers, progress=False
    )


def voted(root, **options):
    return build(root, votes_csv=root / "votes.csv", **options)


def refused(root, words, **options):
    """The build fails in one line that holds ``words``, and leaves nothing behind."""
    with pytest.raises(StudyError, match=words) as caught:
        build(root, **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in root.parent.iterdir() if path.name != root.name] in ([], ["side.csv"])


def account_of(manifest):
    account = read_account(manifest.folder)
    assert (account["reason"] == "").equals(account["outcome"] == "used")
    return account


def saved_bytes(ds):
    stream = io.BytesIO()
    dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def change_csv(path, row, **cells):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[row, list(cells)] = list(cells.values())
    frame.to_csv(path, index=False)


def uid_of(root, subject, index):
    rows = pd.read_csv(root / "votes.csv", dtype=str).query("subject_id == @subject")
    return rows["sop_instance_uid"].iloc[index]


# --- what comes out -----------------------------------------------------------------------------------


def test_rows_of_a_voted_cohort(cohort):
    manifest = voted(cohort, provenance={"seed": 7, "name": "not this"})
    slices = manifest.slices
    assert slices["subject_id"].tolist() == [f"S{subject:02d}" for subject in range(4) for _ in range(3)]
    assert slices["slice_index"].tolist() == [0, 1, 2] * 4
    assert slices["label"].tolist() == [1] * 6 + [0] * 6
    assert slices["file"].tolist()[:3] == ["S00/003.dcm", "S00/002.dcm", "S00/001.dcm"]  # names run downwards
    assert slices["lesions"].tolist() == [2] * 6 + [0] * 6
    assert slices[list(BOXES)].drop_duplicates().to_numpy().tolist() == [[22, 5, 30, 21, 2, 4, 10, 20]]
    assert slices[["reader_1", "reader_2", "reader_3"]].to_numpy().tolist()[:3] == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    about = json.loads((cohort.parent / "manifest/cohort.json").read_text())
    assert about == {"name": "sample", "source": "hospital", "root": "../dicom", "seed": 7}
    verify_files(manifest, progress=False)


def test_labels_come_from_edema_outlines_where_there_is_no_table(cohort):
    manifest = build(cohort)
    assert manifest.slices["label"].tolist() == [1] * 6 + [0] * 6
    assert manifest.slices["reader_1"].isna().all()


def test_workers_do_not_change_the_result(cohort, monkeypatch):
    monkeypatch.setattr("sijstudy.cohort.build.FEW", 3)
    one, two = voted(cohort), voted(cohort, folder="two", workers=2)
    pd.testing.assert_frame_equal(one.slices, two.slices)
    assert cohort_hash(one) == cohort_hash(two)


def test_votes_outrank_labels_and_labels_settle_a_tie(cohort, tmp_path):
    change_csv(cohort / "votes.csv", 0, reader_1="1", reader_2="0", reader_3="")
    labels = [{"file": "S00\\003.dcm", "label": 0}, {"file": "S00/002.dcm", "label": 0}]
    manifest = voted(cohort, labels_csv=write_csv(tmp_path / "side.csv", labels))
    assert manifest.slices["label"].tolist()[:3] == [0, 1, 1]


def test_boxes_table_outranks_the_segmentation(cohort, tmp_path):
    row = {
        "sop_instance_uid": uid_of(cohort, "S00", 0),
        **dict(zip(BOXES, (20.5, 4, 29, 18, "", "", "", ""), strict=True)),
    }
    manifest = build(cohort, boxes_csv=write_csv(tmp_path / "side.csv", [row]))
    first, second = manifest.slice_records()[:2]
    assert (first.boxes.left.x0, first.boxes.right) == (20.5, None)
    assert second.boxes.right is not None


def test_a_left_out_slice_leaves_a_gap_in_the_index(cohort):
    (cohort / "S03/002.dcm").unlink()
    assert build(cohort).slices.query("subject_id == 'S03'")["slice_index"].tolist() == [0, 2]


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


# --- what is refused ----------------------------------------------------------------------------------


def test_no_cohort_at_all(cohort, tmp_path):
    refused(cohort, "source is 'web'", source="web")
    refused(cohort, "no such file", subjects_csv=tmp_path / "none.csv")
    subjects = cohort / "subjects.csv"
    with pytest.raises(StudyError, match="no such folder"):
        build(tmp_path / "nowhere", subjects_csv=subjects)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="holds no DICOM file"):
        build(tmp_path / "empty", subjects_csv=subjects)


def test_subjects_and_folders_must_match(cohort):
    (cohort / "S09").mkdir()
    shutil.copy(cohort / "S00/001.dcm", cohort / "S09")
    refused(cohort, r"S09/001\.dcm: an MR image of nobody: .* PatientID 'P000' is a subject_id of .*subjects\.csv")
    shutil.rmtree(cohort / "S09")
    shutil.rmtree(cohort / "S03")
    refused(cohort, r"subjects\.csv: subject S03 has no MR slice in ")
    (cohort / "S03").mkdir()
    refused(cohort, "subject S03 has no MR slice")


def test_damaged_and_wrong_slices_are_named(cohort):
    path, whole = cohort / "S01/extra.dcm", saved_bytes(mr_dataset(1, 9))
    damaged = {
        "the file is empty": b"",
        r"extra\.dcm: is cut off": whole[:-100],
        r"extra\.dcm: its header is cut off": whole[:700],
        r"extra\.dcm: .* cut off before it says|extra\.dcm: cannot be read": whole[:150],
        r"extra\.dcm: an MR image without the DICM mark": whole[whole.index(b"\x08\x00\x08\x00CS") :],
    }
    for words, content in damaged.items():
        path.write_bytes(content)
        refused(cohort, words)
    for changes, words in (
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "not parallel"),
        ({"Modality": "CT"}, "modality is CT"),
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
    ):
        write(mr_dataset(1, 9, **changes), path)
        refused(cohort, rf"extra\.dcm: .*{words}")


def test_broken_files_are_left_out_on_demand(cohort):
    whole = (cohort / "S01/001.dcm").read_bytes()
    (cohort / "S01/001.dcm").write_bytes(whole[:-100])
    (cohort / "S01/empty.dcm").touch()
    (cohort / "S01/cut.dcm").write_bytes(whole[:700])
    manifest = build(cohort, wanted=Wanted(skip_broken=True))
    assert manifest.slices["subject_id"].value_counts()["S01"] == 2
    reasons = account_of(manifest).set_index("file")["reason"]
    assert reasons["S01/001.dcm"].startswith("cannot be read: is cut off, pixels are missing")
    assert reasons["S01/empty.dcm"].startswith("cannot be read: the file is empty")
    assert reasons["S01/cut.dcm"].startswith("cannot be read: its header is cut off")
    for path in (cohort / "S01").glob("0*.dcm"):
        path.write_bytes(whole[:-100])
    with pytest.raises(StudyError, match="subject S01 has no MR slice"):
        build(cohort, wanted=Wanted(skip_broken=True))


def test_links_out_of_the_cohort(cohort, tmp_path):
    outside = (cohort / "S00/001.dcm").rename(tmp_path / "side.csv")
    (cohort / "S00/001.dcm").symlink_to(outside)
    refused(cohort, r"S00/001\.dcm: leads out of the cohort's folder")


def test_one_person_twice(cohort):
    for step in range(3):
        write(mr_dataset(3, step, PatientID="P002"), cohort / f"S03/{3 - step:03d}.dcm")
    refused(cohort, "subjects S02 and S03 share the PatientID 'P002'")


def test_two_persons_in_one_folder(cohort):
    write(mr_dataset(0, 8, PatientID="P009"), cohort / "S00/extra.dcm")
    refused(cohort, r"extra\.dcm: PatientID is 'P009'.*give each person a folder")


def test_a_copy_is_left_out_and_another_version_refused(cohort):
    (cohort / "S00/again").mkdir()
    copy = shutil.copy(cohort / "S00/001.dcm", cohort / "S00/again/x")
    manifest = build(cohort)
    assert len(manifest.slices) == 12
    assert account_of(manifest).set_index("file")["reason"]["S00/again/x"] == "a copy of '001.dcm'"
    write(mr_dataset(0, 2, EchoTime=12), copy)
    with pytest.raises(StudyError, match=r"again/x: has the SOP Instance UID of .*001\.dcm"):
        build(cohort)


def test_one_uid_in_two_subjects(cohort):
    write(mr_dataset(3, 8, SOPInstanceUID=uid_of(cohort, "S00", 0)), cohort / "S03/extra.dcm")
    seg = [mr_dataset(3, step) for step in range(3)] + [mr_dataset(3, 8, SOPInstanceUID=uid_of(cohort, "S00", 0))]
    write(seg_dataset(seg, np.stack([bone_masks(0)] * 4)), cohort / "S03/SEG.dcm")
    refused(cohort, r"S03/extra\.dcm: has the SOP Instance UID of .*S00/003\.dcm")


def test_segmentations_that_do_not_fit(cohort):
    shutil.copy(cohort / "S01/SEG.dcm", cohort / "S00/SEG2.dcm")
    refused(cohort, r"SEG2\.dcm: lies in the folder of subject S00, but outlines slices of S01")
    series = [mr_dataset(0, step) for step in range(3)]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3), uid="1.2.3"), cohort / "S00/SEG2.dcm")
    refused(cohort, r"SEG2\.dcm: a second segmentation beside SEG\.dcm")
    (cohort / "S00/SEG2.dcm").unlink()
    alike = {name: series[0][name].value for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    mixed = [mr_dataset(0, 0), mr_dataset(1, 1, **alike)]
    write(seg_dataset(mixed, np.stack([bone_masks(1)] * 2)), cohort / "S00/SEG.dcm")
    refused(cohort, r"S00/SEG\.dcm: outlines slices of the subjects S00 and S01")
    strangers = [mr_dataset(8, step) for step in range(3)]
    write(seg_dataset(strangers, np.stack([bone_masks(1)] * 3)), cohort / "S00/SEG.dcm")
    refused(cohort, r"S00/SEG\.dcm: refers to no slice of subject S00")
    small = [mr_dataset(0, step, rows=ROWS - 2, columns=COLUMNS) for step in range(3)]
    write(seg_dataset(small, np.stack([bone_masks(1, ROWS - 2)] * 3)), cohort / "S00/SEG.dcm")
    refused(cohort, rf"S00/SEG\.dcm: its outlines are {ROWS - 2} x {COLUMNS} pixels")


def test_swapped_sides(cohort):
    series = [mr_dataset(0, step) for step in range(3)]
    names = ["right ilium", "left ilium", *SEGMENTS[2:]]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3), names=names), cohort / "S00/SEG.dcm")
    refused(cohort, "the subject's left ilium lies on the left of the image")


def test_slices_without_a_label(cohort):
    series = [mr_dataset(0, step) for step in range(3)]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3)[..., :3], names=SEGMENTS[:3]), cohort / "S00/SEG.dcm")
    refused(cohort, r"S00/00\d\.dcm: has no label; give votes")
    (cohort / "S00/SEG.dcm").unlink()
    refused(cohort, r"S00/00\d\.dcm: has no label; give votes")
    change_csv(cohort / "votes.csv", 0, reader_1="", reader_2="", reader_3="")
    refused(cohort, r"S00/003\.dcm: has no label in .*votes\.csv; add its row", votes_csv=cohort / "votes.csv")


def test_one_vote_alone_is_no_label(cohort):
    change_csv(cohort / "votes.csv", 0, reader_1="", reader_2="1", reader_3="")
    refused(cohort, r"S00/003\.dcm: has one reader's vote only", votes_csv=cohort / "votes.csv")


@pytest.mark.parametrize(
    ("votes", "label"),
    [("1100", None), ("10", None), ("1110", 1), ("110", 1), ("00", 0), ("0010", 0), ("111", 1)],
)
def test_the_label_is_a_strict_majority_and_a_tie_leaves_the_slice_out(cohort, votes, label):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str).assign(reader_4="")
    frame.loc[0, [f"reader_{reader}" for reader in (1, 2, 3, 4)]] = list(votes.ljust(4))
    frame.to_csv(cohort / "votes.csv", index=False)
    manifest = voted(cohort)
    own = manifest.slices.query("subject_id == 'S00'")
    account = account_of(manifest).set_index("file").loc["S00/003.dcm"]
    if label is None:
        assert own["slice_index"].tolist() == [1, 2]  # its neighbours keep their places
        assert (account["outcome"], account["reason"]) == (
            "left out", f"no majority of the readers' votes '{', '.join(votes)}'"
        )  # fmt: skip
    else:
        assert (own["label"].iloc[0], account["outcome"], account["reason"]) == (label, "used", "")


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


def test_a_subject_whose_slices_all_lack_a_label(cohort):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    frame.loc[frame["subject_id"] == "S02", ["reader_1", "reader_2", "reader_3"]] = ["1", "0", ""]
    frame.to_csv(cohort / "votes.csv", index=False)
    refused(cohort, "subject S02: no slice has a label its readers agree on", votes_csv=cohort / "votes.csv")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"sop_instance_uid": "1.2.3"}, r"votes\.csv: slice 1\.2\.3 has a row but no DICOM file|has no label"),
        ({"subject_id": "S02"}, "is listed for subject S02, its file lies with S00"),
        ({"reader_1": "2"}, "row 2: reader_1='2' must be 0 or 1"),
        ({"sop_instance_uid": ""}, "row 2: sop_instance_uid is empty"),
        ({"mood": "good"}, "unknown column 'mood'"),
    ],
)
def test_bad_votes(cohort, cells, words):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    frame.loc[0, list(cells)] = list(cells.values())
    frame.to_csv(cohort / "votes.csv", index=False)
    refused(cohort, words, votes_csv=cohort / "votes.csv")


def test_a_row_without_a_file(cohort, tmp_path):
    extra = {"sop_instance_uid": "1.2.3", **dict.fromkeys(BOXES, "")}
    refused(cohort, r"side\.csv: slice 1\.2\.3 has a row but no DICOM file",
            boxes_csv=write_csv(tmp_path / "side.csv", [extra]))  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((22, 5, COLUMNS + 1, 21, 2, 4, 10, 20), "lies outside its 24 x 32 image"),
        ((22, -1, 30, 21, 2, 4, 10, 20), "lies outside"),
        ((22, 5, "nan", 21, 2, 4, 10, 20), "row 2: .*is empty"),
        ((22, 5, 20, 21, 2, 4, 10, 20), "row 2: .*is empty"),
        ((22, "", 30, 21, 2, 4, 10, 20), "row 2: left_y0='' must be a number"),
        ((2, 4, 10, 20, 22, 5, 30, 21), "left ilium lies on the left"),
    ],
)
def test_bad_boxes(cohort, tmp_path, values, words):
    row = {"file": "S00/001.dcm", **dict(zip(BOXES, values, strict=True))}
    refused(cohort, words, boxes_csv=write_csv(tmp_path / "side.csv", [row]))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"label": 1}], "names no slice"),
        ([{"file": "S00/001.dcm"}], "column 'label' is missing"),
        ([{"file": "S00/001.dcm", "label": ""}], "row 2: label is empty"),
        ([{"file": "S00/001.dcm", "label": 1}] * 2, r"row 3: file 'S00/001\.dcm' occurs twice"),
    ],
)
def test_bad_labels(cohort, tmp_path, rows, words):
    refused(cohort, words, labels_csv=write_csv(tmp_path / "side.csv", rows))


# --- a failed build leaves the earlier manifest ---------------------------------------------------------


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


def test_a_bad_subject_is_named_in_the_file_it_came_from(cohort):
    change_csv(cohort / "subjects.csv", 0, group="healthy")
    refused(cohort, r"dicom/subjects\.csv: row 2: group='healthy'")
