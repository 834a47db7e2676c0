"""What gives the classes away without a look at the joints."""

from dataclasses import replace

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


def cohort_of(manifest, rows):
    """A manifest of the given slices: (subject, group, age, sex, places)."""
    slices = [{"subject_id": name, "slice_index": place, "label": 0} for name, *_, places in rows for place in places]
    subjects = pd.DataFrame(
        [{"subject_id": name, "group": group, "age_years": age, "sex": sex} for name, group, age, sex, _ in rows]
    )
    return replace(manifest, slices=pd.DataFrame(slices), subjects=subjects)


def test_all_that_could_give_the_group_away_by_hand(sample_manifest):
    rows = [("a", "axSpA", 30, "F", (4, 5, 9)), ("b", "control", 41, "M", (0, 1)), ("c", "control", 25, "F", (7,))]
    manifest = cohort_of(sample_manifest, rows)
    acquisition = manifest.slices[["subject_id", "slice_index"]].assign(
        model=["x", "y", "y", "x", "x", None], window_width=[1, 2, 3, 4, 5, 6], height_mm=[8.0, 9, 13, 40, 41, -5]
    )
    found = confounding.subject_features(manifest, acquisition)
    expected = pd.DataFrame(
        {
            "group": ["axSpA", "control", "control"],
            "sex": ["F", "M", "F"],
            "age": [30.0, 41.0, 25.0],
            "slices per subject": [3, 2, 1],
            "mean slice position": [10.0, 40.5, -5.0],  # mm, not the index, which starts anew in each subject
            "model": ["y", "x", None],  # of a subject's values the most frequent; display settings are left out
        },
        index=pd.Index(["a", "b", "c"], name="subject_id"),
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@pytest.mark.parametrize("feature", ["sex", "age", "slices per subject", "mean slice position", "echo_time_ms"])
def test_each_of_them_is_found_in_the_table_of_the_cohort(sample_manifest, feature):
    """Nine subjects of each group that differ in one feature alone."""
    rows, echoes, heights = [], [], []
    for number in range(18):
        other = feature if number < 9 else ""
        places = {"slices per subject": range(2, 5)}.get(other, range(1, 6))
        heights += [
            place + 7.0 * (other == "mean slice position") for place in places if feature != "slices per subject"
        ]
        age, sex = 60 if other == "age" else 30, "F" if other == "sex" else "M"
        rows.append((f"S{number}", "axSpA" if number < 9 else "control", age, sex, places))
        echoes += [12.0 if other == "echo_time_ms" else 11.0] * len(places)
    manifest = cohort_of(sample_manifest, rows)
    acquisition = manifest.slices[["subject_id", "slice_index"]].assign(echo_time_ms=echoes, height_mm=heights or 3.0)
    table = confounding.confounding(confounding.subject_features(manifest, acquisition), samples=50, seed=1)
    assert list(table.index) == [feature]
    assert table.loc[feature, "strength"] == pytest.approx(1)
    ordered = feature in ("age", "slices per subject", "mean slice position")  # however few its values
    assert (table.loc[feature, "measure"] == "AUC") == ordered
    assert len(confounding.confounding_findings(table)) == 1
