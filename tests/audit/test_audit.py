"""The audit's numbers against hand computations, and its findings on cohorts with known faults."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dicom_samples import mr_dataset, write, write_cohort
from pydicom import dcmread
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from sijstudy import cli
from sijstudy import paper as paper_values
from sijstudy.audit import acquisition, agreement, confounding, demographics, files, findings, flow, leakage
from sijstudy.audit.cohort import audit_cohort
from sijstudy.audit.findings import Finding
from sijstudy.audit.inspection import FileFacts, Inspection, SliceFacts, inspect_cohort
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import read_account
from sijstudy.cohort.options import BuildOptions
from sijstudy.errors import StudyError


def door(root, cohort):
    return build_manifest(
        cohort.root,
        root / "manifest",
        BuildOptions(cohort.subjects_csv, "faulty", votes_csv=cohort.votes_csv),
        progress=False,
    )


@pytest.fixture
def faulty(tmp_path):
    """Five subjects of each group; ``faulty(change)`` lets ``change(subject, step, dataset)`` spoil every slice."""

    def make(change):
        cohort = write_cohort(tmp_path / "dicom", axspa=5, controls=5)
        for path in sorted(cohort.root.rglob("0*.dcm")):
            dataset = dcmread(path)
            change(int(path.parent.name[1:]), 3 - int(path.stem), dataset)
            write(dataset, path)
        return door(tmp_path, cohort)

    return make


def sentences(audit, topic):
    return [f"{one.grade}: {one.sentence} {one.where}" for one in audit.findings if one.topic == topic]


# demographics


def test_the_papers_own_tests_come_out():
    table = demographics.paper_tests()
    assert table.loc["age: Student's t-test", "recomputed"] == pytest.approx(0.0564, abs=5e-5)
    assert table.loc["age: Student's t-test", "paper"] == 0.055
    assert round(table.loc["sex: Fisher's exact test", "recomputed"], 3) == 0.779 == table["paper"].iloc[2]


def test_facts_count_what_is_there(sample_manifest):
    facts = demographics.cohort_facts(sample_manifest)
    assert facts.loc["subjects"].tolist() == ["6", "6"]
    assert facts.loc["slices with edema"].tolist() == ["18", "0"]
    assert list(facts.index) == list(paper_values.COHORT_FACTS.index)


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
        replace(sample_manifest, subjects=some), pd.DataFrame(columns=["subject_id", "slice_index"])
    )
    assert not {"age", "sex"} & set(confounding.confounding(feature_table, samples=20, seed=1).index)


def test_a_cohort_of_one_group_is_described_too(sample_manifest):
    ill = sample_manifest.subjects[sample_manifest.subjects["group"] == "axSpA"]
    slices = sample_manifest.slices[sample_manifest.slices["subject_id"].isin(ill["subject_id"])]
    one_group = replace(sample_manifest, subjects=ill, slices=slices)
    assert demographics.cohort_facts(one_group)["control"].tolist() == ["0", "0", "0", "–", "–", "0/0 (0.0%)"]
    found = [one.sentence for one in demographics.structure_findings(one_group)]
    assert any("no control subject" in sentence for sentence in found)


# agreement


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


# acquisition


def scans(**columns):
    names = [f"S{row // 2:02d}" for row in range(len(next(iter(columns.values()))))]
    return pd.DataFrame({"subject_id": names, "slice_index": range(len(names)), **columns})


def test_a_value_beside_the_usual_one_is_an_outlier():
    table = scans(
        rows=[448] * 8 + [320] * 2,
        model=["Skyra"] * 9 + ["Aera"],
        echo_time_ms=[11.0, 11.0001] * 5,
        window_width=range(10),
    )
    found = acquisition.outliers(table).set_index("parameter")
    assert set(found.index) == {"rows", "model"}
    assert found.loc["rows", ["usual", "found", "slices", "subjects"]].tolist() == ["448", "320", 2, ("S04",)]
    assert acquisition.mixed_subjects(table)["parameters"].to_dict() == {
        **{f"S{k:02d}": "echo_time_ms" for k in range(4)}, "S04": "model, echo_time_ms",
    }  # fmt: skip


def test_without_a_usual_value_only_far_numbers_are_outliers():
    table = scans(repetition_time_ms=[500.0, 510, 520, 530, 540, 550, 560, 570, 580, 2000])
    assert acquisition.outliers(table)["found"].tolist() == ["2000"]
    assert acquisition.outliers(scans(model=list("abcdefghij"))).empty


def test_values_other_than_the_papers_are_noted():
    table = scans(repetition_time_ms=[544] * 4, echo_time_ms=[20] * 4, manufacturer=["SIEMENS"] * 4, rows=[None] * 4)
    published = {"repetition_time_ms": 544, "echo_time_ms": 11, "manufacturer": "Siemens Healthcare", "rows": 448}
    (note,) = acquisition.acquisition_findings(table, published)
    assert note.sentence == "Usual values other than the paper's: echo_time_ms."
    summary = acquisition.acquisition_summary(table, published).set_index("parameter")
    assert summary.loc["rows"].tolist() == ["–", "4", "448"]


# duplicates and leaks


def test_the_same_pixels_in_two_subjects_are_grave_and_in_one_a_warning():
    same = [SliceFacts("A", 1, 0, pixels="x"), SliceFacts("B", 4, 0, pixels="x"), SliceFacts("B", 5, 0, pixels="y")]
    twice = [
        SliceFacts("C", 1, 0, pixels="z"),
        SliceFacts("C", 2, 0, pixels="z"),
        SliceFacts("C", 3, 0, problem="gone"),
    ]
    twins = files.pixel_twins([*same, *twice])
    found = files.duplicate_findings(twins)
    assert [(one.grade, one.where) for one in found] == [
        ("grave", "A slice 1, B slice 4"), ("warning", "C slice 1, C slice 2"),
    ]  # fmt: skip


def test_one_image_in_two_subjects_is_found_in_the_files(faulty):
    def copy_pixels(subject, step, dataset):
        if (subject, step) == (7, 1):
            dataset.PixelData = mr_dataset(0, 2).PixelData

    audit = audit_cohort(faulty(copy_pixels), samples=20, progress=False)
    (found,) = sentences(audit, "duplicates")
    assert found.startswith("grave: 2 slices of different subjects have identical pixels.")
    assert "S00 slice 2" in found
    assert "S07 slice 1" in found


def test_a_person_under_two_pseudonyms_is_a_leak():
    facts = [
        FileFacts("A", "a", "image", patient_id="1", study_uid="9"), FileFacts("B", "b", "image", patient_id="1"),
        FileFacts("C", "c", "image", patient_id="2", study_uid="9"), FileFacts("C", "d", "image", patient_id="2"),
    ]  # fmt: skip
    shared = leakage.shared_keys(facts, 3)
    assert shared == {"PatientID": [("A", "B")], "StudyInstanceUID": [("A", "C")]}
    assert [one.grade for one in leakage.person_findings(shared)] == ["grave", "grave"]
    placeholder = [FileFacts(name, name, "image", patient_id="ANON") for name in "ABC"]
    assert not leakage.person_findings(leakage.shared_keys(placeholder, 3))


def test_leaks_in_saved_folds(tmp_path):
    path = tmp_path / "folds.json"
    rows = [{"number": 1, "train": ["A", "B"], "test": ["B"]}, {"number": 2, "train": ["A"], "test": ["B"]}]
    path.write_text(json.dumps(rows))
    sides = leakage.read_sides(path)
    found = leakage.fold_findings(sides, {"A", "B"}, [("A", "B")])
    assert [(one.grade, one.sentence[:6], one.where) for one in found] == [
        ("grave", "Fold 1", "B"), ("grave", "Fold 1", "A and B"), ("grave", "Fold 2", "A and B"),
    ]  # fmt: skip
    assert [one.grade for one in leakage.fold_findings(sides[1:], {"A", "C"}, [])] == ["note"]
    path.write_text('[{"number": 1}]')
    with pytest.raises(StudyError, match="is broken"):
        leakage.read_sides(path)


# confounding


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


# files, flow, findings


def test_missing_changed_and_unreadable_files_are_grave(faulty):
    manifest = faulty(lambda *_: None)
    first, second, third = (manifest.root / name for name in manifest.slices["file"].iloc[:3])
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\0")
    third.write_bytes(b"no image")
    audit = audit_cohort(manifest, samples=20, progress=False)
    found = [one for one in audit.findings if one.topic == "files"]
    assert {one.grade for one in found} == {"grave"}
    text = " ".join(one.line() for one in found)
    assert all(f"S00/{path.name}" in text for path in (first, second, third))
    assert "no such file" in text
    assert "its SHA-256 is not the manifest's. " in " ".join(one.sentence + " " for one in found)
    assert str(manifest.root) not in text


def test_a_whole_cohort_has_no_file_finding(sample_manifest):
    inspection = inspect_cohort(sample_manifest, progress=False)
    assert files.file_findings(inspection) == []
    assert len(inspection.files) == 36 + 12
    assert len({fact.pixels for fact in inspection.slices}) == 36
    assert (
        files.file_findings(Inspection((), (SliceFacts("A", 3, 0, problem="what; do this"),)))[0].where
        == "slice 3 of A"
    )


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


def test_the_flow_counts_what_the_account_lists(sample_manifest):
    rows = [
        *[(f"S00/{k}.dcm", "MR image", "S00", "1.1", "1: t1", "used", "") for k in range(3)],
        ("S00/9.dcm", "MR image", "S00", "1.1", "1: t1", "left out", "readers disagree"),
        ("S00/loc.dcm", "MR image", "S00", "1.2", "2: loc", "left out", "a localizer"),
        ("S01/v.nii", "NIfTI volume", "S01", "", "v", "used", ""),
        ("S01/v.nii #4", "NIfTI volume", "S01", "", "v", "left out", "readers disagree"),
        ("notes.txt", "not DICOM", "", "", "", "left out", "not an image"),
        ("S00/SEG.dcm", "SEG", "S00", "1.5", "5: seg", "used", ""),
    ]
    account = pd.DataFrame(rows, columns=["file", "kind", "subject_id", "series_uid", "series", "outcome", "reason"])
    steps = flow.cohort_flow(sample_manifest, account).steps
    assert [step.text for step in steps] == [
        "8 files found", "6 MR files\nof 2 subjects", "5 files of the wanted series", "36 slices used\nof 12 subjects",
    ]  # fmt: skip
    assert [step.left_out for step in steps[1:]] == [("1 a localizer",), ("2 readers disagree",), ()]
    assert set(steps[0].left_out) == {"1 not DICOM", "1 SEG (outlines)"}
    assert flow.cohort_flow(sample_manifest, None).groups[0] == "axSpA\n6 subjects, 18 slices\n18 with, 0 without edema"


def test_the_flow_of_a_built_cohort_starts_at_its_files(sample_manifest):
    steps = flow.cohort_flow(sample_manifest, read_account(sample_manifest.folder)).steps
    assert [step.text.split("\n")[0] for step in steps[1:]] == [
        "36 MR files", "36 files of the wanted series", "36 slices used",
    ]  # fmt: skip
    assert "12 SEG (outlines)" in steps[0].left_out


def test_findings_are_counted_and_told_in_one_line():
    found = [Finding("note", "a", "b."), Finding("grave", "files", "One\x1b[31m\nfile.", "Mend it.", "S00")]
    assert [one.grade for one in findings.by_grade(found)] == ["grave", "note"]
    assert findings.counted(found) == "1 grave finding, no warnings and 1 note"
    assert found[1].line() == "GRAVE    files        One [31m file. (S00) Mend it."
    with pytest.raises(ValueError, match="grade 'bad'"):
        Finding("bad", "a", "b")


# command line


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    """Starting worker processes takes longer than these cohorts."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def test_audit_exits_with_one_on_a_grave_finding(faulty, capsys, tmp_path):
    def name(subject, step, dataset):
        dataset.PatientName = "Doe^Jane" if subject == 2 else ""

    manifest, report = faulty(name), tmp_path / "audit.json"
    assert cli.main(["audit", str(manifest.folder), "--json", str(report)]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith(
        "GRAVE    identity     Names of persons: PatientName (0010,0010). (3 of 40 files)"
    )
    assert "Doe" not in out + report.read_text()
    written = json.loads(report.read_text())
    assert written["counts"]["grave"] == 1
    assert written["findings"][0]["topic"] == "identity"


def test_audit_exits_with_zero_or_two(sample_manifest, sample_work, capsys, tmp_path):
    folds = ["--folds", str(sample_work.folder.folds_file)]
    assert cli.main(["audit", str(sample_manifest.folder), *folds]) == 0
    assert "no grave findings" in capsys.readouterr().out.splitlines()[-1]
    assert cli.main(["audit", str(sample_manifest.folder), "--folds", str(tmp_path / "none.json")]) == 2
    assert cli.main(["audit", str(tmp_path)]) == 2
    leak = tmp_path / "folds.json"
    leak.write_text(json.dumps([{"number": 1, "train": ["S00", "S01"], "test": ["S00"]}]))
    assert cli.main(["audit", str(sample_manifest.folder), "--folds", str(leak)]) == 1
    assert "GRAVE    leakage      Fold 1: the same subject" in capsys.readouterr().out
