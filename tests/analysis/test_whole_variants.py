"""Variants on whole examinations: which there are, on whom they are trained and tested, what is said of them."""

from dataclasses import replace

import pandas as pd
import pytest
from ablation_samples import NAN, row

from sijstudy.analysis import whole_variants
from sijstudy.analysis.ablation_tables import difference_cells
from sijstudy.analysis.ablations import REFERENCE, WHOLE, ablation_table, plan_trials
from sijstudy.analysis.slice_courses import add_courses
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold, make_folds, save_folds
from sijstudy.notebook.workspace import Workspace

STUDY = StudyConfig(ablations="whole", weights="none")


def test_training_on_whole_examinations_neighbours_and_attention_are_tried():
    trials = {trial.name: trial for trial in whole_variants.plan_whole(STUDY)}
    assert next(iter(trials)) == REFERENCE and trials[whole_variants.TRAINED].config == replace(STUDY, slices="whole")
    settings = {
        (trial.config.slices, trial.config.context_slices, trial.config.median_size) for trial in trials.values()
    }
    assert settings == {
        ("selected", 1, 3),
        ("whole", 1, 3),
        *((of, count, 1) for of in ("selected", "whole") for count in (3, 5)),
    }
    (attention,) = [trial for trial in trials.values() if trial.variant.attention]
    assert attention.variant.against == whole_variants.TRAINED
    assert plan_trials(STUDY) == () and whole_variants.plan_whole(replace(STUDY, ablations="loss")) == ()


def test_a_study_on_whole_examinations_tries_nothing_twice():
    trials = whole_variants.plan_whole(replace(STUDY, slices="whole"))
    assert [(trial.config.context_slices, trial.variant.attention) for trial in trials] == [
        (1, False), (3, False), (5, False), (1, True),
    ]  # fmt: skip


def test_a_hospital_has_the_slices_it_has():
    trials = whole_variants.plan_whole(replace(STUDY, manifest="data_manifest/own"))
    assert {trial.config.slices for trial in trials} == {"selected"}
    assert {trial.config.context_slices for trial in trials} == {1, 3, 5}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The smallest synthetic cohort, with two inactive subjects in its whole examinations."""
    config = StudyConfig(
        axspa_subjects=5, control_subjects=5, positive_slices=30, negative_slices=90, inactive_subjects=2,
        matrix_size=64, weights="none", patch_size=32, hidden_units=4, epochs=1, folds=2, threads_per_fit=1,
        ablations="whole", device="cpu",
    )  # fmt: skip
    work = Workspace(config, tmp_path_factory.mktemp("whole"))
    save_folds(work.folder.folds_file, make_folds(work.manifest.subjects, folds=2, test_fraction=0.3, seed=1))
    return work


def test_all_variants_read_the_same_whole_examinations(work):
    config = work.config
    chosen = {whole_variants.TRAINED, "3 slices at once, no filter"}
    trials = [
        trial
        for trial in whole_variants.plan_whole(config)
        if trial.name in chosen or trial.name == REFERENCE or trial.variant.attention
    ]
    runs = work.train_variants({trial.name: trial.config for trial in trials})
    only_whole = {name for fold in work.whole_folds for name in (*fold.train, *fold.test)} - set(work.groups)
    assert len(only_whole) == 2
    for fold, wider in zip(work.folds, work.whole_folds, strict=True):
        assert set(runs[REFERENCE][fold.number].config()["train"]) == set(fold.train)
        assert set(runs[whole_variants.TRAINED][fold.number].config()["train"]) == set(wider.train)
        assert set(wider.train) - only_whole == set(fold.train)
    read = {}
    for trial in trials:
        own = runs[trial.name]
        courses = add_courses(work.score_whole(own, trial.config), trial.config)
        attended = work.attend(own, trial.config) if trial.variant.attention else None
        read[trial.name] = whole_variants.read_whole(courses, work.whole_folds, trial, attended)
    rows = {name: each.units["slices"][["fold", "subject_id", "label"]] for name, each in read.items()}
    assert all(each.equals(rows[REFERENCE]) for each in rows.values())
    tested = {(fold.number, name) for fold in work.whole_folds for name in fold.test}
    assert set(zip(rows[REFERENCE]["fold"], rows[REFERENCE]["subject_id"], strict=True)) == tested
    stacks = rows[REFERENCE].groupby(["fold", "subject_id"])["label"]
    assert (stacks.size() == 37).all() and (stacks.min() == 0).all() and set(stacks.max()) == {0, 1}
    units = {name: each.units for name, each in read.items()}
    table = ablation_table(trials, units, config, whole_variants.MEASURES).set_index(["variant", "measure"])
    attention = [trial.name for trial in trials if trial.variant.attention]
    assert table.loc[attention, "against"].eq(whole_variants.TRAINED).all()
    assert table.loc[(attention[0], "slice AUC"), "difference"] == 0  # the same network's slices
    assert table.loc[("3 slices at once, no filter", "slice AUC"), "mean"] == pytest.approx(
        table.loc[("3 slices at once, no filter", "filtered slice AUC"), "mean"]
    )
    said = whole_variants.rules_sentence(read)
    assert f"attention ({attention[0]})" in said and f"({REFERENCE})" in said


def test_the_answer_says_whether_neighbours_beat_the_filter():
    changed = {"measure": "filtered slice AUC", "changed": "context_slices=3 median_size=1"}
    table = pd.DataFrame(
        [
            row("", REFERENCE, measure="filtered slice AUC", changed=""),
            row(WHOLE, "three", (2.0, 0.5, 3.5), **changed),
            row(WHOLE, "five", (1.0, -0.5, 2.5), **changed, against="three"),
            row(WHOLE, "not run", missing="no file", mean=NAN, **changed),
            row(WHOLE, "trained", (4.0, 1.0, 7.0), measure="filtered slice AUC", changed="slices=whole"),
        ]
    )
    assert whole_variants.answer_sentence(table) == (
        " On whole examinations three beats the median filter in slice AUC (◆\N{NO-BREAK SPACE}+2.0 (+0.5 to +3.5) "
        "points); five does not beat the median filter in slice AUC (+1.0 (−0.5 to +2.5) points)."
    )
    assert whole_variants.answer_sentence(table.iloc[:1]) == ""
    cells = difference_cells(table)
    assert cells["compared with"].tolist() == [REFERENCE, "three", REFERENCE]
    assert cells["variant"].tolist() == ["three", "five", "trained"]


def test_with_nobody_to_choose_on_a_variant_keeps_the_studys_threshold():
    """One fold, patients with edema on all slices: the mean finds them at 0.5, where no threshold can be chosen."""
    rows = [
        (1, subject, group, place, label, 0.9 if group == "axSpA" else 0.1)
        for subject, group in (("a", "axSpA"), ("b", "control"))
        for place in range(6)
        for label in [int(group == "axSpA") if place else float("nan")]
    ]
    frame = pd.DataFrame(rows, columns=["fold", "subject_id", "group", "slice_index", "label", "score"])
    trial = whole_variants.plan_whole(STUDY)[0]
    read = whole_variants.read_whole(add_courses(frame, STUDY), (Fold(1, ("c",), ("a", "b")),), trial, None)
    assert read.units["subjects"]["decision"].tolist() == [1, 0]
    assert read.rule == "the mean of the filtered slices at the study's threshold"
    assert len(read.units["slices"]) == len(read.units["filtered slices"]) == 10  # the unread ones are left out
