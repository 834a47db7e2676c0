"""Which backbone the validation curves speak for."""

import pandas as pd
import pytest

from sijstudy.analysis import selection


def history(held_out, trained):
    return pd.DataFrame(
        {"epoch": range(1, len(held_out) + 1), "held_out_accuracy": held_out, "train_accuracy": trained}
    )


def test_higher_validation_accuracy_wins_beyond_a_tie():
    summary = selection.selection_summary(
        {"resnet50": history([0.5] * 6, [0.9] * 6), "resnet18": history([0.8] * 6, [0.9] * 6)}
    )
    chosen, reason = selection.choose_backbone(summary)
    assert chosen == "resnet18"
    assert "30.0 percentage points higher" in reason


def test_steadier_curve_wins_a_tie():
    wild, calm = [0.7, 0.9, 0.7, 0.9, 0.9, 0.7, 0.9, 0.7, 0.8], [0.8] * 9
    summary = selection.selection_summary({"resnet50": history(calm, [0.9] * 9), "resnet18": history(wild, [0.9] * 9)})
    chosen, reason = selection.choose_backbone(summary)
    assert chosen == "resnet50"
    assert "swings less" in reason


def test_final_accuracy_is_the_last_epochs_mean_over_folds():
    histories = {1: history([0.5, 0.5], [0.6, 0.8]), 2: history([0.5, 0.5], [0.9, 1.0])}
    assert selection.final_accuracy(histories) == pytest.approx(0.9)
