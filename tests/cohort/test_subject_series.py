"""Whose an image is, by folder and PatientID, which must not name two subjects in any case of letters."""

from dataclasses import replace
from pathlib import Path

import pytest

from sijstudy.cohort.scan import FoundFile
from sijstudy.cohort.series import MrImage
from sijstudy.cohort.subject_series import images_by_subject
from sijstudy.errors import StudyError

ROOT = Path("/cohort")


IMAGE = MrImage(
    file=Path("a"), frame=None, sop_uid="1.2", patient_id="P", series_uid="1", number="5", description="",
    image_type=(), orientation=None, repetition_time=None, echo_time=None, words="", contrast_agent="",
)  # fmt: skip


def found(*files):
    """Each file: its path below ROOT, its PatientID."""
    return [
        FoundFile(ROOT / path, "MR image", patient, (replace(IMAGE, file=ROOT / path, patient_id=patient),))
        for path, patient in files
    ]


def by_subject(*files, subjects=("S01", "S02")):
    images = images_by_subject(found(*files), ROOT, set(subjects), Path("subjects.csv"))
    return {subject: [str(image.file.relative_to(ROOT)) for image in own] for subject, own in images.items()}


OTHER = ("S02/b", "S02")


@pytest.mark.parametrize("patient", ["S01", "s01", "P7", ""])
def test_a_folder_decides(patient):
    assert by_subject(("S01/x/a", patient), OTHER) == {"S01": ["S01/x/a"], "S02": ["S02/b"]}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (("S01/a", "S02"), "S01/a: lies in the folder of subject S01, its PatientID is subject S02; move it"),
        (("S01/a", "s02"), "S01/a: lies in the folder of subject S01, its PatientID 's02' is subject S02; move it"),
        (("s02/a", "S01"), "s02/a: lies in the folder 's02' of subject S02, its PatientID is subject S01; move it"),
    ],
)
def test_a_folder_and_a_patient_id_of_two_subjects_are_refused_in_any_case(file, words):
    with pytest.raises(StudyError, match=words):
        by_subject(file, OTHER)


def test_subjects_that_differ_by_case_only_are_two():
    files = ("s01/a", "s01"), ("S01/b", "S01")
    assert by_subject(*files, subjects=("s01", "S01")) == {"s01": ["s01/a"], "S01": ["S01/b"]}
    with pytest.raises(StudyError, match="of subject s01, its PatientID is subject S01"):
        by_subject(("s01/a", "S01"), files[1], subjects=("s01", "S01"))


def test_a_subject_whose_folder_lies_in_another_ones_is_told_so():
    with pytest.raises(
        StudyError, match=r"S01 has no MR slice in /cohort: files in a folder S01, such as /cohort/S02/"
    ):
        by_subject(("S02/S01/a", "P1"), OTHER)
    with pytest.raises(StudyError, match="S01 has no MR slice in /cohort; remove its row"):
        by_subject(OTHER)
