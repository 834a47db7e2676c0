"""What is refused as numbers.json: numbers that cannot be, files of another kind, JSON that no run writes."""

import re

import pytest
from number_samples import content, entry, written

from sijstudy.errors import StudyError
from sijstudy.files import write_json
from sijstudy.headline import ONE, POINTS, Published
from sijstudy.study.numbers_file import kept_file, read_numbers

VALID = entry("x", 2.0, 1.0, 3.0, paper=Published(1.0, "Table 2", 0.5), people=3)
AUC, GAIN = entry("AUC", 0.9, 0.8, 1.0, unit=ONE), entry("AUC, ours minus theirs", -0.1, -0.5, 0.5, unit=ONE)


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (VALID, {"value": 50.0}, "the value 50.0, which does not lie in its interval, 1.0 to 3.0"),
        (VALID, {"value": 0.999998}, "the value 0.999998, which does not lie in its interval"),
        (VALID, {"low": 99.0, "high": 1.0}, "the value 2.0, which does not lie in its interval, 99.0 to 1.0"),
        (VALID, {"value": 900.0, "high": 1000.0}, "the value 900.0, which is not within 0 to 100"),
        (VALID, {"low": -1e9}, "the low -1000000000.0, which is not within 0 to 100"),
        (VALID, {"value": 200.0, "low": None, "high": None, "no_interval": "one fold"}, "the value 200.0, which"),
        (VALID, {"high": 10**400}, "the high 10000000000000000..., which is not within 0 to 100"),
        (VALID, {"paper": {"value": 935.5, "sd": None, "where": "Table 2"}}, "the value of the paper 935.5, which"),
        (entry("x", 2.0, 1.0, 3.0, unit=POINTS), {"low": -100.1}, "the low -100.1, which is not within -100 to 100"),
        (AUC, {"low": -0.1}, "the low -0.1, which is not within 0 to 1"),
        (GAIN, {"low": -1.1}, "the low -1.1, which is not within -1 to 1"),
    ],
)
def test_a_number_that_cannot_be_is_refused(tmp_path, number, changes, said):
    assert read_numbers(written(tmp_path, number))
    with pytest.raises(StudyError) as raised:
        read_numbers(written(tmp_path, {**number, **changes}))
    assert f"{tmp_path / 'numbers.json'}: {number['id']} has {said}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_value_beside_its_interval_by_the_last_decimal_was_rounded(tmp_path):
    assert read_numbers(written(tmp_path, {**VALID, "value": 0.999999}))


def test_a_name_of_many_lines_breaks_no_message(tmp_path):
    path = tmp_path / "numbers.json"
    write_json(path, {**content(VALID), "made_with": {"sijstudy": "1", "two\nlines": 1}})
    with pytest.raises(StudyError, match="is not of type 'string'") as raised:
        read_numbers(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(StudyError, match="no numbers are kept for profile x x") as raised:
        kept_file(tmp_path, "x\n" * 400, 10**400)
    assert "\n" not in str(raised.value)


def test_a_path_that_no_system_takes_is_refused(tmp_path):
    with pytest.raises(StudyError, match="File name too long"):
        read_numbers(tmp_path / ("x" * 400))


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 900 + "]" * 900, f"[{'9' * 5000}]"])
def test_json_that_no_run_writes_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "numbers.json"
    path.write_text(text)
    with pytest.raises(StudyError, match=re.escape(str(path))) as raised:
        read_numbers(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\x00\xff", "{}".encode("utf-16"), b"# A title\n", b"<!doctype html>", b"root:*:1::\n"],
)
def test_a_file_of_another_kind_is_named_and_nobody_is_told_to_delete_it(tmp_path, content):
    path = tmp_path / "another.file"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=re.escape(f"{path}: is no")) as raised:
        read_numbers(path)
    assert str(raised.value).endswith("such as reports/quick, or the numbers.json in them")
    assert not re.search(r"delete|\n", str(raised.value))
