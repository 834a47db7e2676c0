"""Slices without a label: out of slices.csv, kept in unread.csv on the option, in their place of the whole series."""

import pandas as pd
import pytest
from dicom_samples import write_csv
from sample_builds import BOX_EDGES, account_of, build, change_csv, refused, voted

from sijstudy.audit.flow import cohort_flow
from sijstudy.code import PACKAGE, reached
from sijstudy.cohort.manifest import cohort_hash, load_manifest, verify_files
from sijstudy.cohort.unread import NO_LABEL, TABLE, labelled, read_unread, whole_series
from sijstudy.errors import StudyError


@pytest.fixture
def undecided(cohort):
    """S00 has a tie on its lowest slice, S01 one vote on its lowest, S02 no vote on its lowest, S03 no row of one."""
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    lowest = frame.groupby("subject_id").head(1).index
    for row, votes in zip(lowest[:3], ("10", "1", ""), strict=True):
        frame.loc[row, ["reader_1", "reader_2", "reader_3"]] = list(votes.ljust(3)) if votes else [""] * 3
    frame.drop(index=lowest[3]).replace(" ", "").to_csv(cohort / "votes.csv", index=False)
    return cohort


def test_slices_without_a_label_are_kept_in_their_place(undecided):
    manifest = voted(undecided, keep_unread=True)
    unread = read_unread(manifest)
    assert len(manifest.slices) == 8 and unread["subject_id"].tolist() == ["S00", "S01", "S02", "S03"]
    assert unread.loc[0, ["reader_1", "reader_2"]].tolist() == [1, 0] and pd.isna(unread.loc[0, "reader_3"])
    assert unread["reader_1"].isna().tolist() == [False, False, True, True]
    assert unread["left_x0"].notna().all() and unread["sha256"].str.len().eq(64).all()
    whole = whole_series(manifest)
    assert whole.slices["slice_index"].tolist() == [0, 1, 2] * 4
    reasons = account_of(manifest).query("outcome == 'unread'")["reason"].str.replace(str(undecided), "")
    assert reasons.tolist() == [
        "no majority of the readers' votes '1, 0'",
        "has one reader's vote only",
        *["has no label in /votes.csv"] * 2,
    ]


def test_without_the_option_nothing_is_kept_and_a_missing_row_stops_the_build(undecided):
    refused(undecided, "has one reader's vote only", votes_csv=undecided / "votes.csv")


def test_networks_keep_their_address(cohort):
    assert "sijstudy.cohort.unread" not in reached("sijstudy.training.loop", PACKAGE)
    change_csv(cohort / "votes.csv", 0, reader_1="1", reader_2="0", reader_3="")
    kept, without = voted(cohort, keep_unread=True), voted(cohort, folder="without")
    assert len(read_unread(kept)) == 1 and not (without.folder / TABLE).exists()
    pd.testing.assert_frame_equal(kept.slices, without.slices)
    assert cohort_hash(kept) == cohort_hash(without) != cohort_hash(whole_series(kept))
    assert whole_series(without) is without and read_unread(without).empty


def test_what_stands_for_no_label_cannot_be_taken_for_one(undecided):
    whole = whole_series(voted(undecided, keep_unread=True))
    label = whole.slices["label"]
    assert label.isna().sum() == 4 and (label == 0).sum() + (label == 1).sum() == 8
    with pytest.raises(TypeError):
        [int(value) for value in label]
    records = whole.slice_records()
    assert [item.label for item in records if item.label not in (0, 1)] == [NO_LABEL] * 4
    assert [item.index for item in records] == whole.slices["slice_index"].tolist()
    assert whole_series(whole) is whole
    pd.testing.assert_frame_equal(labelled(whole).slices, load_manifest(whole.folder).slices)


def test_verify_looks_at_unread_slices(undecided):
    manifest = voted(undecided, keep_unread=True)
    with (manifest.root / read_unread(manifest)["file"][2]).open("ab") as file:
        file.write(b"more")
    verify_files(manifest, progress=False)
    with pytest.raises(StudyError, match="its SHA-256 is not the manifest's"):
        verify_files(whole_series(manifest), progress=False)


