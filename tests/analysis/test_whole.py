"""Whole examinations: rules and thresholds on a handful of subjects counted by hand; test subjects choose nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sijstudy.aggregation import RULES
from sijstudy.analysis import whole, whole_rules
from sijstudy.analysis.external import with_boxes
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.folds import Fold
from sijstudy.notebook.workspace import Workspace

CONFIG = StudyConfig()
SLICES = 20


EVERYONE = "abcdefghijklmn"
# Each fold tests every other subject: the one what the other trains on.
FOLDS = tuple(Fold(number, tuple(EVERYONE[1 - number % 2 :: 2]), tuple(EVERYONE[number % 2 :: 2])) for number in (1, 2))


def scored(seed=0, positives=6):
    """Two folds test every other subject: patients a to f with edema on some slices, g inactive; controls."""
    rng = np.random.default_rng(seed)
    rows = []
    for fold in FOLDS:
        for subject in fold.test:
            group = "axSpA" if subject < "h" else "control"
            edema = range(5, 5 + positives) if subject < "g" else range(0)
            for place in range(SLICES):
                label = int(place in edema)
                score = float(np.clip(rng.normal(0.8 if label else 0.15, 0.1), 0, 1))
                rows.append((fold.number, subject, group, place, label, score))
    return pd.DataFrame(rows, columns=["fold", "subject_id", "group", "slice_index", "label", "score"])


def test_contents_count_people_once():
    table = whole.contents(scored())
    assert table["people"].to_dict() == {"axSpA, active": 6, "axSpA, inactive": 1, "control": 7}
    assert table.loc["axSpA, active", "with edema, mean"] == 6
    assert table.loc["control", "with edema, range"] == "0"


def test_the_mean_misses_patients_whom_a_run_finds():
    """Six of twenty slices: their mean cannot reach a half, however good the slices are."""
    table = whole_rules.rule_table(add_courses(scored(), CONFIG), FOLDS, CONFIG)
    assert list(table.index) == list(RULES)
    assert table.loc["mean", "recall"] == 0 and table.loc["mean", "specificity"] == 100
    assert table.loc["asas", "recall"] == 100
    assert table.loc["mean", "auc"] == table.loc["run", "auc"] == table.loc["highest", "auc"] == 100
    for name in ("mean", "run", "highest"):
        assert table.loc[name, "chosen_recall"] == table.loc[name, "train_recall"] == 100, name
    assert whole_rules.readers_choice(table["train_recall"]) == "mean"  # the first of equals
    assert whole_rules.format_rules(table)["recall"].iloc[0].startswith("0.0 (0.0 to ")
    said = whole_rules.answer_sentence(table, CONFIG)
    assert said.startswith("On whole examinations the mean of the filtered slices finds 0.0% (95% CI 0.0 to ")


def test_a_threshold_is_chosen_on_training_subjects_by_networks_that_do_not_know_them():
    """Fold 1's is that of the subjects whom fold 2 tests; turned scores of its own test subjects change nothing."""
    frame, turned = scored(), scored()
    turned.loc[turned["fold"] == 1, "score"] = 1 - turned["score"]
    one, other = (subject_predictions(add_courses(each, CONFIG), CONFIG) for each in (frame, turned))
    for name in ("mean", "highest"):
        first, second = (
            whole_rules.at_chosen_threshold(whole_rules.by_rule(each, name), FOLDS) for each in (one, other)
        )
        assert first.limits[1] == second.limits[1] and first.limits[2] != second.limits[2]
        own = whole_rules.by_rule(one[one["fold"] == 2], name)
        assert first.limits[1] == whole_rules.threshold_at(own["score"].to_numpy(), own["label"].to_numpy(), 0.9)
        decided = first.subjects[first.subjects["fold"] == 1]
        assert (decided["decision"] == (decided["score"] >= first.limits[1])).all()


def test_the_rule_that_finds_most_training_subjects_is_chosen():
    assert whole_rules.readers_choice(pd.Series({"mean": 0.8, "asas": np.nan, "run": 0.9, "highest": 0.9})) == "run"


