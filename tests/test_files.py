"""Hashes, atomic writes, what a broken write leaves behind."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.errors import StudyError
from sijstudy.files import digest, read_csv, read_json, write_atomic, write_csv


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
    frame = pd.DataFrame({"subject_id": ["007", "12"], "score": [1 / 3, np.nextafter(0.5, 1)]})
    write_csv(tmp_path / "t.csv", frame)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), frame, check_exact=True)


def test_missing_and_broken_files_are_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    for name, read in (("missing.json", read_json), ("broken.json", read_json), ("missing.csv", read_csv)):
        with pytest.raises(StudyError, match=name):
            read(tmp_path / name)