def test_the_whole_series_hash_hangs_on_unread_slices(undecided):
    manifest = voted(undecided, keep_unread=True)
    before = cohort_hash(whole_series(manifest))
    change_csv(manifest.folder / TABLE, 1, left_x0="1")
    assert cohort_hash(whole_series(manifest)) != before


def test_a_later_build_takes_the_table_away(undecided, cohort):
    voted(undecided, keep_unread=True)
    assert not (build(cohort).folder / TABLE).exists()


def test_unread_slices_without_a_box_are_left_out_where_boxes_are_required(undecided, tmp_path):
    (undecided / "S02/SEG.dcm").unlink()
    box = {"left_x0": 22, "left_y0": 5, "left_x1": 30, "left_y1": 21, **dict.fromkeys(BOX_EDGES[4:], "")}
    boxes = write_csv(tmp_path / "side.csv", [{"file": f"S02/00{number}.dcm", **box} for number in (1, 2)])
    manifest = voted(undecided, boxes_csv=boxes, keep_unread=True)
    assert pd.isna(read_unread(manifest)["left_x0"]).tolist() == [False, False, True, False]
    manifest = voted(undecided, boxes_csv=boxes, keep_unread=True, require_boxes=True)
    assert read_unread(manifest)["subject_id"].tolist() == ["S00", "S01", "S03"]
    account = account_of(manifest).set_index("file").loc["S02/003.dcm"]
    assert (account["outcome"], account["reason"]) == ("left out", "no ilium is outlined or boxed on it")


def test_a_subject_with_unread_slices_only_is_refused(cohort):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    frame[frame["subject_id"] != "S02"].to_csv(cohort / "votes.csv", index=False)
    words = "subject S02: no slice has a label its readers agree on"
    refused(cohort, words, votes_csv=cohort / "votes.csv", keep_unread=True)


def test_a_row_for_somebody_else_is_still_refused(cohort):
    change_csv(cohort / "votes.csv", 0, subject_id="S02")
    refused(cohort, "is listed for subject S02", votes_csv=cohort / "votes.csv", keep_unread=True)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"subject_id": "S99"}, "row 2: subject_id='S99' has no slice in slices.csv"),
        ({"slice_index": "1"}, "row 2: slice_index='1' of this subject is in slices.csv, too"),
        ({"file": "S00/002.dcm"}, "row 2: file='S00/002.dcm' stands in slices.csv, too"),
        ({"file": "../secret.dcm"}, "row 2: file='../secret.dcm' leads out"),
        ({"left_x1": "0"}, "row 2: the left ilium's box is empty"),
        ({"sha256": "abc"}, "sha256='abc' breaks the rule"),
        ({"label": "1"}, "unknown column 'label'"),
    ],
)
def test_the_table_is_checked_as_slices_csv_is(undecided, cells, words):
    manifest = voted(undecided, keep_unread=True)
    change_csv(manifest.folder / TABLE, slice(0, 0), **cells)
    with pytest.raises(StudyError, match=words) as caught:
        whole_series(manifest)
    assert str(manifest.folder / TABLE) in str(caught.value)


def test_a_slice_in_both_tables_is_refused(undecided):
    manifest = voted(undecided, keep_unread=True)
    uid = manifest.slices["sop_instance_uid"][0]
    change_csv(manifest.folder / TABLE, slice(0, 0), sop_instance_uid=uid)
    with pytest.raises(StudyError, match=f"sop_instance_uid='{uid}' stands in slices.csv, too"):
        whole_series(manifest)


def test_the_flow_counts_them(undecided):
    manifest = voted(undecided, keep_unread=True)
    (*_, wanted, used) = cohort_flow(manifest, account_of(manifest)).steps
    assert "4 without a label, kept for the course" in wanted.left_out
    assert used.text.startswith("8 slices used")
