"""A run keeps its predictions; its tables are made of them anew, the same, without images and networks."""

import io
import shutil
from dataclasses import replace

import pytest
from number_samples import content, entry
from panel_samples import BOTH
from toy_study import notebook, run_toy, write_project

from sijstudy import cli
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import write_json
from sijstudy.study.from_kept import keep_predictions, keeps, plan_from_kept
from sijstudy.study.plan import make_plan
from sijstudy.study.run import run_study
from sijstudy.training.kept_run import COHORT, KeptContent, write_kept
from sijstudy.training.store import StudyFolder


@pytest.fixture
def project(tmp_path, sample_manifest):
    """A project in whose reports/toy predictions are kept, of all notebooks but 03 and 09."""
    names = (
        "n01_data_audit",
        "n02_roi_comparison",
        "n04_five_fold_training",
        "n05_subject_diagnosis",
        "n09_whole_examinations",
    )
    write_project(tmp_path, **{name: notebook(name) for name in names})
    run = StudyFolder(tmp_path / "runs/elsewhere")
    tables = [f"predictions_{arm}" for arm in (*BOTH, "automatic_roi", "baselines")]
    for name in (*tables, "found_joints"):
        run.save_table(name, BOTH["roi"])
    write_json(run.folds_file, [])
    content = KeptContent(
        StudyConfig(profile="toy", epochs=7), run, {COHORT: sample_manifest}, {}, (*tables, "found_joints"), {}
    )
    write_kept(tmp_path / "reports/toy/kept", content)
    return tmp_path


def test_the_plan_has_the_parameters_that_were_kept_and_a_name_of_its_own(project):
    plan = plan_from_kept("toy", root=project, overrides={"median_size": 5})
    assert (plan.config.epochs, plan.config.median_size) == (7, 5)
    assert plan.config.kept == "reports/toy/kept"
    assert plan.reports == project / "reports/toy-kept"
    assert plan.runs == project / "runs/toy-kept"


@pytest.mark.parametrize("only", ["01", "01,05"])
def test_a_notebook_that_can_do_nothing_is_refused_by_name(project, capsys, only):
    words = ["run", "--profile", "toy", "--root", str(project), "--from-kept", "--only", only]
    assert cli.main(words) == 2
    assert "01_data_audit can do nothing from kept predictions" in capsys.readouterr().err


def test_another_parameter_is_refused_and_so_is_a_changed_file(project):
    with pytest.raises(StudyError, match="made with epochs=7, not 9"):
        plan_from_kept("toy", root=project, overrides={"epochs": 9}, only=("05",))
    (project / "reports/toy/kept/tables/predictions_roi.csv").write_text("fold\n")
    with pytest.raises(StudyError, match=r"predictions_roi\.csv: is not as the run kept it"):
        plan_from_kept("toy", root=project, overrides={}, only=("05",))


def test_reports_beside_which_predictions_lie_are_not_written_over(project):
    with pytest.raises(StudyError, match="belong to the reports beside them, which this run would overwrite"):
        plan_from_kept("toy", root=project, overrides={"profile": "toy"}, only=("05",))


@pytest.mark.parametrize("left", ["reports/other/numbers.json", "runs/other/fits.json"])
def test_a_run_that_read_images_is_not_written_over(project, left):
    write_json(project / left, content(entry("x")))
    with pytest.raises(StudyError, match=rf"{left.split('/')[-1]} is of a run that read images .* -p profile NAME"):
        plan_from_kept("toy", root=project, overrides={"profile": "other"}, only=("05",))


def test_a_run_on_kept_predictions_is_repeated_and_not_written_over_by_another(project):
    write_json(project / "reports/again/numbers.json", content(entry("x"), kept="reports/toy/kept"))
    plan_from_kept("toy", root=project, overrides={"profile": "again"}, only=("05",))
    with pytest.raises(StudyError, match=r"a run on the predictions kept in reports/toy/kept, which this one would"):
        make_plan("toy", root=project, overrides={"profile": "again"})
    write_json(project / "reports/again/numbers.json", {"numbers": "of an earlier version"})  # says nothing
    make_plan("toy", root=project, overrides={"profile": "again"})


def test_predictions_are_found_beside_the_projects_reports_when_others_are_written(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    plan = plan_from_kept("toy", root=project, overrides={}, only=("05",), reports_root=elsewhere)
    assert (plan.config.kept, plan.reports) == ("reports/toy/kept", elsewhere / "toy-kept")
    shutil.move(project / "reports/toy", elsewhere / "toy")
    plan = plan_from_kept("toy", root=project, overrides={}, only=("05",), reports_root=elsewhere)
    assert (project / plan.config.kept).resolve() == elsewhere / "toy/kept"
    shutil.rmtree(elsewhere)
    with pytest.raises(StudyError, match=f"no predictions are kept in {project}/reports/toy/kept"):
        plan_from_kept("toy", root=project, overrides={}, only=("05",), reports_root=elsewhere)


def test_only_the_reports_that_the_repository_keeps_are_kept_unasked(project):
    plan = make_plan("toy", root=project, overrides={"profile": "paper"})
    assert keeps(plan)
    assert not keeps(replace(plan, config=replace(plan.config, manifest="data_manifest/own")))
    assert not keeps(replace(plan, config=replace(plan.config, kept="reports/toy/kept")))
    assert not keeps(make_plan("toy", root=project))


def test_a_run_without_its_networks_keeps_nothing(project):
    run_toy(project, only=("05",))
    assert keep_predictions(make_plan("toy", root=project)) is None


@pytest.mark.notebooks
def test_tables_and_answers_of_the_smoke_study_are_the_same(smoke_study, tmp_path):
    kept = keep_predictions(make_plan("smoke", root=smoke_study.root)).parent
    shutil.copytree(smoke_study.root / "notebooks", tmp_path / "notebooks")
    shutil.copytree(kept, tmp_path / "reports/smoke/kept")
    plan = plan_from_kept("smoke", root=tmp_path, overrides={})
    assert [path.stem[:2] for path in plan.chosen] == ["02", "03", "04", "05", "09"]
    assert run_study(plan, stream=io.StringIO()).failure is None
    assert not (tmp_path / "data").exists()
    before, again = StudyFolder(smoke_study.root / "runs/smoke"), StudyFolder(plan.runs)
    tables = sorted(path.name for path in (again.root / "tables").iterdir())
    assert {"subjects.csv", "subgroups.csv", "whole_rules.csv", "baselines.csv", "selection.csv"} <= set(tables)
    for name in tables:
        assert (again.root / "tables" / name).read_bytes() == (before.root / "tables" / name).read_bytes(), name
    assert "Not shown here: it takes images or networks" in plan.page(plan.chosen[0]).read_text(encoding="utf-8")
