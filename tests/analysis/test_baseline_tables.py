"""Networks beside baselines: the numbers are those of ``fold_intervals``, the words follow from them."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import baseline_tables
from sijstudy.analysis.slice_courses import add_courses, subject_predictions
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds, over_folds, split_ratio

CONFIG = StudyConfig(test_fraction=0.4)


def courses(skill, *, folds=2, seed=0):
    """Twelve subjects of each fold with six slices each; skill: how far apart the scores of the classes are."""
    rng, parts = np.random.default_rng(seed), []
    for fold in range(1, folds + 1):
        for number in range(12):
            label = number % 2
            scores = 1 / (1 + np.exp(-rng.normal(skill * (label - 0.5), 1, 6)))
            parts.append(
                pd.DataFrame({"fold": fold, "subject_id": f"s{number}", "group": "axSpA" if label else "control",
                              "slice_index": range(6), "label": label, "score": scores})
            )  # fmt: skip
    return add_courses(pd.concat(parts, ignore_index=True), CONFIG)


def test_values_and_paired_differences_are_those_over_folds():
    networks, simple = courses(3), courses(1, seed=1)
    table = baseline_tables.compare({"networks": networks, "simple": simple}, CONFIG).set_index(
        ["method", "unit", "measure"]
    )
    assert len(table) == 8
    ratio = split_ratio(0.4)
    for unit, one, other in (
        ("slices", networks, simple),
        ("subjects", subject_predictions(networks, CONFIG), subject_predictions(simple, CONFIG)),
    ):
        for measure in ("accuracy", "auc"):
            row = table.loc[("simple", unit, measure)]
            pd.testing.assert_series_equal(
                row[["mean", "low", "high", "people", "effective"]].astype(float),
                over_folds(other, ratio=ratio).loc[measure],
                check_names=False,
            )
            gain = difference_over_folds(one, other, measure, ratio=ratio)
            assert tuple(row[["gain", "gain_low", "gain_high"]]) == gain
            assert np.isnan(table.loc[("networks", unit, measure), "gain"])
    assert table.loc[("simple", "slices", "accuracy"), "gain"] > 0


def test_the_table_has_networks_first_and_their_gain_beside_each_baseline():
    table = baseline_tables.compare(
        {"networks": courses(3), "simple": courses(1, seed=1), "poor": courses(0, seed=2)}, CONFIG
    )
    shown = baseline_tables.format_table(table)
    assert list(dict.fromkeys(shown.index.get_level_values(0))) == [
        "slice accuracy, %", "slice AUC", "subject accuracy, %", "subject AUC"
    ]  # fmt: skip
    assert list(shown.loc["slice AUC"].index) == ["networks", "simple", "poor"]
    first, second = table.iloc[0], table.iloc[4]
    assert list(shown.iloc[0]) == [
        f"{100 * first['mean']:.1f}", f"{100 * first['low']:.1f} to {100 * first['high']:.1f}", "–", "–"
    ]  # fmt: skip
    assert shown.iloc[1, 2] == f"+{100 * second['gain']:.1f}"
    assert shown.iloc[1, 3].endswith(f" to +{100 * second['gain_high']:.1f}")
    assert "12 different people were tested; an AUC rests on the 6 of" in baseline_tables.caption(table)


def row(method, unit, measure, mean, gain):
    gains = dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    return {"method": method, "unit": unit, "measure": measure, "mean": mean, "low": mean - 0.1, "high": mean + 0.05,
            "people": 9, "effective": 9.0, **gains}  # fmt: skip


def table_of(**gains):
    """Networks, a poor and a good baseline; gains: of the networks over the good one by unit_measure."""
    nothing, rows = (np.nan,) * 3, []
    for unit, measure in baseline_tables.MEASURES:
        rows.append(row("networks", unit, measure, 0.9, nothing))
        rows.append(row("good", unit, measure, 0.8, gains.get(f"{unit}_{measure}", (0.1, -0.1, 0.3))))
        rows.append(row("poor", unit, measure, 0.6, (0.3, 0.2, 0.4)))
    return pd.DataFrame(rows)


def test_words_say_who_beats_whom_by_the_interval():
    said = baseline_tables.in_words(
        table_of(slices_accuracy=(0.1, 0.05, 0.15), slices_auc=(-0.02, -0.03, -0.01), subjects_auc=(0.1, 0.0, 0.2))
    )
    assert said.startswith(
        "The best baseline by slice AUC, good, reaches a slice accuracy of 80.0% (95% CI 70.0 to 85.0), a slice AUC of "
        "0.800 (95% "
    )
    assert (
        "The networks beat it in slice accuracy (+10.0 points, 95% CI +5.0 to +15.0): the interval of the difference "
        "is above 0." in said
    )
    assert "It beats the networks in slice AUC (−0.020, 95% CI −0.030 to −0.010): the interval" in said
    assert said.endswith(
        "No difference is shown in subject accuracy (+10.0 points, 95% CI −10.0 to +30.0) and subject AUC (+0.100, "
        "95% CI +0.000 to +0.200): the interval holds 0."
    )


def test_words_leave_out_who_beats_nobody_and_what_is_undefined():
    table = table_of()
    table.loc[table["measure"] == "auc", ["mean", "low", "high", "gain", "gain_low", "gain_high"]] = np.nan
    table.loc[(table["method"] == "poor") & (table["measure"] == "accuracy"), "mean"] = 0.85
    said = baseline_tables.in_words(table)
    assert said.startswith("The best baseline by slice accuracy, poor, reaches a slice accuracy of 85.0%")
    assert "AUC" not in said and "It beats" not in said and "holds 0" not in said
    assert baseline_tables.format_table(table).loc[("slice AUC", "poor"), "value"] == "–"


@pytest.mark.parametrize("skill", [0, 2])
def test_one_fold_is_enough(skill):
    methods = {"networks": courses(3, folds=1), "simple": courses(skill, folds=1, seed=1)}
    assert "nan" not in baseline_tables.in_words(baseline_tables.compare(methods, CONFIG))


def test_slices_of_one_class_give_a_dash_and_no_crash():
    one, other = (frame[frame["label"] == 1].reset_index(drop=True) for frame in (courses(3), courses(1, seed=1)))
    table = baseline_tables.compare({"networks": one, "simple": other}, CONFIG)
    assert baseline_tables.format_table(table).loc[("slice AUC", "simple"), "value"] == "–"
    assert "AUC" not in baseline_tables.in_words(table)
