"""The segments table: which row speaks of which outline, and refusals by row."""

import json
import unicodedata
from pathlib import Path

import pytest
from dicom_samples import write_csv

from sijstudy.errors import StudyError
from sijstudy.images.segment_names import Meaning, SegmentTable, read_segment_table, segment_table

ROWS = [
    {"label": "", "pattern": "*_R11.nii.gz", "value": "", "segment": "edema", "reader": "1"},
    {"label": "", "pattern": "*_R12.nii.gz", "value": "2", "segment": "Edema", "reader": "2"},
    {"label": "BME", "pattern": "", "value": "", "segment": "edema", "reader": ""},
    {"label": "Vessel", "pattern": "", "value": "", "segment": "", "reader": ""},
    {"label": "", "pattern": "maps/*.nrrd", "value": "7", "segment": "bone", "reader": ""},
]


@pytest.fixture
def table(tmp_path):
    return read_segment_table(write_csv(tmp_path / "segments.csv", ROWS))


@pytest.mark.parametrize(
    ("file", "key", "expected"),
    [
        ("a/7_R11.nii.gz", {"value": 3}, Meaning("edema", 1)),
        ("7_R12.nii.gz", {"value": 2}, Meaning("edema", 2)),
        ("7_R12.nii.gz", {"value": 1}, None),
        ("SEG.dcm", {"label": " bme "}, Meaning("edema")),
        ("SEG.dcm", {"label": "vessel"}, Meaning(None)),
        ("SEG.dcm", {"label": "Left Ilium"}, Meaning("left ilium")),
        ("SEG.dcm", {"label": "oedema"}, None),
        ("s1/maps/x.nrrd", {"value": 7}, Meaning("bone")),
        ("s1/x.nrrd", {"value": 7}, None),
        ("other.nii", {"value": 1}, None),
    ],
)
def test_the_first_row_that_fits_counts(table, file, key, expected):
    assert table.meaning(Path(file), **key) == expected


def test_files_that_a_pattern_names(table):
    assert table.declared(Path("s/maps/x.nrrd")) == (Meaning("bone"),) and table.declared(Path("SEG.dcm")) == ()


def test_without_a_table_labels_speak():
    assert SegmentTable().meaning(Path("x"), label="EDEMA") == Meaning("edema")
    assert SegmentTable().meaning(Path("x"), value=1) is None


def test_rows_survive_json(table):
    assert segment_table(json.loads(json.dumps(table.cells())), table.path) == table


def test_columns_may_be_missing(tmp_path):
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{"segment": "sacrum", "label": "Os sacrum"}]))
    assert table.meaning(Path("x"), label="os sacrum") == Meaning("sacrum")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"segment": "oedema"}, "row 2: segment='oedema' must be one of left ilium"),
        ({"reader": "5"}, "row 2: reader='5' must be a whole number from 1 to 4"),
        ({"reader": "one"}, "row 2: reader='one'"),
        ({"value": "0"}, "row 2: value='0' must be a whole number above 0"),
        ({"value": "1.5"}, r"row 2: value='1\.5'"),
        ({"pattern": ""}, "row 2: label and pattern are both empty"),
        ({"segment": "bone"}, "row 2: reader='1' stands beside segment 'bone'"),
        ({"mood": "good"}, "unknown column 'mood'"),
    ],
)
def test_bad_rows(tmp_path, change, words):
    with pytest.raises(StudyError, match=words) as caught:
        read_segment_table(write_csv(tmp_path / "t.csv", [ROWS[0] | change]))
    assert "\n" not in str(caught.value)


def test_a_table_without_segments(tmp_path):
    with pytest.raises(StudyError, match="column 'segment' is missing"):
        read_segment_table(write_csv(tmp_path / "t.csv", [{"label": "x"}]))


@pytest.mark.parametrize(("table_form", "file_form"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_either_unicode_form_and_numbers_as_a_spreadsheet_writes_them(tmp_path, table_form, file_form):
    path = tmp_path / "segments.csv"
    text = unicodedata.normalize(
        table_form, "label;pattern;value;segment;reader\n;*_ödem*;2,0;edema;3.0\nÖdem;;;edema;\n"
    )
    path.write_text(text.replace("3.0", "3,0"), encoding="utf-8")
    table = read_segment_table(path)
    assert table.meaning(Path(unicodedata.normalize(file_form, "a_ödem.nii")), value=2) == Meaning("edema", 3)
    assert table.meaning(Path("SEG.dcm"), label=unicodedata.normalize(file_form, "ödem")) == Meaning("edema")
