"""Metrics against scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from sijstudy.metrics import METRICS, confusion, mean_sd, roc, six_metrics

pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(pairs)
def test_six_metrics_are_scikit_learns(rows):
    labels, decisions = np.array(rows).T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = six_metrics(confusion(labels, decisions))
    options = {"zero_division": np.nan}
    wanted = {
        "accuracy": oracle.accuracy_score(labels, decisions),
        "recall": oracle.recall_score(labels, decisions, **options),
        "precision": oracle.precision_score(labels, decisions, **options),
        "specificity": oracle.recall_score(labels, decisions, pos_label=0, **options),
        "npv": oracle.precision_score(labels, decisions, pos_label=0, **options),
        "f1": oracle.f1_score(labels, decisions, **options),
    }
    assert set(found) == set(METRICS)
    for name in METRICS:
        np.testing.assert_allclose(found[name], wanted[name], err_msg=name)


def test_npv_is_not_the_papers_sentence_for_specificity():
    found = six_metrics(confusion(np.array([1, 1, 1, 0, 0]), np.array([0, 0, 1, 0, 1])))
    assert found["npv"] == pytest.approx(1 / 3)
    assert found["specificity"] == pytest.approx(1 / 2)


def test_roc_is_scikit_learns_and_undefined_with_one_class():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 200), rng.integers(0, 20, 200) / 20
    assert roc(labels, scores).auc == pytest.approx(oracle.roc_auc_score(labels, scores))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        single = roc(np.ones(5), scores[:5])
    assert np.isnan(single.auc)
    assert len(single.fpr) == len(single.tpr) == len(single.thresholds) == 0


def test_roc_has_false_positives_first():
    found = roc(np.array([0, 0, 1]), np.array([0.2, 0.8, 0.5]))
    assert (found.fpr.tolist(), found.tpr.tolist()) == ([0, 0.5, 0.5, 1], [0, 0, 1, 1])


def test_mean_and_sd():
    assert mean_sd([1, 2, 3, np.nan]) == (2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(mean_sd([np.nan])).all()
        mean, deviation = mean_sd([4.0, np.nan])  # of a single fold there is no SD
    assert mean == 4
    assert np.isnan(deviation)
    assert mean_sd([1, 3], ddof=0) == (2, 1)
