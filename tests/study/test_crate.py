"""The run's description as a research object: what it lists, and that the field's validator takes it."""

import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from rocrate.rocrate import ROCrate
from rocrate_validator import services
from rocrate_validator.models import ValidationSettings
from rocrate_validator.utils.http import HttpRequester
from toy_study import notebook, result_code, run_toy, write_project

from sijstudy.files import file_hash, write_json
from sijstudy.study import crate
from sijstudy.study.from_kept import kept_of_run
from sijstudy.study.plan import make_plan

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {
    "n01_one": notebook("First", result_code("01_one")),
    "n02_two": notebook("Second", "1 / 0"),
    "n03_three": notebook("Third"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A run of which one notebook ended, one failed, one had no turn; and a table that lies beside its reports."""
    root = write_project(tmp_path_factory.mktemp("toy"), **NOTEBOOKS)
    kept = root / "reports/toy/kept/tables/predictions_roi.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("fold,score\n1,0.5\n")
    run_toy(root)
    return root


@pytest.fixture(scope="module")
def entities(project):
    """Identifier -> what is said of it."""
    graph = json.loads((project / "reports/toy" / crate.METADATA).read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_every_file_is_listed_with_its_hash(project, entities):
    folder = project / "reports/toy"
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del files[crate.METADATA]
    listed = {name: entity["sha256"] for name, entity in entities.items() if entity["@type"] == "File"}
    assert listed == {name: file_hash(path) for name, path in files.items()}
    assert {"index.html", "01_one.html", "kept/tables/predictions_roi.csv"} <= listed.keys()
    assert {part["@id"] for part in entities["./"]["hasPart"]} == listed.keys()


def test_a_notebook_that_ran_is_an_action_with_all_parameters_and_its_page(entities):
    action = entities["#run-of-01_one.ipynb"]
    assert action["result"] == [{"@id": "01_one.html"}]
    assert action["instrument"] == {"@id": "#01_one.ipynb"}
    assert action["description"] == "Answer of 01_one."
    assert action["actionStatus"].endswith("CompletedActionStatus")
    assert action["startTime"] < action["endTime"]
    assert {"@id": "#cohort"} in action["object"]
    assert {"@id": "#parameter-epochs"} in action["object"]
    assert entities["#parameter-epochs"]["value"] == 3
    assert "#parameter-scheduler" not in entities


def test_one_that_failed_says_so_and_one_without_a_turn_is_no_action(entities):
    failed = entities["#run-of-02_two.ipynb"]
    assert failed["actionStatus"].endswith("FailedActionStatus")
    assert "ZeroDivisionError" in failed["error"]
    assert "#run-of-03_three.ipynb" not in entities


def test_versions_are_those_in_which_the_numbers_were_made(entities):
    told = [entity for entity in entities.values() if entity.get("name") == "sijstudy"]
    assert ["commit abc" in entity["softwareVersion"] for entity in told] == [True]
    assert any(name.startswith("pkg:pypi/torch@") for name in entities)


def test_author_and_license_are_the_packages_for_a_synthetic_cohort_only(project, entities):
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert entities[crate.LICENSE]["identifier"] == citation["license"]
    assert [entities["#authors"]["name"]] == [author["name"] for author in citation["authors"]]
    assert entities["./"]["license"] == {"@id": crate.LICENSE}
    own = write_project(project / "own", n01_one=notebook("First", result_code("01_one", source="hospital")))
    run_toy(own)
    root = ROCrate(own / "reports/toy").root_dataset
    assert (root["license"], root.get("author")) == (crate.UNLICENSED, None)


def test_what_an_earlier_run_left_is_listed_and_nobodys_result(project, entities):
    made = {part["@id"] for entity in entities.values() for part in entity.get("result", [])}
    assert made == {"01_one.html", "02_two.html", "index.html", "numbers.json", "model_card.html", "checklist.html"}
    crate.write_crate(make_plan("toy", root=project, overrides={"seed": 7}))
    again = json.loads((project / "reports/toy" / crate.METADATA).read_text())["@graph"]
    assert [entity["@id"] for entity in again if entity.get("result")] == []
    assert {"@id": "01_one.html"} in next(entity for entity in again if entity["@id"] == "./")["hasPart"]
    crate.write_crate(make_plan("toy", root=project))


def test_kept_predictions_are_the_runs_where_parameters_and_networks_are(project):
    plan = make_plan("toy", root=project)
    about, noted = project / "reports/toy/kept/kept.json", project / "runs/toy/fits.json"
    own = {name: value for name, value in plan.parameters.items() if name != "scheduler"}
    for fits, parameters, expected in (
        ({"roi": {"1": "a"}}, own, True),
        ({}, own, False),
        ({}, {**own, "seed": 1}, False),
    ):
        write_json(about, {"parameters": parameters, "networks": {"roi": {"1": "a"}}})
        write_json(noted, {"fits": fits})
        assert kept_of_run(plan) is expected
    about.write_bytes(b"\x89PNG\x00\xff")  # nobody's, and no reason to stop
    assert not kept_of_run(plan)
    about.unlink()
    noted.unlink()
    assert not kept_of_run(plan)


def test_kept_predictions_that_tables_were_made_of_are_given(project, tmp_path, monkeypatch):
    root = write_project(tmp_path, n01_one=NOTEBOOKS["n01_one"])
    account = tmp_path / "elsewhere/kept/kept.json"
    write_json(account, {"any": "account"})
    monkeypatch.setattr("sijstudy.study.plan._check_kept", lambda *_: None)
    run_toy(root, overrides={"kept": "elsewhere/kept"})
    graph = json.loads((root / "reports/toy" / crate.METADATA).read_text())["@graph"]
    described = {entity["@id"]: entity for entity in graph}
    assert {"@id": "#kept-predictions"} in described["#run-of-01_one.ipynb"]["object"]
    assert described["#kept-predictions"]["sha256"] == file_hash(account)
    assert described["#kept-predictions"]["name"] == "Predictions kept in elsewhere/kept"
    assert validated(root / "reports/toy", monkeypatch).passed()
    whole = (project / "reports/toy" / crate.METADATA).read_text()
    assert "kept-predictions" not in whole


def test_the_same_files_give_the_same_description(project):
    path = project / "reports/toy" / crate.METADATA
    before = path.read_bytes()
    crate.write_crate(make_plan("toy", root=project))
    assert path.read_bytes() == before


class Answer:
    """What the validator asks the network for: the terms of RO-Crate, of which the library ``rocrate`` has a copy."""

    status_code, headers, ok = 200, {"Content-Type": "application/ld+json"}, True

    def __init__(self, url):
        assert url.startswith("https://w3id.org/ro/crate/"), url
        self.text = resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_text(encoding="utf-8")
        self.content = self.text.encode()

    def json(self):
        return json.loads(self.text)


def validated(folder, monkeypatch):
    monkeypatch.setattr(HttpRequester, "get", lambda _, url, **__: Answer(url), raising=False)
    settings = ValidationSettings(
        rocrate_uri=str(folder), profile_identifier="process-run-crate", requirement_severity="REQUIRED"
    )
    return services.validate(settings)


def test_the_validator_takes_it(project, monkeypatch):
    result = validated(project / "reports/toy", monkeypatch)
    assert [issue.message for issue in result.get_issues()] == []


def test_and_notices_an_action_without_its_tool(project, tmp_path, monkeypatch):
    content = json.loads((project / "reports/toy" / crate.METADATA).read_text())
    for entity in content["@graph"]:
        entity.pop("instrument", None)
    for name in ("index.html", "01_one.html", "02_two.html", "model_card.html", "checklist.html"):
        (tmp_path / name).touch()
    (tmp_path / crate.METADATA).write_text(json.dumps(content))
    assert any("instrument" in issue.message for issue in validated(tmp_path, monkeypatch).get_issues())
