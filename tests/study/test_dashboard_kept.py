"""The dashboard where there is no run: on kept predictions."""

import shutil
from pathlib import Path

import pytest
from panel_samples import BOTH

from sijstudy import cli
from sijstudy.config import StudyConfig
from sijstudy.files import write_json
from sijstudy.notebook import live_panels
from sijstudy.study import dashboard
from sijstudy.training.kept_run import COHORT, KeptContent, write_kept
from sijstudy.training.store import StudyFolder

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    shutil.copytree(PROJECT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def test_kept_predictions_are_shown_without_networks_and_images(project, monkeypatch, sample_manifest):
    shown = []
    monkeypatch.chdir(project / "notebooks/live")
    monkeypatch.setenv(dashboard.PROFILE, "smoke")
    monkeypatch.setattr(dashboard, "display", shown.append)
    monkeypatch.setattr(live_panels, "display", shown.append)
    run = StudyFolder(project / "runs/elsewhere")
    for arm, frame in BOTH.items():
        run.save_table(f"predictions_{arm}", frame)
    write_json(run.folds_file, [])
    tables = tuple(f"predictions_{arm}" for arm in BOTH)
    content = KeptContent(StudyConfig(profile="smoke"), run, {COHORT: sample_manifest}, {}, tables, {})
    write_kept(project / "reports/smoke/kept", content)
    dashboard.show_dashboard()
    line, panel = shown
    assert "kept without images and networks" in line.data
    thresholds, slices = panel.children[1].children
    assert "Filter size, slices" in [control.description for control in thresholds.children[:3]]
    assert "it takes images or networks" in slices.value
    assert not (project / "data").exists()


def test_kept_predictions_that_have_changed_are_one_line(project, capsys):
    kept = project / "reports/smoke/kept"
    kept.mkdir(parents=True)
    (kept / "kept.json").write_text("{}")
    assert cli.main(["dashboard", "--profile", "smoke", "--root", str(project), "--no-browser"]) == 2
    assert "kept.json: is not what a run writes" in capsys.readouterr().err
