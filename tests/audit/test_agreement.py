"""Kappas by hand and against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from sijstudy.audit import agreement


def votes(*columns):
    table = pd.DataFrame({f"reader_{number}": column for number, column in enumerate(columns, 1)}).astype("Int64")
    return table.assign(subject_id=[f"S{row // 2}" for row in range(len(table))], label=columns[0])


def test_cohens_kappa_by_hand():
    # 20 and 15 agreed of 50; chance (25 * 30 + 25 * 20) / 50^2 = 0.5; kappa = (0.7 - 0.5) / (1 - 0.5)
    one, two = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    (row,) = agreement.agreement(votes(one, two), samples=200, seed=1).to_dict("records")
    assert row["kappa"] == pytest.approx(0.4)
    assert row["agree"] == pytest.approx(0.7)
    assert row["low"] < 0.4 < row["high"]


def test_fleiss_kappa_by_hand():
    # 3 readers, 4 slices: votes for 3, 2, 0, 1; P = (1 + 1/3 + 1 + 1/3) / 4 = 2/3; share 1/2, chance 1/2
    matrix = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 0, 1]])
    weights = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [2, 2, 2, 2], [1, 0, 0, 0]])
    assert agreement.fleiss_kappas(matrix, weights) == pytest.approx([1 / 3, 1, 1 / 3, np.nan], nan_ok=True)


def test_weighted_kappas_are_scikit_learns():
    rng = np.random.default_rng(4)
    matrix, weights = rng.integers(0, 2, (30, 2)), rng.integers(0, 4, (5, 30))
    oracle = [cohen_kappa_score(matrix[:, 0], matrix[:, 1], sample_weight=weight) for weight in weights]
    assert agreement.cohen_kappas(matrix, weights) == pytest.approx(oracle)


def test_slices_that_one_reader_did_not_read_are_left_out():
    rng = np.random.default_rng(3)
    one, two = rng.integers(0, 2, 40).tolist(), rng.integers(0, 2, 40).tolist()
    table = agreement.agreement(votes(one, two, [None] * 10 + one[10:]), samples=20, seed=1)
    assert table["slices"].tolist() == [40, 30, 30, 30]
    assert table["kappa"].iloc[0] == pytest.approx(cohen_kappa_score(one, two))
    assert table["kappa"].iloc[1] == 1
    assert table.index[-1] == "all 3 readers"


def test_readers_who_never_differ_from_one_value_have_no_kappa():
    table = agreement.agreement(votes([0, 0, 0, 0], [0, 0, 0, 0]), samples=20, seed=1)
    assert table[["kappa", "low", "high"]].isna().all(axis=None)
    assert [one.grade for one in agreement.agreement_findings(table)] == ["note"]


def test_poor_agreement_is_a_warning_and_no_votes_a_note():
    poor = agreement.agreement(votes([1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0]), samples=20, seed=1)
    assert [one.grade for one in agreement.agreement_findings(poor)] == ["warning"]
    none = agreement.agreement(votes([1, 0, 1, 0]), samples=20, seed=1)
    assert [one.grade for one in agreement.agreement_findings(none)] == ["note"]


def test_readers_stand_beside_the_label():
    rates = agreement.reader_rates(votes([1, 1, 0, 0], [1, 0, 0, None]))
    assert rates.loc["reader 2"].tolist() == pytest.approx([3, 100 / 3, 200 / 3])
