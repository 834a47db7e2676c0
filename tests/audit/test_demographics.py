"""Who is in a cohort, against hand computations and the paper's own tests."""

from dataclasses import replace

import pandas as pd
import pytest
from audit_samples import sentences

from sijstudy import paper
from sijstudy.audit import confounding, demographics
from sijstudy.audit.cohort import audit_cohort


def test_the_papers_own_tests_come_out():
    table = demographics.paper_tests()
    assert table.loc["age: Student's t-test", "recomputed"] == pytest.approx(0.0564, abs=5e-5)
    assert table.loc["age: Student's t-test", "paper"] == 0.055
    assert round(table.loc["sex: Fisher's exact test", "recomputed"], 3) == 0.779 == table["paper"].iloc[2]


def test_facts_count_what_is_there(sample_manifest):
    facts = demographics.cohort_facts(sample_manifest)
    assert facts.loc["subjects"].tolist() == ["6", "6"]
    assert facts.loc["slices with edema"].tolist() == ["18", "0"]
    assert list(facts.index) == list(paper.COHORT_FACTS.index)


def test_demographic_tests_see_a_difference():
    table = pd.DataFrame(
        {"group": ["axSpA"] * 8 + ["control"] * 8, "age_years": [*range(50, 58), *range(20, 28)], "sex": ["M", "F"] * 8}
    )
    p = demographics.demographic_tests(table)["p"]
    assert p["age: t-test"] < 1e-6
    assert p["sex: Fisher's exact test"] == 1


def test_unknown_ages_and_sexes_do_not_count(sample_manifest):
    some = sample_manifest.subjects.copy()
    some.loc[some["group"] == "control", ["age_years", "sex"]] = pd.NA
    some.loc[some.index[some["group"] == "axSpA"][0], ["age_years", "sex"]] = pd.NA
    facts = demographics.cohort_facts(replace(sample_manifest, subjects=some))
    known = some[some["group"] == "axSpA"].dropna()
    assert facts.loc["male", "control"] == "0/0 (0.0%)" and facts.loc["age, years", "control"] == "–"
    assert facts.loc["male", "axSpA"].startswith(f"{(known['sex'] == 'M').sum()}/{len(known)} ")
    assert demographics.demographic_tests(some)["p"].isna().all()
    feature_table = confounding.subject_features(
        replace(sample_manifest, subjects=some), pd.DataFrame(columns=["subject_id", "slice_index", "height_mm"])
    )
    assert not {"age", "sex"} & set(confounding.confounding(feature_table, samples=20, seed=1).index)


def test_a_cohort_of_one_group_is_described_too(sample_manifest):
    ill = sample_manifest.subjects[sample_manifest.subjects["group"] == "axSpA"]
    slices = sample_manifest.slices[sample_manifest.slices["subject_id"].isin(ill["subject_id"])]
    one_group = replace(sample_manifest, subjects=ill, slices=slices)
    assert demographics.cohort_facts(one_group)["control"].tolist() == ["0", "0", "0", "–", "–", "0/0 (0.0%)"]
    found = [one.sentence for one in demographics.structure_findings(one_group)]
    assert any("no control subject" in sentence for sentence in found)


def test_ages_and_sexes_of_headers_are_compared(faulty):
    def wrong(subject, step, dataset):
        dataset.PatientAge, dataset.PatientSex = f"{30 + subject:03d}Y", "FM"[subject % 2]
        if subject == 3:
            dataset.PatientAge, dataset.PatientSex = "077Y", "F"

    found = sentences(audit_cohort(faulty(wrong), samples=20, progress=False), "subjects")
    assert found == [
        "warning: The age in the DICOM header is not the one in subjects.csv. S03",
        "warning: The sex in the DICOM header is not the one in subjects.csv. S03",
    ]
