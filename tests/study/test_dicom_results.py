"""What a viewer of a hospital is given: DICOM SEG and SR, read back by highdicom, by our reader and by dciodvfy."""

import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_samples import COLUMNS, ROWS, bone_masks, enhanced_mr, write
from pydicom.sr.codedict import codes
from result_samples import BOXES, TURNS, classic, diagnosis_of, subject_of
from volume_samples import write_nifti

from sijstudy.cohort.scan import look_at
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.images.read import read_image_header
from sijstudy.images.seg import read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import Meaning, SegmentRow, SegmentTable
from sijstudy.records import IliumBoxes
from sijstudy.segmentation.joint_boxes import FoundBoxes
from sijstudy.study import diagnosis_page
from sijstudy.study.diagnosis_dicom import Said, told_of
from sijstudy.study.dicom_report import OWN
from sijstudy.study.dicom_results import write_dicom_results
from sijstudy.study.dicom_told import MASKS, NOTICE
from sijstudy.training.patches import roi_of

FOUND = np.stack([bone_masks(count) for count in (2, 0, 3)])  # upright
VALIDATOR = shutil.which("dciodvfy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
REMARKS = ("Unlike the training data.", NOTICE)


def multi_frame(folder):
    """The slices are frames 4, 2 and 1 of a file of four."""
    path = write(enhanced_mr(1, (2, 1, 7, 0)), folder / "enhanced.dcm")
    return subject_of([(path, 4), (path, 2), (path, 1)])


def written(subject, folder, said=Said(REMARKS, masks=FOUND), **options):  # noqa: B008
    result = diagnosis_of(subject, **options)
    return result, write_dicom_results(told_of(result, said), folder)


def read_back(path, subject):
    """Masks by label ``(N, H, W)``, upright, as our own reader lays them on the slices."""
    headers = [read_image_header(item) for item in subject.slices]
    rows = [SegmentRow(Meaning(f"{side} ilium"), label=f"{side} ROI") for side in ("left", "right")]
    outside = [SegmentRow(Meaning(None), label=name) for name in MASKS]
    empty = np.zeros((ROWS, COLUMNS), bool)
    masks = {}
    for names, table in (
        (("left ROI", "right ROI"), (*rows, *outside)),
        (MASKS, [replace(row, meaning=Meaning(None)) for row in rows]),
    ):
        for one in read_seg(path, Slices(headers), SegmentTable(rows=tuple(table))).outlines:
            label = one.meaning.name if names == MASKS else one.meaning.name.replace("ilium", "ROI")
            masks[label] = np.stack([one.masks.get(header.uid, empty) for header in headers])
    return masks


def cut(box):
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[math.floor(box.y0) : math.ceil(box.y1), math.floor(box.x0) : math.ceil(box.x1)] = True
    return mask


def groups_of(path):
    """The SR, its subject's group and those of the slices."""
    document = hd.sr.srread(path)
    subject, *slices = document.content.get_image_measurement_groups()
    return document, subject, slices


def values_of(group):
    return {one.name.value: one.value for one in group.get_measurements()}


def words_of(group):
    found = {one.name.value: one.value.value for one in group.get_qualitative_evaluations()}
    return {name: value for name, value in found.items() if name in OWN}  # the algorithm's family is listed, too


@pytest.mark.parametrize("make", [*TURNS, "enhanced"])
def test_a_seg_lies_on_the_pixels_that_it_was_drawn_on(tmp_path, make):
    """However the acquisition is stored: our reader finds the same masks on the upright slices."""
    subject = multi_frame(tmp_path / "in") if make == "enhanced" else classic(tmp_path / "in", make)
    result, files = written(subject, tmp_path / "out")
    assert files.notes == ()
    found = read_back(files.seg, subject)
    for number, name in enumerate(MASKS):
        np.testing.assert_array_equal(found[name], FOUND[..., number])
    rois = roi_of(subject.slices[0], (ROWS, COLUMNS), result.config)
    for name, box in (("right ROI", rois.image_left), ("left ROI", rois.image_right)):
        np.testing.assert_array_equal(found[name], np.stack([cut(box), np.zeros((ROWS, COLUMNS), bool), cut(box)]))


@pytest.mark.parametrize("make", [classic, multi_frame])
def test_references_lead_to_the_images(tmp_path, make):
    subject = make(tmp_path / "in")
    _, files = written(subject, tmp_path / "out")
    source = pydicom.dcmread(subject.slices[0].file)
    for path in (files.seg, files.sr):
        ds = pydicom.dcmread(path)
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
            assert ds[keyword].value == source[keyword].value
        assert ds.SeriesInstanceUID != source.SeriesInstanceUID
        assert NOTICE in ds.SeriesDescription
        assert ds.ContentQualification == "RESEARCH"
    seg = hd.seg.segread(files.seg)
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    files_of_slices = {pydicom.dcmread(item.file).SOPInstanceUID for item in subject.slices}
    assert {uid for _, _, uid in seg.get_source_image_uids()} == files_of_slices
    _, _, slices = groups_of(files.sr)
    used = [item for item in subject.slices if item.boxes]
    for item, group in zip(used, slices, strict=True):
        (image,) = group.source_images
        source = pydicom.dcmread(item.file)
        assert (image.referenced_sop_instance_uid, image.referenced_sop_class_uid) == (
            source.SOPInstanceUID,
            source.SOPClassUID,
        )
        assert image.referenced_frame_numbers == (None if item.frame is None else [item.frame])


def test_a_report_holds_the_results_to_the_last_bit(tmp_path):
    result, files = written(classic(tmp_path / "in"), tmp_path / "out")
    document, subject, slices = groups_of(files.sr)
    assert values_of(subject) == {"SUBJECT_SCORE": 2 / 3, "THRESHOLD": 0.5}
    assert words_of(subject) == {"DIAGNOSIS": codes.SCT.Positive.value, "RULE": "RULE_MEAN"}
    for row, group in zip(result.slices.to_dict("records"), slices, strict=True):
        word = {1: codes.SCT.Positive.value, 0: codes.SCT.Negative.value}
        assert group.tracking_identifier == f"slice {row['slice_index']}"
        assert values_of(group) == {"SLICE_SCORE": row["score"], "FILTERED_SCORE": row["filtered_score"]}
        assert words_of(group) == {
            "DECISION_BEFORE": word[row["decision"]],
            "DECISION_AFTER": word[row["filtered_decision"]],
        }
    comments = hd.sr.utils.find_content_items(document, name=codes.DCM.Comment)
    assert [item.TextValue for item in comments] == list(REMARKS)
    assert document.content.get_observer_contexts()[0].observer_identifying_attributes.name == "sijstudy"


def test_without_a_decision_nothing_is_called_positive_or_negative(tmp_path):
    result, files = written(classic(tmp_path / "in"), tmp_path / "out", Said(REMARKS, decided=False))
    _, subject, slices = groups_of(files.sr)
    assert (values_of(subject), words_of(subject)) == ({}, {"DIAGNOSIS": "NO_DECISION"})
    assert [values_of(group)["SLICE_SCORE"] for group in slices] == result.slices["score"].tolist()
    assert all(words_of(group) == {} for group in slices)
    text = str(pydicom.dcmread(files.sr))
    assert codes.SCT.Positive.value not in text
    assert codes.SCT.Negative.value not in text


def test_boxes_of_which_a_person_drew_some_are_not_automatic(tmp_path):
    subject = classic(tmp_path / "in")
    mixed = replace(subject, found=(FoundBoxes(subject.slices[0].boxes, np.nan), None, None))
    assert mixed.boxes_given
    _, files = written(mixed, tmp_path / "out", Said())
    kinds = {item.SegmentAlgorithmType for item in pydicom.dcmread(files.seg).SegmentSequence}
    assert kinds == {"SEMIAUTOMATIC"}


def test_a_frame_without_a_box_is_named_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis_page, "_drawings", lambda _: dict.fromkeys(("course", "overlays", "joints"), ""))
    result = diagnosis_of(multi_frame(tmp_path / "in"))
    files = diagnosis_page.write_diagnosis(result, tmp_path / "out", tmp_path)
    assert json.loads(files.json.read_text())["input"]["slices_left_out"] == ["enhanced.dcm #2"]


