"""Model card and checklist: honest about what a run did not compute, every link leads somewhere."""

import re
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from sijstudy.aggregation import RULES
from sijstudy.analysis.baseline_tables import MEASURES
from sijstudy.analysis.calibration import calibration_table, equal_width
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold, save_folds
from sijstudy.headline import ONE, Headline, Published
from sijstudy.study import cards
from sijstudy.study.cards import CHECKLIST, MODEL_CARD, STATUSES, Facts, read_checklist
from sijstudy.training.store import StudyFolder

NUMBERS = {
    "CLAIM 2024": [str(number) for number in range(1, 45)],
    "TRIPOD+AI": [
        f"{number}{letter}"
        for number in range(1, 28)
        for letter in {
            3: "abc",
            5: "ab",
            6: "abc",
            8: "abc",
            9: "abc",
            12: "abcdefg",
            18: "abcdef",
            20: "abc",
            23: "ab",
            27: "abc",
        }.get(number, [""])
    ],
}
ITEMS = [(guideline["name"], item) for guideline in read_checklist() for item in guideline["items"]]


def test_every_item_of_both_guidelines_is_there_once():
    assert {g["name"]: [item["n"] for item in g["items"]] for g in read_checklist()} == NUMBERS


@pytest.mark.parametrize(("name", "item"), ITEMS, ids=[f"{name} {item['n']}" for name, item in ITEMS])
def test_an_item_is_answered_with_a_link_or_says_why_not(name, item):
    for entry in (item, {**item, **item.get("hospital", {})}, {**item, **item.get("external", {})}):
        assert entry["status"] in STATUSES
        assert entry["item"].endswith(".")
        assert entry["answer"].endswith((".", "}"))  # a sentence, or one that the run gives
        assert entry["links"] or entry["status"] != "answered"
    assert set(item.get("hospital", {})) <= {"status", "answer", "links"}


def baselines(gain):
    """As notebook 04 leaves it: networks, and a baseline that they surpass by this much, give or take 0.1."""
    return pd.DataFrame(
        [
            {"method": method, "unit": unit, "measure": measure, "mean": mean, "low": 0.5, "high": 0.9, "people": 9,
             "effective": 9.0, "gain": more, "gain_low": more - 0.1, "gain_high": more + 0.1}
            for unit, measure in MEASURES
            for method, mean, more in (("networks", 0.8, np.nan), ("99th percentile", 0.625, gain))
        ]
    )  # fmt: skip


@pytest.fixture
def facts(tmp_path):
    """A run in which every notebook left what the pages read."""
    folder = StudyFolder(tmp_path / "runs")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"fold": np.repeat([1, 2], 20), "subject_id": [f"s{k}" for k in range(20)] * 2, "label": [0, 1] * 20,
         "score": rng.uniform(size=40)}
    )  # fmt: skip
    folder.save_table("subjects", frame)
    folder.save_table("predictions_roi", frame)
    for name in ("slices", "subjects"):
        table = calibration_table(frame, equal_width(5), samples=50, seed=1)
        folder.save_table(f"calibration_{name}", table.reset_index())
    folder.save_table(
        "subgroups",
        pd.DataFrame(
            [{"subgroup": "women", "subjects": 7, "diagnoses": 9, "accuracy": 77.77, "low": 44.4, "high": 95.5,
              "recall": np.nan, "specificity": 88.88}]
        ),
    )  # fmt: skip
    folder.save_table("baselines", baselines(gain=0.2))
    save_folds(folder.folds_file, (Fold(1, ("a", "b", "c"), ("d",)),))
    recall = Headline("Subject recall", "Table 3", 91.23, 85.0, 97.0, paper=Published(100.0, "Table 3"), people=14)
    origin = {"commit": "abc123", "cohort": "toy (synthetic)", "cohort_hash": "beef"}
    results = {
        name: {"answer": f"Answer of {name}.", "headline": [asdict(recall)] * (name[:2] == "05"), "provenance": origin}
        for name in ("02_roi_comparison", "03_resnet_selection", "04_five_fold_training", "05_subject_diagnosis",
                     "06_grad_cam")
    }  # fmt: skip
    return Facts(StudyConfig(profile="toy"), folder, results, synthetic=True)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_model_card_shows_the_numbers_of_the_run(facts, tmp_path):
    page = cards.render_model_card(facts, tmp_path)
    text = text_of(page)
    assert "Research only, not for diagnosis" in text
    assert "Subject recall 91.23% 85.00 to 97.00 14 100.00%" in text
    assert "women 7 9 77.8 44.4 to 95.5 – 88.9" in text
    assert "40 diagnoses of 20 different subjects" in text
    assert "50% of the diagnoses are of axSpA" in text
    assert "1 folds: 3 training subjects" in text
    assert "Answer of 06_grad_cam." in text
    assert "abc123" in text
    assert "Not computed in this run" not in text
    assert not re.search(r"\bnan\b", text)


