"""Test predictions of both arms, for the live panels; no network is trained."""

import numpy as np
import pandas as pd

from sijstudy.config import StudyConfig

CONFIG = StudyConfig(bootstrap_samples=50)


def predictions(seed):
    """Three folds of axSpA subjects, whose every other slice is positive, and controls."""
    rng = np.random.default_rng(seed)
    rows = [
        (fold, f"S{subject}", "axSpA" if subject < 4 else "control", place, int(subject < 4 and place % 2 == 0))
        for fold in (1, 2, 3)
        for subject in range(7)
        for place in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["fold", "subject_id", "group", "slice_index", "label"])
    return frame.assign(score=np.clip(rng.normal(0.4 + 0.2 * frame["label"], 0.2), 0, 1))


BOTH = {"original": predictions(1), "roi": predictions(2)}
