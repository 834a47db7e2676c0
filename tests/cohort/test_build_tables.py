"""Tables as people write them: the same manifest whatever program wrote them, or the real cause."""

import unicodedata
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
from dicom_samples import UID, write_csv
from pydicom import dcmread
from sample_builds import BOX_EDGES, build, refused, voted

from sijstudy.cohort.side_tables import Place, SideTable
from sijstudy.errors import StudyError

BOX = dict(zip(BOX_EDGES, (20.5, 2, 30.5, 20, 2, 2.25, 9, 20), strict=True))


def boxes_of(cohort):
    files = sorted(path.relative_to(cohort).as_posix() for path in cohort.glob("S*/*.dcm") if path.stem != "SEG")
    return write_csv(cohort.parent / "side.csv", [{"file": file, **BOX} for file in files])


def as_excel_writes(path, encoding="utf-16", separator="\t"):
    """The table anew with decimal commas, 1.0 for whole numbers, and an empty last row and column."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    lines = [list(frame.columns), *frame.to_numpy().tolist()]
    cells = [[_cell(cell, name) for cell, name in zip(line, lines[0], strict=True)] + [""] for line in lines]
    text = "\r\n".join(separator.join(line) for line in [*cells, [""] * len(cells[0]), []])
    path.write_bytes(text.encode(encoding))


def _cell(cell, name):
    if name.startswith(("reader", "age")) and cell.isdigit():
        return f"{cell},0"
    return cell.replace(".", ",") if name.startswith(("left", "right")) else cell


@pytest.mark.parametrize(("encoding", "separator"), [("utf-16", "\t"), ("utf-8-sig", ";"), ("utf-8", "\t")])
def test_the_same_manifest_whatever_program_wrote_the_tables(cohort, encoding, separator):
    boxes = boxes_of(cohort)
    wanted = voted(cohort, folder="plain", boxes_csv=boxes)
    for path in (cohort / "subjects.csv", cohort / "votes.csv", boxes):
        as_excel_writes(path, encoding, separator)
    voted(cohort, folder="excel", boxes_csv=boxes)
    assert wanted.slices["left_x0"].tolist() == [20.5] * 12
    for name in ("slices.csv", "subjects.csv"):
        assert (cohort.parent / "excel" / name).read_bytes() == (cohort.parent / "plain" / name).read_bytes()


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_file_names_of_another_unicode_form_are_found(cohort, on_disk, in_table):
    name = unicodedata.normalize(on_disk, "Kreuzdarmb\u00fcndel.dcm")
    (cohort / "S00/003.dcm").rename(cohort / "S00" / name)
    boxes = boxes_of(cohort)
    boxes.write_text(unicodedata.normalize(in_table, boxes.read_text(encoding="utf-8")), encoding="utf-8")
    manifest = voted(cohort, boxes_csv=boxes)
    assert manifest.slices["left_x0"].tolist() == [20.5] * 12


def test_a_row_that_fits_two_files_is_refused(cohort):
    for form, old in (("NFC", "003"), ("NFD", "002")):
        (cohort / f"S00/{old}.dcm").rename(cohort / "S00" / unicodedata.normalize(form, "\u00fc.dcm"))
    boxes = write_csv(cohort.parent / "side.csv", [{"file": "S00/\u00fc.dcm", **BOX}])
    refused(cohort, "fits two files, .*accents", votes_csv=cohort / "votes.csv", boxes_csv=boxes)


@pytest.mark.parametrize(("folder", "excel"), [("007", "7"), ("1e3", "1.00E+03")])
def test_ids_that_look_like_numbers_stay_text(cohort, folder, excel):
    (cohort / "S01").rename(cohort / folder)
    for name in ("subjects.csv", "votes.csv"):
        path = cohort / name
        path.write_text(path.read_text().replace("S01", folder))
    assert folder in set(voted(cohort, folder="kept").slices["subject_id"])
    path = cohort / "subjects.csv"
    path.write_text(path.read_text().replace(folder, excel.replace("+", "")))
    cause = rf"an MR image of nobody: .*its row has '{excel.replace('+', '')}', as a spreadsheet writes '{folder}'"
    with pytest.raises(Exception, match=cause):
        build(cohort)


def with_both_names(cohort, change=lambda files: files):
    """Boxes of subject S00's slices by UID and by file."""
    uids = [f"{UID}.0.1.{step + 1}" for step in range(3)]
    files = {
        str(dcmread(path).SOPInstanceUID): path.relative_to(cohort).as_posix() for path in cohort.glob("S00/0*.dcm")
    }
    named = change([files[uid] for uid in uids])
    rows = [{"sop_instance_uid": uid, "file": file, **BOX} for uid, file in zip(uids, named, strict=True)]
    return write_csv(cohort.parent / "side.csv", rows)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files,
        lambda files: [file.removeprefix("S00/") for file in files],  # as seen from the subject's folder
        lambda files: [f"/data/dicom/{file}" for file in files],
        lambda files: [file.replace("/", "\\") for file in files],
        lambda files: ["", *files[1:]],
    ],
)
def test_uid_and_file_of_one_slice_agree(cohort, change):
    manifest = voted(cohort, boxes_csv=with_both_names(cohort, change))
    assert (manifest.slices["left_x0"] == 20.5).sum() == 3


def test_a_file_that_contradicts_the_uid_is_refused(cohort):
    boxes = with_both_names(cohort, lambda files: files[::-1])
    words = rf"side\.csv: row 2: sop_instance_uid {UID}\.0\.1\.1 is that of S00/00\d\.dcm, the column file says 'S00/"
    refused(cohort, words, votes_csv=cohort / "votes.csv", boxes_csv=boxes)


@pytest.mark.parametrize(
    ("written", "file", "fits"),
    [("enh.dcm", "S1/enh.dcm#3", True), ("enh.dcm#3", "S1/enh.dcm#3", True), ("enh.dcm#4", "S1/enh.dcm#3", False)],
)
def test_a_file_named_without_its_frame_contradicts_no_uid(written, file, fits):
    table = SideTable(Path("side.csv"), {"1.2.3": (None, 1)}, {"1.2.3": written})
    with nullcontext() if fits else pytest.raises(StudyError, match=r"^side\.csv: row 2: .* the column file says"):
        assert table.of(Place("1.2.3", file, "S1")) == 1
