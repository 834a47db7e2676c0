"""Headline numbers hold what the notebooks' tables say, in the unit that they name."""

import math

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import headlines
from sijstudy.analysis.baseline_tables import MEASURES
from sijstudy.config import StudyConfig
from sijstudy.headline import ONE, PERCENT, POINTS, UNDEFINED, Headline, Published
from sijstudy.intervals import wilson


def test_a_metric_stands_beside_the_papers():
    columns = ("mean", "low", "high", "people", "paper_mean", "paper_sd")
    rows = {"accuracy": (92.0, 88.0, 95.0, 14, 93.55, 2.19), "auc": (97.0, math.nan, math.nan, 0, math.nan, math.nan)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    assert headlines.of_folds("Accuracy", "Table 2", table, "accuracy") == Headline(
        "Accuracy", "Table 2", 92.0, 88.0, 95.0, PERCENT, Published(93.55, "Table 2", 2.19), 14
    )
    bare = headlines.of_folds("AUC", "Table 2", table, "auc")
    assert (bare.paper, bare.low, bare.high, bare.no_interval) == (None, None, None, UNDEFINED)


def test_an_area_is_a_fraction_beside_the_mean_of_the_papers_folds():
    row = {"mean": 97.5, "low": 95.0, "high": 99.0, "people": 9.0}
    area = headlines.of_auc("AUC", "ROC curves", row, (0.98, 0.96))
    assert (area.value, area.low, area.high, area.unit, area.people) == (0.975, 0.95, 0.99, ONE, 9)
    assert area.paper.value == pytest.approx(0.97)


def test_a_gain_is_in_points():
    gain = headlines.of_gain("Gain", "Table 2", {"mean": 9.0, "low": -1.0, "high": 19.0}, 10.1, 14)
    assert (gain.value, gain.low, gain.high, gain.unit, gain.paper.value) == (9.0, -1.0, 19.0, POINTS, 10.1)


def test_each_backbone_has_the_interval_of_as_many_people_as_were_followed():
    summary = pd.DataFrame({"validation_accuracy": {"resnet50": 70.0, "resnet18": 100.0}})
    first, second = headlines.of_selection("Learning curves", summary, 12)
    assert (first.name, second.name) == ("Validation accuracy, ResNet18", "Validation accuracy, ResNet50")
    assert (second.low, second.high) == tuple(100 * np.array(wilson(0.7, 12)))
    assert (first.high, first.people, first.given_networks) == (100.0, 12, True)


def test_the_best_baseline_has_its_values_and_what_the_networks_gain():
    compared = pd.DataFrame(
        [
            {"method": method, "unit": unit, "measure": measure, "mean": mean, "low": mean - 0.1, "high": mean + 0.1,
             "people": 9, "gain": gain, "gain_low": gain - 0.1, "gain_high": gain + 0.1}
            for unit, measure in MEASURES
            for method, mean, gain in (("networks", 0.8, math.nan), ("worse", 0.5, 0.3), ("best", 0.6, 0.2))
        ]
    )  # fmt: skip
    found = headlines.of_baselines("How easy is the task?", compared)
    assert [(one.name, one.unit, one.value, one.low) for one in found] == [
        ("Slice accuracy, best baseline", PERCENT, pytest.approx(60), pytest.approx(50)),
        ("Slice accuracy, ROI patch minus best baseline", POINTS, pytest.approx(20), pytest.approx(10)),
        ("Slice AUC, best baseline", ONE, pytest.approx(0.6), pytest.approx(0.5)),
        ("Slice AUC, ROI patch minus best baseline", ONE, pytest.approx(0.2), pytest.approx(0.1)),
    ]


def test_maps_are_given_these_networks():
    summary = pd.DataFrame({"mean": [60.0, 30.0], "low": [50.0, 20.0], "high": [70.0, 40.0]}, ["peak_in", "energy"])
    peak, energy = headlines.of_maps("Pointing game and energy", summary, 8)
    assert (peak.value, energy.value, energy.high, peak.people, peak.given_networks) == (60.0, 30.0, 40.0, 8, True)


def test_whole_examinations_by_the_studys_rule_and_by_the_one_that_training_chose():
    names = ("recall", "specificity", "chosen_recall", "chosen_specificity")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    rules = pd.DataFrame([np.arange(12.0), 50 + np.arange(12.0)], index=["mean", "run"], columns=ends)
    rules["train_recall"] = [70.0, 80.0]
    slices = pd.DataFrame({"auc": [95.0], "auc_low": [90.0], "auc_high": [98.0]}, index=["of everyone"])
    area, *found = headlines.of_whole(slices, rules, StudyConfig())
    assert (area.value, area.low, area.high, area.unit) == (0.95, 0.9, 0.98, ONE)
    assert [(one.value, one.low, one.high) for one in found] == [(0, 1, 2), (3, 4, 5), (56, 57, 58), (59, 60, 61)]
    assert [one.name.split(", ")[0] for one in found] == ["Subject recall", "Subject specificity"] * 2
    assert "mean of the filtered slices" in found[0].name
    assert "training subjects at 90% specificity" in found[2].name
