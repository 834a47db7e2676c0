"""A subject whose patches are unlike those of the training: what was seen is shown, and nothing is decided."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sijstudy.analysis.diagnosis import diagnose
from sijstudy.analysis.likeness import Likeness
from sijstudy.cohort.subject_folder import read_subject
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
    for words in ("Active sacroiliitis", "By the other rules", "Why this rule", "(decides)"):
        assert words not in text and words not in page
    decision = content["decision"]
    assert decision["positive"] is None and decision["withheld"].startswith("2 of 3")
    assert {one["positive"] for one in decision["by_rule"].values()} == {None}
    assert {value for row in content["networks"] for key, value in row.items() if key.endswith("positive")} == {None}
    assert [row["unlike"] for row in content["slices"]] == [True, True, False]
    assert all(f"{row['score']:.3f}" in page for row in content["slices"])
    assert "99.7 unlike" in page


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
