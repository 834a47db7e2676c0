"""Whose a volume or label map is, by folder and name."""

from pathlib import Path

import pytest

from sijstudy.cohort.files_by_name import label_maps_by_subject, subject_by_name, volumes_by_subject
from sijstudy.errors import StudyError
from sijstudy.images.segment_names import Meaning, SegmentRow, SegmentTable

ROOT = Path("/cohort")
SUBJECTS = {"100", "1007", "a", "a_1"}
TABLE = SegmentTable(None, (SegmentRow(Meaning("bone"), pattern="*_bone.nii.gz"),))


def under(*names):
    return [ROOT / name for name in names]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("1007_STIR.nii.gz", "1007"),
        ("100_STIR.nii.gz", "100"),
        ("1007.nii", "1007"),
        ("10071_STIR.nii", ""),
        ("a_1_STIR.nii", "a_1"),
        ("a_2_STIR.nii", "a"),
        ("a/1007_STIR.nii", "a"),
        ("x/a_1/100/STIR.nii", "a_1"),
        ("STIR_1007.nii", ""),
    ],
)
def test_whose_a_file_is(name, subject):
    assert subject_by_name(ROOT / name, ROOT, SUBJECTS) == subject


def test_one_volume_of_each_subject():
    paths = under("a_STIR.nii.gz", "a_T1W.nii.gz", "1007/x_STIR.nii.gz")
    found = volumes_by_subject(paths, ROOT, {"a", "1007"}, "*_STIR.nii.gz")
    assert found.files == {"a": [paths[0]], "1007": [paths[2]]}
    assert found.left_out == {paths[1]: "not named by --volumes"}


@pytest.mark.parametrize(
    ("names", "subjects", "words"),
    [
        (["a_STIR.nii", "a_2_STIR.nii"], {"a"}, r"a_STIR\.nii: a second volume of subject a beside a_2_STIR\.nii"),
        (["b_STIR.nii"], {"a"}, r"b_STIR\.nii: of no subject"),
        (["a_T1.nii"], {"a"}, "no NIfTI file has a name like --volumes"),
        (["a_STIR.nii"], {"a", "c"}, "subject c has no volume like"),
    ],
)
def test_volumes_that_do_not_add_up(names, subjects, words):
    with pytest.raises(StudyError, match=words):
        volumes_by_subject(under(*names), ROOT, subjects, "*_STIR.nii")


def test_label_maps_are_named_by_the_table_or_are_nrrd():
    paths = under("a_T1.nii.gz", "a_bone.nii.gz", "1007/Segmentation.seg.nrrd")
    found = label_maps_by_subject(paths, ROOT, {"a", "1007"}, TABLE)
    assert found.files == {"a": [paths[1]], "1007": [paths[2]]}
    assert list(found.left_out) == [paths[0]]
    with pytest.raises(StudyError, match=r"b_bone\.nii\.gz: of no subject"):
        label_maps_by_subject(under("b_bone.nii.gz"), ROOT, {"a"}, TABLE)
