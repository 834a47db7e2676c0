"""What the network sees on a subject: drawn on the page, counted, and written down to be corrected."""

import html
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pydicom
import pytest
from result_samples import TURNS, classic, diagnosis_of

from sijstudy import cli
from sijstudy.analysis.diagnosis import Explanation
from sijstudy.analysis.suitability import FIND
from sijstudy.cohort import seen_joints
from sijstudy.cohort.seen_joints import boxed
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.records import Box, IliumBoxes
from sijstudy.segmentation.joint_boxes import FoundBoxes
from sijstudy.segmentation.outline import Outlined
from sijstudy.study.diagnosis_found import (
    BOXES,
    SHOWN,
    boxes_caption,
    edema_sentence,
    found_content,
    found_sentence,
    one_sided,
    seen_columns,
    shown_slices,
    sides_sentence,
    write_boxes,
)
from sijstudy.study.diagnosis_page import summary, write_diagnosis

FOUND = (
    FoundBoxes(IliumBoxes(Box(21, 5, 29, 20), Box(2, 4, 10, 19)), 0.912),
    FoundBoxes(None, 0.0),
    FoundBoxes(IliumBoxes(Box(22, 6, 30, 21), None), 0.634),
)


def seen_of(subject, edema=()):
    """A network's view, made by hand: bone on rows 5 to 19, edema of some pixels on some slices."""
    images = tuple(read.pixels for read in map(seen_joints.read_image, subject.slices))
    shape = (len(images), *images[0].shape)
    classes, likely = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    classes[:, 5:20, 22:29], classes[:, 5:20, 3:9], classes[:, 5:20, 12:18] = 1, 2, 3
    for place, pixels in enumerate(edema):
        likely[place, 6, 23 : 23 + pixels] = 1
    return seen_joints.Seen(Outlined(classes, np.ones(shape, np.float32), likely), images, (2.0, 0.5), 4.0)


@pytest.fixture
def subject(tmp_path):
    """Three slices on which boxes were found: 0 and 2 have one; edema of 4 pixels of 1 mm2 on slice 2."""
    given = classic(tmp_path / "S1")
    subject = replace(given, slices=boxed(given.slices, FOUND), found=FOUND)
    return replace(subject, seen=seen_of(subject, (1, 0, 4)))


def test_the_sentence_names_the_least_sure_slice_and_the_way_to_correct_it(subject):
    said = found_sentence(diagnosis_of(subject))
    assert "on 2 of 3 slices, with a confidence of 0.63 (slice 12, look there first) to 0.91" in said
    assert f"copy of {BOXES} and give it with --boxes" in said
    assert found_sentence(diagnosis_of(replace(subject, found=()))) == ""


def test_edema_is_counted_per_slice_and_as_a_volume(subject):
    result = diagnosis_of(subject)  # slices 10 and 12: 11 has no box
    columns = seen_columns(result)
    assert columns["edema_mm2"].tolist() == [1.0, 4.0]
    assert columns["box_confidence"].tolist() == [0.912, 0.634]
    assert columns["edema_score"].tolist() == list(subject.seen.all_edema.scores[[0, 2]])
    assert (columns["edema_score"] >= 0).all() and (columns["edema_score"] < 1).all()
    said = edema_sentence(result)
    assert "sees 0.02 ml of edema" in said and "slice 12 (4 mm2)" in said  # 5 mm2 x 4 mm
    assert "trained on drawings only, and no decision rests on it" in said
    assert found_content(result)["edema"]["volume_ml"] == pytest.approx(0.02)
    assert found_content(result)["joints"] == {
        "boxes": BOXES, "slices": 2, "guessed": [], "lowest_confidence": 0.634, "sentence": found_sentence(result)
    }  # fmt: skip


def test_given_boxes_have_no_confidence_but_edema_is_read(subject, tmp_path):
    result = diagnosis_of(replace(subject, found=()))
    assert found_content(result)["joints"] is None
    assert seen_columns(result)["box_confidence"].isna().all()
    assert seen_columns(result)["edema_mm2"].tolist() == [1.0, 4.0]
    assert write_boxes(result, tmp_path) is None and not (tmp_path / BOXES).exists()
    thick = replace(subject, seen=replace(subject.seen, step_mm=float("nan")))
    unknown = replace(result, subject=thick)
    assert "sees an unknown volume of edema" in edema_sentence(unknown)
    assert found_content(unknown)["edema"]["volume_ml"] is None  # NaN is no JSON
    unseen = diagnosis_of(replace(subject, found=(), seen=None))
    assert (edema_sentence(unseen), shown_slices(unseen)) == ("", [])
    assert found_content(unseen) == {"joints": None, "edema": None}
    assert seen_columns(unseen).isna().all(axis=None)


