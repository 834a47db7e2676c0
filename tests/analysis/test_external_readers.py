"""Readers side by side on made-up scores, with scikit-learn as oracle."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from sijstudy.analysis import external_readers
from sijstudy.analysis.bright_bone import BASELINES
from sijstudy.analysis.external import ExternalCohort
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds

CONFIG = StudyConfig(profile="mine", slice_threshold=0.4)


@pytest.fixture(scope="module")
def cohort():
    """Eight subjects of ten slices; the segmentation ranks well, one baseline better than the others."""
    rng = np.random.default_rng(11)
    label = rng.integers(0, 2, 80)
    frame = pd.DataFrame({"subject_id": np.repeat([f"s{number}" for number in range(8)], 10), "label": label})
    frame["slice_index"] = np.tile(np.arange(10), 8)
    gains = {"score": 0.2, "segmentation": 1.5, "p99_over_median": 0.0, "bright_share": 0.1, "patch_volume": 0.35,
             "patch_local": 0.2}  # fmt: skip
    for name, gain in gains.items():
        frame[name] = rng.random(80) + gain * label
    frame["both"] = (frame["score"] + frame["segmentation"]) / 2
    frame["reader_1"] = np.where(rng.random(80) < 0.2, 1 - label, label)
    frame["reader_2"] = pd.array(np.where(np.arange(80) < 70, label, -1), dtype="Int64")
    frame.loc[70:, "reader_2"] = pd.NA
    frame["decision"] = (frame["score"] >= 0.4).astype(int)
    frame["region"] = "bone outline"
    frame.loc[3, "region"] = "network's outline of bone"
    return ExternalCohort(None, None, frame, None, None, CONFIG, {}, None)


def test_areas_and_differences(cohort):
    table, frame = external_readers.side_by_side(cohort), cohort.frame
    assert external_readers.best_baseline(cohort) == "patch_volume"
    areas = {column: roc_auc_score(frame["label"], frame[column]) for column in table["column"]}
    assert table["auc"].tolist() == pytest.approx(list(areas.values()))
    others = table[table["column"] != "patch_volume"]
    expected = [areas[column] - areas["patch_volume"] for column in others["column"]]
    assert others["gain"].tolist() == pytest.approx(expected)
    assert np.isnan(table.set_index("column").loc["patch_volume", "gain"])
    one, other = (frame.assign(fold=0, decision=0, score=frame[name]) for name in ("segmentation", "patch_volume"))
    row = table.set_index("column").loc["segmentation", ["gain", "gain_low", "gain_high"]]
    assert tuple(row) == pytest.approx(difference_over_folds(one, other, "auc", ratio=0.0))


def test_kappas_are_at_the_studys_threshold_and_of_those_who_have_one(cohort):
    table, frame = external_readers.side_by_side(cohort).set_index("column"), cohort.frame
    for column in ("score", "segmentation", "both"):
        called = frame[column] >= 0.4
        assert table.loc[column, "kappa with reader 1"] == pytest.approx(cohen_kappa_score(frame["reader_1"], called))
        expected = cohen_kappa_score(frame["reader_2"][:70].astype(int), called[:70])
        assert table.loc[column, "kappa with reader 2"] == pytest.approx(expected)
    assert table.loc[list(BASELINES), "kappa with reader 1"].isna().all()
    assert table.loc["bright_share", "place"] == "bone outline or network's outline of bone"


def test_the_sentence_names_who_is_shown_to_be_better(cohort):
    table = external_readers.side_by_side(cohort)
    sentence = external_readers.side_by_side_sentence(cohort, table)
    assert sentence.startswith("The largest AUC is that of edema outlined by the segmentation (1.00)")
    assert "the best baseline is largest patch above twice the series' marrow" in sentence
    assert "edema outlined by the segmentation lies above" in sentence
    cells = external_readers.format_side_by_side(table).set_index("reader")
    assert cells.loc["edema outlined by the segmentation", "minus the best baseline"].startswith("+0.")
    alike = replace(cohort, frame=cohort.frame.assign(label=1))
    table = external_readers.side_by_side(alike)
    assert external_readers.side_by_side_sentence(alike, table).startswith("All slices are of one class")
    assert (external_readers.format_side_by_side(table)["AUC"] == "–").all()


def test_another_runs_networks_stand_beside(cohort):
    config = replace(CONFIG, profile="other", intensity="marrow", bone_channel=True)
    mixed = cohort.frame.iloc[::-1].assign(score=np.linspace(0, 1, 80))
    both = external_readers.beside(cohort, replace(cohort, frame=mixed, config=config))
    names = external_readers.readers(both)
    assert list(names)[:2] == ["score", "also"]
    assert names["score"] == "networks of mine (grey values by percentile)"
    assert names["also"] == (
        "another run: networks of other (grey values in units of the series' normal marrow, with the bone's outline)"
    )
    assert both.frame["also"].tolist() == pytest.approx(np.linspace(1, 0, 80))
    assert external_readers.thresholds(both) == dict.fromkeys(("score", "also", "segmentation", "both"), 0.4)
    assert "also" in external_readers.side_by_side(both)["column"].tolist()
