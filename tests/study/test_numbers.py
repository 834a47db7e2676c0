"""numbers.json: what the index shows, under its schema, the same twice, and refused when it is broken."""

import html
import re
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import jsonschema
import pytest
from number_samples import content, entry, written
from toy_study import notebook, write_project

from sijstudy import __version__
from sijstudy.cohort.manifest import cohort_hash
from sijstudy.errors import StudyError
from sijstudy.files import file_hash, read_json, write_json
from sijstudy.headline import ONE, POINTS, Headline, Published
from sijstudy.study.numbers_file import SCHEMA_VERSION, kept_file, read_numbers, schema
from sijstudy.study.plan import make_plan
from sijstudy.study.results import DONE, mark, timings
from sijstudy.study.run_index import write_index
from sijstudy.training.kept_run import open_kept

REPORTS = Path(__file__).parents[2] / "reports"


def rows_of(index):
    """The index's rows of numbers as text: name -> cells after it."""
    tables = re.findall(r'<table class="headline text">.*?</table>', index.read_text(), re.DOTALL)
    rows = [row for table in tables for row in re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", table, re.DOTALL)]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    plain = [[html.unescape(re.sub(r"<[^>]+>", " ", cell)).split() for cell in row] for row in cells]
    return {" ".join(name): [" ".join(cell) for cell in rest] for name, *rest in plain}


NOW = (f"2026-01-02T03:04:05.{number:06}+00:00" for number in count())
FIRST = Headline("first", "Result", 92.1, 89.0, 94.5, paper=Published(93.55, "Table 2", 2.19), people=14)
FURTHER = Headline("further <b>", "Table 3", 70.0, 60.0, 80.0)
SMALL = Headline("small", "Table 3", 0.25, 0.125, 0.5, unit=ONE, given_networks=True)
LACKING = Headline("lacking", "Gone", float("nan"))


@pytest.fixture
def root(tmp_path):
    """A project of two notebooks that is never executed: what they leave is written by ``left``."""
    return write_project(tmp_path, n01_first=notebook("First"), n02_second=notebook("Second"))


def left(root, answers, origin=None, **overrides):
    """Write the index of a run whose notebooks left these numbers, notebook -> headlines; returns the index page."""
    plan, origin = (
        make_plan("toy", root=root, overrides=overrides),
        {"torch": "2", "cohort_hash": "beef", **(origin or {})},
    )
    for name, headlines in answers.items():
        result = {"answer": f"Answer of {name}.", "headline": list(map(asdict, headlines)), "provenance": origin}
        write_json(plan.runs / "results" / f"{name}.json", result)
        page = '<h2 id="result">Result</h2><h2 id="table-3">Table 3</h2><h3 id="table-3-2">Table 3</h3>'
        (plan.reports / f"{name}.html").write_text(page)
        entry = {"status": DONE, "seconds": 1.0, "parameters": mark(plan, name), "failure": "", "finished": next(NOW)}
        write_json(plan.timings, {**timings(plan), name: entry})
    return write_index(plan)


def test_the_index_shows_the_numbers_of_the_file(root):
    index = left(root, {"01_first": [FIRST, FURTHER], "02_second": [SMALL, LACKING]})
    numbers = read_numbers(index.parent)["numbers"]
    assert [(number["id"], number["value"], number["low"], number["high"]) for number in numbers] == [
        ("01_first/first", 92.1, 89.0, 94.5),
        ("01_first/further-b", 70.0, 60.0, 80.0),
        ("02_second/small", 0.25, 0.125, 0.5),
        ("02_second/lacking", None, None, None),
    ]
    assert rows_of(index) == {
        "first": ["93.55%", "92.10% 89.00 to 94.50, 14 people", "−1.45 points"],
        "further <b>": ["70.00% 60.00 to 80.00"],
        "small": ["0.250 0.125 to 0.500 given these networks"],
        "lacking": ["–"],
    }
    changed = left(root, {"01_first": [replace(FIRST, value=92.2)]})
    assert rows_of(changed)["first"][1] == "92.20% 89.00 to 94.50, 14 people"


def test_the_file_says_of_which_run_it_is(root):
    found = read_numbers(left(root, {"01_first": [FIRST]}, seed=7).parent)
    assert (found["profile"], found["seed"], found["parameters"]["epochs"]) == ("toy", 7, 3)
    assert found["cohort"] == {"source": "synthetic", "hash": "beef", "description": ""}
    assert found["made_with"] == {"sijstudy": __version__, "torch": "2"}
    assert found["unanswered"] == ["02_second"]
    assert "scheduler" not in found["parameters"]


def test_only_answers_beside_the_papers_are_told_at_a_glance(root):
    text = left(root, {"01_first": [FIRST], "02_second": [FURTHER]}).read_text()
    glance = text[text.index("At a glance") : text.index("The paper and this run")]
    assert "Answer of 01_first." in glance
    assert "Answer of 02_second." not in glance


def test_another_cohort_is_told_at_a_glance_where_one_was_tested(tmp_path):
    name = "07_external_validation"
    root = write_project(tmp_path, n07_external_validation=notebook("Other"), n01_first=notebook("First"))
    for numbers, told in (([], 1), ([SMALL], 2)):  # on the card of the notebook in any case
        text = left(root, {"01_first": [FIRST], name: numbers}).read_text()
        assert text.count(f"<p>Answer of {name}.") == told


def test_the_place_is_the_heading_in_the_report(root):
    index = left(root, {"01_first": [FIRST, FURTHER, LACKING]})
    places = [number["place"] for number in read_numbers(index.parent)["numbers"]]
    assert places == [
        {"page": "01_first.html", "heading": "Result", "anchor": "result"},
        {"page": "01_first.html", "heading": "Table 3", "anchor": "table-3"},  # the first of two
        {"page": "01_first.html", "heading": "Gone", "anchor": ""},
    ]
    text = index.read_text()
    assert '<a href="01_first.html#result">first</a>' in text
    assert '<a href="01_first.html">lacking</a>' in text


def test_the_same_run_leaves_the_same_bytes(root, monkeypatch):
    answers = {"01_first": [FIRST], "02_second": [SMALL]}
    first = left(root, answers).with_name("numbers.json").read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert left(root, answers).with_name("numbers.json").read_bytes() == first
    drifted = {**answers, "01_first": [replace(FIRST, value=92.1 + 1e-9)]}  # another order of a sum
    assert left(root, drifted).with_name("numbers.json").read_bytes() == first
    assert left(root, answers, seed=7).with_name("numbers.json").read_bytes() != first


def test_numbers_of_other_parameters_are_left_out(root):
    left(root, {"01_first": [FIRST], "02_second": [SMALL]})
    found = read_numbers(left(root, {"02_second": [SMALL]}, epochs=5).parent)
    assert [number["id"] for number in found["numbers"]] == ["02_second/small"]
    assert found["unanswered"] == ["01_first"]


def test_numbers_of_another_cohort_than_the_last_are_left_out_and_commits_are_told(root):
    left(root, {"01_first": [FIRST], "02_second": [SMALL]}, {"commit": "old"})
    both = read_numbers(left(root, {"02_second": [SMALL]}, {"commit": "new"}).parent)
    assert (both["made_with"]["commit"], both["unanswered"]) == ("old; new", [])
    index = left(root, {"02_second": [SMALL]}, {"commit": "new", "cohort_hash": "cafe"})
    found = read_numbers(index.parent)
    assert (found["cohort"]["hash"], found["unanswered"], found["made_with"]["commit"]) == ("cafe", ["01_first"], "new")
    assert "or of another cohort" in index.read_text()


def test_an_answer_that_other_parameters_wrote_since_is_left_out(root):
    left(root, {"01_first": [FIRST], "02_second": [SMALL]})
    path = root / "runs/toy/results/01_first.json"
    write_json(path, {**read_json(path), "parameters": "of a notebook run by hand"})
    found = read_numbers(left(root, {"02_second": [SMALL]}).parent)
    assert found["unanswered"] == ["01_first"]


def test_a_number_of_an_earlier_version_costs_no_index(root):
    index = left(root, {"01_first": [FIRST], "02_second": [SMALL]})
    path = root / "runs/toy/results/02_second.json"
    write_json(path, {**read_json(path), "headline": [{"name": "old", "ours": 1.0, "unit": "%", "paper": 2.0}]})
    assert list(rows_of(left(root, {"01_first": [FIRST]}))) == ["first"]
    assert len(read_numbers(index.parent)["numbers"]) == 1


def test_the_schema_is_one_and_asks_for_this_version():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION


VALID = entry("x", 2.0, 1.0, 3.0, paper=Published(1.0, "Table 2", 0.5), people=3)


@pytest.mark.parametrize(
    "number",
    [VALID, entry("no value", float("nan")), entry("AUC", 0.9, unit=ONE), entry("gain", -1.0, -2.0, 0.1, unit=POINTS)],
)
def test_what_is_written_is_valid(tmp_path, number):
    assert read_numbers(written(tmp_path, number))["numbers"] == [number]


def test_a_number_has_an_interval_or_says_why_not():
    assert Headline("x", "Result", 1.0, 0.5, float("nan")).no_interval.startswith("not defined")
    assert Headline("x", "Result", 1.0, no_interval="one fold").no_interval == "one fold"
    assert Headline("x", "Result", 1.0, 0.5, 2.0).no_interval == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"value": "2"}, "$.numbers[0].value: '2' is not of type"),
        ({"value": None}, "$.numbers[0].value"),
        ({"low": None}, "$.numbers[0]"),
        ({"high": None}, "$.numbers[0].high"),
        ({"unit": "mm"}, "$.numbers[0].unit: 'mm' is not one of"),
        ({"id": "no place"}, "$.numbers[0].id"),
        ({"p": 0.05}, "$.numbers[0]: Additional properties"),
        ({"paper": {"value": 1.0}}, "$.numbers[0].paper"),
        ({"place": {}}, "$.numbers[0].place"),
    ],
)
def test_a_changed_entry_is_named(tmp_path, changes, said):
    with pytest.raises(StudyError) as raised:
        read_numbers(written(tmp_path, {**VALID, **changes}))
    assert str(raised.value).startswith(f"{tmp_path / 'numbers.json'}: {said}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not of type 'object'"),
        ("{}", "is a required property"),
        ('{"schema_version": 2}', "has schema version 2, this sijstudy reads 1"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "numbers.json"
    path.write_text(text)
    with pytest.raises(StudyError, match=re.escape(said)):
        read_numbers(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(tmp_path, number):
    path = written(tmp_path, VALID) / "numbers.json"
    path.write_text(path.read_text().replace('"high": 3.0', f'"high": {number}'))
    with pytest.raises(StudyError, match=r"01_first/x has a value or an end that is no number"):
        read_numbers(path)


def test_a_number_twice_is_refused(tmp_path):
    with pytest.raises(StudyError, match="01_first/x is there twice"):
        read_numbers(written(tmp_path, VALID, VALID))


def test_a_folder_without_numbers_and_a_path_that_is_none(tmp_path):
    with pytest.raises(StudyError, match=r"holds no numbers.json"):
        read_numbers(tmp_path)
    with pytest.raises(StudyError, match="does not exist"):
        read_numbers(tmp_path / "gone")


def test_kept_numbers_are_found_by_profile_and_seed(tmp_path):
    file = tmp_path / "reports/kept/toy-seed7.json"
    write_json(file, content(VALID, seed=7))
    assert kept_file(tmp_path, "toy", 7) == file
    with pytest.raises(StudyError, match=r"no numbers are kept for profile toy and seed 8 .* \(kept: toy-seed7\)"):
        kept_file(tmp_path, "toy", 8)


def test_no_run_takes_the_folder_of_kept_numbers(root):
    with pytest.raises(StudyError, match=r"profile='kept' names folders, .* reserved"):
        make_plan("toy", root=root, overrides={"profile": "kept"})


def test_every_kept_file_is_valid_and_named_after_its_run():
    for file in REPORTS.glob("kept/*.json"):
        found = read_numbers(file)
        assert file.stem == f"{found['profile']}-seed{found['seed']}"
        assert found["unanswered"] == []


def test_the_reports_that_are_kept_are_one_run():
    """Numbers, predictions and description of ``reports/paper`` belong to each other and to the pages beside them."""
    numbers, kept = read_numbers(REPORTS / "paper"), open_kept(REPORTS / "paper/kept")
    assert read_numbers(kept_file(REPORTS.parent, numbers["profile"], numbers["seed"])) == numbers
    assert {name: getattr(kept.config, name) for name in numbers["parameters"]} == numbers["parameters"]
    assert cohort_hash(kept.manifest()) == numbers["cohort"]["hash"]
    described = read_json(REPORTS / "paper/ro-crate-metadata.json")["@graph"]
    hashes = {entity["@id"]: entity["sha256"] for entity in described if entity["@type"] == "File"}
    assert hashes == {name: file_hash(REPORTS / "paper" / name) for name in hashes}
    assert {number["place"]["page"] for number in numbers["numbers"]} < hashes.keys()