def test_boxes_that_were_guessed_are_told_from_found_and_given_ones(subject, tmp_path):
    guess, given = FoundBoxes(FOUND[2].boxes, np.nan), replace(subject, found=())
    mixed = diagnosis_of(replace(subject, found=(*FOUND[:2], guess)))
    assert "on 2 of 3" not in found_sentence(mixed)
    assert found_sentence(mixed).startswith(
        "Nobody drew these boxes: a network found them on 1 of 3 slices, with a confidence of 0.91 (slice 10, look "
        "there first) to 0.91; on 1 of 3 slices they are guessed from the outline of all bone, without a confidence "
        "(slice 12: look at each). To correct one"
    )
    assert (found_content(mixed)["joints"]["slices"], found_content(mixed)["joints"]["guessed"]) == (2, [12])
    assert [one.title for one in shown_slices(mixed)] == [
        "slice 10, found 0.91", "slice 11, no box", "slice 12, guessed from bone"
    ]  # fmt: skip
    alone = diagnosis_of(replace(subject, found=(None, None, guess)))
    assert found_content(alone)["joints"]["lowest_confidence"] is None
    assert found_sentence(alone).startswith("Nobody drew some of these boxes: on 1 of 3 slices they are guessed")
    assert shown_slices(alone)[0].title == "slice 10, boxes given"
    assert seen_columns(alone)["box_confidence"].isna().all()
    table = pd.read_csv(write_boxes(alone, tmp_path / "out"))
    assert table["left_x0"].tolist()[::2] == [21.0, 22.0] and table["confidence"].isna().all()  # given ones stay
    captions = [boxes_caption(one) for one in (mixed, alone, diagnosis_of(given))]
    assert "found by it, with its confidence or guessed from the outline of all bone. On slices without" in captions[0]
    assert "guessed from the outline of all bone where nobody gave one" in captions[1]
    assert captions[2] == "The boxes round the ilia are those of boxes.csv; a slice without a box has none there."
    bare = replace(given, boxes_from="", slices=boxed(subject.slices, [FoundBoxes(None, 0.0)] * 3))
    assert boxes_caption(diagnosis_of(bare, arm="original")).startswith(
        "There are no boxes round the ilia: nobody gave"
    )
    assert not any("no joint is in view" in text for text in captions)


def test_files_in_folders_of_their_own_are_named_from_the_subjects(tmp_path):
    """Without the column of UIDs such a copy did not fit its own images."""
    classic(tmp_path / "S1/study/series")
    given = read_subject(tmp_path / "S1")
    subject = replace(given, slices=boxed(given.slices, FOUND), found=FOUND)
    table = pd.read_csv(write_boxes(diagnosis_of(subject), tmp_path / "out"), dtype=str)
    assert table["file"].str.startswith("study/series/").all()
    table.drop(columns="sop_instance_uid").to_csv(tmp_path / "mine.csv", index=False)
    again = read_subject(tmp_path / "S1", tmp_path / "mine.csv")
    assert [item.boxes for item in again.slices] == [own.boxes for own in FOUND]


@pytest.mark.parametrize("turn", TURNS)
def test_a_corrected_copy_comes_back(tmp_path, turn):
    """However the images are stored: the table's pixels are theirs, and the boxes return to where they were."""
    classic(tmp_path / "S1", turn)
    given = read_subject(tmp_path / "S1")
    subject = replace(given, slices=boxed(given.slices, FOUND), found=FOUND)
    path = write_boxes(diagnosis_of(subject), tmp_path / "out")
    again = read_subject(tmp_path / "S1", path)
    assert again.boxes_from == BOXES
    assert [item.boxes for item in again.slices] == [own.boxes for own in FOUND]

    table = pd.read_csv(path, dtype={"sop_instance_uid": str})
    assert table["confidence"].tolist() == [0.912, 0.0, 0.634]
    table.loc[0, "left_x0"] += 1  # in pixels of the stored image
    table.to_csv(tmp_path / "mine.csv", index=False)
    moved = {item.file.name: item.boxes for item in read_subject(tmp_path / "S1", tmp_path / "mine.csv").slices}
    box = moved[table.loc[0, "file"]].left
    edges = {"upright": (22, 5, 29, 20), "rotated": (21, 5, 28, 20), "mirrored": (21, 5, 28, 20),
             "exchanged": (21, 5, 29, 19)}  # fmt: skip
    assert (box.x0, box.y0, box.x1, box.y1) == edges[turn]


