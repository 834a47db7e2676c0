"""Whole examinations: rules and thresholds on a handful of subjects counted by hand; test subjects choose nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.aggregation import RULES
from sijstudy.analysis import whole
from sijstudy.analysis.slice_courses import add_courses
from sijstudy.config import StudyConfig

CONFIG = StudyConfig()
SLICES = 20


def scored(seed=0, positives=6):
    """Two folds train on every other subject: patients a to f with edema on some slices, g inactive; controls."""
    rng = np.random.default_rng(seed)
    rows = []
    for fold in (1, 2):
        for number, subject in enumerate("abcdefghijklmn"):
            group = "axSpA" if subject < "h" else "control"
            edema = range(5, 5 + positives) if subject < "g" else range(0)
            for place in range(SLICES):
                label = int(place in edema)
                score = float(np.clip(rng.normal(0.8 if label else 0.15, 0.1), 0, 1))
                rows.append((fold, (number + fold) % 2 == 0, subject, group, place, label, score))
    return pd.DataFrame(rows, columns=["fold", "tested", "subject_id", "group", "slice_index", "label", "score"])


def test_contents_count_people_once():
    table = whole.contents(scored())
    assert table["people"].to_dict() == {"axSpA, active": 6, "axSpA, inactive": 1, "control": 7}
    assert table.loc["axSpA, active", "with edema, mean"] == 6
    assert table.loc["control", "with edema, range"] == "0 to 0"


def test_the_mean_misses_patients_whom_a_run_finds():
    """Six of twenty slices: their mean cannot reach a half, however good the slices are."""
    table = whole.rule_table(add_courses(scored(), CONFIG), CONFIG)
    assert list(table.index) == list(RULES)
    assert table.loc["mean", "recall"] == 0 and table.loc["mean", "specificity"] == 100
    assert table.loc["asas", "recall"] == 100
    assert table.loc["mean", "auc"] == table.loc["run", "auc"] == table.loc["highest", "auc"] == 100
    for name in ("mean", "run", "highest"):
        assert table.loc[name, "chosen_recall"] == table.loc[name, "train_recall"] == 100, name
    assert whole.readers_choice(table) == "mean"  # the first of equals
    assert whole.format_rules(table)["recall"].iloc[0].startswith("0.0 (0.0 to ")
    said = whole.answer_sentence(table, CONFIG)
    assert said.startswith("On whole examinations the mean of the filtered slices finds 0.0% (95% CI 0.0 to ")


def test_what_is_tested_chooses_no_threshold():
    frame = scored()
    turned = frame.assign(score=frame["score"].where(~frame["tested"], 1 - frame["score"]))
    one, other = (whole.rule_table(add_courses(each, CONFIG), CONFIG) for each in (frame, turned))
    pd.testing.assert_frame_equal(one[["threshold", "train_recall"]], other[["threshold", "train_recall"]])
    assert not np.allclose(one["chosen_specificity"], other["chosen_specificity"])


def test_negatives_of_controls_and_of_patients_apart():
    frame = scored()
    hard = (frame["group"] == "axSpA") & (frame["label"] == 0) & (frame["slice_index"] >= 16)
    courses = add_courses(frame.assign(score=frame["score"].mask(hard, 0.95)), CONFIG)
    table = whole.slice_table(courses, CONFIG)
    assert table.loc["of controls", "specificity"] == table.loc["of controls", "auc"] == 100
    assert table.loc["of patients", "specificity"] < 80 and table.loc["of patients", "auc"] < 100
    assert table["slices"].tolist() == [2 * (14 * SLICES - 36), 2 * 7 * SLICES, 2 * (7 * SLICES - 36)]
    assert whole.format_slices(table)["AUC"].iloc[1].startswith("100.0 (")
    alarms = whole.false_alarms(courses)
    assert list(alarms.index) == list(whole.PARTS)
    assert alarms.loc["highest fifth", "patients"] == 100 and alarms.loc["lowest fifth", "patients"] == 0
    assert (alarms["controls"] == 0).all()


@given(
    st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=30), st.sampled_from([0.5, 0.9, 1.0])
)
def test_a_threshold_keeps_the_specificity_it_was_chosen_for(pairs, specificity):
    scores, labels = np.array([pair[0] / 10 for pair in pairs]), np.array([int(pair[1]) for pair in pairs])
    limit = whole.threshold_at(scores, labels, specificity)
    negatives = scores[labels == 0]
    if not len(negatives):
        assert np.isnan(limit)
        return
    assert (negatives < limit).mean() >= specificity - 1e-9
    lower = scores[scores < limit]
    if len(lower):  # one score lower, and too many would be called positive
        assert (negatives < lower.max()).mean() < specificity - 1e-9


def test_the_selection_in_words():
    alike = pd.DataFrame({"subject_id": ["a", "a", "b"], "label": [1, 1, 0]})
    assert whole.selection_sentence(alike).startswith("Each of the 2 subjects brings slices of one kind only")
    assert (
        whole.selection_sentence(alike.assign(label=[1, 0, 0]))
        == "1 of 2 subjects bring slices with and without edema."
    )


def test_scores_are_the_networks_own_and_kept(finished_work):
    """On the study's own slices: test subjects score as they were tested, training subjects are told apart."""
    work, runs = finished_work
    found = whole.score_whole(work.manifest, runs["roi"], work.folds, work.config, work.store)
    for fold in work.folds:
        own = found[found["fold"] == fold.number]
        assert set(own.loc[own["tested"], "subject_id"]) == set(fold.test)
        assert set(own.loc[~own["tested"], "subject_id"]) == set(fold.train)
        known = runs["roi"][fold.number].predictions().merge(own, on=["subject_id", "slice_index", "label"])
        np.testing.assert_allclose(known["score_x"], known["score_y"], atol=1e-5)
    files = list((work.store.root / "whole").glob("*.csv"))
    again = whole.score_whole(work.manifest, runs["roi"], work.folds, replace(work.config, epochs=7), work.store)
    pd.testing.assert_frame_equal(again, found)
    assert list((work.store.root / "whole").glob("*.csv")) == files and len(files) == 1
    other = whole.score_whole(work.manifest, runs["roi"], work.folds, replace(work.config, seed=5), work.store)
    assert not other["score"].equals(found["score"])  # another draw of the noise
