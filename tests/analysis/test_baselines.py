"""Baselines on constructed patches: what they can learn they learn, of training slices alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sijstudy.analysis import baselines
from sijstudy.analysis.bright_bone import intensity_baselines
from sijstudy.analysis.slice_courses import collect_predictions
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold, make_folds
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.patches import PatchSet

CONFIG = StudyConfig(patch_size=48, noise_poisson="log_of_power", folds=2, seed=4)
SUBJECTS = [f"s{number:02d}" for number in range(24)]
GROUPS = {name: "axSpA" if number % 2 else "control" for number, name in enumerate(SUBJECTS)}
FOLDS = make_folds(pd.DataFrame(GROUPS.items(), columns=["subject_id", "group"]), folds=2, test_fraction=0.3, seed=1)
SLICES = 4


def cohort(brightness=0.0, seed=0):
    """24 subjects of four patches each; those with edema have a square that is brighter by this much."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"subject_id": np.repeat(SUBJECTS, SLICES), "slice_index": np.tile(range(SLICES), 24)})
    table["label"] = (table["subject_id"].map(GROUPS) == "axSpA").astype(int)
    table["sop_instance_uid"] = [f"1.2.{row}" for row in table.index]
    patches = rng.uniform(20, 60, (len(table), 1, 48, 48)).astype(np.float32)
    patches[table["label"] == 1, :, 10:20, 6:16] += brightness
    return PatchSet(patches, table, "roi", "toy")


def scored(patches, folds=FOLDS, config=CONFIG):
    return baselines.baseline_predictions(patches, folds, GROUPS, config, progress=False)


@pytest.mark.filterwarnings("error")
def test_where_brightness_tells_all_every_baseline_is_right():
    for name, frame in scored(cohort(120)).items():
        assert roc_auc_score(frame["label"], frame["score"]) == 1, name
        assert ((frame["score"] >= 0.5) == (frame["label"] == 1)).all(), name


@pytest.mark.filterwarnings("error")
def test_where_nothing_tells_no_baseline_knows():
    found = pd.concat(
        [frame.assign(name=name, seed=seed) for seed in range(4) for name, frame in scored(cohort(seed=seed)).items()]
    )
    areas = {key: roc_auc_score(part["label"], part["score"]) for key, part in found.groupby(["name", "seed", "fold"])}
    means = pd.Series(areas).groupby(level=0).mean()
    assert len(means) == 3 and means.between(0.35, 0.65).all()


def test_rows_are_those_of_the_networks(finished_work):
    work, runs = finished_work
    patches = work.patches("roi")
    networks = collect_predictions(runs["roi"], work.groups)
    found = baselines.baseline_predictions(patches, work.folds, work.groups, work.config, progress=False)
    assert len(found) == 3
    for frame in found.values():
        pd.testing.assert_frame_equal(frame.drop(columns="score"), networks.drop(columns="score"))
        assert frame["score"].between(0, 1).all()


def test_test_slices_teach_nothing():
    """Other pixels and labels of all test subjects but one: its scores stay, in every baseline."""
    patches, (fold, _) = cohort(40), FOLDS
    before = scored(patches, [fold])
    kept, others = fold.test[0], patches.rows_of(fold.test[1:])
    pixels, table = patches.patches.copy(), patches.slices.copy()
    pixels[others] = pixels[others][:, :, ::-1] * 3
    table.loc[others, "label"] = 1 - table.loc[others, "label"]
    after = scored(replace(patches, patches=pixels, slices=table), [fold])
    taught = patches.rows_of(fold.train)
    pixels, table = patches.patches.copy(), patches.slices.copy()
    table.loc[taught, "label"] = 1 - table.loc[taught, "label"]
    turned = scored(replace(patches, slices=table), [fold])
    for name, frame in before.items():
        own = frame["subject_id"] == kept
        assert (frame.loc[own, "score"] == after[name].loc[own, "score"]).all(), name
        assert (frame.loc[own, "score"] != turned[name].loc[own, "score"]).any(), name


