"""The grid of settings equals what the study itself would report under them."""

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import fold_summary, sensitivity, slice_courses
from sijstudy.config import StudyConfig

RNG = np.random.default_rng(11)


def predictions(noise):
    """Two folds of eight subjects, 3 to 12 slices each, as ``collect_predictions`` gives them."""
    rows = [
        {"fold": fold, "subject_id": f"s{number}", "group": group, "slice_index": index, "label": int(group == "axSpA"),
         "score": float(np.clip((0.7 if group == "axSpA" else 0.3) + noise * RNG.normal(), 0, 1))}
        for fold in (1, 2)
        for number, group in enumerate(["axSpA"] * 5 + ["control"] * 3)
        for index in range(3 + (number * 5 + fold) % 10)
    ]  # fmt: skip
    return pd.DataFrame(rows)


ROI, ORIGINAL = predictions(0.3), predictions(0.5)
CONFIG = StudyConfig(bootstrap_samples=50)
GRIDS = {
    (on, rule): sensitivity.sensitivity_grid(ROI, ORIGINAL, StudyConfig(median_input=on, subject_rule=rule))
    for on in ("decision", "score")
    for rule in ("mean", "asas")
}
GRID = GRIDS["decision", "mean"]


@pytest.mark.parametrize("rule", ["mean", "asas"])
@pytest.mark.parametrize("on", ["decision", "score"])
@pytest.mark.parametrize("seed", range(10))
def test_grid_equals_the_evaluation_at_random_settings(seed, on, rule):
    grid = GRIDS[on, rule]
    row = grid.sample(1, random_state=seed).iloc[0]
    config = StudyConfig(
        median_size=int(row["median_size"]), slice_threshold=float(row["slice_threshold"]),
        subject_threshold=float(row["subject_threshold"]), median_input=on,
        subject_rule=rule,
    )  # fmt: skip
    courses = slice_courses.add_courses(ROI, config)
    subjects = fold_summary.fold_metrics(slice_courses.subject_predictions(courses, config)).mean()
    assert [row[name] for name in sensitivity.SUBJECT_METRICS] == pytest.approx(
        [100 * subjects[name] for name in sensitivity.SUBJECT_METRICS]
    )
    filtered = fold_summary.fold_metrics(courses, decision="filtered_decision")["accuracy"].mean()
    whole = fold_summary.fold_metrics(slice_courses.add_courses(ORIGINAL, config), decision="filtered_decision")
    assert row["slice_accuracy"] == pytest.approx(100 * filtered)
    assert row["unfiltered_accuracy"] == pytest.approx(100 * fold_summary.fold_metrics(courses)["accuracy"].mean())
    assert row["original_accuracy"] == pytest.approx(100 * whole["accuracy"].mean())


def test_the_studys_own_settings_are_in_the_grid_whatever_they_are():
    config = StudyConfig(median_size=11, slice_threshold=0.37, subject_threshold=0.123)
    grid = sensitivity.sensitivity_grid(ROI, ORIGINAL, config)
    assert sensitivity.at_settings(grid, config).sum() == 1
    assert len(sensitivity.sensitivity_table(grid, config)) == 5


def test_runs_of_values():
    values = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert sensitivity.runs_of(values, [True] * 5) == "all"
    assert sensitivity.runs_of(values, [False] * 5) == "none"
    assert sensitivity.runs_of(values, [True, True, False, False, True]) == "0.1 to 0.2, 0.5"


def test_table_says_what_holds():
    perfect = ROI.assign(score=0.2 + 0.6 * ROI["label"])
    wrong = ROI.assign(score=0.8 - 0.6 * ROI["label"])
    table = sensitivity.sensitivity_table(sensitivity.sensitivity_grid(perfect, wrong, CONFIG), CONFIG)
    roi, median, recall, _, every = (row for _, row in table.iterrows())
    assert roi["at the study's settings"] == "holds (+100.0 points)"
    assert roi["slice thresholds"] == "0.25 to 0.8"  # below and above it both arms call all slices alike
    assert median["at the study's settings"] == "does not hold (+0.0 points)"
    assert median["of all settings"] == "0%"
    assert recall["slice thresholds"] == "0.05 to 0.8"
    assert every["slice thresholds"] == "0.25 to 0.8"
    assert every["filter sizes"] == every["subject thresholds"] == "all"
