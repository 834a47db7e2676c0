"""Another cohort's subjects along their whole series: unread slices in the course, and in no measure."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dicom_samples import write_cohort

from sijstudy.aggregation import RULES, median_filter
from sijstudy.analysis import external, external_subjects
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.unread import labelled, whole_series
from sijstudy.training.networks import open_networks
from sijstudy.training.rule_choice import RuleChoice

RESAMPLES = {"samples": 60, "seed": 3}
BOXES = [f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1")]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Five slices of each of four subjects; of S00 two have no label, and a third, with edema, no box."""
    folder = tmp_path_factory.mktemp("series")
    sample = write_cohort(folder / "dicom", rows=26, slices=5)
    votes = pd.read_csv(sample.votes_csv, dtype=str)
    votes.drop(index=[0, 2]).to_csv(sample.votes_csv, index=False)
    options = BuildOptions(sample.subjects_csv, "series", votes_csv=sample.votes_csv, keep_unread=True)
    whole = whole_series(build_manifest(sample.root, folder / "manifest", options, progress=False))
    slices = whole.slices.copy()
    slices.loc[3, BOXES] = np.nan
    return replace(whole, slices=slices)


@pytest.fixture(scope="module")
def scored(finished_work, manifest, tmp_path_factory):
    """The cohort with its unread slices, and without."""
    networks, cache = open_networks(finished_work[0].folder.root), tmp_path_factory.mktemp("cache")
    with_them, without = (
        external.apply_networks(each, networks, cache, device="cpu", progress=False)
        for each in (manifest, labelled(manifest))
    )
    return with_them, without


def test_unread_slices_enter_no_measure(scored):
    with_them, without = scored
    assert len(with_them.course) == 20 and with_them.course["label"].isna().sum() == 2
    pd.testing.assert_frame_equal(with_them.frame, without.frame)
    for table in (external.auc_table, external.decision_table):
        pd.testing.assert_frame_equal(table(with_them), table(without))
    kappas = [external.reader_agreement(cohort, **RESAMPLES) for cohort in scored]
    pd.testing.assert_frame_equal(*kappas)
    assert with_them.inputs.equal(without.inputs) and len(with_them.inputs) == len(with_them.frame) == 17
    assert with_them.left_out == without.left_out == 1
    for right in (True, False):
        for one, other in zip(*(external.examples(cohort, right=right) for cohort in scored), strict=True):
            assert one[0] == other[0]


def test_the_provenance_names_all_slices(scored, manifest):
    assert external.origin(scored[0])["external cohort_hash"] == cohort_hash(manifest)
    assert external.origin(scored[1])["external cohort_hash"] == cohort_hash(labelled(manifest))


def test_unread_slices_stay_in_the_course(scored, manifest):
    courses = external_subjects.subject_courses(scored[0])
    assert courses["slice_index"].tolist() == [0, 1, 2, 3, 4] * 4
    own = courses[courses["subject_id"] == "S00"]
    unread = own["label"].isna().to_numpy()
    assert unread.sum() == 2 and own["score"].notna().tolist() == [True, True, True, False, True]
    assert own.loc[3, "label"] == 1 and own.loc[3, ["decision", "filtered_score"]].isna().all()
    expected = median_filter(own["score"].to_numpy()[[0, 1, 2, 4]], np.array([0, 1, 2, 4]), 3)
    assert own["filtered_score"].dropna().to_numpy() == pytest.approx(expected)
    table = external_subjects.subject_table(scored[0])
    assert table["without a label"].tolist() == [2, 0, 0, 0] and table["slices"].tolist() == [2, 5, 5, 5]


