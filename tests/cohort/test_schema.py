"""The tables' rules: good rows pass with their types, each bad cell is named by file, row, column and value."""

import json
from pathlib import Path

import pandas as pd
import pytest

from sijstudy.cohort.schema import SLICES, SUBJECTS, schema_document, validated
from sijstudy.errors import StudyError
from sijstudy.files import read_table

SUBJECT_ROWS = [
    {"subject_id": "007", "group": "axSpA", "age_years": "31", "sex": "M"},
    {"subject_id": "NA", "group": "control", "age_years": "28.0", "sex": "F"},
]
SLICE_ROWS = [
    {
        **dict.fromkeys(SLICES.columns, ""),
        **{"subject_id": "007", "slice_index": str(index), "label": "1", "file": f"007/{index}.dcm"},
        **{"sha256": f"{index:064x}", "sop_instance_uid": f"1.2.{index}"},
    }
    for index in range(3)
]


def checked(tmp_path, rows, schema, **cells):
    """Validate rows after the last one took ``cells``; a value of None drops the column."""
    frame = pd.DataFrame([*rows[:-1], {**rows[-1], **cells}])
    frame = frame.drop(columns=[name for name, value in cells.items() if value is None])
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return validated(read_table(path), schema, path)


def test_subject_ids_stay_text_and_whole_numbers_may_come_from_a_spreadsheet(tmp_path):
    table = checked(tmp_path, SUBJECT_ROWS, SUBJECTS)
    assert table["subject_id"].tolist() == ["007", "NA"]
    assert table["age_years"].tolist() == [31, 28]


def test_empty_cells_are_missing_values(tmp_path):
    table = checked(tmp_path, SLICE_ROWS, SLICES, lesions="2", left_x0="1.5")
    assert table["lesions"].isna().tolist() == [True, True, False]
    assert table["left_x0"].iloc[2] == 1.5
    assert table["segmentation"].isna().all()


def test_columns_come_in_the_schemas_order_and_an_optional_one_may_lack(tmp_path):
    turned = [dict(reversed(row.items())) for row in SLICE_ROWS]
    optional = ["segmentation_sha256", "frame", "reader_4"]
    table = checked(tmp_path, turned, SLICES, **dict.fromkeys(optional))
    assert list(table.columns) == list(SLICES.columns)
    assert table[optional].isna().all(axis=None)


def test_age_and_sex_may_be_unknown(tmp_path):
    table = checked(tmp_path, SUBJECT_ROWS, SUBJECTS, age_years="", sex="")
    assert table[["age_years", "sex"]].isna().to_numpy().any(axis=0).all()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"colour": "red"}, "unknown column 'colour'"),
        ({"sex": None}, "column 'sex' is missing"),
        ({"subject_id": "a b"}, "row 3: subject_id='a b' breaks"),
        ({"subject_id": ".."}, r"row 3: subject_id='\.\.' breaks"),
        ({"subject_id": "a/b"}, "row 3: subject_id='a/b' breaks"),
        ({"subject_id": "S\u00e9"}, "row 3: subject_id='S\u00e9' breaks"),
        ({"subject_id": ""}, "row 3: subject_id is empty"),
        ({"subject_id": "007"}, "subject_id='007' occurs more than once"),
        ({"group": "AxSpA"}, r"row 3: group='AxSpA' breaks .*\(axSpA or control\)"),
        ({"sex": "m"}, r"row 3: sex='m' breaks"),
        ({"age_years": "31.5"}, "row 3: age_years='31.5' must be a whole number"),
        ({"age_years": "old"}, "row 3: age_years='old' must be a whole number"),
        ({"age_years": "-1"}, "row 3: age_years='-1' breaks"),
        ({"age_years": "inf"}, "row 3: age_years='inf' must be a whole number"),
    ],
)
def test_bad_subjects(tmp_path, cells, words):
    with pytest.raises(StudyError, match=rf"table\.csv: .*{words}.*; \w") as caught:
        checked(tmp_path, SUBJECT_ROWS, SUBJECTS, **cells)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"label": "2"}, "row 4: label='2' breaks"),
        ({"label": ""}, "row 4: label is empty"),
        ({"slice_index": "-1"}, "row 4: slice_index='-1' breaks"),
        ({"slice_index": "1"}, "row 3: a subject_id and slice_index that occur together more than once"),
        ({"frame": "0"}, "row 4: frame='0' breaks"),
        ({"sha256": "xyz"}, "row 4: sha256='xyz' breaks"),
        ({"sop_instance_uid": "1.2.1"}, r"sop_instance_uid='1\.2\.1' occurs more than once"),
        ({"left_x0": "-0.5"}, r"row 4: left_x0='-0\.5' breaks"),
        ({"left_x0": "wide"}, "row 4: left_x0='wide' must be a number"),
        ({"reader_2": "3"}, "row 4: reader_2='3' breaks"),
        ({"lesions": "-1"}, "row 4: lesions='-1' breaks"),
    ],
)
def test_bad_slices(tmp_path, cells, words):
    with pytest.raises(StudyError, match=rf"table\.csv: .*{words}.*; \w") as caught:
        checked(tmp_path, SLICE_ROWS, SLICES, **cells)
    assert "\n" not in str(caught.value)


def test_tables_as_spreadsheets_save_them(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffsubject_id,group,age_years,sex\r\n 007 ,axSpA,31, M\r\n".encode())
    assert validated(read_table(path), SUBJECTS, path).to_numpy().tolist() == [["007", "axSpA", 31, "M"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "not a CSV table"),
        (b"\xff\xfe\x00", "not a CSV table"),
        (b"subject_id,group\na,axSpA,31,M\n", "row 2: has 4 cells, the first line names 2"),
        (b"subject_id,group,age_years,sex\n", "has no row"),
        (
            b"subject_id|group|age_years|sex\na|axSpA|31|M\n",
            "unknown column 'subject_id|group|age_years|sex'".replace("|", r"\|"),
        ),
    ],
)
def test_files_that_are_no_table(tmp_path, content, words):
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError, match=rf"table\.csv: .*{words}.*; "):
        validated(read_table(path), SUBJECTS, path)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(StudyError, match="cannot be read"):
        read_table(tmp_path)


REPOSITORY = Path(__file__).parents[2]


def test_the_committed_schema_is_in_step():
    committed = json.loads((REPOSITORY / "data_manifest/schema.json").read_text(encoding="utf-8"))
    assert committed == schema_document(), "write it again: sijstudy.cohort.schema.write_schema"


def documented(schema):
    """The schema as rows of the Markdown tables in docs/DATA.md."""
    for name, rule in schema_document()[schema].items():
        yield f"| `{name}` | {rule['type']} | {'yes' if rule['may_be_empty'] else 'no'} | {rule['description']} |"


@pytest.mark.parametrize("schema", ["subjects.csv", "slices.csv"])
def test_the_documented_columns_are_the_schemas(schema):
    text = (REPOSITORY / "docs/DATA.md").read_text(encoding="utf-8")
    assert "\n".join(documented(schema)) in text, "write the rows of docs/DATA.md again from documented(schema)"
