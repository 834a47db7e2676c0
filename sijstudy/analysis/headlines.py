"""The numbers of a study that its readers take home, in one form, from the tables of its notebooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.baseline_tables import GAIN, MEASURES, VALUE, Shown, best_baseline
from sijstudy.analysis.whole_rules import SPECIFICITY, readers_choice
from sijstudy.config import StudyConfig
from sijstudy.headline import ONE, PERCENT, POINTS, Headline, Published, known
from sijstudy.intervals import Z, wilson


def of_folds(name: str, section: str, table: pd.DataFrame, metric: str) -> Headline:
    """A metric of ``fold_summary.beside_paper``; section: that of the report, and the paper's table of this name."""
    row = table.loc[metric]
    said = None if math.isnan(row["paper_mean"]) else Published(row["paper_mean"], section, known(row["paper_sd"]))
    return Headline(name, section, row["mean"], row["low"], row["high"], paper=said, people=int(row["people"]))


def of_auc(name: str, section: str, row: Mapping[str, float], published: Sequence[float]) -> Headline:
    """AUC as a fraction. row: of ``fold_summary.summarise``, percent. published: the paper's, of each fold."""
    value, low, high = (row[key] / 100 for key in ("mean", "low", "high"))
    said = Published(sum(published) / len(published), "section 3.1, mean of the folds")
    return Headline(name, section, value, low, high, unit=ONE, paper=said, people=int(row["people"]))


def of_gain(name: str, section: str, gain: Mapping[str, float], published: float, people: int) -> Headline:
    """A paired difference of ``fold_summary.paired_difference`` in percentage points."""
    said = Published(published, f"{section}, difference of its means")
    return Headline(name, section, gain["mean"], gain["low"], gain["high"], unit=POINTS, paper=said, people=people)


def of_selection(section: str, summary: pd.DataFrame, people: int) -> list[Headline]:
    """Late validation accuracy of each backbone. people: validation subjects.

    ASSUMED: the slices of a validation subject count as one, so that the interval is Wilson's of so many people; it
    allows neither for another split nor for another training.
    """
    found = []
    for backbone, row in summary.sort_index().iterrows():
        low, high = wilson(row["validation_accuracy"] / 100, people, Z)
        name = f"Validation accuracy, {str(backbone).replace('resnet', 'ResNet')}"
        value = row["validation_accuracy"]
        found.append(Headline(name, section, value, 100 * low, 100 * high, people=people, given_networks=True))
    return found


def of_baselines(section: str, compared: pd.DataFrame) -> list[Headline]:
    """Slice accuracy and AUC of the best of ``baseline_tables.compare``, and what the networks gain over it."""
    best, found = best_baseline(compared), []
    rows = compared[compared["method"] == best].set_index(["unit", "measure"])
    for measure in ("accuracy", "auc"):
        shown, row = MEASURES["slices", measure], rows.loc["slices", measure]
        title = shown.title.replace("slice", "Slice")
        for name, columns in (("best baseline", VALUE), ("ROI patch minus best baseline", GAIN)):
            found.append(_of_baseline(f"{title}, {name}", section, row, columns, shown))
    return found


def _of_baseline(name: str, section: str, row: pd.Series[Any], columns: Sequence[str], shown: Shown) -> Headline:
    unit = ONE if shown.scale == 1 else POINTS if columns == GAIN else PERCENT
    value, low, high = (shown.scale * row[column] for column in columns)
    return Headline(name, section, value, low, high, unit=unit, people=int(row["people"]))


def of_maps(section: str, summary: pd.DataFrame, people: int) -> list[Headline]:
    """Where Grad-CAM maps peak, and where their energy lies, of ``explain.cam_summary``."""
    names = {"peak_in": "Grad-CAM maps with their peak in the edema", "energy": "Grad-CAM energy in the edema"}
    rows = {name: summary.loc[measure] for measure, name in names.items()}
    return [
        Headline(name, section, row["mean"], row["low"], row["high"], people=people, given_networks=True)
        for name, row in rows.items()
    ]


def of_whole(slices: pd.DataFrame, rules: pd.DataFrame, config: StudyConfig) -> list[Headline]:
    """Whole examinations: slice AUC of ``whole.slice_table``; recall and specificity of ``whole_rules.rule_table``.

    Of the study's rule at the study's threshold, and of the rule that training subjects choose at the threshold that
    they choose.
    """
    own, chosen = rules.loc[config.subject_rule], rules.loc[readers_choice(rules["train_recall"])]
    value, low, high = slices.loc["of everyone", ["auc", "auc_low", "auc_high"]] / 100
    found = [Headline("Slice AUC, whole examinations", "Slices", value, low, high, unit=ONE)]
    for words, row, prefix in (
        (RULES[config.subject_rule].title, own, ""),
        (f"rule and threshold of training subjects at {SPECIFICITY:.0%} specificity", chosen, "chosen_"),
    ):
        for metric in ("recall", "specificity"):
            value, low, high = (row[f"{prefix}{metric}{end}"] for end in ("", "_low", "_high"))
            found.append(Headline(f"Subject {metric}, whole examinations, {words}", "Rules", value, low, high))
    return found
