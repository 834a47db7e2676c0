"""Every way a cohort can be wrong: the build stops with one line that names the file or row."""

import io
import shutil

import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, SEGMENTS, bone_masks, mr_dataset, seg_dataset, write, write_csv
from pydicom import dcmwrite
from sample_builds import BOX_EDGES, account_of, build, change_csv, refused, uid_of

from sijstudy.cohort.options import Wanted
from sijstudy.errors import StudyError


def saved_bytes(ds):
    stream = io.BytesIO()
    dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


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
    refused(cohort, r"SEG2\.dcm: outlines 'left ilium', as SEG\.dcm does; keep the one that counts")
    (cohort / "S00/SEG2.dcm").unlink()
    alike = {name: series[0][name].value for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    mixed = [mr_dataset(0, 0), mr_dataset(1, 1, **alike)]
    write(seg_dataset(mixed, np.stack([bone_masks(1)] * 2)), cohort / "S00/SEG.dcm")
    refused(cohort, r"S00/SEG\.dcm: outlines slices of the subjects S00 and S01")
    strangers = [mr_dataset(8, step) for step in range(3)]
    write(seg_dataset(strangers, np.stack([bone_masks(1)] * 3)), cohort / "S00/SEG.dcm")
    refused(
        cohort,
        r"S00/SEG\.dcm: frame 1 \(left ilium\) lies on no slice .*, and its position is of another frame of reference",
    )
    small = [mr_dataset(0, step, rows=ROWS - 2, columns=COLUMNS) for step in range(3)]
    resized = seg_dataset(small, np.stack([bone_masks(1, ROWS - 2)] * 3))
    for item in resized.PerFrameFunctionalGroupsSequence:
        del item.PlanePositionSequence
    write(resized, cohort / "S00/SEG.dcm")
    refused(cohort, rf"S00/SEG\.dcm: frame 1 has {ROWS - 2} x {COLUMNS} pixels and no position")


def test_swapped_sides(cohort):
    series = [mr_dataset(0, step) for step in range(3)]
    names = ["right ilium", "left ilium", *SEGMENTS[2:]]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3), names=names), cohort / "S00/SEG.dcm")
    refused(cohort, "the subject's left ilium lies on the left of the image")


def test_a_row_without_a_file(cohort, tmp_path):
    extra = {"sop_instance_uid": "1.2.3", **dict.fromkeys(BOX_EDGES, "")}
    refused(cohort, r"side\.csv: slice 1\.2\.3 has a row but no DICOM file",
            boxes_csv=write_csv(tmp_path / "side.csv", [extra]))  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            (22, 5, COLUMNS + 1, 21, 2, 4, 10, 20),
            r"^\S*side\.csv: row 2: \S*S00/001\.dcm: Box.* lies outside its 24 x 32 image",
        ),
        ((22, -1, 30, 21, 2, 4, 10, 20), "lies outside"),
        ((22, 5, "nan", 21, 2, 4, 10, 20), "row 2: .*is empty"),
        ((22, 5, 20, 21, 2, 4, 10, 20), "row 2: .*is empty"),
        ((22, "", 30, 21, 2, 4, 10, 20), "row 2: left_y0='' must be a number"),
        ((2, 4, 10, 20, 22, 5, 30, 21), r"^\S*side\.csv: row 2: \S*S00/001\.dcm: .* left ilium lies on the left"),
        (
            (2, 4, 10, 20, "", "", "", ""),
            r"^\S*side\.csv: row 2: .*only ilium, the subject's left, lies in the left half of the image",
        ),
        (("", "", "", "", 22, 5, 30, 21), "only ilium, the subject's right, lies in the right half of the image"),
    ],
)
def test_bad_boxes(cohort, tmp_path, values, words):
    row = {"file": "S00/001.dcm", **dict(zip(BOX_EDGES, values, strict=True))}
    refused(cohort, words, boxes_csv=write_csv(tmp_path / "side.csv", [row]))


def test_a_bad_subject_is_named_in_the_file_it_came_from(cohort):
    change_csv(cohort / "subjects.csv", 0, group="healthy")
    refused(cohort, r"dicom/subjects\.csv: row 2: group='healthy'")
