"""Statistics of two cohorts side by side: lesions, runs, a classifier with known answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sijstudy.analysis import cohort_distance
from sijstudy.analysis.cohort_distance import patch_features, run_lengths, slice_statistics, told_apart
from sijstudy.config import StudyConfig
from sijstudy.notebook.cohort import prepare_cohort
from sijstudy.records import Slice


def test_runs_follow_the_slice_index_and_end_with_the_subject() -> None:
    frame = pd.DataFrame(
        {
            "subject_id": ["a"] * 6 + ["b"] * 2,
            "slice_index": [1, 2, 3, 5, 7, 8, 9, 10],
            "label": [1, 1, 0, 1, 1, 1, 1, 1],
        }
    )
    assert run_lengths(frame) == [2, 1, 2, 2]


def test_equal_cohorts_are_not_told_apart_and_different_ones_are() -> None:
    rng = np.random.default_rng(0)
    kinds, groups = np.repeat([0, 1], 60), np.repeat(np.arange(20), 6)
    same = rng.normal(0, 1, (120, 13))
    assert 0.35 < told_apart(same, kinds, groups) < 0.65
    assert told_apart(same + 4 * kinds[:, None], kinds, groups) > 0.99


def test_a_subjects_own_look_is_no_difference_between_cohorts() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 30)
    own = rng.normal(0, 5, (20, 13))[groups] + rng.normal(0, 0.1, (600, 13))
    assert told_apart(own, (groups >= 10).astype(int), groups) < 0.8  # a random split of slices would reach 1


def test_features_see_detail_and_asymmetry() -> None:
    rng = np.random.default_rng(2)
    smooth, rough = np.full((64, 64), 100.0), 100 + rng.normal(0, 20, (64, 64))
    lopsided = smooth.copy()
    lopsided[:, 32:] = 200
    plain, noisy, uneven = patch_features(np.stack([smooth, rough, lopsided]))
    assert plain.shape == (13,) and (noisy[7:11] > plain[7:11]).all() and uneven[11] > plain[11] + 50


def test_statistics_of_a_synthetic_cohort(tmp_path: Path) -> None:
    config = StudyConfig(
        axspa_subjects=5, control_subjects=5, positive_slices=20, negative_slices=90, matrix_size=128, seed=3
    )
    manifest = prepare_cohort(config, tmp_path, workers=2, progress=False)
    frame = slice_statistics(manifest, progress=False)
    assert len(frame) == len(manifest.slices)
    positive = frame[frame["label"] == 1]
    assert (positive["lesion_area"] > 100).all() and (positive["lesion_ratio"] > 1.2).all()
    assert frame.loc[frame["label"] == 0, "lesion_area"].isna().all()
    assert frame["marrow_cv"].median() == pytest.approx(0.2, abs=0.12)


def test_marrow_keeps_its_millimetres_from_the_outline(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 2 mm inside: without the outer two columns of 1 mm and the outer row of 2 mm."""
    bone, pixels = np.zeros((40, 40), bool), np.full((40, 40), 300.0, np.float32)
    bone[10:30, 10:30] = True
    pixels[11:29, 12:28] = 100.0
    image = SimpleNamespace(header=SimpleNamespace(spacing=(2.0, 1.0)), pixels=pixels)
    monkeypatch.setattr(cohort_distance, "read_image", lambda item: image)
    row = cohort_distance._of_slice(Slice("a", 0, 0, Path("a.dcm"), None, "0", "", None, None), bone, None)
    assert row["marrow_cv"] == 0


def test_padding_counts_for_no_statistic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice padded on the right, through bone, soft tissue and edema, against the same slice cut off there."""
    rng = np.random.default_rng(6)
    pixels = rng.normal(300, 30, (60, 60)).astype(np.float32)
    bone, edema = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    bone[10:50, 10:59], edema[20:26, 30:45], edema[30:40, 52:58] = True, True, True
    pixels[edema] += 200
    padded = pixels.copy()
    padded[:, 50:] = np.nan
    item = Slice("a", 0, 1, Path("a.dcm"), None, "0", "", None, None)

    def statistics(values: np.ndarray) -> dict[str, float]:
        image = SimpleNamespace(header=SimpleNamespace(spacing=(1.0, 1.0)), pixels=values)
        monkeypatch.setattr(cohort_distance, "read_image", lambda item: image)
        return cohort_distance._of_slice(item, bone, edema)

    found = statistics(padded)
    grid = np.argwhere(np.ones((60, 60), bool)).reshape(60, 60, 2)
    far = np.min([np.hypot(*(grid - at).transpose(2, 0, 1)) for at in np.argwhere(edema)], axis=0) > 2
    near = np.min([np.hypot(*(grid - at).transpose(2, 0, 1)) for at in np.argwhere(~bone)], axis=0) > 2
    left = np.arange(60) < 50
    marrow, lesion = pixels[far & near & left], pixels[edema & left]
    assert found["marrow_cv"] == pytest.approx(marrow.std() / np.median(marrow), rel=1e-5)
    assert found["lesion_ratio"] == pytest.approx(np.median(lesion) / np.median(marrow), rel=1e-5)
    assert found["lesion_cnr"] == pytest.approx((lesion.mean() - marrow.mean()) / marrow.std(), rel=1e-5)
    whole = statistics(pixels)
    for name in ("soft_tissue", "marrow_fine", "marrow_cv", "lesion_ratio"):
        assert found[name] == pytest.approx(whole[name], rel=0.15), name
