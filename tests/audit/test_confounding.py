"""What gives the classes away without a look at the joints."""

import numpy as np
import pandas as pd
import pytest
from audit_samples import sentences
from sklearn.metrics import roc_auc_score

from sijstudy.audit import confounding
from sijstudy.audit.cohort import audit_cohort


def features(**columns):
    size = len(next(iter(columns.values())))
    return pd.DataFrame({"group": ["axSpA"] * (size // 2) + ["control"] * (size - size // 2), **columns})


def test_a_scanner_that_gives_the_class_away_is_found():
    table = confounding.confounding(features(model=["Skyra"] * 8 + ["Aera"] * 8), samples=100, seed=1)
    assert table.loc["model", "strength"] == pytest.approx(1)
    assert table.loc["model", "p"] == pytest.approx(2 / 12870)  # 2 of 16 choose 8 tables are as extreme
    (warning,) = confounding.confounding_findings(table)
    assert warning.grade == "warning"
    assert warning.sentence.startswith("Model alone tells the groups apart without error")


def test_scanner_confounded_with_class_in_a_cohort(faulty):
    def two_scanners(subject, step, dataset):
        dataset.ManufacturerModelName = "Ill" if subject < 5 else "Well"

    audit = audit_cohort(faulty(two_scanners), samples=200, progress=False)
    assert any("Model alone tells the groups apart" in one for one in sentences(audit, "confounding"))
    assert not audit.grave
    assert audit.acquisition["repetition_time_ms"].tolist() == [544] * 30


def test_numbers_are_judged_by_their_auc():
    rng = np.random.default_rng(5)
    age = rng.permutation(np.arange(40)).astype(float)
    table = confounding.confounding(features(age=age, sex=["M", "F"] * 20), samples=50, seed=1)
    truth = np.array([1] * 20 + [0] * 20)
    auc = roc_auc_score(truth, age)
    assert table.loc["age", "strength"] == pytest.approx(max(auc, 1 - auc))
    assert table.loc["sex", ["strength", "p"]].tolist() == pytest.approx([0, 1])
    assert not confounding.confounding_findings(table)


def test_many_categories_are_permuted_and_one_value_is_left_out():
    groups = features(site=list("abc" * 10), coil=["x"] * 30)
    table = confounding.confounding(groups, samples=200, seed=1)
    assert list(table.index) == ["site"]
    assert table.loc["site", "p"] > 0.5
    assert confounding.confounding(groups[groups["group"] == "axSpA"], samples=9, seed=1).empty


def test_holm_by_hand():
    assert confounding.holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])


def test_a_label_that_follows_the_place_within_subjects_is_found():
    middle = [0, 0, 1, 1, 1, 0, 0]
    slices = pd.DataFrame(
        {"subject_id": np.repeat([f"S{k}" for k in range(6)], 7), "slice_index": [*range(7)] * 6, "label": middle * 6}
    )
    (row,) = confounding.position_within_subjects(slices, samples=200, seed=1).to_dict("records")
    assert row["strength"] == 1
    assert row["p"] == pytest.approx(1 / 201)
    assert confounding.position_within_subjects(slices.assign(label=1), samples=9, seed=1).empty