def test_slices_are_spread_evenly_over_all(subject):
    many = 40
    slices = tuple(replace(subject.slices[0], index=number) for number in range(many))
    seen = subject.seen
    wide = seen_joints.Seen(
        Outlined(*(np.repeat(each[:1], many, axis=0) for each in vars(seen.outlined).values())),
        seen.images[:1] * many,
        seen.spacing,
        seen.step_mm,
    )
    shown = shown_slices(diagnosis_of(replace(subject, slices=slices, found=FOUND[:1] * many, seen=wide)))
    places = [int(re.match(r"slice (\d+), found 0.91", one.title)[1]) for one in shown]
    assert (len(places), places[0], places[-1]) == (SHOWN, 0, many - 1)
    assert set(np.diff(places)) <= {3, 4}
    assert shown[0].boxes == [FOUND[0].boxes.left, FOUND[0].boxes.right] and len(shown[0].rois) == 2


def test_the_command_shows_and_writes_what_was_found(finished_work, tmp_path, capsys, monkeypatch):
    work, _ = finished_work
    folder = shutil.copytree(work.manifest.root / "S00", tmp_path / "S00")
    (folder / "SEG.dcm").unlink()
    monkeypatch.setattr(seen_joints.Seen, "boxes", lambda self: list(FOUND))
    command = ["diagnose", str(folder), "--run", str(work.folder.root), "--device", "cpu", "--roi", FIND]
    assert cli.main([*command, "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    content = json.loads((tmp_path / "out/diagnosis.json").read_text())
    page = (tmp_path / "out/diagnosis.html").read_text()
    assert f"Boxes found: {tmp_path / 'out' / BOXES}" in shown and content["joints"]["sentence"] in shown
    assert content["joints"]["sentence"] in page and content["edema"]["sentence"] in page
    assert "Where the joints are" in page and "Confidence of boxes" in page
    assert [row["box_confidence"] for row in content["slices"]] == [0.912, 0.634]
    assert len(content["input"]["slices_left_out"]) == 1
    kinds = {item.SegmentAlgorithmType for item in pydicom.dcmread(tmp_path / "out/results_SEG.dcm").SegmentSequence}
    assert kinds == {"AUTOMATIC"}

    corrected = shutil.copy(tmp_path / "out" / BOXES, tmp_path / "mine.csv")
    assert cli.main([*command, "--boxes", str(corrected), "--output", str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again/diagnosis.json").read_text())
    assert (again["joints"], again["input"]["boxes_from"]) == (None, "mine.csv")
    assert [row["score"] for row in again["slices"]] == [row["score"] for row in content["slices"]]
    assert not (tmp_path / "again" / BOXES).exists()


def test_a_joint_that_was_not_seen_is_told_in_every_output(subject, finished_work, tmp_path):
    """Slice 2 has the left ilium alone, and then all slices have."""
    result = diagnosis_of(subject)
    assert one_sided(result) == {"left": 1, "right": 0}
    assert sides_sentence(result) == (
        "Only the subject's left ilium has a box on 1 of 2 slices: there the right joint was not seen."
    )
    alone = [IliumBoxes(None, Box(2, 4, 10, 19))] * 3
    right = replace(subject, found=(), boxes_from="t.csv", slices=tuple(
        replace(item, boxes=box) for item, box in zip(subject.slices, alone, strict=True)))  # fmt: skip
    shown = Explanation(right.slices[0], 0.9, np.zeros((8, 8)), np.zeros((8, 8)))
    result = diagnosis_of(right, explained=(shown,))
    said = "Only the subject's right ilium has a box on 3 of 3 slices: the left joint was not seen at all"
    files = write_diagnosis(result, tmp_path / "out", finished_work[0].folder.root)
    content = json.loads(files.json.read_text())
    assert content["input"]["one_sided"] == {"left": 0, "right": 3}
    assert said in summary(result) and said in html.unescape(files.html.read_text())
    assert said in pydicom.dcmread(files.dicom.sr).to_json()
    whole = diagnosis_of(right, arm="original")
    assert (one_sided(whole), sides_sentence(whole)) == ({"left": 0, "right": 0}, "")
