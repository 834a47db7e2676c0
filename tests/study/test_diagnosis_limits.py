"""A subject whose patches are unlike those of the training: what was seen is shown, and nothing is decided."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from sijstudy.analysis.diagnosis import diagnose
from sijstudy.analysis.likeness import Likeness
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.figures.diagnosis import score_course
from sijstudy.study.diagnosis_limits import withheld_words
from sijstudy.study.diagnosis_page import summary, write_diagnosis
from sijstudy.training.networks import open_networks


@pytest.fixture(scope="module")
def result(finished_work):
    work, _ = finished_work
    networks = open_networks(work.folder.root)
    return diagnose(read_subject(work.manifest.root / "S00"), networks, device="cpu", progress=False)


def unlike(result, percentiles):
    alike = Likeness(np.array(percentiles), 300)
    slices = result.slices.assign(percentile=alike.percentile, unlike=alike.unlike)
    return replace(result, likeness=alike, slices=slices)


def test_no_decision_is_printed_and_scores_are(result, finished_work, tmp_path):
    shown = unlike(result, [99.7, 99.7, 3.0])
    files = write_diagnosis(shown, tmp_path, finished_work[0].folder.root)
    content, page, text = json.loads(files.json.read_text()), files.html.read_text(), summary(shown)
    said = "No decision: 2 of 3 slices are unlike the training patches"
    assert said in text and said in page
    for words in ("Active sacroiliitis", "By the other rules", "Why this rule", "(decides)", "<h2>Rules</h2>"):
        assert words not in text and words not in page
    for way in (
        "Where more than half are, nothing is decided.",
        "--boxes takes corrected ones",
        "(--series)",
        "(--run)",
    ):
        assert way in text and way in page and way in content["decision"]["withheld"]
    decision = content["decision"]
    assert decision["positive"] is None and decision["withheld"].startswith("2 of 3")
    verdicts = [decision, *decision["by_rule"].values(), *content["networks"]]
    told = {key: value for one in verdicts for key, value in one.items() if key.endswith(("positive", "score"))}
    assert set(told.values()) == {None}  # a subject's score counts slices that were decided
    assert {row[key] for row in content["slices"] for key in ("decision", "filtered_decision")} == {None}
    assert [row["score"] for row in content["slices"]] == shown.slices["score"].tolist()
    assert [row["unlike"] for row in content["slices"]] == [True, True, False]
    assert all(f"{row['score']:.3f}" in page for row in content["slices"])
    assert "99.7 unlike" in page


def test_no_slice_is_called_positive_or_negative_either(result, finished_work, tmp_path):
    """On the page, its figure and in what the figure says to those who cannot see it, as in the DICOM SR."""
    shown = unlike(result, [99.7, 99.7, 3.0])
    files = write_diagnosis(shown, tmp_path, finished_work[0].folder.root)
    text = re.sub(r"data:[^\"]+", "", files.html.read_text())
    allowed = "no slice is called positive or negative, as nothing is decided"
    assert allowed in text
    assert not re.search("positive|negative|threshold", text.replace("No threshold is drawn and " + allowed, ""))
    assert "nothing is decided of any." in text
    assert [line.get_label() for line in score_course(shown.slices).axes[0].lines] == ["score"]
    decided = write_diagnosis(unlike(result, [3.0, 3.0, 3.0]), tmp_path / "decided", finished_work[0].folder.root)
    assert {row["decision"] for row in json.loads(decided.json.read_text())["slices"]} <= {0, 1}
    assert "slices positive before the median filter" in decided.html.read_text()


def test_without_boxes_the_way_on_is_to_give_some(result):
    words = withheld_words(replace(unlike(result, [99.7, 99.7, 3.0]), arm="original"))
    assert "To go on, give ilium boxes (--boxes, --roi find), and look at the series (--series);" in words
    assert withheld_words(unlike(result, [3.0, 3.0, 99.7])) == ""


def test_a_minority_of_unlike_slices_is_named_and_the_decision_stands(result, finished_work, tmp_path):
    shown = unlike(result, [99.7, 50.0, 3.0])
    files = write_diagnosis(shown, tmp_path, finished_work[0].folder.root)
    assert "1 of 3 slices are unlike the training patches" in summary(shown)
    assert "Active sacroiliitis: " in summary(shown) and "1 of 3 slices are unlike" in files.html.read_text()
    content = json.loads(files.json.read_text())
    assert isinstance(content["decision"]["positive"], bool) and content["decision"]["withheld"] is None
    assert content["likeness"] == {"sentence": shown.likeness.sentence, "held_out": 300, "unlike": 1}


def test_too_few_held_out_patches_are_told(result):
    assert "held-out patches are too few to know their 99th percentile" in summary(result)
