"""The sliders of a report: their data, and the same numbers in a browser as from the Python functions."""

import json
import re
import time
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
from browsing import offline_page
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sijstudy.aggregation import RULES
from sijstudy.analysis.fold_summary import fold_metrics
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.metrics import METRICS, confusion, mean_sd
from sijstudy.notebook.explorer import FALLBACK, MIME, explorer_data
from sijstudy.study.page import Page, render_report

CONFIG = StudyConfig(folds=3)
EVIL = "</script><script>document.title = 'owned'</script>"
CORNERS = [(size, low, high) for size in (1, 9) for low in (0.0, 1.0) for high in (0.0, 1.0)]


def predictions(seed=1):
    """Both arms of three folds; the last has no control, so that some of its metrics are not defined."""
    rng = np.random.default_rng(seed)
    rows = []
    for fold in (1, 2, 3):
        for number in range(10):
            group = "axSpA" if number < 6 or fold == 3 else "control"
            label = int(group == "axSpA")
            places = np.sort(rng.choice(30, size=rng.integers(1, 20), replace=False))
            score = np.clip(rng.normal(0.3 + 0.35 * label, 0.25, len(places)), 0, 1).round(rng.choice([2, 17]))
            rows += [(fold, f"S{number:02}", group, int(place), label, one) for place, one in zip(places, score)]  # noqa: B905
    columns = ["fold", "subject_id", "group", "slice_index", "label", "score"]
    roi = pd.DataFrame(rows, columns=columns)
    return {"original": roi.assign(score=rng.uniform(size=len(roi))), "roi": roi}


def notebook_with(data):
    fallback = {"text/html": f"<p>{FALLBACK}</p>", "text/plain": FALLBACK}
    shown = new_output("display_data", data={MIME: data, **fallback})
    notebook = new_notebook(cells=[new_markdown_cell("# Sliders"), new_code_cell("show()", outputs=[shown])])
    nbformat.validate(notebook)
    return notebook


def expected(frames, config):
    """What the page must show, from the functions the notebooks call: key -> number."""
    original, roi = (add_courses(frames[arm], config) for arm in ("original", "roi"))
    subjects = subject_predictions(roi, config)
    parts = {
        "original": (original, "decision", "score"), "roi": (roi, "decision", "score"),
        "roi_filtered": (roi, "filtered_decision", "filtered_score"), "subject": (subjects, "decision", "score"),
        **{name: (subjects, f"{name}_decision", f"{name}_score") for name in RULES},
    }  # fmt: skip
    numbers = {}
    for name, (frame, decision, score) in parts.items():
        per_fold = fold_metrics(frame, decision=decision, score=score)
        graded = name not in RULES or RULES[name].threshold is None
        for metric in (*METRICS, "auc") if name != "subject" else ():  # the study's rule has its own column
            scale = 1 if metric == "auc" else 100
            mean, sd = mean_sd(per_fold[metric].to_numpy()) if graded or metric != "auc" else (np.nan, np.nan)
            numbers |= {f"{name}.{metric}.mean": scale * mean, f"{name}.{metric}.sd": scale * sd}
        if name in ("roi", "roi_filtered", "subject"):
            counts = confusion(frame["label"].to_numpy(), frame[decision].to_numpy())
            numbers |= {f"confusion.{name}.{kind}": getattr(counts, kind) for kind in ("tp", "fp", "tn", "fn")}
        if name in ("roi_filtered", "subject"):
            for fold, row in per_fold.dropna(subset=["specificity", "recall"]).iterrows():
                numbers |= {f"roc.{name}.{fold}.fpr": 1 - row["specificity"], f"roc.{name}.{fold}.tpr": row["recall"]}
    return numbers


