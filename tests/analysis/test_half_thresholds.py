"""Thresholds of one half of the subjects on the other, by hand and by trying every threshold."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis.half_thresholds import (
    chosen_threshold,
    format_halves,
    half_thresholds,
    halves_sentence,
    halvings,
)


def frame_of(positive=3, negative=3, low=0.02, high=0.08):
    """Subjects with two slices; those with edema have one slice of each kind."""
    rows = [
        {"subject_id": f"p{number}", "label": label, "score": high if label else low}
        for number in range(positive)
        for label in (0, 1)
    ]
    rows += [{"subject_id": f"n{number}", "label": 0, "score": low} for number in range(negative) for _ in range(2)]
    return pd.DataFrame(rows)


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(4)
    for _ in range(20):
        labels = np.append(rng.integers(0, 2, 18), [0, 1])
        scores = np.round(rng.random(20) + 0.3 * labels, 1)  # with ties

        def youden(limit, labels=labels, scores=scores):
            return (scores[labels == 1] >= limit).mean() + (scores[labels == 0] < limit).mean()

        assert youden(chosen_threshold(labels, scores)) == pytest.approx(max(youden(limit) for limit in scores))
    assert chosen_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)


def test_halves_part_the_subjects_and_either_class_of_them():
    frame, sizes = frame_of(5, 4), set()
    for first, second in halvings(frame, 40, seed=1):
        assert (first ^ second).all()
        own = set(frame["subject_id"][first])
        assert not own & set(frame["subject_id"][second])
        with_edema = sum(name.startswith("p") for name in own)
        sizes.add(with_edema)
        assert len(own) - with_edema == 2
    assert sizes == {2, 3}


def test_scores_that_lie_too_low_are_mended_by_the_other_half():
    frame = frame_of()
    row = half_thresholds(frame, {"score": "networks"}, own={"score": 0.5}, seed=2).loc["networks"]
    assert (row["recall"], row["specificity"], row["recall low"]) == (1, 1, 1)
    assert (row["recall own"], row["specificity own"], row["accuracy own"]) == (0, 1, pytest.approx(9 / 12))
    assert row["halves"] == 400
    cells = format_halves(half_thresholds(frame, {"score": "networks"}, own={}, seed=2))
    assert cells.loc[0, "recall, %"] == "100 (100 to 100)" and cells.loc[0, "recall at its own threshold, %"] == "–"


def test_a_threshold_is_never_chosen_on_the_half_it_is_tested_on(monkeypatch):
    """Halves of two scales: 0.5 parts the one, and finds nothing on the other; 0.25 parts both."""
    frame = frame_of(4, 0)
    first = frame["subject_id"].isin(["p0", "p1"]).to_numpy()
    frame["score"] = np.where(first, 0.2, 0.1) * np.where(frame["label"] == 1, 4, 1)
    monkeypatch.setattr("sijstudy.analysis.half_thresholds.halvings", lambda *_: [(first, ~first)])
    row = half_thresholds(frame, {"score": "networks"}, own={}, seed=3).loc["networks"]
    assert (row["recall"], row["specificity"], row["halves"]) == (0.5, 1, 2)


def test_too_few_subjects_are_not_halved():
    frame = frame_of(2, 1)
    table = half_thresholds(frame, {"score": "networks"}, own={"score": 0.5}, seed=1)
    assert table.loc["networks", "halves"] == 0 and np.isnan(table.loc["networks", "recall"])
    assert halves_sentence(table, frame) == "3 subjects cannot be halved into two and two: no threshold is chosen."
    alike = frame_of(0, 6)
    table = half_thresholds(alike, {"score": "networks"}, own={}, seed=1)
    assert "slices with edema and without" in halves_sentence(table, alike)
    frame = frame_of()
    table = half_thresholds(frame, {"score": "networks"}, own={}, seed=1)
    assert halves_sentence(table, frame).startswith("400 halves of 6 subjects, 3 with edema on a slice and 3 without")
