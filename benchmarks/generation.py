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
SLICES_OF_ONE = {"axspa_subjects": 8, "control_subjects": 20}  # a subject's slices in the grown cohorts, about
GROWN = (1000, 10_000)
GROWN_MATRIX = 128  # pixels; at 448 ten thousand slices would take gigabytes


def measure(config: StudyConfig, repeats: int) -> list[Line]:
    """The smallest cohort ``repeats`` times, as large and as small images; then cohorts of GROWN slices, once each."""
    small = replace(config, **SMALL)
    coarse = replace(small, matrix_size=GROWN_MATRIX)
    seconds, reference = in_turn(repeats, lambda: _generate(small), lambda: _generate(coarse), shown="generation")
    what = f"generating {_slices(small)} slices of {config.matrix_size}x{config.matrix_size}"
    lines = [Line("e", what, "slices/s", tuple(_slices(small) / value for value in seconds))]
    before = 1000 * median(reference) / _slices(small)
    for slices in GROWN:
        large = replace(coarse, **_of(slices))
        each = 1000 * _generate(large, progress=True) / _slices(large)
        what = f"generating {slices} slices of {GROWN_MATRIX}x{GROWN_MATRIX}, time of one, vs of {_slices(small)}"
        lines.append(Line("e", what, "ms/slice", (each,), (before,)))
    return lines


def _of(slices: int) -> dict[str, Any]:
    """Parameters of a cohort of ``slices``, half of them positive."""
    halves = {"positive_slices": slices // 2, "negative_slices": slices - slices // 2}
    return {**{group: slices // 2 // own for group, own in SLICES_OF_ONE.items()}, **halves}


def _slices(config: StudyConfig) -> int:
    return config.positive_slices + config.negative_slices


def _generate(config: StudyConfig, *, progress: bool = False) -> float:
    with tempfile.TemporaryDirectory(prefix="sijstudy-cohort-") as folder:
        images = Path(folder) / "images"
        return timed(lambda: generate_cohort(images, config, workers=os.cpu_count() or 1, progress=progress))
