"""Networks beside baselines on the same slices and subjects: values, paired differences, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.analysis.slice_courses import subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds, over_folds, split_ratio


@dataclass(frozen=True)
class Shown:
    """How a measure is written. scale: what a fraction is multiplied by. value, gain: forms for a sentence."""

    title: str
    scale: float
    digits: int
    value: str = "{} (95% CI {} to {})"
    gain: str = "{}, 95% CI {} to {}"

    def text(self, row: Mapping[str, Any], names: tuple[str, str, str], form: str) -> str:
        """The fractions ``names`` of a row (value, low, high) in a form; a dash where undefined."""
        numbers = [self.scale * float(row[name]) for name in names]
        if np.isnan(numbers).any():
            return "–"
        sign = "+" if names == GAIN else ""
        return form.format(*(f"{number:{sign}.{self.digits}f}".replace("-", "−") for number in numbers))


PERCENT: dict[str, Any] = {
    "scale": 100.0,
    "digits": 1,
    "value": "{}% (95% CI {} to {})",
    "gain": "{} points, 95% CI {} to {}",
}
MEASURES = {  # unit and measure of ``compare``
    ("slices", "accuracy"): Shown("slice accuracy", **PERCENT),
    ("slices", "auc"): Shown("slice AUC", 1.0, 3),
    ("subjects", "accuracy"): Shown("subject accuracy", **PERCENT),
    ("subjects", "auc"): Shown("subject AUC", 1.0, 3),
}
VALUE, GAIN = ("mean", "low", "high"), ("gain", "gain_low", "gain_high")


def compare(methods: Mapping[str, pd.DataFrame], config: StudyConfig) -> pd.DataFrame:
    """Networks and baselines over the same folds: name -> ``add_courses``, the networks first.

    A row for each method and entry of MEASURES, fractions: method, unit, measure; mean, low, high, people, effective as
    of ``over_folds``; gain, gain_low, gain_high: networks minus this method, paired, NaN for the networks themselves.
    Slices are judged before the median filter, subjects by the study's rule after it.
    """
    ratio, rows = split_ratio(config.test_fraction), []
    networks: dict[str, pd.DataFrame] = {}
    for method, courses in methods.items():
        frames = {"slices": courses, "subjects": subject_predictions(courses, config)}
        tables = {unit: over_folds(frame, ratio=ratio) for unit, frame in frames.items()}
        for unit, measure in MEASURES:
            gain = (float("nan"),) * 3
            if networks:
                gain = difference_over_folds(networks[unit], frames[unit], measure, ratio=ratio)
            named = dict(zip(GAIN, gain, strict=True))
            rows.append({"method": method, "unit": unit, "measure": measure, **tables[unit].loc[measure], **named})
        networks = networks or frames
    return pd.DataFrame(rows)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """``compare`` as readable cells: of each measure a row per method, its value and the networks' gain over it."""
    cells = {}
    for (unit, measure), shown in MEASURES.items():
        title = f"{shown.title}, %" if shown.scale == 100 else shown.title
        for _, row in table[(table["unit"] == unit) & (table["measure"] == measure)].iterrows():
            cells[(title, row["method"])] = {
                "value": shown.text(row, VALUE, "{}"),
                "95% CI": shown.text(row, VALUE, "{1} to {2}"),
                "networks minus it": shown.text(row, GAIN, "{}"),
                "95% CI of that": shown.text(row, GAIN, "{1} to {2}"),
            }
    return pd.DataFrame.from_dict(cells, orient="index")


def caption(table: pd.DataFrame) -> str:
    """What ``format_table`` shows, and how many different people are behind it."""
    people = table.groupby("measure")["people"].max().astype(int)
    return (
        "Networks of the ROI arm beside baselines on the same slices, mean over the folds, and the paired difference. "
        "Slices before the median filter, subjects by the study's rule. "
        f"{people['accuracy']} different people were tested; an AUC rests on the {people['auc']} of the smaller class."
    )


def best_baseline(table: pd.DataFrame) -> str:
    """The method after the networks with the highest slice AUC; by slice accuracy where no AUC is defined."""
    slices = table[(table["unit"] == "slices") & (table["method"] != table["method"].iloc[0])]
    means = slices.pivot(index="method", columns="measure", values="mean")
    return str(means.fillna(-1.0).sort_values(["auc", "accuracy"]).index[-1])


def in_words(table: pd.DataFrame) -> str:
    """How far the best baseline gets, and in which measures networks and it beat each other, from ``compare``."""
    best = best_baseline(table)
    rows = table[table["method"] == best].set_index(["unit", "measure"])
    reached: list[str] = []
    verdicts: dict[str, list[str]] = {"networks": [], "baseline": [], "open": []}
    for key, shown in MEASURES.items():
        row = rows.loc[key]
        if np.isnan(row[[*VALUE, *GAIN]].to_numpy(dtype=float)).any():
            continue
        reached.append(f"a {shown.title} of {shown.text(row, VALUE, shown.value)}")
        winner = "networks" if row["gain_low"] > 0 else "baseline" if row["gain_high"] < 0 else "open"
        verdicts[winner].append(f"{shown.title} ({shown.text(row, GAIN, shown.gain)})")
    forms = {
        "networks": "The networks beat it in {}: the interval of the difference is above 0.",
        "baseline": "It beats the networks in {}: the interval of the difference is below 0.",
        "open": "No difference is shown in {}: the interval holds 0.",
    }
    by = "accuracy" if np.isnan(rows.loc[("slices", "auc"), "mean"]) else "AUC"
    said = [forms[winner].format(_listed(parts)) for winner, parts in verdicts.items() if parts]
    return " ".join([f"The best baseline by slice {by}, {best}, reaches {_listed(reached)}.", *said])


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
