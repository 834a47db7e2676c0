"""Variants of the study: which there are, that they share its networks and subjects, and their numbers by hand."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from toy_study import notebook, write_project

from sijstudy.analysis import fold_summary, slice_courses
from sijstudy.analysis.ablations import (
    GROUPS,
    MEASURES,
    POISSON_RATES,
    REFERENCE,
    VARIANTS,
    WHOLE,
    Trial,
    Variant,
    ablation_table,
    chosen_groups,
    courses_of,
    plan_trials,
    units_of,
)
from sijstudy.analysis.interpretations import choices_of
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.study.plan import make_plan
from sijstudy.training import parallel


@pytest.fixture(autouse=True)
def weights_folder(tmp_path, monkeypatch):
    """An empty folder of torch's, so that no test depends on the weights of this machine, or asks the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def tried(config, name):
    """The values that the trials of a study give a parameter."""
    return {getattr(trial.config, name) for trial in plan_trials(config)}


def test_all_that_reviewers_ask_for_is_varied():
    study = StudyConfig(ablations="all", weights="none")
    assert {(trial.config.noise_gaussian_variance, trial.config.noise_poisson) for trial in plan_trials(study)} == {
        (0.3, "power_of_log10"), (0.3, "power_of_log"), (0.3, "log_of_power"), (0.0, "none"),
    }  # fmt: skip
    assert tried(study, "loss") == {"focal", "cross_entropy"}
    assert tried(study, "roi_factor") == {0.6, 0.8, 1.0, 1.2}
    assert tried(study, "roi_reading") == {"centre_inward", "beyond_edge", "shifted_box"}
    assert tried(study, "median_size") == {1, 3, 5, 7}
    assert tried(study, "weights") == {"none", "imagenet"}
    assert tried(study, "backbone") == {"resnet18", "resnet34", "resnet50"}
    assert tried(study, "context_slices") == {1, 3, 5}
    assert [trial.name for trial in plan_trials(study) if trial.variant.attention] == ["attention"]
    assert tried(study, "seed") == {2021, 2022}


@pytest.mark.parametrize(
    ("own", "left_out"),
    [
        (
            {},
            {
                *("the paper's noise, rate (log10 x)^4", "focal loss", "factor 0.8", "centre inward", "3 slices"),
                *("from scratch", "ResNet18", "1 slice at once", "percentiles"),
            },
        ),
        (
            {"loss": "cross_entropy", "median_size": 1, "backbone": "resnet34", "roi_factor": 0.7, "context_slices": 3},
            {
                *("the paper's noise, rate (log10 x)^4", "cross-entropy", "centre inward", "no filter", "from scratch"),
                *("ResNet34", "3 slices at once", "3 slices at once, no filter", "5 slices at once, no filter"),
                "percentiles",
            },
        ),
    ],
)
def test_the_study_comes_first_and_what_it_has_already_is_no_variant(own, left_out):
    study = StudyConfig(ablations="all", weights="none", **own)
    names = [trial.name for trial in plan_trials(study)]
    assert names[0] == REFERENCE
    assert names[1:] == [variant.name for variant in VARIANTS if variant.name not in left_out]
    assert len(set(names)) == len(names)


def test_the_papers_noise_is_tried_by_a_study_without_it_under_each_interpretation():
    own = {"noise_poisson": "none", "noise_gaussian_variance": 0.0}
    trials = plan_trials(StudyConfig(ablations="noise", weights="none", **own))
    assert [trial.config.noise_poisson for trial in trials] == [
        "none",
        "power_of_log10",
        "power_of_log",
        "log_of_power",
    ]
    assert {trial.config.noise_gaussian_variance for trial in trials[1:]} == {0.3}
    assert {name for name in choices_of("noise_poisson") if name != "none"} == set(POISSON_RATES)


def test_each_variant_changes_its_own_parameters_and_nothing_else():
    study = StudyConfig(ablations="all", weights="none")
    for trial in plan_trials(study)[1:]:
        differing = {name for name, value in asdict(trial.config).items() if value != getattr(study, name)}
        assert differing <= set(trial.variant.changes)
        assert differing or trial.variant.attention
        assert trial.variant.question.endswith("?")
    assert list(GROUPS) == [*dict.fromkeys(variant.group for variant in VARIANTS), WHOLE]


