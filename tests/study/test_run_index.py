"""The index page of a run: whose answers it shows, and where they come from."""

import json

import nbformat
from toy_study import notebook, result_code, run_toy, write_project

from sijstudy.study.plan import make_plan
from sijstudy.study.run_index import write_index


def test_answers_of_other_parameters_are_not_shown_as_this_runs(project):
    run_toy(project)
    result, _ = run_toy(project, overrides={"epochs": 5}, only=["03"])
    text = result.index.read_text()
    assert text.count("from an earlier run with other parameters, or of another cohort") == 2
    assert "Answer of" not in text
    assert 'href="01_first.html"' in text


def test_provenance_that_differs_between_notebooks_is_given_in_full(project):
    run_toy(project, only=["01"])
    path = project / "runs/toy/results/01_first.json"
    result = json.loads(path.read_text())
    result["provenance"] |= {"commit": "older", "time per stage": "training 3 s"}
    path.write_text(json.dumps(result))
    text = run_toy(project, only=["02"])[0].index.read_text()
    assert '<th scope="row">commit</th><td>older; abc</td>' in text
    assert '<th scope="row">seed</th><td>2021</td>' in text
    assert "training 3 s" not in text  # one notebook's stages are not the study's


def test_the_data_source_decides_over_the_manifest_parameter(project, sample_manifest):
    source = notebook("First", result_code("01_first", source="hospital"))
    nbformat.write(source, project / "notebooks/01_first.ipynb")
    result, _ = run_toy(project, only=["01"], overrides={"manifest": str(sample_manifest.folder)})
    assert "SYNTHETIC" not in result.index.read_text()
    assert "SYNTHETIC" not in (project / "reports/toy/01_first.html").read_text()


def test_a_parameter_that_one_notebook_reads_leaves_the_others_answers_standing(tmp_path, sample_manifest):
    names = ("01_first", "07_external_validation")
    root = write_project(tmp_path, **{f"n{name}": notebook(name, result_code(name)) for name in names})
    assert run_toy(root)[0].ok
    overrides = {"external_manifest": str(sample_manifest.folder)}
    assert run_toy(root, overrides=overrides, only=("01",))[0].ok
    text = (root / "reports/toy/index.html").read_text()
    assert text.count("from an earlier run with other parameters, or of another cohort") == 1
    assert "Answer of 01_first." in text
    assert "Answer of 07_external_validation." not in text


def test_where_networks_are_trained_leaves_all_answers_standing(tmp_path, monkeypatch):
    root = write_project(tmp_path, n01_first=notebook("01_first", result_code("01_first")))
    assert run_toy(root)[0].ok
    asked = []
    monkeypatch.setattr("sijstudy.training.cluster.require_cluster", asked.append)
    plan = make_plan("toy", root=root, overrides={"scheduler": "tcp://in.house:8786"})
    text = write_index(plan).read_text()
    assert asked == ["tcp://in.house:8786"]
    assert "Answer of 01_first." in text
    assert "in.house" not in text
