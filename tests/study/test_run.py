import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from toy_study import FIGURE, notebook, result_code, write_project

from sijstudy.config import StudyConfig, parameters_cell
from sijstudy.errors import StudyError
from sijstudy.study import run as study
from sijstudy.study.run import find_notebooks, make_plan, parse_overrides, run_study, sync_parameters, write_index


@pytest.fixture
def project(tmp_path):
    """Three notebooks; the second fails when epochs is 13."""
    return write_project(
        tmp_path,
        n01_first=notebook("First", FIGURE, result_code("01_first")),
        n02_second=notebook(
            "Second", "print('before')", "assert epochs != 13, 'unlucky'", result_code("02_second", 71.0)
        ),
        n03_third=notebook("Third", "print('third ran')"),
    )


def run(project, **options):
    stream = io.StringIO()
    result = run_study("toy", root=project, stream=stream, **options)
    return result, stream.getvalue()


def timings(project):
    return json.loads((project / "runs/toy/timings.json").read_text())


def test_a_whole_run_leaves_reports_index_notebooks_and_times(project):
    result, shown = run(project)
    assert result.ok
    assert result.index == project / "reports/toy/index.html"
    assert {path.name for path in result.index.parent.iterdir()} == {
        "index.html", "01_first.html", "02_second.html", "03_third.html", "model_card.html", "checklist.html",
    }  # fmt: skip
    assert {path.name for path in (project / "runs/toy/notebooks").iterdir()} == {
        "01_first.ipynb", "02_second.ipynb", "03_third.ipynb",
    }  # fmt: skip
    assert "[2/3] 02_second  done  00:0" in shown
    assert {entry["status"] for entry in timings(project).values()} == {"done"}
    assert all(entry["seconds"] > 0 for entry in timings(project).values())
    text = result.index.read_text()
    for expected in (
        "Answer of 02_second.",
        "71.00%",
        "−22.55",
        "SYNTHETIC",
        'alt="A red &lt;square&gt;"',
        "time in all",
    ):
        assert expected in text
    assert (
        text.index('<th scope="row">commit</th>')
        < text.index('<th scope="row">seed</th>')
        < text.index('<th scope="row">zlib</th>')
    )
    assert "SYNTHETIC DATA" in (result.index.parent / "01_first.html").read_text()
    assert not list(project.rglob("*.tmp"))


def test_cards_that_cannot_be_written_cost_no_result(project, monkeypatch):
    run(project, only=("03",))

    def broken(*arguments):
        raise ValueError("no such table")

    monkeypatch.setattr(study, "write_cards", broken)
    result, shown = run(project, only=("03",))
    assert result.ok
    assert "model card and checklist are incomplete: ValueError: no such table" in shown
    assert result.index.exists()
    assert not (result.index.parent / "model_card.html").exists()  # that of the earlier run is gone


def test_a_failing_notebook_stops_the_run_but_not_the_index(project):
    result, shown = run(project, overrides={"epochs": 13})
    assert not result.ok
    assert (result.failed, result.failure.message) == ("02_second", "AssertionError: unlucky")
    assert "[2/3] 02_second  failed" in shown
    assert "third" not in shown
    assert {name: entry["status"] for name, entry in timings(project).items()} == {
        "01_first": "done", "02_second": "failed",
    }  # fmt: skip
    page = (project / "reports/toy/02_second.html").read_text()
    assert "stopped with an error" in page
    assert "before" in page
    text = result.index.read_text()
    for expected in (
        "The run stopped in 02_second",
        "AssertionError: unlucky",
        "Answer of 01_first",
        "not run",
        "epochs = 13",
    ):
        assert expected in text
    assert "Answer of 02_second" not in text


def test_answers_of_other_parameters_are_not_shown_as_this_runs(project):
    run(project)
    result, _ = run(project, overrides={"epochs": 5}, only=["03"])
    text = result.index.read_text()
    assert text.count("from an earlier run with other parameters") == 2
    assert "Answer of" not in text
    assert 'href="01_first.html"' in text


def test_a_stale_answer_goes_when_its_notebook_runs_again(project):
    run(project, only=["02"])
    assert (project / "runs/toy/results/02_second.json").exists()
    run(project, only=["02"], overrides={"epochs": 13})
    assert not (project / "runs/toy/results/02_second.json").exists()


