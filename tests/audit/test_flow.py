"""The cohort's flow as numbers."""

import pandas as pd

from sijstudy.audit import flow
from sijstudy.cohort.manifest import read_account


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
