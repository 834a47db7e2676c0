"""A diagnosis made by hand: what is written of it does not ask where its scores come from."""

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.diagnosis import Diagnosis, Opinion, Ruling, Verdict
from sijstudy.config import StudyConfig


def diagnosis_of(subject, *, arm="roi", scores=(0.2, 1 / 3, 0.9000000001), **changes):
    """Of a ``SubjectFolder``; with the ROI arm the slices without a box are left out."""
    used = [item for item in subject.slices if arm == "original" or item.boxes]
    score = np.resize(scores, len(used)).astype(float)
    decision = (score >= 0.3).astype(int)
    table = {
        "slice_index": [item.index for item in used],
        "file": [item.file.name for item in used],
        "score": score,
        "score_sd": np.nan,
        "score_low": score,
        "score_high": score,
        "decision": decision,
        "filtered_decision": 1 - decision,
        "filtered_score": score[::-1],
    }
    networks = {"fold": [1], "address": ["abc"], "score": [0.7], "positive": [True], "trained_on_name": [False]}
    verdict = Verdict(2 / 3, 0.5, positive=True)
    values = {
        "subject": subject,
        "config": StudyConfig(),
        "trained_on": "a cohort",
        "arm": arm,
        "ruling": Ruling("mean", dict.fromkeys(RULES, 0.5)),
        "slices": pd.DataFrame(table),
        "networks": pd.DataFrame({**networks, **{f"{name}_positive": [True] for name in RULES}}),
        "opinion": Opinion(verdict, dict.fromkeys(RULES, verdict)),
        "left_out": tuple(item for item in subject.slices if item not in used),
        "explained": (),
    }
    return Diagnosis(**(values | changes))