def test_the_same_numbers_twice():
    for one, other in zip(scored(cohort(10)).values(), scored(cohort(10)).values(), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_features_are_those_of_the_noisy_test_patches():
    patches = cohort(60)
    inputs = noisy_patches(patches, CONFIG, "test")
    found = baselines.features(patches, CONFIG, progress=False)
    logistic, ratio, share = found.values()
    pixels = inputs.flatten(1).double().numpy()
    np.testing.assert_allclose(logistic[:, :7], np.percentile(pixels, baselines.PERCENTILES, axis=1).T)
    np.testing.assert_allclose(logistic[:, 7:], baselines.thumbnails(inputs))
    expected = [tuple(intensity_baselines(patch).values()) for patch in pixels]
    np.testing.assert_allclose(np.hstack([ratio, share]), expected)


def test_a_number_that_is_undefined_counts_as_nothing_bright():
    patches = cohort()
    black = replace(patches, patches=np.zeros_like(patches.patches) - 5)
    for values in list(baselines.features(black, CONFIG, progress=False).values())[1:]:
        assert (values == 0).all()


def test_a_thumbnail_holds_means_of_cells_and_does_not_know_left_from_right():
    inputs = noisy_patches(cohort(60), CONFIG, "test")
    small = baselines.thumbnails(inputs)
    assert small.shape == (len(inputs), 72)
    cells = inputs[:, 0].double().numpy().reshape(-1, 12, 4, 12, 4).mean(axis=(2, 4))
    both = (cells[:, :, :6] + cells[:, :, :5:-1]) / 2
    np.testing.assert_allclose(small, both.reshape(len(inputs), -1), rtol=1e-5)
    np.testing.assert_allclose(baselines.thumbnails(inputs.flip(-1)), small, rtol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_threshold_is_the_most_accurate_one(sign):
    rng = np.random.default_rng(5)
    for _ in range(20):
        labels = rng.integers(0, 2, 40)
        values = np.round(rng.normal(sign * labels, 1.0), 1)
        called = baselines.learn_threshold(values, labels)(values[:, None]) >= 0.5
        limits = [*(values - 0.05), values.max() + 1]
        best = max(np.mean((way * values >= way * limit) == labels) for limit in limits for way in (1, -1))
        assert np.mean(called == labels) == pytest.approx(best)


def test_a_threshold_lies_midway_and_its_score_grows_with_the_distance():
    scorer = baselines.learn_threshold(np.array([1.0, 2.0, 4.0, 5.0]), np.array([1, 1, 0, 0]))
    scores = scorer(np.array([[0.0], [2.9], [3.0], [3.1], [9.0]]))
    assert (np.diff(scores) < 0).all() and scores[2] == 0.5


def test_no_subject_is_on_both_sides_of_an_inner_split():
    labels, subjects = np.repeat([0, 1] * 12, SLICES), np.repeat(SUBJECTS, SLICES)
    splits = baselines.inner_splits(labels, subjects, seed=3)
    assert len(splits) == baselines.INNER
    assert sorted(np.concatenate([judged for _, judged in splits])) == list(range(len(labels)))
    for learned, judged in splits:
        assert not set(subjects[learned]) & set(subjects[judged])
        assert set(labels[learned]) == set(labels[judged]) == {0, 1}


def test_an_inner_split_that_lacks_a_class_is_left_out():
    """Subjects with slices of both classes, which the splitter cannot always spread."""
    sizes, positive = [10, 20, 27, 19], [10, 2, 16, 0]
    subjects = np.repeat(list("abcd"), sizes)
    labels = np.concatenate([np.arange(size) < ill for size, ill in zip(sizes, positive, strict=True)]).astype(int)
    splits = baselines.inner_splits(labels, subjects, seed=1)
    assert len(splits) == 2  # of 3, as three subjects have slices of either class
    for split in splits:
        assert all(set(labels[side]) == {0, 1} for side in split)


def test_the_penalty_is_not_chosen_by_slices_of_known_subjects():
    """Every subject has a look of its own that says nothing of others: only the greatest caution is right."""
    rng = np.random.default_rng(6)
    labels, subjects = np.repeat([0, 1] * 12, SLICES), np.repeat(SUBJECTS, SLICES)
    look = np.repeat(rng.normal(size=(24, 60)), SLICES, axis=0) + rng.normal(0, 0.01, (len(labels), 60))
    order = rng.permutation(len(labels))
    labels, subjects, look = labels[order], subjects[order], look[order]
    scores = baselines.learn_logistic(look, labels, subjects, seed=1)(look)
    cautious = baselines.logistic_regression(C=baselines.PENALTIES[0]).fit(look, labels).predict_proba(look)[:, 1]
    np.testing.assert_allclose(scores, cautious)


def test_with_too_few_subjects_to_choose_by_the_penalty_is_the_strongest():
    labels, subjects = np.array([0, 0, 1, 1, 1]), np.array(["a", "a", "b", "c", "d"])
    assert baselines.inner_splits(labels, subjects, seed=1) == []
    values = np.random.default_rng(7).normal(size=(5, 3))
    expected = baselines.logistic_regression(C=baselines.PENALTIES[0]).fit(values, labels).predict_proba(values)
    np.testing.assert_allclose(baselines.learn_logistic(values, labels, subjects, 1)(values), expected[:, 1])


@pytest.mark.parametrize("only", [0, 1])
def test_where_training_has_one_class_the_score_is_that_class(only):
    patches = cohort(60)
    fold = Fold(1, tuple(SUBJECTS[only::2][:6]), tuple(SUBJECTS[-4:]))
    for name, frame in scored(patches, [fold]).items():
        assert (frame["score"] == only).all(), name
    said = baselines.one_class_sentence(patches.slices, [fold, *FOLDS[1:]])
    assert said == "In fold 1 all training slices are of one class, which every baseline then gives."
    assert baselines.one_class_sentence(patches.slices, FOLDS) == ""