def test_model_card_says_how_far_one_gets_without_a_network(facts, tmp_path):
    text = text_of(cards.render_model_card(facts, tmp_path))
    assert (
        "The best baseline by slice AUC, 99th percentile, reaches a slice accuracy of 62.5% (95% CI 50.0 to 90.0)"
        in text
    )
    assert "The networks beat it in slice accuracy (+20.0 points" in text
    facts.folder.save_table("baselines", baselines(gain=0.05))
    assert "The networks beat it" not in text_of(cards.render_model_card(facts, tmp_path))
    (facts.folder.root / "tables" / "baselines.csv").unlink()  # of a run that was made before there were any
    assert "Without a network" not in text_of(cards.render_model_card(facts, tmp_path))


def test_model_card_says_where_found_boxes_were_measured(facts, tmp_path):
    never, measured = "Their errors were not examined", "How far boxes that a network finds lie from these"
    text = text_of(cards.render_model_card(facts, tmp_path))
    assert (never in text, measured in text) == (True, False)
    page = cards.render_model_card(replace(facts, sought=True), tmp_path)
    assert (never in text_of(page), measured in text_of(page)) == (False, True)
    assert '<a href="04_five_fold_training.html#the-roi-found-automatically">' in page


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_checklist_does_not_claim_that_validation_subjects_chose_the_network(facts, tmp_path, backbone):
    (tmp_path / "03_resnet_selection.html").write_text('<h2 id="learning-curves">Learning curves</h2>')
    text = text_of(cards.render_checklist(replace(facts, config=StudyConfig(backbone=backbone)), tmp_path))
    assert f"A parameter sets it beforehand, {backbone.replace('resnet', 'ResNet')} in this run." in text
    assert "where that is another, the one that was set is trained all the same" in text


@pytest.mark.parametrize("name", RULES)
def test_model_card_says_which_rule_made_the_diagnoses(facts, tmp_path, name):
    text = text_of(cards.render_model_card(replace(facts, config=StudyConfig(subject_rule=name)), tmp_path))
    assert f"active sacroiliitis by the {RULES[name].title}, from 0.5" in text
    assert not [other.title for key, other in RULES.items() if key != name and other.title in text]


@pytest.mark.parametrize(
    ("source", "said"), [("automatic", "Nobody outlined ilia"), ("outlines", "The ROI needs boxes")]
)
def test_model_card_says_where_the_roi_comes_from(facts, tmp_path, source, said):
    text = text_of(cards.render_model_card(replace(facts, config=StudyConfig(roi_source=source)), tmp_path))
    assert said in text and ("Nobody outlined ilia" in text) != ("The ROI needs boxes" in text)


def test_model_card_of_a_run_without_notebooks_says_what_is_missing(facts, tmp_path):
    bare = Facts(facts.config, facts.folder, {}, synthetic=False)
    text = text_of(cards.render_model_card(bare, tmp_path))
    assert text.count("Not computed in this run") == 6
    assert "91.23" not in text
    assert "images drawn by a program" not in text
    assert "data of people" in text


def test_data_cannot_break_out_of_the_page(facts, tmp_path):
    evil = {name: {**result, "answer": "<script>alert(1)</script>"} for name, result in facts.results.items()}
    page = cards.render_model_card(Facts(facts.config, facts.folder, evil, synthetic=True), tmp_path)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_checklist_counts_its_items_and_links_what_exists(facts, tmp_path):
    (tmp_path / "04_five_fold_training.html").write_text('<h2 id="table-2">Table &amp; 2</h2>')
    page = cards.render_checklist(facts, tmp_path)
    rows = re.findall(r'<strong class="status [a-z-]+">([a-z ]+)</strong>', page)
    assert len(rows) == 44 + 52
    for name in NUMBERS:
        shown = re.search(rf'<tr><th><a href="#[^"]*">{re.escape(name)}</a></th>((?:<td>\d+</td>)+)</tr>', page)
        total, *counts = map(int, re.findall(r"\d+", shown[1]))
        assert total == sum(counts) == len(NUMBERS[name])
    assert sum(Counter(rows).values()) == 96
    assert '<a href="04_five_fold_training.html#table-2">04: Table &amp; 2</a>' in page
    assert "05_subject_diagnosis.html" not in page


