"""One new subject's folder, read without labels."""

import shutil

import numpy as np
import pytest
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write, write_csv
from hospital_samples import STIR, T1_GD, localizer, series_of_slices

from sijstudy.cohort import ilium_boxes
from sijstudy.cohort.options import Wanted
from sijstudy.cohort.subject_folder import GUESS, read_subject
from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes


@pytest.fixture
def folder(tmp_path):
    """Four slices of one subject, a SEG, and a document between them."""
    series = [mr_dataset(7, step) for step in range(4)]
    for step, ds in enumerate(series):
        write(ds, tmp_path / "NEW" / "series" / f"{4 - step}.dcm")
    write(seg_dataset(series, np.stack([bone_masks(1)] * 4)), tmp_path / "NEW" / "SEG.dcm")
    (tmp_path / "NEW" / "notes.txt").write_text("seen on Monday")
    return tmp_path / "NEW"


def test_slices_are_ordered_and_boxes_come_from_the_seg(folder):
    subject = read_subject(folder)
    assert subject.subject_id == "NEW"
    assert [item.file.name for item in subject.slices] == ["4.dcm", "3.dcm", "2.dcm", "1.dcm"]
    assert [item.index for item in subject.slices] == [0, 1, 2, 3]
    assert subject.boxes_from == "the DICOM SEG in its folder"
    assert all(item.boxes.left.x0 == 22 for item in subject.slices)


def test_boxes_may_come_from_a_table_or_be_missing(folder, tmp_path):
    (folder / "SEG.dcm").unlink()
    assert read_subject(folder).boxes_from == ""
    edges = {"left_x0": 20, "left_y0": 4, "left_x1": 30, "left_y1": 20}
    edges |= {"right_x0": "", "right_y0": "", "right_x1": "", "right_y1": ""}
    table = write_csv(tmp_path / "boxes.csv", [{"file": "series/2.dcm", **edges}])
    subject = read_subject(folder, table)
    assert subject.boxes_from == "boxes.csv"
    assert [item.boxes is not None for item in subject.slices] == [False, False, True, False]
    lost = write_csv(tmp_path / "lost.csv", [{"file": "series/9.dcm", **edges}])
    with pytest.raises(StudyError, match=r"slice series/9\.dcm has a row but no DICOM file"):
        read_subject(folder, lost)


def test_a_table_without_any_box_is_refused_not_ignored(folder, tmp_path):
    """It said that there is no ilium on any slice, and the SEG's or found boxes were used instead."""
    empty = {f"{side}_{edge}": "" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1")}
    table = write_csv(tmp_path / "boxes.csv", [{"file": f"series/{number}.dcm", **empty} for number in (1, 2, 3, 4)])
    for _ in range(2):
        with pytest.raises(StudyError, match=r"boxes\.csv: none of its 4 rows has a box, .*; fill in .* --roi whole"):
            read_subject(folder, table)
        (folder / "SEG.dcm").unlink(missing_ok=True)


def bone_only(folder, monkeypatch):
    """A SEG with the outline of all bone alone, and what is guessed of it on the first three slices."""
    series = [mr_dataset(7, step) for step in range(4)]
    bone = np.stack([bone_masks(1)[..., :3].any(axis=-1, keepdims=True)] * 4)
    write(seg_dataset(series, bone, names=["bone"]), folder / "SEG.dcm")
    boxes = [*[IliumBoxes(Box(22, 5, 30, 21), None)] * 3, None]
    monkeypatch.setattr(ilium_boxes, "propose_ilium_boxes", lambda *_: boxes)
    return boxes


def test_boxes_guessed_from_all_bone_are_not_called_given(folder, tmp_path, monkeypatch):
    boxes = bone_only(folder, monkeypatch)
    subject = read_subject(folder)
    assert (subject.boxes_from, subject.boxes_given) == (GUESS, False)
    assert [own.boxes for own in subject.found] == boxes == [item.boxes for item in subject.slices]
    assert all(np.isnan(own.confidence) for own in subject.found)
    edges = {"left_x0": 20, "left_y0": 4, "left_x1": 30, "left_y1": 20}
    edges |= {"right_x0": "", "right_y0": "", "right_x1": "", "right_y1": ""}
    table = write_csv(tmp_path / "boxes.csv", [{"file": "series/4.dcm", **edges}])
    subject = read_subject(folder, table)
    assert (subject.boxes_from, subject.boxes_given) == (f"boxes.csv and {GUESS}", True)
    assert subject.found[0] is None and subject.slices[0].boxes.left.x0 == 20
    assert [own.boxes for own in subject.found[1:]] == boxes[1:]
    monkeypatch.setattr(ilium_boxes, "propose_ilium_boxes", lambda *_: [None] * 4)
    assert (read_subject(folder).boxes_from, read_subject(folder).found) == ("", ())


def test_what_cannot_be_read_is_left_out_only_when_asked_and_named(folder):
    path = folder / "series/3.dcm"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StudyError, match=r"3\.dcm: is cut off"):
        read_subject(folder)
    subject = read_subject(folder, wanted=Wanted(skip_broken=True))
    assert [(item.file.name, item.index) for item in subject.slices] == [("4.dcm", 0), ("2.dcm", 2), ("1.dcm", 3)]
    names = sorted(subject.broken)
    assert names[0].startswith("SEG.dcm #") and names[-1] == "series/3.dcm" and len(names) == 5
    assert subject.broken["series/3.dcm"].startswith("cannot be read: is cut off")
    assert subject.broken[names[0]].startswith("lies on no slice of its subject")


