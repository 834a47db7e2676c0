"""Calibration against scikit-learn and against hand computations."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from sijstudy.analysis import calibration
from sijstudy.intervals import row_weights

RNG = np.random.default_rng(7)
TRUTH = RNG.uniform(0.02, 0.98, 400)
FRAME = pd.DataFrame(
    {
        "fold": np.repeat([1, 2], 200),
        "subject_id": [f"s{k}" for k in np.repeat(np.arange(50), 8)],
        "label": (RNG.uniform(size=400) < TRUTH).astype(int),
        "score": TRUTH,
    }
)
LABEL, SCORE = FRAME["label"].to_numpy(float), FRAME["score"].to_numpy()
ONCE = np.ones((1, len(FRAME)))
OPTIONS = {"samples": 300, "seed": 1}


@pytest.mark.parametrize(
    ("bins", "strategy"),
    [(calibration.equal_width(5), "uniform"), (calibration.equal_count(SCORE, 10), "quantile")],
    ids=["equal width", "equal count"],
)
def test_reliability_is_scikit_learns(bins, strategy):
    observed, predicted = calibration_curve(LABEL, SCORE, n_bins=len(bins), strategy=strategy)
    curve = calibration.reliability(FRAME, bins, **OPTIONS)
    assert curve["observed"].to_numpy() == pytest.approx(observed)
    assert curve["predicted"].to_numpy() == pytest.approx(predicted)
    assert curve["count"].sum() == len(FRAME)
    assert (curve["low"] <= curve["observed"]).all()
    assert (curve["observed"] <= curve["high"]).all()


def test_equal_count_bins_hold_the_same_number_and_ties_share_one():
    assert set(np.bincount(calibration.equal_count(SCORE, 10).of(SCORE))) == {40}
    tied = np.array([0.0] * 8 + [0.5, 1.0])
    assert len(calibration.equal_count(tied, 10)) < 10
    assert len(set(calibration.equal_count(tied, 10).of(tied[:8]))) == 1
    assert len(calibration.equal_count(np.full(5, 0.3), 10)) == 1


def test_brier_score_is_scikit_learns_and_skill_is_against_the_prevalence():
    values = calibration.measures(LABEL, SCORE, ONCE, calibration.equal_width(5))
    brier = brier_score_loss(LABEL, SCORE)
    reference = brier_score_loss(LABEL, np.full(len(LABEL), LABEL.mean()))
    assert values["brier"][0] == pytest.approx(brier)
    assert values["reference"][0] == pytest.approx(reference)
    assert values["skill"][0] == pytest.approx(1 - brier / reference)


def test_calibration_error_by_hand():
    label, score = np.array([0.0, 1, 1, 1]), np.array([0.1, 0.3, 0.8, 0.9])
    bins = calibration.equal_width(2)  # below: mean 0.2, observed 0.5; above: mean 0.85, observed 1
    once = np.ones((1, 4))
    assert calibration.calibration_error(label, score, once, bins)[0] == pytest.approx(0.5 * 0.3 + 0.5 * 0.15)
    twice = np.array([[2.0, 2, 0, 0]])
    assert calibration.calibration_error(label, score, twice, bins)[0] == pytest.approx(0.3)


@pytest.mark.parametrize("power", [0.4, 1.0, 3.0])
def test_slope_is_scikit_learns(power):
    odds = (SCORE / (1 - SCORE)) ** power
    score = np.clip(odds / (1 + odds), 0.001, 0.999)
    weights = np.stack([np.ones(len(SCORE)), RNG.integers(0, 3, len(SCORE)).astype(float)])
    _, slopes = calibration.recalibration(LABEL, score, weights)
    logit = np.log(score / (1 - score))[:, None]
    for weight, slope in zip(weights, slopes, strict=True):
        oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, LABEL, sample_weight=weight)
        assert slope == pytest.approx(oracle.coef_[0, 0], rel=1e-4)


def test_intercept_makes_the_mean_prediction_right():
    (intercept,), _ = calibration.recalibration(LABEL, SCORE**2, ONCE)
    logit = np.log(SCORE**2 / (1 - SCORE**2))
    kept = np.clip(logit, np.log(0.001 / 0.999), np.log(0.999 / 0.001))
    assert (1 / (1 + np.exp(-(kept + intercept)))).mean() == pytest.approx(LABEL.mean())
    assert intercept > 0  # squared scores are too low


def test_separated_scores_have_an_infinite_slope_and_one_class_none():
    label, score = np.array([0.0, 0, 1, 1]), np.array([0.0, 0.2, 0.7, 1.0])
    assert calibration.recalibration(label, score, np.ones((1, 4)))[1].tolist() == [np.inf]
    assert np.isnan(calibration.recalibration(np.ones(4), score, np.ones((1, 4)))[1]).all()


def test_table_pools_the_folds_and_averages_them():
    bins = calibration.equal_width(5)
    table = calibration.calibration_table(FRAME, bins, **OPTIONS)
    folds = [brier_score_loss(part["label"], part["score"]) for _, part in FRAME.groupby("fold")]
    assert table.loc["brier", "pooled"] == pytest.approx(brier_score_loss(LABEL, SCORE))
    assert table.loc["brier", "mean"] == pytest.approx(np.mean(folds))
    assert table.loc["brier", "sd"] == pytest.approx(np.std(folds, ddof=1))
    assert (table["low"] <= table["pooled"]).drop("ece").all()  # resampling adds noise to |observed - predicted|
    assert (table["pooled"] <= table["high"]).all()
    assert table.loc["slope", "low"] < 1 < table.loc["slope", "high"]


def test_interval_grows_when_rows_of_a_subject_stand_together():
    alike = FRAME.assign(**FRAME.groupby("subject_id")[["label", "score"]].transform("first"))
    alone = alike.assign(subject_id=[f"r{k}" for k in range(len(alike))])
    bins = calibration.equal_width(5)
    spans = [
        calibration.calibration_table(frame, bins, **OPTIONS).loc["brier", ["low", "high"]].diff().iloc[-1]
        for frame in (alike, alone)
    ]
    assert spans[0] > 1.3 * spans[1]


@pytest.mark.parametrize(
    ("power", "words"), [(0.3, "too timid"), (4.0, "too bold"), (1.0, "neither")], ids=["timid", "bold", "calibrated"]
)
def test_words_say_which_way_scores_err(power, words):
    odds = (SCORE / (1 - SCORE)) ** power
    frame = FRAME.assign(score=odds / (1 + odds))
    assert words in calibration.in_words(calibration.calibration_table(frame, calibration.equal_width(5), **OPTIONS))


def test_undefined_and_infinite_values_are_readable():
    label = (FRAME["subject_id"] < "s3").astype(int)
    separated = calibration.calibration_table(
        FRAME.assign(label=label, score=0.1 + 0.8 * label), calibration.equal_width(5), **OPTIONS
    )
    cells = calibration.format_table({"subjects": separated})
    assert cells.loc[("subjects", calibration.MEASURES["slope"]), "all folds"] == "∞"
    assert "separate the classes" in calibration.in_words(separated)
    one_class = calibration.calibration_table(FRAME.assign(label=1), calibration.equal_width(5), **OPTIONS)
    assert "only one class" in calibration.in_words(one_class)
    assert calibration.format_table({"x": one_class}).loc[("x", calibration.MEASURES["slope"])].tolist() == [
        "–", "– to –", "– ± –",
    ]  # fmt: skip


def test_the_interval_of_the_calibration_error_is_not_moved_by_resampling_itself():
    """Scores that mean what they say: resamples lie above the estimate, the interval does not."""
    above, reaches_none, did_before = [], 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score = rng.uniform(size=150)
        label = (rng.uniform(size=150) < score).astype(int)
        frame = pd.DataFrame({"fold": 1, "subject_id": range(150), "label": label, "score": score})
        bins = calibration.equal_count(score, 10)
        row = calibration.calibration_table(frame, bins, samples=200, seed=1).loc["ece"]
        drawn = row_weights(frame["subject_id"].to_numpy(), 200, 1, label)
        resampled = calibration.calibration_error(label.astype(float), score, drawn, bins)
        above.append((resampled > row["pooled"]).mean())
        assert row["low"] == pytest.approx(max(0, 2 * row["pooled"] - np.percentile(resampled, 97.5)), abs=5e-3)
        reaches_none += row["low"] < 0.01
        did_before += np.percentile(resampled, 2.5) < 0.01
    assert np.mean(above) > 0.8  # what made the percentile interval wrong: it never held the true error, 0
    assert did_before == 0 and reaches_none >= 12