def test_no_segment_is_empty(tmp_path):
    none = np.zeros_like(FOUND)
    none[..., 2] = FOUND[..., 2]
    subject = classic(tmp_path / "in")
    right = subject_of([(item.file, None) for item in subject.slices], [None, IliumBoxes(None, BOXES.right), None])
    _, files = written(right, tmp_path / "out", Said(masks=none))
    assert [item.SegmentLabel for item in pydicom.dcmread(files.seg).SegmentSequence] == ["right ROI", "sacrum"]
    _, files = written(subject, tmp_path / "out", Said(), arm="original")
    assert (files.seg, files.notes) == (None, ("No DICOM SEG: there is no ROI and no mask to show.",))
    assert not (tmp_path / "out" / "results_SEG.dcm").exists()  # nor that of the diagnosis before
    assert files.sr.exists()


def test_regions_of_boxes_that_nobody_drew_are_automatic(tmp_path):
    subject = classic(tmp_path / "in")
    found = replace(subject, found=tuple(FoundBoxes(item.boxes, 0.9) for item in subject.slices))
    for each, kind in ((subject, "SEMIAUTOMATIC"), (found, "AUTOMATIC")):
        _, files = written(each, tmp_path / "out")
        kinds = {item.SegmentLabel: item.SegmentAlgorithmType for item in pydicom.dcmread(files.seg).SegmentSequence}
        assert kinds == {"left ROI": kind, "right ROI": kind, **dict.fromkeys(MASKS, "AUTOMATIC")}


