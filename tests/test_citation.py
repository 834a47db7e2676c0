"""The files by which others cite, archive and check the study say the same."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def citation():
    return yaml.safe_load(read("CITATION.cff"))


def authors(entries):
    return [entry["name"] for entry in entries]


def test_zenodo_agrees_with_the_citation(citation):
    zenodo = json.loads(read(".zenodo.json"))
    assert {name: zenodo[name] for name in ("title", "version", "license", "keywords")} == {
        name: citation[name] for name in ("title", "version", "license", "keywords")
    }
    assert zenodo["description"] == citation["abstract"].strip()
    assert authors(zenodo["creators"]) == authors(citation["authors"])
    assert [one["identifier"] for one in zenodo["related_identifiers"]] == [citation["preferred-citation"]["doi"]]


def test_codemeta_agrees_with_the_citation(citation):
    meta = json.loads(read("codemeta.json"))
    assert (meta["name"], meta["version"], meta["keywords"]) == tuple(
        citation[name] for name in ("title", "version", "keywords")
    )
    assert meta["license"] == f"https://spdx.org/licenses/{citation['license']}"
    assert meta["description"] == citation["abstract"].strip()
    assert authors(meta["author"]) == authors(citation["authors"])
    assert meta["referencePublication"]["identifier"].endswith(citation["preferred-citation"]["doi"])


def test_the_package_is_the_version_that_is_cited(citation):
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["version"] == citation["version"]
    assert project["license"] == citation["license"]
    assert json.loads(read("codemeta.json"))["runtimePlatform"] == f"Python {project['requires-python']}"


def test_the_abstract_counts_the_notebooks(citation):
    words = {7: "seven", 8: "eight", 9: "nine", 10: "ten"}
    assert f"{words[len(list((ROOT / 'notebooks').glob('*.ipynb')))]} notebooks" in citation["abstract"]


def test_what_a_codecheck_asks_for_is_there(citation):
    check = yaml.safe_load(read("codecheck.yml"))
    paper = citation["preferred-citation"]  # whose results are made again; the package is what makes them
    assert check["paper"]["title"] == paper["title"]
    names = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    assert authors(check["paper"]["authors"]) == names
    assert check["paper"]["reference"].endswith(paper["doi"])
    assert [entry["file"] for entry in check["manifest"] if not (ROOT / entry["file"]).is_file()] == []
    assert all(entry["comment"] for entry in check["manifest"])
    assert {"reports/paper/numbers.json", "reports/paper/kept/kept.json"} <= {
        entry["file"] for entry in check["manifest"]
    }
