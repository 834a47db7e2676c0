import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from filelock import FileLock
from patience import PATIENCE, wait_until
from toy_study import notebook, run_toy, write_project

from sijstudy.errors import StudyError
from sijstudy.files import file_hash
from sijstudy.study import run as run_module
from sijstudy.study.crate import METADATA
from sijstudy.study.plan import make_plan


def timings(project):
    return json.loads((project / "runs/toy/timings.json").read_text())


def test_a_whole_run_leaves_reports_index_notebooks_and_times(project):
    result, shown = run_toy(project)
    assert result.ok
    assert result.index == project / "reports/toy/index.html"
    assert {path.name for path in result.index.parent.iterdir()} == {
        "index.html", "01_first.html", "02_second.html", "03_third.html", "model_card.html", "checklist.html",
        "numbers.json", "ro-crate-metadata.json",
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
    run_toy(project, only=("03",))

    def broken(*arguments):
        raise ValueError("no such table")

    monkeypatch.setattr(run_module, "write_cards", broken)
    result, shown = run_toy(project, only=("03",))
    assert result.ok
    assert "model card and checklist are incomplete: ValueError: no such table" in shown
    assert result.index.exists()
    assert not (result.index.parent / "model_card.html").exists()  # that of the earlier run is gone


def test_a_failing_notebook_stops_the_run_but_not_the_index(project):
    result, shown = run_toy(project, overrides={"epochs": 13})
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


def test_a_stale_answer_goes_when_its_notebook_runs_again(project):
    run_toy(project, only=["02"])
    assert (project / "runs/toy/results/02_second.json").exists()
    run_toy(project, only=["02"], overrides={"epochs": 13})
    assert not (project / "runs/toy/results/02_second.json").exists()


def test_a_notebook_that_is_killed_leaves_no_entry_of_an_earlier_run(project, monkeypatch):
    run_toy(project)

    def killed(*_):
        assert "02_second" not in timings(project)
        raise MemoryError

    monkeypatch.setattr(run_module, "execute", killed)
    with pytest.raises(MemoryError):
        run_toy(project, only=["02"])
    assert set(timings(project)) == {"01_first", "03_third"}
    assert described(project) == hashed(project)  # none of files that were written anew


def test_only_some_notebooks_by_number_or_name(project):
    _, shown = run_toy(project, only=["03_third", "01"])
    assert [line.split()[1] for line in shown.splitlines() if "done" in line] == ["01_first", "03_third"]


def test_notebooks_and_reports_elsewhere(project, tmp_path):
    other = write_project(tmp_path / "other", n07_extra=notebook("Extra", "print(profile)"))
    result, _ = run_toy(project, notebooks=[other / "notebooks/07_extra.ipynb"], reports_root=tmp_path / "html")
    assert result.index == tmp_path / "html/toy/index.html"
    assert (tmp_path / "html/toy/07_extra.html").exists()


def test_two_runs_of_one_profile_do_not_mix(project):
    make_plan("toy", root=project)
    with FileLock(project / "runs/toy/.run.lock"), pytest.raises(StudyError, match="another run of profile toy"):
        run_toy(project)


TRAINS = """
import pathlib, subprocess, sys, time
print("computed", flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # as a process that trains
pathlib.Path("started").touch()
time.sleep(600)
"""
ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}


def described(project):
    """Path -> SHA-256 of the files that the crate beside the index lists."""
    graph = json.loads((project / "reports/toy" / METADATA).read_text())["@graph"]
    return {entity["@id"]: entity["sha256"] for entity in graph if entity["@type"] == "File"}


def hashed(project):
    """The same of the files that are there."""
    files = [path for path in (project / "reports/toy").iterdir() if path.name != METADATA]
    return {path.name: file_hash(path) for path in files}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_a_run_that_is_ended_leaves_no_process(project, number):
    """Neither the kernels, the next notebook's among them, nor the processes that train for one."""
    nbformat.write(notebook("Second", "print('before')", TRAINS), project / "notebooks/02_second.ipynb")
    run_toy(project, only=["01"])  # leaves an index and its crate
    process = start_toy(project, "--only", "02,03")
    wait_for(project / "started", process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 3
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []
    assert process.returncode == ENDINGS[number]
    if number == signal.SIGKILL:
        assert not (project / "reports/toy" / METADATA).exists()  # its hashes would be of other files
    else:
        assert described(project) == hashed(project)
        assert errors.strip() == "sijstudy: interrupted; the same command goes on where this one stopped"
        assert timings(project)["02_second"]["status"] == "interrupted"
        page = (project / "reports/toy/02_second.html").read_text()
        assert "before" in page  # what was computed is kept
        assert "computed" in page
        reason = "interrupted by the user" if number == signal.SIGINT else f"ended by {number.name}"
        assert reason in (project / "reports/toy/index.html").read_text()


def start_toy(project: Path, *options: str) -> subprocess.Popen:
    """``sijstudy run --profile toy`` as a shell starts it."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from sijstudy.cli import main; sys.exit(main(['run', '--profile', 'toy', *sys.argv[1:]]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *options], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    def alive():
        assert process.poll() is None, process.stderr.read()
        return True

    wait_until(path.exists, path, alive)


def test_a_given_cohort_in_the_folder_that_git_keeps_is_warned_of(project, sample_manifest):
    given = {"manifest": str(sample_manifest.folder)}
    _, shown = run_toy(project, only=["01"], overrides={**given, "profile": "paper"})
    assert shown.startswith(
        f"sijstudy: git keeps reports/paper, and its reports will show images of {given['manifest']};"
    )
    assert "-p profile NAME" in shown.splitlines()[0]
    for overrides in (given, {"profile": "paper"}):
        assert "git keeps" not in run_toy(project, only=["01"], overrides=overrides)[1]
    elsewhere = project / "elsewhere"
    _, shown = run_toy(project, only=["01"], overrides={**given, "profile": "paper"}, reports_root=elsewhere)
    assert "git keeps" not in shown