def test_every_rule_diagnoses_the_whole_course(scored):
    cohort = scored[0]
    courses = external_subjects.subject_courses(cohort)
    subjects = external_subjects.diagnoses(courses, cohort.config).set_index("subject_id")
    assert subjects["label"].tolist() == [1, 1, 0, 0] and subjects["slices"].tolist() == [4, 5, 5, 5]
    own = courses[courses["subject_id"] == "S00"]
    assert subjects.loc["S00", "mean_score"] == pytest.approx(own["filtered_decision"].mean())
    assert subjects.loc["S00", "highest_score"] == pytest.approx(own["filtered_score"].max())


def test_edema_on_a_slice_that_no_network_read_makes_a_subject_active(scored):
    courses = external_subjects.subject_courses(scored[0])
    only = courses["score"].isna() | (courses["subject_id"] != "S00")
    courses["label"] = courses["label"].where(only | courses["label"].isna(), 0.0)
    subjects = external_subjects.diagnoses(courses, scored[0].config)
    assert subjects["label"].tolist() == [1, 1, 0, 0]
    courses.loc[courses["score"].isna(), "label"] = np.nan  # what nobody labelled is no edema
    assert external_subjects.diagnoses(courses, scored[0].config)["label"].tolist() == [0, 1, 0, 0]


def test_words_of_the_subjects(scored):
    cohort = scored[0]
    courses = external_subjects.subject_courses(cohort)
    words = external_subjects.course_sentence(cohort, courses)
    assert words.startswith("2 of 20 slices have no label") and "cannot" not in words and ": 1; each leaves" in words
    plain = external_subjects.course_sentence(scored[1], external_subjects.subject_courses(scored[1]))
    assert plain.startswith("Every slice of the courses has a label")
    subjects = external_subjects.diagnoses(courses, cohort.config)
    choice = RuleChoice("mean", 0.0, 1.0, 0.9, 5, 5)
    *_, chosen = external_subjects.format_diagnoses(subjects, cohort.config, choice).items()
    assert chosen[0] == "as notebook 09 chose: mean of the filtered slices (from 0.000)"
    assert chosen[1].tolist() == [f"{score:.3f}, active" for score in subjects["mean_score"]]
    table = external_subjects.format_diagnoses(subjects, cohort.config, None)
    assert list(table)[:3] == ["subject", "slices scored", "truth"] and len(table.columns) == 3 + len(RULES)
    assert table["truth"].tolist() == ["active", "active", "not active", "not active"]


def test_rules_are_counted_by_hand():
    columns = {f"{name}_decision": [1, 0, 1] for name in RULES}
    subjects = pd.DataFrame({"label": [1, 1, 0], **columns, "asas_decision": [1, 1, 0]})
    words = external_subjects.rules_sentence(subjects)
    assert words.startswith(
        "The mean of the filtered slices calls 1 of 2 subjects with active sacroiliitis and 0 of 1 subjects without "
        "right; the ASAS two-slice rule calls 2 of 2 subjects with active sacroiliitis and 1 of 1 subjects without "
        "right;"
    )
    assert words.endswith("these are counts, without intervals.") and "All are" not in words
    assert "All are active, so no rule can raise a false alarm." in external_subjects.rules_sentence(subjects[:2])
    assert "None is active, so no rule can miss one." in external_subjects.rules_sentence(subjects[2:])
    assert "counts" not in external_subjects.rules_sentence(pd.concat([subjects] * 4))


def test_the_worst_subjects_are_drawn_when_there_are_many():
    rows = [
        {"subject_id": f"T{number}", "group": "axSpA", "slice_index": place, "label": 1.0, "score": 0.5,
         "filtered_decision": float(place >= number)}
        for number in range(8)
        for place in range(8)
    ]  # fmt: skip
    courses = pd.DataFrame(rows)
    courses.loc[courses["subject_id"] == "T7", "label"] = np.nan
    shown = external_subjects.shown_courses(courses)
    assert [rows["subject_id"].iloc[0] for rows in shown.values()] == ["T1", "T2", "T3", "T4", "T5", "T6"]
    assert next(iter(shown)) == "axSpA T1, 8 of 8 labelled slices with edema"