def test_provenance_that_differs_between_notebooks_is_given_in_full(project):
    run(project, only=["01"])
    path = project / "runs/toy/results/01_first.json"
    result = json.loads(path.read_text())
    result["provenance"] |= {"commit": "older", "time per stage": "training 3 s"}
    path.write_text(json.dumps(result))
    text = run(project, only=["02"])[0].index.read_text()
    assert '<th scope="row">commit</th><td>older; abc</td>' in text
    assert '<th scope="row">seed</th><td>2021</td>' in text
    assert "training 3 s" not in text  # one notebook's stages are not the study's


def test_only_some_notebooks_by_number_or_name(project):
    _, shown = run(project, only=["03_third", "01"])
    assert [line.split()[1] for line in shown.splitlines() if "done" in line] == ["01_first", "03_third"]


def test_notebooks_and_reports_elsewhere(project, tmp_path):
    other = write_project(tmp_path / "other", n07_extra=notebook("Extra", "print(profile)"))
    stream = io.StringIO()
    result = run_study(
        "toy",
        root=project,
        notebooks=[other / "notebooks/07_extra.ipynb"],
        reports_root=tmp_path / "html",
        stream=stream,
    )
    assert result.index == tmp_path / "html/toy/index.html"
    assert (tmp_path / "html/toy/07_extra.html").exists()


def test_the_data_source_decides_over_the_manifest_parameter(project, sample_manifest):
    source = notebook("First", result_code("01_first", source="hospital"))
    nbformat.write(source, project / "notebooks/01_first.ipynb")
    result, _ = run(project, only=["01"], overrides={"manifest": str(sample_manifest.folder)})
    assert "SYNTHETIC" not in result.index.read_text()
    assert "SYNTHETIC" not in (project / "reports/toy/01_first.html").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epochz": 3}, "unknown parameter 'epochz'; did you mean 'epochs'"),
        ({"epochs": "three"}, "epochs='three' must be a whole number"),
        ({"median_size": 2}, "must be odd"),
        ({"profile": "../up"}, "names folders"),
        ({"profile": "fits"}, "names folders"),
    ],
)
def test_a_bad_parameter_stops_everything_before_it_begins(project, overrides, message):
    with pytest.raises(StudyError, match=message.replace("(", r"\(")) as caught:
        run(project, overrides=overrides)
    assert "\n" not in str(caught.value)
    assert not (project / "runs").exists()
    assert not (project / "reports").exists()


def test_a_bad_profile_names_its_file(project):
    (project / "notebooks/profiles/toy.yaml").write_text("epochs: many\n")
    with pytest.raises(StudyError, match=r"toy.yaml: parameter epochs='many'"):
        run(project)


def test_an_unknown_profile_or_notebook_lists_the_known(project):
    with pytest.raises(StudyError, match="known here: toy"):
        run_study("nix", root=project)
    with pytest.raises(StudyError, match="there are 01_first, 02_second, 03_third"):
        run(project, only=["09"])


def test_a_broken_notebook_is_found_before_the_first_one_runs(project):
    (project / "notebooks/03_third.ipynb").write_text("oops")
    with pytest.raises(StudyError, match="03_third"):
        run(project)
    assert not (project / "reports/toy").exists()


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"no folder 'notebooks' in .*--root"):
        run_study("toy", root=tmp_path)
    write_project(tmp_path)
    with pytest.raises(StudyError, match=r"no notebook in .*--root"):
        run_study("toy", root=tmp_path)


@pytest.mark.parametrize("name", ["reports", "runs"])
def test_an_unwritable_folder_is_found_before_the_run(project, name):
    (project / name).write_text("a file is in the way")
    with pytest.raises(StudyError, match=f"cannot write into .*{name}"):
        run(project)


def test_two_runs_of_one_profile_do_not_mix(project):
    make_plan("toy", root=project, overrides={})
    with FileLock(project / "runs/toy/.run.lock"), pytest.raises(StudyError, match="another run of profile toy"):
        run(project)