READ = """() => {
  const numbers = {};
  document.querySelectorAll("[data-mean]").forEach((cell) => {
    numbers[`${cell.dataset.key}.mean`] = cell.dataset.mean;
    numbers[`${cell.dataset.key}.sd`] = cell.dataset.sd;
  });
  document.querySelectorAll('[data-key^="confusion"]').forEach((cell) => {
    numbers[cell.dataset.key] = cell.textContent;
  });
  [["roc-slices", "roi_filtered"], ["roc-subjects", "subject"]].forEach(([place, name]) =>
    document.querySelectorAll(`[data-drawing="${place}"] circle`).forEach((dot) => {
      numbers[`roc.${name}.${dot.dataset.fold}.fpr`] = dot.dataset.fpr;
      numbers[`roc.${name}.${dot.dataset.fold}.tpr`] = dot.dataset.tpr;
    }));
  return numbers;
}"""


def move(page, size, slice_threshold, subject_threshold):
    """Put the three sliders somewhere, as a mouse would."""
    page.evaluate(
        """(values) => Object.entries(values).forEach(([name, value]) => {
          const slider = document.querySelector(`input[data-setting="${name}"]`);
          slider.value = value;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        })""",
        {
            "median_size": (1, 3, 5, 7, 9).index(size),
            "slice_threshold": slice_threshold,
            "subject_threshold": subject_threshold,
        },
    )


def numbers_of(page):
    return {key: float(text) for key, text in page.evaluate(READ).items()}


def assert_same(page, frames, config):
    shown, wanted = numbers_of(page), expected(frames, config)
    assert shown.keys() == wanted.keys()
    assert {key: shown[key] for key in wanted} == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@pytest.fixture
def explore(browser, tmp_path):
    """Open a report whose sliders stand on the given predictions."""

    def opened(frames, config=CONFIG, width=1280, **options):
        path = tmp_path / "explorer.html"
        path.write_text(render_report(notebook_with(explorer_data(frames, config)), Page("05", "toy")))
        return offline_page(browser, path, width, **options)

    return opened


@pytest.mark.browser
@pytest.mark.parametrize(("median_input", "rule"), [("decision", "mean"), ("score", "mean"), ("decision", "asas")])
def test_the_sliders_give_the_numbers_of_the_python_functions(explore, median_input, rule):
    frames, config = predictions(), replace(CONFIG, median_input=median_input, subject_rule=rule)
    rng = np.random.default_rng(3)
    settings = [(int(rng.choice([1, 3, 5, 7, 9])), round(rng.uniform(), 2), round(rng.uniform(), 2)) for _ in range(32)]
    with explore(frames, config) as page:
        assert_same(page, frames, config)  # as the study has it, before anything is moved
        for size, slice_threshold, subject_threshold in CORNERS + settings:
            move(page, size, slice_threshold, subject_threshold)
            moved = replace(
                config, median_size=size, slice_threshold=slice_threshold, subject_threshold=subject_threshold
            )
            assert_same(page, frames, moved)
        page.get_by_role("button", name="Reset").click()
        assert_same(page, frames, config)


@pytest.mark.browser
def test_a_study_with_settings_of_its_own_starts_from_exactly_these(explore):
    frames, config = predictions(), replace(CONFIG, median_size=11, slice_threshold=0.123, subject_threshold=1 / 3)
    with explore(frames, config) as page:
        assert_same(page, frames, config)
        assert page.locator('[data-output="slice_threshold"]').inner_text() == "0.123"
        assert page.locator('[data-output="median_size"]').inner_text() == "11 slices"


@pytest.mark.browser
def test_arrow_keys_move_a_slider_and_the_words_follow(explore):
    frames = predictions()
    with explore(frames) as page:
        slider = page.get_by_label("Slice threshold")
        slider.focus()
        before = numbers_of(page)
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        assert slider.input_value() == "0.7"
        assert page.locator('[data-output="slice_threshold"]').inner_text() == "0.7"
        assert numbers_of(page) != before
        assert_same(page, frames, replace(CONFIG, slice_threshold=0.7))
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("ArrowRight")
        assert page.locator('[data-output="median_size"]').inner_text() == "5 slices"
        said = page.locator("[aria-live=polite]")
        assert "filter 5 slices, slice threshold 0.7" in said.inner_text()
        assert said.inner_text().startswith("Other settings than the study's")
        page.keyboard.press("Home")
        assert page.locator('[data-output="median_size"]').inner_text() == "1 slice"


