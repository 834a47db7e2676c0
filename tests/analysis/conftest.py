"""Predictions small enough to compute with by hand."""

import pandas as pd
import pytest


def course(fold, subject, group, scores):
    label = int(group == "axSpA")
    return pd.DataFrame(
        {"fold": fold, "subject_id": subject, "group": group, "slice_index": range(len(scores)), "label": label,
         "score": scores}
    )  # fmt: skip


@pytest.fixture
def predictions():
    """Two folds, each with an axSpA subject and a control."""
    return pd.concat(
        [
            course(1, "p1", "axSpA", [0.9, 0.2, 0.9, 0.8]),
            course(1, "c1", "control", [0.1, 0.7, 0.1, 0.1]),
            course(2, "p2", "axSpA", [0.9, 0.9, 0.9]),
            course(2, "c2", "control", [0.6, 0.7, 0.8, 0.1]),
        ],
        ignore_index=True,
    )
