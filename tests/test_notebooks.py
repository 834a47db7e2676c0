"""The notebooks as they are committed, and the smoke profile run end to end."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
import yaml

from sijstudy.config import StudyConfig
from sijstudy.study.expected_work import expected_work
from sijstudy.study.notebook_files import named_parameters
from sijstudy.study.numbers_file import read_numbers
from sijstudy.study.parameters import parameters_cell
from sijstudy.study.plan import make_plan

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb"))
PROFILES = sorted((PROJECT / "notebooks" / "profiles").glob("*.yaml"))
NAMES = [
    "01_data_audit", "02_roi_comparison", "03_resnet_selection", "04_five_fold_training",
    "05_subject_diagnosis", "06_grad_cam", "07_external_validation", "08_ablations",
    "09_whole_examinations",
]  # fmt: skip

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_profile = pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_the_notebooks_are_there_in_order():
    assert [path.stem for path in NOTEBOOKS] == NAMES


@each_notebook
def test_it_is_committed_without_outputs(path):
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


def named_in(path):
    """The parameters that the notebook's parameters cell sets."""
    (cell,) = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    return named_parameters(cell.source, path.name), cell.source


@each_notebook
def test_its_parameters_cell_has_the_studys_defaults_and_notes(path):
    names, source = named_in(path)
    assert "profile" in names
    assert source == parameters_cell(names), "run `sijstudy notebooks sync`"


@each_notebook
def test_nothing_that_it_imports_passes_for_a_parameter(path):
    """``open_workspace(globals())`` takes every plain value for one."""
    trees = [ast.parse(cell.source) for cell in code_cells(path)]
    imports = [node for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {}
    exec(compile(ast.Module(imports, []), path.name, "exec"), names)
    StudyConfig.from_namespace(names)


@each_notebook
def test_its_parameters_cell_names_all_that_its_cells_read(path):
    nodes = [node for cell in code_cells(path) for node in ast.walk(ast.parse(cell.source))]
    read = {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("config")
    }
    assert read <= set(named_in(path)[0]), "name them in the cell, then run `sijstudy notebooks sync`"


@each_notebook
def test_it_calls_functions_and_defines_none(path):
    for cell in code_cells(path):
        nodes = ast.walk(ast.parse(cell.source))
        assert not any(isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)) for node in nodes)


@each_notebook
def test_it_starts_with_title_and_question_and_ends_with_provenance(path):
    content = nbformat.read(path, as_version=4)
    assert content.metadata.kernelspec.name == "python3"
    assert re.match(r"# \S.*\n\n\*\*Question\.\*\* ", content.cells[0].source)
    assert "show_provenance" in content.cells[-1].source


@each_profile
def test_a_profile_is_flat_valid_and_carries_its_name(path):
    values = yaml.safe_load(path.read_text())
    assert values["profile"] == path.stem
    assert all(isinstance(value, (str, int, float, bool)) for value in values.values())
    StudyConfig.from_yaml(path)


def test_the_paper_profile_is_the_papers():
    config = asdict(StudyConfig.from_yaml(PROJECT / "notebooks/profiles/paper.yaml"))
    assert config == asdict(StudyConfig(profile="paper", seed=config["seed"]))  # a seed nobody had looked at


@pytest.mark.notebooks
def test_smoke_runs_every_notebook_to_its_end(smoke_study):
    assert smoke_study.result.ok, f"{smoke_study.shown}\n{smoke_study.result.failure}"
    assert [line.split()[1] for line in smoke_study.shown.splitlines() if "  done  " in line] == NAMES
    assert [page.stem for page in smoke_study.pages] == [*NAMES, "checklist", "index", "model_card"]


@pytest.mark.notebooks
def test_what_the_rest_takes_is_said_from_the_networks_that_are_trained(smoke_study):
    expected = expected_work(make_plan("smoke", root=smoke_study.root))
    trained = [
        json.loads(path.read_text())["epochs"] for path in (smoke_study.root / "runs/fits").glob("*/config.json")
    ]
    assert sum(work.epochs for work in expected.values()) == sum(trained)
    assert re.search(
        r"04_five_fold_training  done  \S+  (about \d+ min|less than a minute) left$", smoke_study.shown, re.M
    )


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_leaves_its_answer_for_the_index(smoke_study, name):
    result = json.loads((smoke_study.root / f"runs/smoke/results/{name}.json").read_text())
    assert result["title"]
    assert re.fullmatch(r"[A-Z0-9].*\.", result["answer"], re.DOTALL)
    assert result["data_source"] == "synthetic"
    assert {"commit", "profile", "seed", "device", "cohort_hash", "weights", "torch"} <= result["provenance"].keys()
    assert all(isinstance(text, str) for text in result["provenance"].values())
    for row in result["headline"]:
        if row["low"] is not None:
            assert row["low"] <= row["high"]


@pytest.mark.notebooks
def test_the_headline_sets_the_paper_beside_this_run(smoke_study):
    rows = [
        row
        for name in NAMES
        for row in json.loads((smoke_study.root / f"runs/smoke/results/{name}.json").read_text())["headline"]
    ]
    assert {93.55, 93.80, 83.45, 96.06} <= {row["paper"]["value"] for row in rows if row["paper"]}


@pytest.mark.notebooks
def test_every_number_of_the_index_has_its_place_in_a_report(smoke_study):
    numbers = read_numbers(smoke_study.result.index.parent)["numbers"]
    assert len(numbers) > 25
    for number in numbers:
        place = number["place"]
        assert place["anchor"], number["id"]
        page = (smoke_study.result.index.parent / place["page"]).read_text()
        assert f'id="{place["anchor"]}">{place["heading"]}<' in page


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_a_report_says_what_it_rests_on_and_hides_nothing_of_this_machine(smoke_study, name):
    text = (smoke_study.result.index.parent / f"{name}.html").read_text()
    assert "SYNTHETIC DATA" in text
    assert 'class="callout answer"' in text
    assert 'table class="provenance"' in text
    assert str(smoke_study.root) not in text


@pytest.mark.notebooks
def test_what_the_selection_does_is_said_where_table_3_stands(smoke_study):
    for page in ("05_subject_diagnosis", "model_card"):
        text = (smoke_study.result.index.parent / f"{page}.html").read_text()
        assert re.search(
            r'subjects bring slices of one kind only[^<]*<a href="09_whole_examinations\.html">|'
            r'On whole examinations [^<]*<a href="09_whole_examinations\.html">',
            text,
        ), page


@pytest.mark.notebooks
def test_a_notebook_runs_by_hand_with_papermill(smoke_study):
    command = [sys.executable, "-m", "papermill", "notebooks/01_data_audit.ipynb", "out.ipynb", "--no-progress-bar"]
    profile = ["-f", "notebooks/profiles/smoke.yaml"]
    good = subprocess.run([*command, *profile], cwd=smoke_study.root, capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(
        [*command, *profile, "-p", "epochz", "3"], cwd=smoke_study.root, capture_output=True, text=True
    )
    assert bad.returncode != 0
    assert "unknown parameter 'epochz'" in bad.stderr