def test_the_same_input_gives_the_same_bytes_and_another_result_other_uids(tmp_path):
    subject = classic(tmp_path / "in", StudyDate="20240302", StudyTime="0910")
    _, one = written(subject, tmp_path / "one")
    _, same = written(subject, tmp_path / "same")
    _, other = written(subject, tmp_path / "other", scores=(0.2, 0.35, 0.9))
    _, moved = written(subject, tmp_path / "moved", Said(REMARKS, masks=FOUND[::-1]))
    for kind in ("seg", "sr"):
        path = getattr(one, kind)
        assert path.read_bytes() == getattr(same, kind).read_bytes()
        uids = {pydicom.dcmread(getattr(files, kind)).SOPInstanceUID for files in (one, other, moved)}
        assert len(uids) == 3
        ds = pydicom.dcmread(path)
        assert (ds.ContentDate, ds.ContentTime, ds.SeriesDate) == ("20240302", "0910", "20240302")


def test_what_a_file_says_of_its_making_is_part_of_its_uid(tmp_path):
    """The same scores from networks of another address, or boxes that nobody drew, give other bytes: and other UIDs."""
    subject = classic(tmp_path / "in")
    result, one = written(subject, tmp_path / "one")
    found = replace(subject, found=tuple(FoundBoxes(item.boxes, 0.9) for item in subject.slices))
    moved = result.networks.assign(address="def")
    others = [written(subject, tmp_path / "moved", networks=moved), written(found, tmp_path / "found")]
    for (_, other), kinds in zip(others, (("sr",), ("seg",)), strict=True):
        for kind in kinds:
            ours, theirs = (pydicom.dcmread(getattr(files, kind)) for files in (one, other))
            assert str(ours) != str(theirs)
            assert ours.SOPInstanceUID != theirs.SOPInstanceUID


def test_there_are_none_for_nifti(tmp_path):
    path = write_nifti(
        tmp_path / "in" / "a.nii.gz",
        np.arange(3 * ROWS * COLUMNS).reshape(COLUMNS, 3, ROWS).astype(np.int16),
        np.eye(4),
    )
    _, files = written(subject_of([(path, 1), (path, 2), (path, 3)]), tmp_path / "out")
    assert files.sentence == "No DICOM results: the images are NIfTI volumes, there is no study to refer to."
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_file_of_the_users_is_not_written_over(tmp_path):
    subject = classic(tmp_path / "in")
    mine = tmp_path / "out" / "results_SEG.dcm"
    shutil.copytree(tmp_path / "in", tmp_path / "out")
    shutil.copy(subject.slices[0].file, mine)
    before = mine.read_bytes()
    _, files = written(subject, tmp_path / "out")
    assert (files.seg, files.notes) == (None, ("results_SEG.dcm is a file of yours, it was left as it is.",))
    assert mine.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"StudyInstanceUID": None}, "StudyInstanceUID is missing"),
        ({"FrameOfReferenceUID": None}, "FrameOfReferenceUID is missing"),
        (
            {
                "PatientID": None,
                "PatientBirthDate": "1980",
                "PatientSex": "X",
                "SliceThickness": None,
                "StudyDate": None,
            },
            "",
        ),
    ],
)
def test_headers_that_were_emptied(tmp_path, changes, note):
    """What may be empty is; without what must not there are no results, which is said."""
    _, files = written(classic(tmp_path / "in", **changes), tmp_path / "out")
    assert (files.sr is None, files.seg is None) == (bool(note),) * 2
    assert note in files.sentence


def test_results_are_no_input(tmp_path):
    """Sent back with the study, they do not pass for outlines that a person drew."""
    subject = classic(tmp_path / "in")
    _, files = written(subject, tmp_path / "in")
    assert {look_at(path, tmp_path).note for path in (files.seg, files.sr)} == {"a result of sijstudy diagnose"}
    again = read_subject(tmp_path / "in")
    assert (len(again.slices), again.boxes_from) == (3, "")


def test_codes_of_the_own_scheme_are_lawful_and_documented():
    document = (Path(__file__).parents[2] / "docs/DIAGNOSE.md").read_text(encoding="utf-8")
    assert [
        f"| `{value}` | {meaning} |" for value, meaning in OWN.items() if f"| `{value}` | {meaning} |" not in document
    ] == []
    assert all(len(value) <= 16 and len(meaning) <= 64 for value, meaning in OWN.items())


@pytest.mark.skipif(VALIDATOR is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("make", [classic, multi_frame])
def test_a_validator_finds_no_error(tmp_path, make):
    _, files = written(make(tmp_path / "in"), tmp_path / "out")
    assert files.notes == ()
    for path in (files.seg, files.sr):
        said = subprocess.run([VALIDATOR, str(path)], capture_output=True, text=True, check=False).stderr
        assert {path: "Comprehensive3DSR", files.seg: "Segmentation"}[path] in said.splitlines()
        assert [line for line in said.splitlines() if line.startswith("Error")] == []
