"""The run store: addresses, atomic writes, what a broken write leaves behind."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from sijstudy.errors import StudyError
from sijstudy.files import RunStore, StudyFolder, code_digest, digest, read_csv, read_json, write_atomic, write_csv


def test_digest_ignores_key_order_and_sees_every_value():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_code_digest_differs_between_modules():
    assert code_digest("config") != code_digest("records")


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


def test_run_is_done_only_after_all_its_parts(tmp_path):
    run = RunStore(tmp_path).fit_run({"seed": 1})
    assert not run.is_done
    assert run.config() == {"seed": 1}
    run.save_checkpoint({"epoch": 1, "w": torch.ones(2)})
    assert run.load_checkpoint()["epoch"] == 1
    run.finish(pd.DataFrame({"epoch": [1]}), pd.DataFrame({"subject_id": ["a"]}), {"w": torch.ones(2)}, 1.5)
    assert run.is_done
    assert run.load_checkpoint() is None
    assert run.seconds() == 1.5
    assert torch.equal(run.weights()["w"], torch.ones(2))
    assert RunStore(tmp_path).fit_run({"seed": 1}).is_done
    assert not RunStore(tmp_path).fit_run({"seed": 2}).is_done


def test_lock_that_cannot_be_had_is_named(tmp_path):
    run = RunStore(tmp_path).fit_run({"seed": 1})
    run.lock_file.mkdir()
    with pytest.raises(StudyError, match=rf"cannot lock {run.lock_file} .*SCALING"), run.locked():
        pass


def test_results_of_a_notebook(tmp_path):
    folder = StudyFolder(tmp_path / "quick")
    folder.save_result("01_data_audit", {"title": "x"})
    assert json.loads((tmp_path / "quick/results/01_data_audit.json").read_text()) == {"title": "x"}
