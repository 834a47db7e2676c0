"""Net benefit against the counts of Vickers and Elkin's formula, written out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sijstudy.analysis import decision_curve
from sijstudy.analysis.decision_curve import useful_text, useful_thresholds

FRAME = pd.DataFrame(
    {
        "subject_id": ["a", "b", "c", "d", "e"],
        "label": [1, 1, 1, 0, 0],
        "score": [0.9, 0.6, 0.2, 0.7, 0.1],
    }
)
CURVE = decision_curve.decision_curve(FRAME, samples=400, seed=3)
AT = CURVE.set_index("threshold")


def test_net_benefit_by_hand():
    assert AT.loc[0.5, "model"] == pytest.approx(2 / 5 - 1 / 5 * 1)  # a, b found; d is a false alarm
    assert AT.loc[0.2, "model"] == pytest.approx(3 / 5 - 1 / 5 * 0.25)  # c reaches its threshold exactly
    assert AT.loc[0.8, "model"] == pytest.approx(1 / 5)
    assert AT.loc[0.95, "model"] == 0


def test_defaults():
    assert AT.loc[0.5, "treat_all"] == pytest.approx(3 / 5 - 2 / 5)
    assert AT.loc[0.6, "treat_all"] == pytest.approx(0)  # treating everyone is worth nothing at the prevalence
    everyone = decision_curve.decision_curve(FRAME.assign(score=1.0), samples=50, seed=1)
    assert everyone["model"].to_numpy() == pytest.approx(everyone["treat_all"].to_numpy())


def test_another_prevalence_keeps_recall_and_specificity():
    clinic = decision_curve.decision_curve(FRAME, samples=50, seed=1, prevalence=0.3).set_index("threshold")
    assert clinic.loc[0.5, "model"] == pytest.approx(2 / 3 * 0.3 - 1 / 2 * 0.7)
    assert clinic.loc[0.5, "treat_all"] == pytest.approx(0.3 - 0.7)
    own = decision_curve.decision_curve(FRAME, samples=50, seed=1, prevalence=0.6)
    assert own["model"].to_numpy() == pytest.approx(CURVE["model"].to_numpy())


def test_band_holds_the_curve_and_resamples_subjects_whole():
    assert (CURVE["low"] <= CURVE["model"] + 1e-12).all()
    assert (CURVE["model"] <= CURVE["high"] + 1e-12).all()
    big = pd.concat([FRAME.assign(subject_id=FRAME["subject_id"] + str(k)) for k in range(20)])
    clustered = pd.concat([FRAME] * 20)
    width = [
        (lambda t: (t["high"] - t["low"]).mean())(decision_curve.decision_curve(frame, samples=200, seed=1))
        for frame in (clustered, big)
    ]
    assert width[0] > 2 * width[1]


def test_useful_thresholds_are_those_above_both_defaults():
    many = pd.concat([FRAME.assign(subject_id=FRAME["subject_id"] + str(k)) for k in range(40)])
    curve = decision_curve.decision_curve(many, samples=400, seed=3)
    useful, default = useful_thresholds(curve), np.maximum(curve["treat_all"], 0)
    better = set(curve["threshold"][curve["model"] > default + 1e-9])
    assert set(useful) < better and len(useful) >= 20  # where the estimate is better, but for what chance could do
    assert 0.9 in useful and 0.95 not in useful
    assert useful_text(curve) == f"{useful[0]:.2f} to 0.90, with gaps"
    assert useful_text(CURVE) == "none"  # five subjects show nothing
    assert useful_text(curve.assign(gain_low=0.0)) == "none"
    assert useful_text(curve.assign(gain_low=1.0)) == "all"


def test_the_gain_is_over_the_better_default_of_the_same_resample():
    """A score that everyone has treats everyone, in each resample: it gains nothing at any threshold below it."""
    same = decision_curve.decision_curve(FRAME.assign(score=0.995), samples=300, seed=1)
    assert same.loc[same["threshold"] < 0.5, "gain_low"].to_numpy() == pytest.approx(
        np.minimum(0, same["gain_low"][same["threshold"] < 0.5])
    )
    rare = decision_curve.decision_curve(FRAME.assign(score=0.995), samples=300, seed=1, prevalence=0.99)
    assert rare.loc[rare["threshold"] < 0.95, "gain_low"].to_numpy() == pytest.approx(0, abs=1e-12)


def test_without_an_error_the_curve_is_no_certainty():
    """Ten controls and twenty patients told apart: at a prevalence of 30% the lower end must not beat both defaults."""
    frame = pd.DataFrame({"subject_id": range(30), "label": [0] * 10 + [1] * 20})
    frame["score"] = 0.2 + 0.6 * frame["label"]
    curve = decision_curve.decision_curve(frame, samples=400, seed=1, prevalence=0.3).set_index("threshold")
    assert curve.loc[0.5, "model"] == pytest.approx(0.3)
    recall, specificity = (stats.beta.ppf(0.025, people + 0.5, 0.5) for people in (20, 10))
    assert curve.loc[0.5, "low"] < 0.3 - 0.3 * (1 - recall)
    assert curve.loc[0.5, "low"] > decision_curve.net_benefit(recall, specificity, 0.3, 0.5)  # both at once is rarer
    assert curve.loc[0.1, "low"] == curve.loc[0.1, "model"] == curve.loc[0.1, "treat_all"]  # everyone is treated
    assert len(useful_thresholds(curve.reset_index())) < np.count_nonzero(frame["score"].min() < curve.index)
