"""Labels of a manifest: the readers' majority, else the labels table, else outlines of edema."""

import numpy as np
import pandas as pd
import pytest
from dicom_samples import SEGMENTS, bone_masks, mr_dataset, seg_dataset, write, write_csv
from sample_builds import account_of, build, change_csv, refused, voted


def test_labels_come_from_edema_outlines_where_there_is_no_table(cohort):
    manifest = build(cohort)
    assert manifest.slices["label"].tolist() == [1] * 6 + [0] * 6
    assert manifest.slices["reader_1"].isna().all()


def test_votes_outrank_labels_and_labels_settle_a_tie(cohort, tmp_path):
    change_csv(cohort / "votes.csv", 0, reader_1="1", reader_2="0", reader_3="")
    labels = [{"file": "S00\\003.dcm", "label": 0}, {"file": "S00/002.dcm", "label": 0}]
    manifest = voted(cohort, labels_csv=write_csv(tmp_path / "side.csv", labels))
    assert manifest.slices["label"].tolist()[:3] == [0, 1, 1]


@pytest.mark.parametrize(
    ("votes", "label"),
    [("1100", None), ("10", None), ("1110", 1), ("110", 1), ("00", 0), ("0010", 0), ("111", 1)],
)
def test_the_label_is_a_strict_majority_and_a_tie_leaves_the_slice_out(cohort, votes, label):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str).assign(reader_4="")
    frame.loc[0, [f"reader_{reader}" for reader in (1, 2, 3, 4)]] = list(votes.ljust(4))
    frame.to_csv(cohort / "votes.csv", index=False)
    manifest = voted(cohort)
    own = manifest.slices.query("subject_id == 'S00'")
    account = account_of(manifest).set_index("file").loc["S00/003.dcm"]
    if label is None:
        assert own["slice_index"].tolist() == [1, 2]  # its neighbours keep their places
        assert (account["outcome"], account["reason"]) == (
            "left out", f"no majority of the readers' votes '{', '.join(votes)}'"
        )  # fmt: skip
    else:
        assert (own["label"].iloc[0], account["outcome"], account["reason"]) == (label, "used", "")


def test_one_vote_alone_is_no_label(cohort):
    change_csv(cohort / "votes.csv", 0, reader_1="", reader_2="1", reader_3="")
    refused(cohort, r"S00/003\.dcm: has one reader's vote only", votes_csv=cohort / "votes.csv")


def test_slices_without_a_label(cohort):
    series = [mr_dataset(0, step) for step in range(3)]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3)[..., :3], names=SEGMENTS[:3]), cohort / "S00/SEG.dcm")
    refused(cohort, r"S00/00\d\.dcm: has no label; give votes")
    (cohort / "S00/SEG.dcm").unlink()
    refused(cohort, r"S00/00\d\.dcm: has no label; give votes")
    change_csv(cohort / "votes.csv", 0, reader_1="", reader_2="", reader_3="")
    refused(cohort, r"S00/003\.dcm: has no label in .*votes\.csv; add its row", votes_csv=cohort / "votes.csv")


def test_a_subject_whose_slices_all_lack_a_label(cohort):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    frame.loc[frame["subject_id"] == "S02", ["reader_1", "reader_2", "reader_3"]] = ["1", "0", ""]
    frame.to_csv(cohort / "votes.csv", index=False)
    refused(cohort, "subject S02: no slice has a label its readers agree on", votes_csv=cohort / "votes.csv")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"sop_instance_uid": "1.2.3"}, r"votes\.csv: slice 1\.2\.3 has a row but no DICOM file|has no label"),
        ({"subject_id": "S02"}, "is listed for subject S02, its file lies with S00"),
        ({"reader_1": "2"}, "row 2: reader_1='2' must be 0 or 1"),
        ({"sop_instance_uid": ""}, "row 2: sop_instance_uid is empty"),
        ({"mood": "good"}, "unknown column 'mood'"),
    ],
)
def test_bad_votes(cohort, cells, words):
    frame = pd.read_csv(cohort / "votes.csv", dtype=str)
    frame.loc[0, list(cells)] = list(cells.values())
    frame.to_csv(cohort / "votes.csv", index=False)
    refused(cohort, words, votes_csv=cohort / "votes.csv")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"label": 1}], "names no slice"),
        ([{"file": "S00/001.dcm"}], "column 'label' is missing"),
        ([{"file": "S00/001.dcm", "label": ""}], "row 2: label is empty"),
        ([{"file": "S00/001.dcm", "label": 1}] * 2, r"row 3: file 'S00/001\.dcm' occurs twice"),
    ],
)
def test_bad_labels(cohort, tmp_path, rows, words):
    refused(cohort, words, labels_csv=write_csv(tmp_path / "side.csv", rows))
