"""Performance by sex and age, on a handful of subjects counted by hand."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import subgroups
from sijstudy.config import StudyConfig
from sijstudy.intervals import wilson

CONFIG = StudyConfig(test_fraction=0.2)  # a quarter as many test subjects as training subjects

PEOPLE = pd.DataFrame({"subject_id": ["a", "b", "c", "d"], "age_years": [29, 30, 39, 40], "sex": ["F", "M", "F", "M"]})
SUBJECTS = pd.DataFrame(
    {
        "fold": [1, 2, 1, 1, 2, 2],
        "subject_id": ["a", "a", "b", "c", "c", "d"],
        "label": [1, 1, 1, 0, 0, 0],
        "decision": [1, 0, 1, 0, 0, 1],
    }
)


def test_every_subgroup_by_hand():
    table = subgroups.subgroup_table(SUBJECTS, PEOPLE, CONFIG).set_index("subgroup")
    assert table["subjects"].to_dict() == {
        "all subjects": 4, "women": 2, "men": 2, "under 30 years": 1, "30 to 39 years": 2, "40 years and over": 1,
    }  # fmt: skip
    assert table.loc["all subjects", "accuracy"] == pytest.approx(100 * 4 / 6)
    assert table.loc["women", ["diagnoses", "accuracy", "recall", "specificity"]].tolist() == [4, 75, 50, 100]
    assert table.loc["men", ["diagnoses", "accuracy", "recall", "specificity"]].tolist() == [2, 50, 100, 0]
    assert table.loc["30 to 39 years", "accuracy"] == 100
    assert np.isnan(table.loc["under 30 years", "specificity"])
    people = (2 + 2) ** 2 / (2**2 + 2**2) / 1.25  # both women are diagnosed twice: two people, fewer by the training
    wanted = 100 * np.array(wilson(0.75, people))
    np.testing.assert_allclose(table.loc["women", ["low", "high"]].astype(float), wanted)


def test_a_subgroup_without_a_subject_is_left_out():
    table = subgroups.subgroup_table(SUBJECTS, PEOPLE.assign(sex="F"), CONFIG)
    assert "men" not in set(table["subgroup"])


def test_subjects_of_unknown_sex_or_age_are_in_no_subgroup():
    some = PEOPLE.assign(
        sex=pd.array(["F", None, "F", "M"], dtype="str"), age_years=pd.array([29, 30, 39, None], "Int64")
    )
    table = subgroups.subgroup_table(SUBJECTS, some, CONFIG).set_index("subgroup")
    assert table["subjects"].to_dict() == {
        "all subjects": 4, "women": 2, "men": 1, "under 30 years": 1, "30 to 39 years": 2,
    }  # fmt: skip
    none = PEOPLE.assign(sex=pd.array([None] * 4, dtype="str"), age_years=pd.array([None] * 4, "Int64"))
    table = subgroups.subgroup_table(SUBJECTS, none, CONFIG)
    assert table["subgroup"].tolist() == ["all subjects"]
    assert subgroups.widest_gap(table) == "Neither sex nor age of the subjects is known."


def test_the_sentence_names_the_extremes():
    table = subgroups.subgroup_table(SUBJECTS, PEOPLE, CONFIG)
    sentence = subgroups.widest_gap(table)
    assert sentence.startswith(
        "Accuracy is lowest for 40 years and over (0.0%, 1 subjects) and highest for 30 to 39 years"
    )
    assert sentence.endswith("their intervals overlap.")
    perfect = subgroups.subgroup_table(SUBJECTS.assign(decision=SUBJECTS["label"]), PEOPLE, CONFIG)
    assert subgroups.widest_gap(perfect) == "Accuracy is 100.0% in every subgroup."
