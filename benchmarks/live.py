"""How soon the live panels answer a move: median and slowest of some moves of each control, on a finished run.

``python -m benchmarks --only live``; wall time, and CPU time for a machine that others use too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from sijstudy.notebook.live_panels import SlicePanel, ThresholdPanel
from sijstudy.records import ARMS
from sijstudy.study.dashboard import open_run

MOVES = 12


def measure(name: str, set_value: Callable[[Any], None], values: Iterable[Any]) -> None:
    """Print the times of setting each value."""
    wall, cpu = [], []
    for value in values:
        began, spent = time.perf_counter(), time.process_time()
        set_value(value)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    print(
        f"{name:<34} median {1000 * median(wall):5.0f} ms (CPU {1000 * median(cpu):5.0f} ms), "
        f"slowest {1000 * max(wall):5.0f} ms"
    )


def setter(control: Any) -> Callable[[Any], None]:
    """Move a control as a browser would."""
    return lambda value: setattr(control, "value", value)


def main(profile: str, root: Path) -> None:
    """Measure both panels on the finished run of a profile in the project's folder ``root``."""
    work = open_run(profile, root)
    predictions = {arm: work.folder.load_table(f"predictions_{arm}") for arm in ARMS}
    began = time.perf_counter()
    panel = ThresholdPanel(predictions, work.config)
    print(f"profile {profile}: {len(predictions['roi'])} predictions, patches of {work.config.patch_size} pixels")
    print(f"first tab shown after {time.perf_counter() - began:.2f} s")
    steps = [0.3 + 0.03 * step for step in range(MOVES)]
    measure("filter size", setter(panel.size), [1, 3, 5, 7, 9] * 2)
    measure("slice threshold", setter(panel.slice_threshold), steps)
    measure("subject threshold", setter(panel.subject_threshold), steps)
    measure("another subject drawn", setter(panel.chosen[0]), [value for _, value in panel.chosen[0].options][:MOVES])
    began = time.perf_counter()
    slices = SlicePanel(work)
    slices.open()
    print(f"second tab opened in {time.perf_counter() - began:.2f} s")
    factors = [0.4 + 0.05 * step for step in range(MOVES)]
    measure("ROI factor", setter(slices.factor), factors)
    measure("noise on or off", setter(slices.noise), [False, True] * 3)
    places = [value for _, value in slices.position.options if value != slices.position.value][:MOVES]
    measure("another slice", setter(slices.position), places)
    measure("another slice, seen before", setter(slices.position), places[:-1])
    subjects = [value for _, value in slices.subject.options if value != slices.subject.value][:MOVES]
    measure("another subject", setter(slices.subject), subjects)