@pytest.mark.browser
def test_a_subject_can_be_chosen_and_its_course_is_drawn(explore):
    frames = predictions()
    with explore(frames) as page:
        data = explorer_data(frames, CONFIG)
        first = data["courses"][data["start"]]
        drawn = page.locator('[data-drawing="course"] svg')
        assert f"subject {first['subject']}, fold {first['fold']}" in drawn.get_attribute("aria-label")
        page.get_by_label("Course of subject").select_option("S07, control, fold 2")
        course = add_courses(frames["roi"], CONFIG).query("fold == 2 and subject_id == 'S07'")
        before, after = ((course[name] != course["label"]).sum() for name in ("decision", "filtered_decision"))
        assert drawn.get_attribute("aria-label") == (
            f"Slice results of subject S07, fold 2: {before} of {len(course)} misclassified before and {after} after "
            "the median filter."
        )
        assert drawn.locator(f'path[stroke="{"#D55E00"}"]').count() == before + after


@pytest.mark.browser
def test_each_move_is_answered_at_once(explore):
    """A study as large as the paper's: 5 folds, 250 slices each."""
    frames = predictions()
    large = {
        arm: pd.concat([frame.assign(subject_id=f"{k}" + frame["subject_id"]) for k in range(4)])
        for arm, frame in frames.items()
    }
    with explore(large) as page:
        began = time.perf_counter()
        for step in range(20):
            move(page, 5, step / 20, 0.5)
        assert (time.perf_counter() - began) / 60 < 0.3  # three sliders are moved by each call


@pytest.mark.browser
def test_without_scripts_a_sentence_stands_in_for_the_sliders(explore):
    with explore(predictions(), java_script_enabled=False) as page:
        assert "need JavaScript" in page.locator(".explorer-absent").inner_text()
        assert not page.locator(".explorer-body").is_visible()


@pytest.mark.browser
def test_text_in_the_data_stays_text(explore):
    frames = {arm: frame.assign(subject_id=EVIL + frame["subject_id"]) for arm, frame in predictions().items()}
    with explore(frames) as page:
        assert page.title() == "Sliders · toy"
        assert EVIL in page.get_by_label("Course of subject").inner_text()


def test_a_report_without_sliders_carries_no_script_for_them():
    plain = render_report(new_notebook(cells=[new_markdown_cell("# T")]), Page("01", "toy"))
    assert "sixMetrics" not in plain
    with_sliders = render_report(notebook_with(explorer_data(predictions(), CONFIG)), Page("01", "toy"))
    assert "sixMetrics" in with_sliders
    assert FALLBACK not in with_sliders


def test_the_data_survive_json_with_every_digit():
    frames = predictions()
    text = render_report(notebook_with(explorer_data(frames, CONFIG)), Page("05", "toy"))
    data = json.loads(re.search(r'class="explorer-data">(.*?)</script>', text, re.DOTALL)[1])
    for arm, frame in frames.items():
        ordered = frame.sort_values(["fold", "subject_id", "slice_index"])
        assert [score for course in data["courses"] for score in course["score"][arm]] == ordered["score"].tolist()
    assert data["settings"] == {"median_size": 3, "slice_threshold": 0.5, "subject_threshold": 0.5}
    assert data["paper"]["roi_filtered"]["auc"][0] == pytest.approx(0.978)


def test_the_sliders_open_on_a_course_in_which_the_filter_corrects_most():
    frames = predictions()
    data = explorer_data(frames, CONFIG)
    courses = add_courses(frames["roi"], CONFIG)
    corrected = (courses["decision"] != courses["label"]) & (courses["filtered_decision"] == courses["label"])
    counts = corrected.groupby([courses["fold"], courses["subject_id"]]).sum()
    first = data["courses"][data["start"]]
    assert counts[first["fold"], first["subject"]] == counts.max() > 0


def test_arms_with_different_slices_are_refused():
    frames = predictions()
    with pytest.raises(StudyError, match="run notebook 04 again"):
        explorer_data({**frames, "original": frames["original"].iloc[1:]}, CONFIG)
