import gc
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest
from dicom_samples import write_cohort
from toy_study import notebook, write_project

from sijstudy import cli
from sijstudy.commands.shared import uncollected
from sijstudy.config import StudyConfig
from sijstudy.options import joined_words
from sijstudy.study.parameters import parameters_cell


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_project(tmp_path, n01_first=notebook("First", "assert epochs != 13, 'unlucky'"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_needs_none_of_the_heavy_modules():
    code = (
        "import sys; from sijstudy.cli import main; main(['--help']);"
        "sys.exit(str({'torch', 'pandas', 'matplotlib', 'papermill'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    for command in ("run", "diagnose", "dashboard", "prune", "parameters", "cohort", "manifest", "notebooks"):
        assert command in done.stdout


def test_what_is_left_uncollected_is_collected_again_afterwards():
    with pytest.raises(KeyError), uncollected():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_run_ends_with_the_place_of_the_report(project, capsys):
    assert cli.main(["run", "--profile", "toy", "-p", "epochs", "4", "-p", "seed", "7", "--only", "01"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Report: {project / 'reports/toy/index.html'}"
    assert "epochs = 4" in (project / "reports/toy/index.html").read_text()


def test_run_fails_with_one_line_and_still_tells_the_place(project, capsys):
    assert cli.main(["run", "--profile", "toy", "-p", "epochs", "13"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "sijstudy: 01_first stopped: AssertionError: unlucky\n"
    assert shown.out.splitlines()[-1] == f"Report: {project / 'reports/toy/index.html'}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--profile", "nix"],
        ["run", "--profile", "toy", "-p", "epochz", "1"],
        ["run", "--profile", "toy", "-p", "epochs"],
        ["run", "--profile", "toy", "-p", "epochs", "1.5"],
        ["run", "--profile", "toy", "--only", "99"],
        ["manifest", "verify", "nowhere"],
    ],
)
def test_bad_input_is_one_line_and_status_2(project, capsys, arguments):
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("sijstudy: error: ")
    assert shown.err.count("\n") == 1


def test_a_wrong_option_is_status_2(capsys):
    assert cli.main(["run", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


def test_an_interruption_is_status_130(project, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sijstudy.study.run.run_study", interrupted)
    assert cli.main(["run", "--profile", "toy"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        (["run", "-p", "epochs", "5"], ["run", "-p", "epochs=5"]),
        (["-p", "a=b", "x"], ["-p", "a=b", "x"]),
        (["-p", "low", "-1", "--parameter", "name", "a=b"], ["-p", "low=-1", "--parameter", "name=a=b"]),
        (["-p", "epochs"], ["-p", "epochs"]),
    ],
)
def test_name_and_value_may_be_two_words(typed, joined):
    assert joined_words(typed) == joined


def test_parameters_lists_every_name_with_its_note(capsys):
    assert cli.main(["parameters"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(StudyConfig.names())
    assert any(line.startswith("backbone") and "resnet18 | resnet34 | resnet50" in line for line in lines)


def test_the_parameters_cell_can_be_printed(capsys):
    assert cli.main(["parameters", "--cell"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == parameters_cell()


def test_notebooks_sync_says_what_it_did(project, capsys):
    path = project / "notebooks/01_first.ipynb"
    content = nbformat.read(path, as_version=4)
    content.cells[1].source = "seed = 1"
    nbformat.write(content, path)
    assert cli.main(["notebooks", "sync"]) == 0
    assert cli.main(["notebooks", "sync"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_first.ipynb: parameters cell written", "01_first.ipynb: up to date",
    ]  # fmt: skip


def test_a_manifest_is_built_and_verified(tmp_path, capsys):
    cohort = write_cohort(tmp_path / "dicom")
    folder = tmp_path / "data_manifest" / "clinic"
    build = ["manifest", "build", str(cohort.root), str(folder), "--subjects", str(cohort.subjects_csv)]
    assert cli.main([*build, "--votes", str(cohort.votes_csv)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "files        18, of them 16 DICOM",
        "MR images    12 files",
        "series       4, of them 4 chosen",
        "slices used  12 of 4 subjects",
        "left out     0",
        f"Manifest: {folder}",
        f"Account:  {folder / 'account.md'}",
    ]
    assert cli.main(["manifest", "verify", str(folder)]) == 0
    assert "all files unchanged" in capsys.readouterr().out
    victim = next(cohort.root.glob("S00/0*.dcm"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    assert cli.main(["manifest", "verify", str(folder)]) == 2
    assert victim.name in capsys.readouterr().err


def test_cohort_make_draws_the_cohort_of_the_profile(project, capsys, monkeypatch):
    asked = {}

    def prepare(config, root, *, workers):
        asked.update(seed=config.seed, root=root, workers=workers)
        return SimpleNamespace(slices=[1, 2], subjects=[1], folder=root / "data_manifest/x")

    monkeypatch.setattr("sijstudy.notebook.cohort.prepare_cohort", prepare)
    assert cli.main(["cohort", "make", "--profile", "toy", "-p", "seed", "9"]) == 0
    assert (asked["seed"], asked["root"]) == (9, project)
    assert capsys.readouterr().out.splitlines() == [
        "2 slices of 1 subjects",
        f"Manifest: {project / 'data_manifest/x'}",
    ]
    assert cli.main(["cohort", "make", "--profile", "toy", "-p", "manifest", "data_manifest/clinic"]) == 2
    assert "is given, not drawn" in capsys.readouterr().err