def test_the_choice_for_subjects_to_come_is_made_on_everyone_tested():
    courses = add_courses(scored(), CONFIG)
    subjects = subject_predictions(courses, CONFIG)
    choice = whole_rules.choice_of(courses, FOLDS, CONFIG)
    assert choice.rule == "mean" and (choice.active, choice.others) == (6, 8)
    assert choice.threshold == whole_rules.threshold_at(
        subjects["mean_score"].to_numpy(), subjects["label"].to_numpy(), 0.9
    )
    assert choice.recall == 1 and choice.specificity >= 0.9
    assert whole_rules.choice_of(courses[courses["fold"] == 1], FOLDS[:1], CONFIG) is None


def test_the_rule_that_is_kept_finds_most_at_the_threshold_that_is_kept():
    """All slices of the ill score alike, so that the mean ranks nobody rightly, and the highest score does."""
    frame = scored()
    ill = frame["subject_id"] < "g"
    frame["score"] = np.where(ill, np.where(frame["slice_index"].between(5, 8), 0.9, 0.1), 0.1)
    frame.loc[~ill & frame["slice_index"].between(0, 12), "score"] = 0.6
    choice = whole_rules.choice_of(add_courses(frame, CONFIG), FOLDS, CONFIG)
    assert choice.rule == "highest" and choice.recall == 1
    hopeless = add_courses(frame.assign(score=0.3), CONFIG)
    assert whole_rules.choice_of(hopeless, FOLDS, CONFIG) is None


def test_a_selection_is_no_whole_examination_and_chooses_nothing():
    courses = add_courses(scored(), CONFIG)
    assert not whole.is_selection(courses)
    patient, edema = courses["subject_id"] < "g", courses["label"] == 1
    selected = courses[~patient | edema].reset_index(drop=True)
    assert whole.is_selection(selected)
    assert whole_rules.choice_of(selected, FOLDS, CONFIG) is None
    unread = courses.assign(label=courses["label"].mask(patient & ~edema))
    assert not whole.is_selection(unread)  # nobody read the others, but they are there
    assert not whole.is_selection(courses[~patient])


def test_how_many_a_rule_would_find_were_every_slice_read_rightly():
    courses = add_courses(scored(positives=12), CONFIG)
    assert whole_rules.perfect_recall(courses, CONFIG) == 1
    assert whole_rules.perfect_recall(add_courses(scored(positives=6), CONFIG), CONFIG) == 0


def test_one_fold_has_nobody_to_choose_a_threshold_on():
    only = FOLDS[:1]
    table = whole_rules.rule_table(add_courses(scored()[lambda rows: rows["fold"] == 1], CONFIG), only, CONFIG)
    assert table[["threshold", "train_recall", "chosen_recall", "chosen_specificity_low"]].isna().all(axis=None)
    assert table["auc"].notna().all()
    assert whole_rules.readers_choice(table["train_recall"]) == "mean"
    assert whole_rules.format_rules(table)["recall at it"].tolist() == ["–"] * len(RULES)
    assert whole_rules.answer_sentence(table, CONFIG).endswith("so that no threshold can be chosen on them.")


def test_negatives_of_controls_and_of_patients_apart():
    frame = scored()
    hard = (frame["group"] == "axSpA") & (frame["label"] == 0) & (frame["slice_index"] >= 16)
    courses = add_courses(frame.assign(score=frame["score"].mask(hard, 0.95)), CONFIG)
    table = whole.slice_table(courses, CONFIG)
    assert table.loc["of controls", "specificity"] == table.loc["of controls", "auc"] == 100
    assert table.loc["of patients", "specificity"] < 80 and table.loc["of patients", "auc"] < 100
    assert table["slices"].tolist() == [14 * SLICES - 36, 7 * SLICES, 7 * SLICES - 36]
    assert whole.format_slices(table)["AUC"].iloc[1].startswith("100.0 (")
    alarms = whole.false_alarms(courses)
    assert list(alarms.index) == list(whole.PARTS)
    assert alarms.loc["highest fifth", "patients"] == 100 and alarms.loc["lowest fifth", "patients"] == 0
    assert (alarms["controls"] == 0).all()


