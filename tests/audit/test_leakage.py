"""One person under two names, and folds that leak."""

import json

import pytest

from sijstudy.audit import leakage
from sijstudy.audit.inspection import FileFacts
from sijstudy.errors import StudyError


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
