"""Folds: no leakage, stratified, repeatable, and a saved file that is not trusted blindly."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sijstudy.errors import StudyError
from sijstudy.folds import Fold, fold_composition, load_folds, make_folds, save_folds, split_validation, with_others


def cohort(axspa=60, controls=19):
    return pd.DataFrame(
        {
            "subject_id": [f"S{number:03d}" for number in range(axspa + controls)],
            "group": ["axSpA"] * axspa + ["control"] * controls,
        }
    )


def test_a_cohort_of_the_papers_size_tests_24_subjects_where_table_1_has_25_to_27():
    for fold in make_folds(cohort(), folds=5, test_fraction=0.3, seed=0):
        tested = cohort().set_index("subject_id").loc[list(fold.test), "group"].value_counts()
        assert tested.to_dict() == {"axSpA": 18, "control": 6}
        assert len(fold.train) == 55


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(5, 30), st.integers(0, 1000), st.floats(0.2, 0.5))
def test_no_subject_is_ever_on_both_sides(axspa, controls, seed, fraction):
    subjects = cohort(axspa, controls)
    for fold in make_folds(subjects, folds=3, test_fraction=fraction, seed=seed):
        assert not set(fold.train) & set(fold.test)
        assert set(fold.train) | set(fold.test) == set(subjects["subject_id"])
        validation = split_validation(fold, subjects, 0.3, seed)
        assert set(validation.train) | set(validation.test) == set(fold.train)


def test_leak_is_named():
    with pytest.raises(StudyError, match="subject S2 is in training and test data"):
        Fold(1, ("S1", "S2"), ("S2", "S3"))


def test_seed_decides_and_row_order_does_not():
    subjects = cohort(12, 8)
    one = make_folds(subjects, folds=2, test_fraction=0.3, seed=3)
    assert one == make_folds(subjects.sample(frac=1, random_state=1), folds=2, test_fraction=0.3, seed=3)
    assert one != make_folds(subjects, folds=2, test_fraction=0.3, seed=4)
    assert one[0].test != one[1].test


@pytest.mark.parametrize(
    ("fraction", "tested"), [(0.2, {"axSpA": 4, "control": 2}), (0.5, {"axSpA": 10, "control": 5})]
)
def test_the_asked_share_of_each_group_is_tested_or_validates(fraction, tested):
    subjects = cohort(20, 10)
    (fold,) = make_folds(subjects, folds=1, test_fraction=fraction, seed=0)
    whole = Fold(4, tuple(subjects["subject_id"]), ("another",))
    validation = split_validation(whole, subjects, fraction, seed=0)
    for one in (fold, validation):
        groups = subjects.set_index("subject_id").loc[list(one.test), "group"]
        assert groups.value_counts().to_dict() == tested
    assert validation.number == 4
    assert validation == split_validation(whole, subjects, fraction, seed=0)
    assert validation != split_validation(whole, subjects, fraction, seed=1)


def test_too_small_a_group_is_refused():
    with pytest.raises(StudyError, match="bring more subjects"):
        make_folds(cohort(5, 1), folds=2, test_fraction=0.3, seed=0)
    with pytest.raises(StudyError, match="no control subject in the test data"):
        make_folds(cohort(40, 3), folds=1, test_fraction=0.1, seed=0)


@pytest.mark.parametrize(("side", "train", "test"), [("training", (), ("a",)), ("test", ("a",), ())])
def test_an_empty_side_is_named(side, train, test):
    with pytest.raises(StudyError, match=f"fold 2: no subject in the {side} data"):
        Fold(2, train, test)


def test_a_cohort_of_one_group_is_refused():
    with pytest.raises(StudyError, match="cannot split 9 subjects by group: all are axSpA; add the other group"):
        make_folds(cohort(9, 0), folds=2, test_fraction=0.3, seed=0)


def test_saved_folds_come_back_and_a_tampered_file_is_refused(tmp_path):
    path = tmp_path / "runs/folds.json"
    folds = make_folds(cohort(10, 6), folds=2, test_fraction=0.3, seed=0)
    save_folds(path, folds)
    assert load_folds(path) == folds
    rows = json.loads(path.read_text())
    rows[1]["test"].append(rows[1]["train"][0])
    path.write_text(json.dumps(rows))
    with pytest.raises(StudyError, match=rf"folds\.json.*fold 2: subject {rows[1]['train'][0]}"):
        load_folds(path)
    path.write_text("[{]")
    with pytest.raises(StudyError, match="broken"):
        load_folds(path)
    with pytest.raises(StudyError, match="run notebook 02"):
        load_folds(tmp_path / "none.json")


def test_composition_counts_slices_and_subjects():
    slices = pd.DataFrame({"subject_id": ["a", "a", "b", "c", "d"], "label": [1, 1, 0, 1, 0]})
    row = fold_composition([Fold(1, ("a", "b"), ("c", "d"))], slices).loc[1]
    assert row.to_dict() == {
        "train_positive_slices": 2, "train_positive_subjects": 1, "train_negative_slices": 1,
        "train_negative_subjects": 1, "test_positive_slices": 1, "test_positive_subjects": 1,
        "test_negative_slices": 1, "test_negative_subjects": 1,
    }  # fmt: skip


def test_others_are_on_either_side_of_every_fold_and_nobody_changes_sides():
    subjects = pd.DataFrame({"subject_id": list("abcdefgh"), "group": ["axSpA"] * 4 + ["control"] * 4})
    folds = make_folds(subjects, folds=5, test_fraction=0.3, seed=1)
    wider = with_others(folds, [*"abcdefgh", *"uvwxyz"], test_fraction=0.3, seed=1)
    for own, fold in zip(wider, folds, strict=True):
        assert own.number == fold.number
        assert set(own.train) - set("uvwxyz") == set(fold.train) and set(own.test) - set("uvwxyz") == set(fold.test)
        assert len(set(own.test) & set("uvwxyz")) == 2 and len(set(own.train) & set("uvwxyz")) == 4
    assert len({fold.test for fold in wider}) > 1  # drawn anew for every fold
    assert wider == with_others(folds, [*"zyxwvu", *"abcdefgh"], test_fraction=0.3, seed=1)
    assert with_others(folds, list("abcdefgh"), test_fraction=0.3, seed=1) == folds
    (alone, *_) = with_others(folds, [*"abcdefgh", "u"], test_fraction=0.3, seed=1)
    assert "u" in alone.test