def test_a_variant_in_units_of_marrow_needs_a_cohort_that_knows_it(sample_manifest):
    study = StudyConfig(ablations="intensity", weights="none")
    assert [(t.config.intensity, t.config.bone_channel) for t in plan_trials(study)[1:]] == [
        ("percentile", True), ("marrow", False), ("marrow", True), ("slice_marrow", False)
    ]  # fmt: skip
    assert not any(trial.missing for trial in plan_trials(study, cohort=sample_manifest))
    nowhere = sample_manifest.slices.assign(stack_marrow=np.nan)
    missing = {t.name: t.missing for t in plan_trials(study, cohort=replace(sample_manifest, slices=nowhere))}
    assert [name for name, why in missing.items() if "no level of normal marrow" in why] == [
        "marrow of the stack", "marrow of the stack and bone"
    ]  # fmt: skip


def test_groups_are_chosen_by_name():
    assert chosen_groups("none") == ()
    assert plan_trials(StudyConfig()) == ()
    assert chosen_groups("all") == tuple(GROUPS)
    assert chosen_groups("filter, loss") == ("loss", "filter")


def test_an_unknown_group_is_one_line_before_anything_runs(tmp_path):
    root = write_project(tmp_path, n01_first=notebook("First", "1 + 1"))
    with pytest.raises(
        StudyError, match=r"'los' is no group of variants \(did you mean 'loss'\?\); give none, all"
    ) as e:
        make_plan("toy", root=root, overrides={"ablations": "filter,los"})
    assert "\n" not in str(e.value)


def test_weights_are_asked_for_when_variants_are_trained(tmp_path):
    root = write_project(tmp_path, n08_ablations=notebook("Ablations", "1 + 1"))
    missing = {"weights": "nowhere.pth"}
    assert make_plan("toy", root=root, overrides=missing).chosen
    with pytest.raises(StudyError, match=r"nowhere\.pth does not exist"):
        make_plan("toy", root=root, overrides={**missing, "ablations": "loss"})


def missing(config):
    return {trial.name: trial.missing for trial in plan_trials(config) if trial.missing}


def test_pretrained_weights_that_are_not_there_are_said_to_be_missing(weights_folder, monkeypatch):
    study = StudyConfig(ablations="pretraining,backbone", weights="none")
    assert list(missing(study)) == ["pretrained"]
    assert "put resnet18-" in missing(study)["pretrained"]
    weights_folder.mkdir(parents=True)
    name = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    torch.save(torchvision.models.resnet18().state_dict(), weights_folder / name)
    assert "is not the published one" in missing(study)["pretrained"]
    monkeypatch.setattr("sijstudy.model.file_hash", lambda path: path.stem.rpartition("-")[2] + "0" * 56)
    assert missing(study) == {}


def test_a_weights_file_serves_one_backbone_only(tmp_path):
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "own.pth")
    study = StudyConfig(ablations="pretraining,backbone", weights=str(tmp_path / "own.pth"))
    assert [trial.name for trial in plan_trials(study)] == [REFERENCE, "from scratch", "ResNet34", "ResNet50"]
    assert list(missing(study)) == ["ResNet34", "ResNet50"]
    assert "does not match the chosen backbone" in missing(study)["ResNet34"]


def predictions():
    """Two folds of three subjects each, four slices a subject."""
    rng = np.random.default_rng(4)
    rows = [
        (fold, subject, "axSpA" if subject in "ab" else "control", index, int(subject in "ab"), rng.uniform())
        for fold, subjects in ((1, "abc"), (2, "bcd"))
        for subject in subjects
        for index in range(4)
    ]
    return pd.DataFrame(rows, columns=["fold", "subject_id", "group", "slice_index", "label", "score"])


STUDY = StudyConfig(ablations="filter", bootstrap_samples=200)
TRIALS = (
    Trial(Variant(REFERENCE, "", ""), STUDY),
    Trial(Variant("no filter", "filter", "?", {"median_size": 1}), replace(STUDY, median_size=1)),
    Trial(Variant("cross-entropy", "loss", "?", {"loss": "cross_entropy"}), replace(STUDY, loss="cross_entropy")),
    Trial(Variant("pretrained", "pretraining", "?", {"weights": "imagenet"}), STUDY, "no file"),
)
BY_NAME = {trial.name: trial for trial in TRIALS}


@pytest.fixture(scope="module")
def courses():
    own = predictions()
    perfect = own.assign(score=own["label"].astype(float))
    return {
        REFERENCE: slice_courses.add_courses(own, STUDY),
        "no filter": slice_courses.add_courses(own, TRIALS[1].config),
        "cross-entropy": slice_courses.add_courses(perfect, STUDY),
    }


