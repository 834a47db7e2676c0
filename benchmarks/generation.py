"""(e) Drawing the synthetic cohort as DICOM: slices a second, and how the time of one slice grows with the cohort."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Line, in_turn, timed
from sijstudy.config import StudyConfig
from sijstudy.phantom import generate_cohort

SMALL: dict[str, Any] = {  # the least there is
    "axspa_subjects": 5,
    "control_subjects": 5,
    "positive_slices": 20,
    "negative_slices": 90,
}
LARGE: dict[str, Any] = {"axspa_subjects": 60, "control_subjects": 26, "positive_slices": 480, "negative_slices": 520}


def measure(config: StudyConfig, repeats: int, *, grown: bool = True) -> list[Line]:
    """The smallest cohort ``repeats`` times; with ``grown`` one of 1000 slices, once."""
    small, large = replace(config, **SMALL), replace(config, **LARGE)
    (seconds,) = in_turn(repeats, lambda: _generate(small), shown="generation")
    what = f"generating {_slices(small)} slices of {config.matrix_size}x{config.matrix_size}"
    lines = [Line("e", what, "slices/s", tuple(_slices(small) / value for value in seconds))]
    if grown:
        each = 1000 * _generate(large, progress=True) / _slices(large)
        before = 1000 * median(seconds) / _slices(small)
        what = f"generating {_slices(large)} slices, time of one, vs in a cohort of {_slices(small)}"
        lines.append(Line("e", what, "ms/slice", (each,), (before,)))
    return lines


def _slices(config: StudyConfig) -> int:
    return config.positive_slices + config.negative_slices


def _generate(config: StudyConfig, *, progress: bool = False) -> float:
    with tempfile.TemporaryDirectory(prefix="sijstudy-cohort-") as folder:
        images = Path(folder) / "images"
        return timed(lambda: generate_cohort(images, config, workers=os.cpu_count() or 1, progress=progress))
