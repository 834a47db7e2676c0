"""Where training patches lie in a network's features, and how far a new patch is from them."""

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from sijstudy.analysis.likeness import Likeness, likeness
from sijstudy.errors import StudyError
from sijstudy.training.feature_reference import (
    REFERENCE,
    FeatureReference,
    features_of,
    keep_reference,
    load_reference,
    scores_and_features,
)
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.networks import open_networks
from sijstudy.training.patch_statistics import patch_statistics
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import FitRun


@pytest.fixture
def clouds():
    """Features of training and held-out patches of one kind, and of another kind, of which each alone looks usual."""
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(8, 8))
    train, held_out, fresh = (rng.normal(size=(n, 8)) @ mix for n in (4000, 4000, 4000))
    fitted = LedoitWolf().fit(train)
    bare = FeatureReference(fitted.location_, fitted.get_precision(), np.empty(0))
    return FeatureReference(bare.mean, bare.precision, np.sort(bare.distances(held_out))), fitted, fresh


def test_distances_are_mahalanobis(clouds):
    reference, fitted, fresh = clouds
    np.testing.assert_allclose(reference.distances(fresh) ** 2, fitted.mahalanobis(fresh), rtol=1e-9)


def test_percentiles_of_the_same_kind_are_even(clouds):
    reference, _, fresh = clouds
    found = reference.percentiles(fresh)
    assert (found > 99).mean() == pytest.approx(0.01, abs=0.006)
    np.testing.assert_allclose(np.percentile(found, [25, 50, 75]), [25, 50, 75], atol=3)
    assert reference.percentiles(fresh + 40)[0] == 100 * 4000 / 4001


def test_few_held_out_patches_put_nothing_above_the_99th(clouds):
    reference, _, fresh = clouds
    for number, beyond in ((98, False), (99, False), (100, True)):
        few = FeatureReference(reference.mean, reference.precision, reference.held_out[:number])
        assert (few.percentiles(fresh[:1] + 1e3)[0] > 99) is np.bool_(beyond)


def test_a_reference_is_made_of_training_patches_and_calibrated_on_test_subjects(finished_work):
    work, runs = finished_work
    run, patches = runs["roi"][1], work.patches("roi")
    model = load_model(run)
    features = features_of(model, noisy_patches(patches, work.config, "test"), work.config, torch.device("cpu"))
    train, test = (patches.rows_of(side) for side in (work.folds[0].train, work.folds[0].test))
    fitted = LedoitWolf().fit(features[train])
    kept = load_reference(run).features
    np.testing.assert_allclose(kept.mean, fitted.location_, rtol=1e-4, atol=1e-5)
    expected = np.sqrt(np.sort(fitted.mahalanobis(features[test])))
    np.testing.assert_allclose(kept.held_out, expected, rtol=1e-3)
    assert len(kept.held_out) == len(test) and not set(test) & set(train)


def test_it_is_kept_and_not_made_again(finished_work, monkeypatch):
    work, runs = finished_work
    monkeypatch.setattr("sijstudy.training.feature_reference._made", lambda *_: pytest.fail("made again"))
    keep_reference(runs["roi"][1], work.patches("roi"), work.config)


def test_other_patches_and_damaged_files_are_refused(finished_work, tmp_path):
    work, runs = finished_work
    (tmp_path / "config.json").write_text((runs["roi"][1].folder / "config.json").read_text())
    with pytest.raises(StudyError, match="was trained on other patches"):
        keep_reference(FitRun(tmp_path), work.patches("original"), work.config)
    (tmp_path / REFERENCE).write_bytes(b"PK")
    with pytest.raises(StudyError, match="is no reference of features"):
        load_reference(FitRun(tmp_path))


def test_a_lost_reference_is_made_of_the_kept_patches_or_missed(finished_work, monkeypatch):
    """Where the store has the patches and the workspace the manifest."""
    work, _ = finished_work
    networks = open_networks(work.folder.root).of_fold("1")
    runs, config = networks.runs["roi"], networks.config
    inputs, place = noisy_patches(work.patches("roi"), config, "test"), torch.device("cpu")
    model = load_model(runs[1])
    scores, features = scores_and_features(model, inputs, config, place)
    np.testing.assert_allclose(scores, predict(model, inputs, config, place), atol=1e-6)
    np.testing.assert_allclose(features, features_of(model, inputs, config, place), atol=1e-5)
    images = work.patches("roi").patches[:, 0]
    known = likeness({1: features}, images, runs, config)
    path = runs[1].folder / REFERENCE
    content = path.read_bytes()
    try:
        path.unlink()
        np.testing.assert_array_equal(likeness({1: features}, images, runs, config).percentile, known.percentile)
        path.unlink()
        monkeypatch.setattr("sijstudy.analysis.likeness._manifest_of", lambda *_: None)
        missed = likeness({1: features}, images, runs, config)
        assert np.isnan(missed.percentile).all() and not missed.withholds
        assert "cannot be told: these networks have no reference" in missed.sentence
    finally:
        path.write_bytes(content)


def test_a_reference_of_an_earlier_version_is_made_anew(finished_work, tmp_path):
    _, runs = finished_work
    with np.load(runs["roi"][1].folder / REFERENCE) as content:
        np.savez(tmp_path / REFERENCE, **{name: content[name] for name in ("mean", "precision", "held_out")})
    assert load_reference(FitRun(tmp_path)) is None


def test_grey_values_count_as_much_as_features(finished_work):
    """A network's features may look usual where the image does not: the further of both counts."""
    work, runs = finished_work
    kept, images = load_reference(runs["roi"][1]), work.patches("roi").patches[:, 0]
    usual = np.tile(kept.features.mean, (len(images), 1))
    assert (kept.features.percentiles(usual) == 0).all()
    own = kept.grey.percentiles(patch_statistics(images))
    np.testing.assert_array_equal(kept.percentiles(usual, images), own)
    assert own.max() > 0
    far = kept.percentiles(usual + 1e3, images)
    np.testing.assert_array_equal(far, np.maximum(kept.features.percentiles(usual + 1e3), own))


def test_the_median_over_networks_counts(monkeypatch):
    class Known:
        features = FeatureReference(np.zeros(1), np.eye(1), np.zeros(200))

        def __init__(self, percentile):
            self.percentile = percentile

        def percentiles(self, features, images):
            return np.full(len(features), self.percentile)

    known = {1: Known(99.5), 2: Known(10.0), 3: Known(99.2)}
    monkeypatch.setattr("sijstudy.analysis.likeness._reference", lambda run, config: known[run])
    found = likeness({fold: np.zeros((4, 1)) for fold in known}, np.zeros((4, 8, 8)), {1: 1, 2: 2, 3: 3}, None)
    assert (found.percentile.tolist(), found.held_out, found.withholds) == ([99.2] * 4, 200, True)


@pytest.mark.parametrize(("beyond", "withholds"), [(0, False), (5, False), (6, True), (10, True)])
def test_no_decision_when_more_than_half_of_the_slices_are_unlike(beyond, withholds):
    percentile = np.array([99.5] * beyond + [99.0] * (10 - beyond))
    found = Likeness(percentile, 300)
    assert (found.unlike.sum(), found.withholds) == (beyond, withholds)
    assert found.sentence.startswith(f"{beyond} of 10 slices are unlike the training patches")
    assert "are too few to know their 99th" in Likeness(percentile, 80).sentence