@pytest.fixture(scope="module")
def table(courses):
    units = {name: units_of(courses[name], trial.config) for name, trial in BY_NAME.items() if name in courses}
    return ablation_table(TRIALS, units, STUDY)


def of(table, variant):
    return table[table["variant"] == variant].set_index("measure")


def test_numbers_are_those_of_the_studys_own_tables(table, courses):
    rows = of(table, REFERENCE)
    numbers = ["mean", "sd", "low", "high"]
    plain = fold_summary.summarise(courses[REFERENCE], STUDY)
    filtered = fold_summary.summarise(courses[REFERENCE], STUDY, decision="filtered_decision", score="filtered_score")
    subjects = fold_summary.summarise(slice_courses.subject_predictions(courses[REFERENCE], STUDY), STUDY)
    for measure, wanted in (
        ("slice accuracy", plain.loc["accuracy"]), ("slice AUC", plain.loc["auc"]),
        ("filtered slice accuracy", filtered.loc["accuracy"]), ("filtered slice AUC", filtered.loc["auc"]),
        ("subject recall", subjects.loc["recall"]),
        ("subject specificity", subjects.loc["specificity"]),
    ):  # fmt: skip
        np.testing.assert_allclose(rows.loc[measure, numbers].to_numpy(float), wanted[numbers].to_numpy(float))
    assert rows["difference"].isna().all()
    assert list(rows.index) == list(MEASURES)


def test_differences_are_paired_and_those_of_a_perfect_variant_its_distance_from_100(table, courses):
    rows, own = of(table, "cross-entropy"), of(table, REFERENCE)
    np.testing.assert_allclose(rows["difference"], 100 - own["mean"])
    assert (rows["difference_low"] < rows["difference"]).all() and (rows["difference_high"] >= rows["difference"]).all()
    paired = fold_summary.paired_difference(courses["cross-entropy"], courses[REFERENCE], STUDY)
    found = rows.loc["slice accuracy", ["difference", "difference_low", "difference_high"]]
    np.testing.assert_allclose(found.to_numpy(float), list(paired.values()))
    assert (rows["excludes_zero"] == (rows["difference_low"] > 0)).all()
    assert rows["excludes_zero"].any()


def test_a_filter_leaves_unfiltered_slices_alone(table):
    rows = of(table, "no filter")
    unfiltered = rows.loc[["slice accuracy", "slice AUC"], ["difference", "difference_low", "difference_high"]]
    assert (unfiltered == 0).all(axis=None)
    assert rows.loc["filtered slice accuracy", "mean"] == rows.loc["slice accuracy", "mean"]
    assert rows.loc["filtered slice accuracy", "difference"] != 0
    assert list(rows["changed"]) == ["median_size=1"] * len(MEASURES)


def test_a_variant_that_was_not_run_keeps_its_rows_without_numbers(table):
    rows = of(table, "pretrained")
    assert len(rows) == len(MEASURES)
    assert rows[["mean", "difference"]].isna().all(axis=None)
    assert not rows["excludes_zero"].any()
    assert set(rows["missing"]) == {"no file"}


def test_variants_reuse_the_studys_networks_and_a_second_call_trains_nothing(finished_work, monkeypatch):
    work, runs = finished_work
    trials = plan_trials(replace(work.config, ablations="loss,filter"))
    configs = {trial.name: trial.config for trial in trials}
    trained, train = [], parallel.train
    monkeypatch.setattr(parallel, "train", lambda fit, *rest: trained.append(fit) or train(fit, *rest))
    found = work.train_variants(configs)
    assert len(trained) == len(work.folds)  # of cross-entropy alone
    assert all(found[name] == runs["roi"] for name in (REFERENCE, "no filter", "5 slices", "7 slices"))
    assert {run.config()["loss"] for run in found["cross-entropy"].values()} == {"cross_entropy"}
    assert work.train_variants(configs) == found
    assert len(trained) == len(work.folds)
    courses = courses_of(trials, found, work.groups)
    tested = {name: set(zip(frame["fold"], frame["subject_id"], strict=True)) for name, frame in courses.items()}
    assert all(subjects == tested[REFERENCE] for subjects in tested.values())


def test_another_roi_has_patches_of_its_own(sample_work):
    wide = sample_work.patches("roi", replace(sample_work.config, roi_factor=1.0))
    assert wide.digest != sample_work.patches("roi").digest
    assert sample_work.patches("roi", replace(sample_work.config, loss="cross_entropy")).digest == (
        sample_work.patches("roi").digest
    )