def test_a_hospitals_own_labels_are_told_by_a_table(folder, tmp_path):
    series = [mr_dataset(7, step) for step in range(4)]
    names = ["Os ilium sin", "Os ilium dex", "Disc", "BME R1"]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 4), names=names), folder / "SEG.dcm")
    with pytest.raises(
        StudyError, match=r"unknown segment 'Os ilium sin' .*; rename it, or say what it is .* as --segments"
    ):
        read_subject(folder)
    meanings = ["left ilium", "right ilium", "", "edema"]
    rows = [
        {"label": name, "segment": meaning, "reader": "1" if meaning == "edema" else ""}
        for name, meaning in zip(names, meanings, strict=True)
    ]
    subject = read_subject(folder, segments_csv=write_csv(tmp_path / "segments.csv", rows))
    assert subject.boxes_from == "the DICOM SEG in its folder"
    assert all(item.boxes.left.x0 == 22 for item in subject.slices)


def test_an_export_with_several_series(folder):
    for ds in (*series_of_slices(7, 3, **STIR), *localizer(7)):
        write(ds, folder / f"{ds.SeriesNumber}-{ds.InstanceNumber}")
    for ds in series_of_slices(7, 4, **T1_GD):
        write(ds, folder / f"gd-{ds.InstanceNumber}")
    for step in range(4):
        (folder / "series" / f"{4 - step}.dcm").unlink()
    (folder / "SEG.dcm").unlink()
    assert [item.file.name for item in read_subject(folder).slices] == ["gd-1", "gd-2", "gd-3"]
    assert [item.file.name for item in read_subject(folder, wanted=Wanted("stir")).slices] == ["3-1", "3-2", "3-3"]


def test_several_subjects_are_named(folder):
    write(mr_dataset(8, 0), folder / "other.dcm")
    with pytest.raises(StudyError, match=r"holds 2 subjects \(PatientID P007, P008\)"):
        read_subject(folder)


def test_what_is_no_subject_is_refused(folder, tmp_path):
    with pytest.raises(StudyError, match="no such folder"):
        read_subject(tmp_path / "nowhere")
    shutil.rmtree(folder / "series")
    with pytest.raises(StudyError, match="no MR slice, only segmentations"):
        read_subject(folder)
    (folder / "SEG.dcm").unlink()
    with pytest.raises(StudyError, match="holds no DICOM file"):
        read_subject(folder)
    (folder / "t1.nii.gz").write_bytes(b"")
    with pytest.raises(StudyError, match=r"but the volume t1\.nii\.gz, .*manifest build --volumes.* in notebook 07"):
        read_subject(folder)
    (folder / "t1.nii.gz").unlink()
    write(mr_dataset(7, 0, Modality="CT"), folder / "ct.dcm")
    with pytest.raises(StudyError, match="modality is CT, not MR"):
        read_subject(folder)


def test_localizers_are_left_out_and_two_series_want_a_choice(folder):
    scout = {"SeriesInstanceUID": "1.2.3.9", "SeriesDescription": "localizer"}
    other = {"SeriesInstanceUID": "1.2.3.8", "SeriesDescription": "t1 fs gd"}
    for step in range(3):
        write(mr_dataset(7, step, SOPInstanceUID=f"1.2.3.9.{step}", **scout), folder / "scout" / f"{step}.dcm")
    assert read_subject(folder).rule == "the only usable MR series"
    for step in range(4):
        write(mr_dataset(7, step, SOPInstanceUID=f"1.2.3.8.{step}", SeriesNumber=8, **other), folder / f"t1_{step}.dcm")
    chosen = read_subject(folder, wanted=Wanted(series="t1 fs"))
    assert (chosen.series, chosen.rule, len(chosen.slices)) == ("8 t1 fs gd", "named by --series", 4)
