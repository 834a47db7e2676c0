"""Weighted metrics, and the resamples that the coverage benchmark compares with, against a plain loop over rows."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.resampling import bootstrap, difference
from sijstudy.intervals import subject_weights
from sijstudy.metrics import METRICS, confusion, roc, six_metrics


def predictions(seed=0, folds=3, subjects=12):
    rng = np.random.default_rng(seed)
    rows = []
    for fold in range(1, folds + 1):
        for subject in rng.choice(subjects, subjects // 2, replace=False):
            for _ in range(int(rng.integers(2, 6))):
                score = np.round(np.clip(rng.normal(0.4 + 0.25 * (subject % 2), 0.3), 0, 1), 1)
                rows.append((fold, f"S{subject:02d}", int(subject % 2), int(score >= 0.5), score))
    return pd.DataFrame(rows, columns=["fold", "subject_id", "label", "decision", "score"])


def bootstrap_ci(frame, *, samples, seed):
    """The interval of every metric, as fractions: index metric, columns low, high."""
    drawn = bootstrap(frame, samples=samples, seed=seed)
    return pd.DataFrame({name: drawn.interval(name) for name in drawn.samples}, index=["low", "high"]).T


def by_loop(frame, samples, seed):
    """The same resamples, each made of repeated rows and measured by scikit-learn."""
    return {name: np.nanpercentile(column, [2.5, 97.5]) for name, column in loop_values(frame, samples, seed).items()}


def loop_values(frame, samples, seed):
    """Each metric in every resample: name -> list."""
    names = sorted(frame["subject_id"].unique())
    values = {name: [] for name in (*METRICS, "auc")}
    for weights in subject_weights(len(names), samples, seed):
        drawn = pd.concat(
            [frame[frame["subject_id"] == name] for name, w in zip(names, weights, strict=True) for _ in range(int(w))]
        )
        per_fold = {name: [] for name in values}
        for _, part in drawn.groupby("fold"):
            six = six_metrics(confusion(part["label"], part["decision"]))
            for name in METRICS:
                per_fold[name].append(six[name])
            per_fold["auc"].append(roc(part["label"], part["score"]).auc)
        for name in values:
            values[name].append(np.nanmean(per_fold[name]) if not np.isnan(per_fold[name]).all() else np.nan)
    return values


def test_intervals_equal_a_plain_loop():
    frame = predictions()
    found = bootstrap_ci(frame, samples=60, seed=5)
    for name, wanted in by_loop(frame, 60, 5).items():
        np.testing.assert_allclose(found.loc[name], wanted, atol=1e-12, err_msg=name)


def test_interval_is_wider_for_subjects_than_for_slices():
    frame = predictions(folds=1, subjects=16)
    frame["decision"] = frame["subject_id"].str[-1].astype(int) % 3 == 0  # errors hang together within a subject
    clustered = bootstrap_ci(frame, samples=400, seed=0).loc["accuracy"]
    alone = bootstrap_ci(frame.assign(subject_id=[f"S{n:03d}" for n in range(len(frame))]), samples=400, seed=0).loc[
        "accuracy"
    ]
    assert clustered["high"] - clustered["low"] > alone["high"] - alone["low"]


def test_seed_decides_the_interval():
    frame = predictions()
    one, again, other = (bootstrap_ci(frame, samples=80, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


def other_predictions(frame):
    """Another network on the same slices: a third of the decisions turned, scores drawn anew."""
    rng = np.random.default_rng(8)
    decision = np.where(rng.uniform(size=len(frame)) < 1 / 3, 1 - frame["decision"], frame["decision"])
    return frame.assign(decision=decision, score=np.round(rng.uniform(size=len(frame)), 1))


def test_a_paired_difference_equals_a_plain_loop():
    one, other = predictions(), other_predictions(predictions())
    loops = [loop_values(frame, 60, 5) for frame in (one, other)]
    drawn = [bootstrap(frame, samples=60, seed=5) for frame in (one, other)]
    for name in (*METRICS, "auc"):
        wanted = np.nanpercentile(np.subtract(loops[0][name], loops[1][name]), [2.5, 97.5])
        mean, *found = difference(*drawn, name)
        np.testing.assert_allclose(found, wanted, atol=1e-12, err_msg=name)
        assert mean == pytest.approx(drawn[0].observed[name] - drawn[1].observed[name])


def test_the_interval_of_a_paired_difference_in_closed_form():
    """One slice per subject, one fold: the difference is a mean of n values of -1, 0, 1, near normal for large n."""
    rng = np.random.default_rng(2)
    n = 4000
    frame = pd.DataFrame({"fold": 1, "subject_id": [f"{k:04d}" for k in range(n)], "label": 1, "score": 0.5})
    hits = rng.uniform(size=n) < 0.8
    both = [frame.assign(decision=hits.astype(int)), frame.assign(decision=(hits ^ (rng.uniform(size=n) < 0.1)) * 1)]
    mean, low, high = difference(*(bootstrap(part, samples=2000, seed=1) for part in both), "accuracy")
    gain = both[0]["decision"] - both[1]["decision"]
    error = gain.std(ddof=0) / n**0.5
    assert mean == pytest.approx(gain.mean())
    np.testing.assert_allclose([low, high], [mean - 1.96 * error, mean + 1.96 * error], atol=0.1 * error)
    apart = bootstrap(both[0], samples=2000, seed=1).samples["accuracy"].std()
    assert high - low < 2 * 1.96 * apart * 2**0.5  # narrower than of two arms that share no subject


def test_a_difference_of_other_subjects_is_refused():
    frame = predictions()
    fewer = frame[frame["subject_id"] != frame["subject_id"].iloc[0]]
    one = bootstrap(frame, samples=10, seed=1)
    for other in (bootstrap(fewer, samples=10, seed=1), bootstrap(frame, samples=10, seed=2)):
        with pytest.raises(ValueError, match="same subjects"):
            difference(one, other, "accuracy")


def test_a_bootstrap_within_groups_draws_as_many_of_each():
    """All positives right, all negatives wrong: only how many of each are drawn could move the accuracy of one fold."""
    frame = pd.DataFrame({"fold": 1, "subject_id": [f"S{k}" for k in range(9)], "label": [0] * 3 + [1] * 6})
    frame = frame.assign(decision=1, score=0.5)
    assert bootstrap(frame, samples=50, seed=1).samples["accuracy"].std() > 0.05
    other = frame.assign(label=[0, 0, 1] * 3, decision=[0, 0, 0] * 3, group=["a", "a", "b"] * 3)
    for each in (frame, other):
        drawn = bootstrap(each, samples=50, seed=1, within_groups=True)
        np.testing.assert_allclose(drawn.samples["accuracy"], drawn.observed["accuracy"])
    with pytest.raises(ValueError, match="same subjects"):
        difference(bootstrap(frame, samples=50, seed=1), bootstrap(frame, samples=50, seed=1, within_groups=True), "f1")
