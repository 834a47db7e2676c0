"""The panels' wiring, moved from Python as a kernel without a browser would."""

import re
from dataclasses import replace

import pytest
from panel_samples import BOTH, CONFIG

from sijstudy.analysis import slice_courses
from sijstudy.folds import save_folds
from sijstudy.notebook.live_panels import SlicePanel, ThresholdPanel, live_panels
from sijstudy.notebook.workspace import Workspace


@pytest.fixture(scope="module")
def work(finished_work):
    return finished_work[0]


@pytest.fixture(scope="module")
def thresholds():
    return ThresholdPanel(BOTH, CONFIG)


@pytest.fixture(scope="module")
def slices(work):
    panel = SlicePanel(work)
    panel.open()
    return panel


def shown(panel):
    return [panel.verdict.value, *(picture.value for picture in panel.pictures)]


@pytest.mark.parametrize(
    ("control", "value", "changes"),
    [
        ("size", 7, [True, True, True, True, True]),
        ("slice_threshold", 0.3, [True, True, True, True, True]),
        ("subject_threshold", 0.85, [True, False, False, False, True]),
    ],
)
def test_a_slider_changes_what_depends_on_it(thresholds, control, value, changes):
    thresholds.back()
    before = shown(thresholds)
    getattr(thresholds, control).value = value
    assert [new != old for new, old in zip(shown(thresholds), before, strict=True)] == changes
    thresholds.reset.click()
    assert shown(thresholds) == before


def test_the_verdict_is_the_evaluations(thresholds):
    thresholds.back()
    courses = slice_courses.add_courses(BOTH["roi"], CONFIG)
    share = 100 * (courses["filtered_decision"] == courses["label"]).mean()
    assert f'data-number="slice-accuracy">{share:.1f}%' in thresholds.verdict.value


def test_another_subject_may_be_drawn(thresholds):
    axspa = thresholds.chosen[0]
    before = thresholds.pictures[0].value
    axspa.value = next(value for _, value in axspa.options if value != axspa.value)
    assert thresholds.pictures[0].value != before
    assert axspa.value[1] in thresholds.pictures[0].value


def test_nothing_is_loaded_before_the_second_tab_is_opened(work):
    for arm in ("original", "roi"):
        work.folder.save_table(f"predictions_{arm}", BOTH[arm])
    panels = live_panels(work)
    tabs = panels.children[1]
    assert tabs.titles == ("Move the thresholds", "Look at a slice")
    second = tabs.children[1]
    assert "Opening the tab" in second.children[4].value
    tabs.selected_index = 1
    assert 'data-number="score"' in second.children[4].value


def test_each_control_of_the_second_panel_redraws(slices):
    for control, value in ((slices.position, 0), (slices.factor, 0.5), (slices.noise, False)):
        before = shown(slices)
        control.value = value
        assert shown(slices)[2] != before[2]
    assert "trained with 0.8; no noise" in slices.verdict.value
    assert all("<img" in picture.value for picture in slices.pictures)


def test_another_subject_starts_at_its_middle_slice(slices):
    subject = next(value for _, value in slices.subject.options if value != slices.subject.value)
    slices.subject.value = subject
    assert slices.choice().position == len(slices.viewer.items[subject]) // 2
    assert re.search(rf"lice \d+ of {subject}", slices.pictures[0].value)


def test_a_missing_network_is_said_in_the_panel(work):
    other = Workspace(replace(work.config, profile="unfinished"), work.root)
    save_folds(other.folder.folds_file, work.folds)
    panel = SlicePanel(other)
    panel.open()
    assert "finish it with" in panel.verdict.value