def test_an_item_whose_report_is_missing_is_not_reported(facts, tmp_path):
    page = text_of(cards.render_checklist(facts, tmp_path))
    assert "not reported Every misclassified subject with its slices" in page
    assert "The report that shows it is not part of this run." in page


def test_a_hospital_cohort_gets_its_own_answers(facts, tmp_path):
    ours = text_of(cards.render_checklist(facts, tmp_path))
    theirs = text_of(cards.render_checklist(Facts(facts.config, facts.folder, facts.results, False), tmp_path))
    assert "No person is involved." in ours
    assert "No person is involved." not in theirs
    assert "To be given by the hospital" in theirs


def test_a_test_on_another_cohort_is_claimed_only_when_there_was_one(facts, tmp_path):
    (tmp_path / "07_external_validation.html").write_text('<h2 id="result">Result</h2>')
    answer = {"answer": "An AUC of 0.71 elsewhere.", "headline": []}
    asked = StudyConfig(profile="toy", external_manifest="data_manifest/other")
    untested = Facts(facts.config, facts.folder, {**facts.results, "07_external_validation": answer}, True)
    area = asdict(Headline("Slice AUC", "Result", 0.71, unit=ONE))
    tested = Facts(
        asked, facts.folder, {**facts.results, "07_external_validation": {**answer, "headline": [area]}}, True
    )
    item = "Test on external data."
    assert f"{item} not reported" in text_of(cards.render_checklist(untested, tmp_path))
    assert f"{item} answered" in text_of(cards.render_checklist(tested, tmp_path))
    assert "One cohort: there was no test on other hospitals" in text_of(cards.render_model_card(untested, tmp_path))
    assert "One other cohort was tested. An AUC of 0.71 elsewhere." in text_of(
        cards.render_model_card(tested, tmp_path)
    )


def test_variants_are_claimed_only_when_they_were_tried(facts, tmp_path):
    (tmp_path / "08_ablations.html").write_text('<h2 id="what-was-varied">What was varied</h2>')
    results = {**facts.results, "08_ablations": {"answer": "None of 4 variants differs."}}
    for ablations, claimed in (("none", False), ("loss", True)):
        config = StudyConfig(profile="toy", ablations=ablations)
        page = text_of(cards.render_checklist(Facts(config, facts.folder, results, True), tmp_path))
        assert ("an appendix changes one choice of the study at a time" in page) == claimed
        assert ("08: What was varied" in page) == claimed


@pytest.mark.notebooks
def test_every_link_of_the_smoke_study_leads_to_its_section(smoke_study):
    folder = smoke_study.result.index.parent
    pages = {page.name: set(re.findall(r'\bid="([^"]+)"', page.read_text())) for page in folder.glob("*.html")}
    targets = {
        link
        for _, item in ITEMS
        for entry in (item, {**item, **item.get("hospital", {})}, {**item, **item.get("ablated", {})})
        for link in entry["links"]
    }
    assert len(targets) > 20
    for target in targets:
        page, _, anchor = target.partition("#")
        assert page in pages, target
        assert not anchor or anchor in pages[page], target
    shown = set(re.findall(r'href="([^"#]+\.html(?:#[^"]+)?)"', (folder / CHECKLIST).read_text()))
    used = {link for _, item in ITEMS for link in item["links"]}
    assert used <= shown
    assert MODEL_CARD in pages


def test_facts_of_the_run_stand_in_both_pages(facts, tmp_path):
    votes = {f"reader_{number}": [1, 1, 0, pd.NA] for number in (1, 2, 3)}
    slices = pd.DataFrame({"subject_id": ["a", "a", "b", "c"], "label": [1, 0, 0, 0], **votes})
    known = replace(facts, slices=slices)
    (tmp_path / "02_roi_comparison.html").write_text('<h2 id="folds">Folds</h2>')
    (tmp_path / "04_five_fold_training.html").write_text('<h2 id="learning-curves">Curves</h2>')
    card, listed = text_of(cards.render_model_card(known, tmp_path)), text_of(cards.render_checklist(known, tmp_path))
    assert "1 of 4 subjects are tested in at least one fold; 3 never were." in card
    assert "1 of 4 subjects are tested in at least one fold; 3 never were." in listed
    assert "1 of 3 subjects bring slices with and without edema." in card
    assert "s: loss focal, epochs 50" in card and "s: loss focal, epochs 50" in listed  # the apostrophe is escaped
    assert (
        "{tested}" not in listed
        and "{training}" not in listed
        and "every subject is tested" not in listed
        and "never tested" not in card
    )
