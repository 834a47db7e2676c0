"""The account: counts against rows made for it, and cells that stay harmless."""

import pandas as pd

from sijstudy.cohort.account import AccountRow, ChosenSeries, account_page, account_table, flow, reasons, summary

ROWS = [
    AccountRow("b/1", "MR image", "S1", "1.4", "4 t1"),
    AccountRow("b/2", "MR image", "S1", "1.4", "4 t1", "left out", "no majority of the readers' votes '1, 0'"),
    AccountRow("b/3", "MR image", "S1", "1.4", "4 t1", "left out", "no majority of the readers' votes '0, 1'"),
    AccountRow("b/4", "MR image", "S1", "1.3", "3 stir", "left out", "not T1-weighted and fat-suppressed"),
    AccountRow("b/m", "MR multi-frame", "S2", "2.4", "=1+1|<script>`x`"),
    AccountRow(
        "b/m #7", "MR multi-frame", "S2", "2.4", "=1+1|<script>`x`", "left out", "cannot be read: it is cut off"
    ),
    AccountRow("b/seg", "SEG", "S1"),
    AccountRow("a", "SEG", "", "", "", "left out", "outlines series '3 stir', which is not used"),
    AccountRow("Thumbs.db", "not DICOM", "", "", "", "left out", "not a DICOM file"),
]
CHOSEN = [ChosenSeries("S1", "4 t1", "the rule", 1), ChosenSeries("S2", "=1+1|<script>`x`", "another", 8)]


def test_the_table_is_sorted_text_and_no_cell_is_a_formula():
    table = account_table(ROWS)
    assert table["file"].tolist() == ["Thumbs.db", "a", "b/1", "b/2", "b/3", "b/4", "b/m", "b/m #7", "b/seg"]
    assert table["series"].tolist()[6] == "'=1+1|<script>`x`"
    assert not table.map(lambda cell: cell.startswith(("=", "+", "-", "@"))).any(axis=None)


def test_flow_counts_files_once():
    assert flow(account_table(ROWS)) == {
        "files": 8, "DICOM files": 7, "MR files": 5, "series": 3, "chosen series": 2, "MR files used": 2,
    }  # fmt: skip


def test_flow_counts_each_volume_as_a_series_and_files_that_cannot_be_read_as_none():
    rows = [
        AccountRow("7_STIR.nii.gz", "NIfTI volume", "7", "1.7", "7_STIR.nii.gz"),
        AccountRow("7_T1.nii.gz", "NIfTI volume", "7", outcome="left out", reason="not named by --volumes"),
        AccountRow("7_T2.nii.gz", "NIfTI volume", "7", outcome="left out", reason="not named by --volumes"),
        AccountRow("cut.dcm", "MR image", outcome="left out", reason="cannot be read: it is cut off"),
    ]
    counts = flow(account_table(rows))
    assert (counts["MR files"], counts["series"], counts["chosen series"]) == (4, 3, 1)


def test_flow_counts_a_file_of_which_every_slice_has_a_row():
    gone = {"outcome": "left out", "reason": "no majority"}
    rows = [AccountRow(f"enh #{frame}", "MR multi-frame", "S1", "1.4", "4 t1", **gone) for frame in (1, 2)]
    rows += [AccountRow("notes #1", "not DICOM", **gone), AccountRow("notes", "not DICOM", **gone)]
    counts = flow(account_table(rows))
    assert (counts["files"], counts["MR files"], counts["MR files used"], counts["series"]) == (3, 1, 0, 1)


def test_reasons_are_counted_without_their_details():
    assert reasons(account_table(ROWS)) == {
        "no majority of the readers' votes": 2,
        "outlines series, which is not used": 1,
        "not a DICOM file": 1,
        "not T1-weighted and fat-suppressed": 1,
        "cannot be read": 1,
    }


def test_summary_has_five_lines():
    lines = summary(account_table(ROWS), 9, 2).splitlines()
    assert lines == [
        "files        8, of them 7 DICOM",
        "MR images    5 files",
        "series       3, of them 2 chosen",
        "slices used  9 of 2 subjects",
        "left out     6: 2 no majority of the readers' votes; 1 not a DICOM file; 1 outlines series, which is not used",
    ]
    assert summary(account_table(ROWS[:1]), 1, 1).splitlines()[-1] == "left out     0"


def test_slices_without_a_label_are_told_apart_from_those_left_out():
    rows = [AccountRow("b/5", "MR image", "S1", "1.4", "4 t1", "unread", "has no label in |votes.csv"), *ROWS]
    table = account_table(rows)
    assert reasons(table) == reasons(account_table(ROWS)) and flow(table)["MR files used"] == 2
    assert summary(table, 9, 2).splitlines()[4] == "unread       1, kept for the course"
    page = account_page(table, CHOSEN, "sample")
    assert "kept for the course\n\n| file | reason |\n|---|---|\n| b/5 | has no label in &#124;votes.csv |" in page
    assert "kept for the course" not in account_page(account_table(ROWS), CHOSEN, "sample")


def test_summary_of_volumes_counts_volumes_once():
    rows = [AccountRow("a.nii", "NIfTI volume"), AccountRow("a.nii #3", "NIfTI volume", outcome="left out", reason="x")]
    assert summary(account_table(rows), 9, 1).splitlines()[0] == "files        1, of them 1 NIfTI volumes"


def test_the_page_tells_flow_reasons_series_and_slices():
    page = account_page(account_table(ROWS), CHOSEN, "My|cohort")
    assert "# What became of every file of My&#124;cohort" in page
    for line in (
        "| files | 8 |",
        "| slices used | 9 |",
        "| no majority of the readers' votes | 2 |",
        "| S1 | 4 t1 | the rule | 1 |",
        "| b/3 | no majority of the readers' votes '0, 1' |",
        "| b/m #7 | cannot be read: it is cut off |",
        "| a | outlines series '3 stir', which is not used |",
    ):
        assert line in page.splitlines()
    assert "b/4" not in page and "<script>" not in page and "`x`" not in page


def test_a_page_of_a_cohort_that_is_used_whole():
    page = account_page(account_table(ROWS[:1]), CHOSEN[:1], "c")
    assert "Nothing is left out." in page and page.count("None.") == 2
    assert isinstance(account_table([]), pd.DataFrame)
