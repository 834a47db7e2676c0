"""The run store: addresses, what makes a run whole, results of notebooks."""

import json

import pandas as pd
import pytest
import torch

from sijstudy.errors import StudyError
from sijstudy.training.store import RunStore, StudyFolder


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
