"""Hashes, atomic writes, what a broken write leaves behind."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.errors import StudyError
from sijstudy.files import digest, read_csv, read_json, read_table, whole_number, write_atomic, write_csv


def test_digest_ignores_key_order_and_sees_every_value():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def full_disk(stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StudyError, match=r"result\.json.*No space left"):
        write_atomic(path, full_disk)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StudyError, match="runs"):
        write_atomic(tmp_path / "runs" / "x.json", lambda stream: None)


def test_table_comes_back_unchanged(tmp_path):
    frame = pd.DataFrame({"subject_id": ["007", "1e3", "NA"], "score": [1 / 3, np.nextafter(0.5, 1), np.nan]})
    write_csv(tmp_path / "t.csv", frame)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), frame, check_exact=True)


def test_missing_and_broken_files_are_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    for name, read in (("missing.json", read_json), ("broken.json", read_json), ("missing.csv", read_csv)):
        with pytest.raises(StudyError, match=name):
            read(tmp_path / name)


PLAIN = "subject_id,x0,x1\n007,1.5,20.125\n1e3,,1.0\nMüller,2,3\n"
NUMBERS = ("x0", "x1")


def comma_for_point(text, separator):
    return text.replace(",", separator).replace(".", ",")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        comma_for_point(PLAIN, ";").encode(),
        comma_for_point(PLAIN, "\t").encode("utf-16"),
        b"\xfe\xff" + comma_for_point(PLAIN, "\t").encode("utf-16-be"),
        b"\xef\xbb\xbf" + comma_for_point(PLAIN, ";").replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", ",\n").encode(),  # a column that was emptied
        (PLAIN.replace("\n", ",\n").replace(",\n", "\n", 1) + ",,,\n,,,\n").encode(),
        PLAIN.replace("x0", " x0 ").replace("007", '"007"').encode(),
    ],
)
def test_a_table_as_people_write_it_is_the_same_table(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    table = read_table(path, numbers=NUMBERS)
    assert list(table.columns) == ["subject_id", "x0", "x1"]
    assert table.fillna("").to_numpy().tolist() == [["007", "1.5", "20.125"], ["1e3", "", "1.0"], ["Müller", "2", "3"]]


def test_commas_in_columns_of_text_stay(tmp_path):
    (tmp_path / "t.csv").write_text("label;value\n1,5;1,0\n")
    assert read_table(tmp_path / "t.csv", numbers=["value"]).to_numpy().tolist() == [["1,5", "1.0"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,x0\n1,2,5\n", r"row 2: has 3 cells, the first line names 2; .*decimal comma"),
        (b"a,x0\n1,2\n1,2,5\n", r"row 3: has 3 cells, the first line names 2"),
        (b"a;x0\n1;2\n1;2;5\n", r"row 3: has 3 cells, the first line names 2; mend the separators"),
        (b'a,x0\n1,"2,5"\n', r"row 2: x0='2,5' has a decimal comma in a table separated by commas; write 2\.5"),
        (b"a;x0\n1;1,234\n", r"row 2: x0='1,234' may be 1\.234 or 1234"),
        (b"a;x0;x1\n1;1,5;1.234\n", r"row 2: x0='1,5' has a decimal comma, '1\.234' a point"),
        (b"a;x0,x1\n1;1,5\n", r"first line holds commas and semicolons"),
        (b"sep=;\na;x0\n1;2\n", r"begins with 'sep=;'"),
        (b"a,x0,\n1,2,note\n", r"row 2: column 3='note' has no name"),
        (b"a,x0,a\n1,2,3\n", r"column 'a' occurs twice"),
        ("a,x0\nMüller,2\n".encode("latin-1"), r"row 2: holds a letter that is not UTF-8"),
        ("a,x0\n1,2\n".encode("utf-16-le"), r"zero bytes"),
        ("a,x0\n1,2\n".encode("utf-16")[:-1], r"cut off"),
        (b"PK\x03\x04....", r"workbook"),
        (b"", r"not a CSV table"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(StudyError, match=words) as caught:
        read_table(tmp_path / "t.csv", numbers=NUMBERS)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "t.csv"))


def test_whole_numbers_as_spreadsheets_write_them():
    assert [whole_number(text) for text in ("0", "1.0", "01", "12.")] == [0, 1, 1, 12]
    assert [whole_number(text) for text in ("", "1.5", "-1", "1e0", "=1", "one", "1,0")] == [None] * 7
