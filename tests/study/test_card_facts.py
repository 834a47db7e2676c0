"""Facts on the model card and the checklist: true of the run, and other words where they are not."""

from dataclasses import replace

import pandas as pd
import pytest

from sijstudy.analysis.edema_reach import EdemaReach
from sijstudy.config import StudyConfig
from sijstudy.study.card_facts import (
    sentence_of_counts,
    sentence_of_labels,
    sentence_of_reach,
    sentence_of_training,
    words_of_method,
)


def cohort(labels, **readers):
    names = ["a", "a", "b", "b"]
    empty = {f"reader_{number}": [pd.NA] * 4 for number in (1, 2, 3)}
    return pd.DataFrame({"subject_id": names, "label": labels, **empty, **readers}).astype(
        dict.fromkeys(empty, "Int64")
    )


def test_one_label_of_a_subject_or_both():
    one = sentence_of_labels(cohort([1, 1, 0, 0]))
    assert one.startswith("All slices of a subject carry one label, in each of 2 subjects")
    assert one.endswith("No slice has two readers' votes, so doubtful slices are not known.")
    assert sentence_of_labels(cohort([1, 0, 0, 0])).startswith("1 of 2 subjects bring slices with and without edema.")
    assert sentence_of_labels(None) == ""


def test_how_often_readers_disagree():
    said = sentence_of_labels(cohort([1, 1, 0, 0], reader_1=[1, 1, 0, 0], reader_2=[1, 0, 0, pd.NA]))
    assert "Readers agree on 67% of the 3 slices that two or more of them read; the 1 others are trained" in said


def test_training_values_are_the_papers_or_ours():
    said = sentence_of_training(StudyConfig())
    paper, ours = said.split("; ours, as the paper does not give them: ")
    assert paper.startswith("the paper's: loss focal, epochs 50, batch size 32, learning rate 0.03")
    for name in ("momentum 0.9", "weight decay 0.0001", "focal gamma 2.0", "focal alpha 0.5", "hidden units 256"):
        assert name in ours and name not in paper
    assert "rotation degrees 10.0" in ours and "other than" not in said


@pytest.mark.parametrize("name", ["epochs", "momentum"])
def test_a_changed_value_is_nobodys_default(name):
    said = sentence_of_training(replace(StudyConfig(), **{name: type(getattr(StudyConfig(), name))(0.5) or 7}))
    assert f"; other than the study's defaults: {name} " in said
    assert said.count(f"{name} ") == 1


def test_how_much_edema_the_roi_leaves_out():
    said = sentence_of_reach(EdemaReach(0.1234, 0.05, 40), StudyConfig(roi_reading="beyond_edge", roi_factor=0.7))
    assert said.startswith("Of the outlined edema's area 12.3% lies beyond the ROI (beyond_edge, factor 0.7)")
    assert said.endswith("5.0% of the 40 slices with outlined edema show most of it there.")
    assert sentence_of_reach(None, StudyConfig()) == ""


def test_counts_stand_beside_the_papers():
    assert (
        sentence_of_counts(cohort([1, 1, 0, 0]))
        == "The cohort has 2 subjects and 4 slices; the paper's has 79 and 815."
    )
    whole = pd.DataFrame({"subject_id": [f"s{k % 79}" for k in range(815)]})
    assert sentence_of_counts(whole) == "The cohort has 79 subjects and 815 slices; as many as the paper's."
    assert sentence_of_counts(None) == ""


def test_the_method_in_the_runs_own_words():
    words = words_of_method(StudyConfig(), cohort([1, 1, 0, 0]))
    assert words["splits"] == "5 independent splits 70/30" and words["noise"] == "noise"
    assert words["balance"] == "50% of the slices show edema"
    other = StudyConfig(
        folds=1, test_fraction=0.2, loss="cross_entropy", subject_rule="asas", median_size=5, slice_threshold=0.4,
        noise_poisson="none", noise_gaussian_variance=0.0, backbone="resnet34",
    )  # fmt: skip
    assert words_of_method(other, None) == {
        "splits": "One split 80/20", "noise": "no noise", "loss": "cross entropy", "backbone": "ResNet34",
        "balance": "the classes' shares are not known here", "thresholds": "0.4 for slices, 0.5 for subjects",
        "decision": "a median filter of 5, ASAS two-slice rule, threshold",
    }  # fmt: skip