def test_slices_that_nobody_read_stay_in_the_course_and_enter_no_number():
    """Of patient a the slices with edema, of control n all but the first ten are read by nobody."""
    frame = scored()
    unread = (frame["subject_id"] == "a") & (frame["label"] == 1) | (frame["subject_id"] == "n") & (
        frame["slice_index"] > 9
    )
    part = add_courses(frame.assign(label=frame["label"].mask(unread)), CONFIG)
    every = add_courses(frame, CONFIG)
    pd.testing.assert_frame_equal(part[["score", "filtered_decision"]], every[["score", "filtered_decision"]])
    known = whole.slice_table(every[~unread].reset_index(drop=True), CONFIG)
    pd.testing.assert_frame_equal(whole.slice_table(part, CONFIG), known)
    table = whole.contents(part)
    kinds = {"axSpA, active": 0, "axSpA, inactive": 0, "axSpA, no edema where it was read": 6, "control": 10}
    assert table["read by nobody"].to_dict() == kinds
    assert "read by nobody" not in whole.contents(every)
    assert not whole.false_alarms(part).isna().all(axis=None)


@given(
    st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=30), st.sampled_from([0.5, 0.9, 1.0])
)
def test_a_threshold_keeps_the_specificity_it_was_chosen_for(pairs, specificity):
    scores, labels = np.array([pair[0] / 10 for pair in pairs]), np.array([int(pair[1]) for pair in pairs])
    limit = whole_rules.threshold_at(scores, labels, specificity)
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
    assert whole.selection_sentence(alike).startswith("2 of 2 subjects bring slices of one kind only")
    assert whole.selection_sentence(alike.assign(label=[1, 0, 0])).startswith(
        "1 of 2 subjects bring slices of one kind"
    )
    both = pd.concat([alike, alike.assign(label=1 - alike["label"])])
    assert whole.selection_sentence(both) == "All 2 subjects bring slices with and without edema."


def test_scores_are_the_networks_own_and_kept(finished_work):
    """On the study's own slices test subjects score as they were tested."""
    work, runs = finished_work
    given = (with_boxes(work.manifest), runs["roi"], work.folds)
    found = whole.score_whole(*given, work.config, work.store)
    for fold in work.folds:
        own = found[found["fold"] == fold.number]
        assert set(own["subject_id"]) == set(fold.test)
        known = runs["roi"][fold.number].predictions().merge(own, on=["subject_id", "slice_index", "label"])
        assert len(known) == len(own)
        np.testing.assert_allclose(known["score_x"], known["score_y"], atol=1e-5)
    files = set((work.store.root / "whole").glob("*.csv"))
    again = whole.score_whole(*given, replace(work.config, epochs=7), work.store)
    pd.testing.assert_frame_equal(again, found)
    assert files and set((work.store.root / "whole").glob("*.csv")) == files
    other = whole.score_whole(*given, replace(work.config, seed=5), work.store)
    assert not other["score"].equals(found["score"])  # another draw of the noise


def test_networks_are_not_tested_on_whom_they_know(finished_work):
    work, runs = finished_work
    first, *others = work.folds
    turned = (Fold(first.number, first.test, first.train), *others)
    with pytest.raises(StudyError, match=rf"fold 1 tests subject {min(first.train)}, whom its network was trained on"):
        whole.score_whole(with_boxes(work.manifest), runs["roi"], turned, work.config, work.store)
    with pytest.raises(StudyError, match="fold 2 has no network; run notebook 04 again"):
        whole.score_whole(with_boxes(work.manifest), {1: runs["roi"][1]}, work.folds, work.config, work.store)


def test_networks_score_as_they_were_trained(finished_work):
    """Patches and noise are the networks' own, else the notebook is refused; filter, thresholds and rule its own."""
    work, _ = finished_work
    other = Workspace(replace(work.config, median_size=5), work.root)
    pd.testing.assert_frame_equal(other.score_whole(), work.score_whole())
    assert other.networks().config == replace(work.config, median_size=5)
    with pytest.raises(StudyError, match=r"was made with roi_factor=0\.8, this study has 1\.6"):
        Workspace(replace(work.config, roi_factor=1.6), work.root).score_whole()
