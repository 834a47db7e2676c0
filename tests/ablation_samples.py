"""A table of ablations as ``ablation_table`` makes it, small enough to read."""

import pandas as pd

from sijstudy.analysis.ablations import REFERENCE

NAN = float("nan")


def row(group, variant, difference=(NAN, NAN, NAN), **changes):
    """One variant's row; difference: from the study, with the ends of its interval."""
    middle, low, high = difference
    return {
        "group": group, "variant": variant, "changed": "x=1", "against": REFERENCE, "measure": "slice accuracy",
        "mean": 90.0, "sd": 2.0,
        "low": 85.04, "high": 95.0, "difference": middle, "difference_low": low, "difference_high": high,
        "excludes_zero": bool(low > 0 or high < 0), "missing": "", **changes,
    }  # fmt: skip


TABLE = pd.DataFrame(
    [
        row("", REFERENCE),
        row("loss", "cross-entropy", (-3.25, -5.0, -1.0)),
        row("filter", "no filter", (0.0, 0.0, 0.0)),
        row("roi", "factor 1.0", (1.0, -2.0, 4.0)),
        row("pretraining", "pretrained", missing="no file", mean=NAN),
    ]
)
