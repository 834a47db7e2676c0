"""Which backbone the validation curves speak for [2.5, Fig. 5]."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def selection_summary(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What Fig. 5 is read for, from the training histories of the candidate networks.

    Over the last third of the epochs: mean validation accuracy, its SD from epoch to epoch (stability) and
    the gap between training and validation accuracy (overfitting). Index backbone; percent.
    """
    rows = {}
    for backbone, history in histories.items():
        late = history.tail(max(2, round(len(history) / 3)))
        held_out, trained = late["held_out_accuracy"], late["train_accuracy"]
        rows[backbone] = {
            "validation_accuracy": held_out.mean(),
            "validation_sd": held_out.std(ddof=1),
            "training_accuracy": trained.mean(),
            "gap": (trained - held_out).mean(),
            "final_validation_accuracy": held_out.iloc[-1],
        }
    return 100 * pd.DataFrame.from_dict(rows, orient="index").rename_axis("backbone")


def final_accuracy(histories: Mapping[int, pd.DataFrame]) -> float:
    """Training accuracy in the last epoch, mean over the folds' histories, in [0, 1]."""
    return float(np.mean([history["train_accuracy"].iloc[-1] for history in histories.values()]))


def choose_backbone(summary: pd.DataFrame, *, tie: float = 1.0) -> tuple[str, str]:
    """The backbone and the reason in a sentence.

    The paper takes the network that "converges more stably" [2.5]. ASSUMED: the higher late validation
    accuracy wins; within ``tie`` percentage points the smaller epoch-to-epoch SD does.
    """
    ordered = summary.sort_values("validation_accuracy", ascending=False)
    best, other = ordered.index[0], ordered.index[1]
    lead = ordered.loc[best, "validation_accuracy"] - ordered.loc[other, "validation_accuracy"]
    if lead > tie:
        return str(best), f"its late validation accuracy is {lead:.1f} percentage points higher than that of {other}"
    stable = summary["validation_sd"].idxmin()
    loose = next(name for name in summary.index if name != stable)
    return str(stable), (
        f"both reach the same late validation accuracy within {tie:g} percentage point, and its accuracy swings less "
        f"from epoch to epoch (SD {summary.loc[stable, 'validation_sd']:.1f} against "
        f"{summary.loc[loose, 'validation_sd']:.1f} of {loose})"
    )