def test_a_profile_may_be_a_path(project, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: mine\nepochs: 4\nweights: none\n")
    plan = make_plan(path, root=project, overrides={"seed": 5})
    assert (plan.config.profile, plan.config.epochs, plan.config.seed) == ("mine", 4, 5)
    assert plan.parameters.keys() == set(StudyConfig.names())


def test_overrides_are_read_as_yaml():
    pairs = ["epochs=5", "weights=none", "learning_rate=1.0e-2", "noise_redraw=false", "manifest=a=b", "profile='12'"]
    assert parse_overrides(pairs) == {
        "epochs": 5, "weights": "none", "learning_rate": 0.01, "noise_redraw": False,
        "manifest": "a=b", "profile": "12",
    }  # fmt: skip
    for bad in ("epochs", "=3", "epochs=[1"):
        with pytest.raises(StudyError, match=r"-p"):
            parse_overrides([bad])


def test_the_parameters_cell_is_kept_in_step(project):
    path = find_notebooks(project)[0]
    assert not sync_parameters(path)
    content = nbformat.read(path, as_version=4)
    content.cells[1].source = "epochs = 1"
    nbformat.write(content, path)
    assert sync_parameters(path)
    assert nbformat.read(path, as_version=4).cells[1].source == parameters_cell()
    content.cells[1].metadata["tags"] = []
    nbformat.write(content, path)
    with pytest.raises(StudyError, match="tag 'parameters'"):
        sync_parameters(path)


def test_an_interrupted_run_tells_how_far_it_came(project):
    slow = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(120)"
    nbformat.write(notebook("Second", slow), project / "notebooks/02_second.ipynb")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from sijstudy.cli import main; sys.exit(main(['run', '--profile', 'toy']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(project / "started", process)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "sijstudy: interrupted; the same command goes on where this one stopped"
    assert timings(project)["02_second"]["status"] == "interrupted"
    assert "interrupted by the user" in (project / "reports/toy/index.html").read_text()


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.1)


def test_a_given_cohort_in_the_folder_that_git_keeps_is_warned_of(project, sample_manifest):
    given = {"manifest": str(sample_manifest.folder)}
    _, shown = run(project, only=["01"], overrides={**given, "profile": "paper"})
    assert shown.startswith(
        f"sijstudy: git keeps reports/paper, and its reports will show images of {given['manifest']};"
    )
    assert "-p profile NAME" in shown.splitlines()[0]
    for overrides in (given, {"profile": "paper"}):
        assert "git keeps" not in run(project, only=["01"], overrides=overrides)[1]
    elsewhere = project / "elsewhere"
    _, shown = run(project, only=["01"], overrides={**given, "profile": "paper"}, reports_root=elsewhere)
    assert "git keeps" not in shown


def test_a_parameter_that_one_notebook_reads_leaves_the_others_answers_standing(tmp_path, sample_manifest):
    names = ("01_first", "07_external_validation")
    root = write_project(tmp_path, **{f"n{name}": notebook(name, result_code(name)) for name in names})
    assert run_study("toy", root=root, stream=io.StringIO()).ok
    overrides = {"external_manifest": str(sample_manifest.folder)}
    assert run_study("toy", root=root, overrides=overrides, only=("01",), stream=io.StringIO()).ok
    text = (root / "reports/toy/index.html").read_text()
    assert text.count("from an earlier run with other parameters") == 1
    assert "Answer of 01_first." in text
    assert "Answer of 07_external_validation." not in text


def test_where_networks_are_trained_leaves_all_answers_standing(tmp_path, monkeypatch):
    root = write_project(tmp_path, n01_first=notebook("01_first", result_code("01_first")))
    assert run_study("toy", root=root, stream=io.StringIO()).ok
    asked = []
    monkeypatch.setattr("sijstudy.training.cluster.require_cluster", asked.append)
    plan = make_plan("toy", root=root, overrides={"scheduler": "tcp://in.house:8786"})
    text = write_index(plan).read_text()
    assert asked == ["tcp://in.house:8786"]
    assert "Answer of 01_first." in text
    assert "in.house" not in text


def test_another_cohort_is_checked_before_anything_runs(project):
    with pytest.raises(StudyError, match=r"nowhere is no manifest"):
        run_study("toy", root=project, overrides={"external_manifest": "nowhere"}, stream=io.StringIO())


def test_weights_are_asked_for_only_by_notebooks_that_train(tmp_path):
    root = write_project(
        tmp_path, n01_data_audit=notebook("Audit"), n04_five_fold_training=notebook("Training", "1 + 1")
    )
    missing = {"weights": "nowhere.pth"}
    plan = make_plan("toy", root=root, overrides=missing, only=["01"])
    assert [path.stem for path in plan.chosen] == ["01_data_audit"]
    with pytest.raises(StudyError, match=r"nowhere\.pth does not exist"):
        make_plan("toy", root=root, overrides=missing)
