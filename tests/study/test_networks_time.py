"""Networks that an earlier start of a run trained are told beside the notebooks' times, which lack them."""

import os
from datetime import UTC, datetime

import pytest
from toy_study import notebook, write_project

from sijstudy.config import StudyConfig
from sijstudy.files import write_json
from sijstudy.study.networks_time import TRAINING, time_of_networks
from sijstudy.study.plan import make_plan
from sijstudy.study.results import DONE, mark
from sijstudy.study.run_index import write_index
from sijstudy.training.networks import save_fits
from sijstudy.training.store import FitRun, StudyFolder

ENDED = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def plan(tmp_path):
    """Two folds trained for an hour each, of which the second ended while notebook 04 ran for ten minutes."""
    plan = make_plan("toy", root=write_project(tmp_path, **{f"n{TRAINING}": notebook("Training")}))
    runs = {fold: FitRun(tmp_path / f"runs/fits/{fold}") for fold in (1, 2)}
    for fold, run in runs.items():
        write_json(run.folder / "done.json", {"seconds": 3600.0})
        ended = ENDED.timestamp() - (7200 if fold == 1 else 60)
        os.utime(run.folder / "done.json", (ended, ended))
    save_fits(StudyFolder(plan.runs), StudyConfig(profile="toy"), {"roi": runs})
    entry = {"status": DONE, "seconds": 600.0, "finished": ENDED.isoformat(), "failure": ""}
    write_json(plan.timings, {TRAINING: {**entry, "parameters": mark(plan, TRAINING)}})
    plan.page(plan.chosen[0]).touch()
    return plan


def test_networks_of_an_earlier_start_are_told(plan):
    text = write_index(plan).read_text()
    assert "2 trained in 2 h 0 min, added up; 1 of them earlier, which is in no notebook&#39;s time" in text
    assert '<th scope="row">time in all</th><td>10 min 0 s</td>' in text


def test_networks_of_this_start_need_no_more_words(plan):
    entry = {"seconds": 8000.0, "finished": ENDED.isoformat()}
    assert list(time_of_networks(plan, {TRAINING: entry}).values()) == ["2 trained in 2 h 0 min, added up"]


def test_nothing_is_said_without_notebook_04_or_its_networks(plan):
    entry = {"seconds": 600.0, "finished": ENDED.isoformat()}
    assert time_of_networks(plan, {"01_data_audit": entry}) == {}
    (plan.runs.parent / "fits/2/done.json").unlink()
    assert time_of_networks(plan, {TRAINING: entry}) == {}
    assert "folds&#39; networks" not in write_index(plan).read_text()
