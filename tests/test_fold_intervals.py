"""Intervals over folds against closed forms and plain loops; that they cover is simulated in test_coverage.py."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_bootstrap import bootstrap_ci, other_predictions, predictions

from sijstudy.fold_intervals import (
    MEASURES,
    delete_one,
    difference_over_folds,
    misordered,
    over_folds,
    split_ratio,
)
from sijstudy.intervals import kish, wilson


def one_fold(right, wrong, label=1):
    """One slice of each person in a single fold."""
    n = right + wrong
    frame = pd.DataFrame({"fold": 1, "subject_id": [f"S{k:03d}" for k in range(n)], "label": label})
    decision = np.where(np.arange(n) < right, label, 1 - label)
    return frame.assign(decision=decision, score=0.2 + 0.6 * decision)


def test_a_tenth_of_the_people_tested_is_a_ninth_of_those_trained_on():
    assert split_ratio(0.1) == pytest.approx(1 / 9)


def test_where_nothing_is_wrong_no_more_people_count_than_there_are():
    row = over_folds(one_fold(20, 0), ratio=0.25).loc["recall"]
    assert (row["mean"], row["people"], row["effective"]) == (1, 20, 20)
    assert (row["low"], row["high"]) == pytest.approx(wilson(1, 20))
    slices = pd.concat([one_fold(20, 0)] * 7)  # more slices of the same people tell nothing more of other people
    assert over_folds(slices, ratio=0.25).loc["recall"].tolist() == pytest.approx(row.tolist())


def test_people_tested_in_several_folds_count_by_kish():
    frame = pd.concat([one_fold(20, 0), one_fold(5, 0).assign(fold=2)])
    row = over_folds(frame, ratio=0.25).loc["recall"]
    weights = [1 / 20 + 1 / 5] * 5 + [1 / 20] * 15  # each fold counts as much
    assert (row["people"], row["effective"]) == (20, pytest.approx(2 * kish(weights) / 1.25))


def test_a_share_of_independent_people_in_closed_form():
    row = over_folds(one_fold(16, 4), ratio=0.25).loc["recall"]
    jackknife, alike = 0.8 * 0.2 / 19, 0.8 * 0.2 / 20
    effective = 0.8 * 0.2 / (1.25 * (4 * jackknife + alike) / 5)  # four people err; one more is thought to be as others
    assert row["effective"] == pytest.approx(effective)
    assert (row["low"], row["high"]) == pytest.approx(wilson(0.8, effective, stats.t.ppf(0.975, 19)))


def test_every_measure_without_a_person_equals_a_plain_loop():
    frame = predictions()
    found = delete_one(frame)
    whole = over_folds(frame, ratio=0.4)
    for place, name in enumerate(sorted(frame["subject_id"].unique())):
        alone = delete_one(frame[frame["subject_id"] != name]).observed
        for measure in MEASURES:
            assert found.without[measure][place] == pytest.approx(alone[measure], nan_ok=True)
            assert whole.loc[measure, "mean"] == pytest.approx(found.observed[measure])


def test_the_order_of_rows_and_the_names_do_not_matter():
    frame = predictions()
    shuffled = frame.sample(frac=1, random_state=3)
    shuffled["subject_id"] = shuffled["subject_id"].map(lambda name: f"P{99 - int(name[1:])}")
    pd.testing.assert_frame_equal(over_folds(frame, ratio=0.4), over_folds(shuffled, ratio=0.4))


def test_people_vary_within_their_groups():
    """Nearly all of one group right, nearly all of the other wrong: how many of each were brought is no chance."""
    controls = one_fold(2, 18, label=0).assign(subject_id=[f"C{k:02d}" for k in range(20)])
    frame = pd.concat([one_fold(18, 2), controls])
    apart, alike = (over_folds(each, ratio=0.4).loc["accuracy"] for each in (frame, frame.assign(group="one")))
    assert apart["high"] - apart["low"] < 0.7 * (alike["high"] - alike["low"])


def test_a_group_of_one_person_tells_nothing_of_its_variance():
    frame = pd.concat([one_fold(9, 3), one_fold(1, 0, label=0).assign(subject_id="C0")])
    row = over_folds(frame, ratio=0.4).loc["accuracy"]
    assert row["effective"] == pytest.approx(13 / 1.4)
    assert row["low"] < 10 / 13 < row["high"]


def test_what_no_fold_defines_has_no_interval():
    row = over_folds(one_fold(9, 3), ratio=0.4).loc["specificity"]
    assert row[["mean", "low", "high"]].isna().all()
    assert row["people"] == 0


def test_intervals_are_wider_than_the_bootstraps_and_inside_0_to_1():
    frame = predictions(subjects=40, folds=5)
    ours, resampled = over_folds(frame, ratio=0.4), bootstrap_ci(frame, samples=400, seed=0)
    for name in ("accuracy", "recall", "specificity", "auc"):
        assert np.ptp(ours.loc[name, ["low", "high"]]) > np.ptp(resampled.loc[name]), name
    assert ours[["low", "high"]].stack().between(0, 1).all()
    assert (ours["low"] < ours["mean"]).all()
    assert (ours["mean"] < ours["high"]).all()


def test_slices_that_cost_auc_are_found():
    frame = pd.DataFrame({"fold": [1] * 5 + [2] * 3, "label": [1, 1, 0, 0, 0, 1, 0, 0], "subject_id": list("abcdeabc")})
    frame["score"] = [0.9, 0.4, 0.4, 0.5, 0.1, 0.8, 0.7, 0.2]
    assert misordered(frame).tolist() == [False, True, True, True, False, False, False, False]


def test_a_paired_difference_in_closed_form():
    """One slice of each of n people: a mean of n values of -1, 0, 1."""
    rng = np.random.default_rng(2)
    n = 4000
    one = one_fold(n, 0).assign(decision=(rng.uniform(size=n) < 0.8).astype(int))
    other = one.assign(decision=np.where(rng.uniform(size=n) < 0.1, 1 - one["decision"], one["decision"]))
    mean, low, high = difference_over_folds(one, other, "accuracy", ratio=0.25)
    gain = one["decision"] - other["decision"]
    error = (1.25 * gain.var() / n) ** 0.5
    assert mean == pytest.approx(gain.mean())
    np.testing.assert_allclose([low, high], [mean - 1.96 * error, mean + 1.96 * error], atol=0.01 * error)


@pytest.mark.parametrize("name", MEASURES)
def test_two_methods_that_decide_alike_may_still_differ_in_others(name):
    frame = predictions()
    mean, low, high = difference_over_folds(frame, frame, name, ratio=0.4)
    assert mean == 0
    assert -low == high > 0.1
    swapped = difference_over_folds(other_predictions(frame), frame, name, ratio=0.4)
    ours = difference_over_folds(frame, other_predictions(frame), name, ratio=0.4)
    assert swapped == pytest.approx((-ours[0], -ours[2], -ours[1]))


def test_a_difference_of_other_slices_is_refused():
    frame = predictions()
    with pytest.raises(ValueError, match="same slices"):
        difference_over_folds(frame, frame.iloc[1:], "accuracy", ratio=0.4)


@pytest.mark.parametrize("slices", [1, 5, 40])
@pytest.mark.parametrize("people", [6, 12, 30])
def test_an_error_never_tells_more_than_none(people, slices):
    frame = pd.concat([one_fold(people, 0)] * slices, ignore_index=True)
    none = over_folds(frame, ratio=0.4).loc["recall"]
    frame.loc[0, "decision"] = 0
    one = over_folds(frame, ratio=0.4).loc["recall"]
    assert one["low"] < none["low"]
    assert one["effective"] <= people and none["effective"] <= people


def test_one_control_above_one_patient_tells_no_more_than_none():
    frame = pd.DataFrame({"fold": 1, "subject_id": [f"S{k:02d}" for k in range(40)], "label": [0] * 10 + [1] * 30})
    frame = frame.assign(decision=frame["label"], score=frame["label"] * 0.5 + np.arange(40) / 1000)
    none = over_folds(frame, ratio=0.4).loc["auc"]
    frame.loc[9, "score"] = 0.512  # above the first three patients
    one = over_folds(frame, ratio=0.4).loc["auc"]
    assert none["mean"] == 1 > one["mean"] > 0.98
    assert one["low"] < none["low"]


def test_a_difference_of_one_person_is_no_surer_than_none():
    frame = one_fold(40, 0)
    same = difference_over_folds(frame, frame, "accuracy", ratio=0.4)
    other = frame.assign(decision=frame["decision"].where(frame.index > 0, 0))
    one = difference_over_folds(frame, other, "accuracy", ratio=0.4)
    assert same[0] == 0 and one[0] == pytest.approx(1 / 40)
    assert one[2] - one[0] > same[2] - same[0] > 0.03


def test_scores_of_another_scale_differ_in_no_rank():
    frame = pd.DataFrame({"fold": 1, "subject_id": [f"S{k:02d}" for k in range(40)], "label": [0, 1] * 20})
    frame = frame.assign(decision=frame["label"], score=np.random.default_rng(1).uniform(size=40))
    other = frame.assign(score=frame["score"] ** 3)
    assert difference_over_folds(frame, other, "auc", ratio=0.4) == difference_over_folds(
        frame, frame, "auc", ratio=0.4
    )
