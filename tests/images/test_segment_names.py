"""The segments table: which row speaks of which outline, and refusals by row."""

import unicodedata
from pathlib import Path

import pytest
from dicom_samples import write_csv

from sijstudy.errors import StudyError
from sijstudy.images.segment_names import Described, Meaning, SegmentTable, read_segment_table

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
    assert table.meaning(Path(file), Described(**key)) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"number": "2"}, [None, "edema", None]),
        ({"property": "sct:22356005"}, ["edema", None, "edema"]),
        ({"property": "Ilium  left"}, [None] * 3),
        ({"property": "ilium left"}, ["edema", None, None]),
        ({"property": "22356005 7771000"}, ["edema", None, None]),
        ({"tracking": "lesion"}, [None, "edema", None]),
        ({"tracking": "1.2.3", "number": "1"}, [None] * 3),
        ({"label": "tissue", "number": "3"}, [None, None, "edema"]),
    ],
)
def test_segments_of_one_label_told_apart(tmp_path, cells, expected):
    ilium, left = ("22356005", "SCT:22356005", "Ilium"), ("7771000", "SCT:7771000", "Left")
    both = tuple(f"{kind} {side}" for kind in ilium for side in left)
    segments = [
        Described("Tissue", number=1, properties=(*both, *ilium)),
        Described("Tissue", number=2, tracking=("Lesion", "1.2.3")),
        Described("Tissue", number=3, properties=ilium),
    ]
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{**cells, "segment": "edema"}]))
    found = [table.meaning(Path("SEG.dcm"), segment) for segment in segments]
    assert [one and one.segment for one in found] == expected


def test_files_that_a_pattern_names(table):
    assert table.declared(Path("s/maps/x.nrrd")) == (Meaning("bone"),) and table.declared(Path("SEG.dcm")) == ()


def test_without_a_table_labels_speak():
    assert SegmentTable().meaning(Path("x"), Described("EDEMA")) == Meaning("edema")
    assert SegmentTable().meaning(Path("x"), Described(value=1)) is None


def test_what_leaves_a_whole_file_out(tmp_path):
    rows = [
        {"label": "Vessel", "pattern": "*_C.nrrd", "value": "", "segment": ""},
        {"label": "", "pattern": "*_T1.nrrd", "value": "", "segment": ""},
        {"label": "", "pattern": "*_V.nrrd", "value": "2", "segment": "bone"},
        {"label": "", "pattern": "*_V.nrrd", "value": "", "segment": ""},
        {"label": "", "pattern": "*.nrrd", "value": "", "segment": "edema"},
    ]
    table = read_segment_table(write_csv(tmp_path / "t.csv", rows))
    found = [table.leaves_out(Path(f"a_{name}.nrrd")) for name in ("C", "T1", "V", "X")]
    assert found == [False, True, False, False]


def test_the_manifest_records_the_rows(table):
    assert table.cells()[1] == {
        **dict.fromkeys(("label", "number", "property", "tracking")),
        **{"pattern": "*_R12.nii.gz", "value": 2, "segment": "edema", "reader": 2},
    }


def test_columns_may_be_missing(tmp_path):
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{"segment": "sacrum", "label": "Os sacrum"}]))
    assert table.meaning(Path("x"), Described("os sacrum")) == Meaning("sacrum")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"segment": "oedema"}, "row 2: segment='oedema' must be one of left ilium"),
        ({"reader": "5"}, "row 2: reader='5' must be a whole number from 1 to 4"),
        ({"reader": "one"}, "row 2: reader='one'"),
        ({"value": "0"}, "row 2: value='0' must be a whole number above 0"),
        ({"value": "1.5"}, r"row 2: value='1\.5'"),
        ({"number": "-1"}, "row 2: number='-1' must be a whole number above 0"),
        ({"pattern": ""}, "row 2: neither label, pattern, number, property nor tracking"),
        ({"segment": "bone"}, "row 2: reader='1' stands beside segment 'bone'"),
        ({"mood": "good"}, "unknown column 'mood'"),
    ],
)
def test_bad_rows(tmp_path, change, words):
    with pytest.raises(StudyError, match=words) as caught:
        read_segment_table(write_csv(tmp_path / "t.csv", [ROWS[0] | change]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "never"),
    [
        ({"property": "Ilium"}, {"property": "ilium Right"}, True),
        ({"property": "Ilium Right"}, {"property": "Ilium"}, False),
        ({"label": "Tissue"}, {"label": "tissue", "number": "2"}, True),
        ({"label": "Tissue", "number": "2"}, {"label": "Tissue"}, False),
        ({"pattern": "*.nii", "value": "1"}, {"pattern": "*.nii"}, False),
        ({"pattern": "*.nii"}, {"pattern": "*.nii", "value": "1"}, True),
        ({"label": "a"}, {"label": "b"}, False),
    ],
)
def test_a_row_that_never_applies_is_refused(tmp_path, first, second, never):
    path = write_csv(tmp_path / "t.csv", [dict.fromkeys((*first, *second), "") | {"segment": name} | cells
                                          for name, cells in (("bone", first), ("edema", second))])  # fmt: skip
    if never:
        with pytest.raises(StudyError, match="row 3 never applies, as row 2 fits all that it names and comes first"):
            read_segment_table(path)
    else:
        assert len(read_segment_table(path).rows) == 2


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
    assert table.meaning(Path(unicodedata.normalize(file_form, "a_ödem.nii")), Described(value=2)) == Meaning(
        "edema", 3
    )
    assert table.meaning(Path("SEG.dcm"), Described(unicodedata.normalize(file_form, "ödem"))) == Meaning("edema")
