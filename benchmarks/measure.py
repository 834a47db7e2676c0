"""Measuring: jobs run in turn, medians, ratios of neighbours in time, and one table of it all."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tqdm import tqdm

from sijstudy import __version__

Job = Callable[[], float]  # does its work once and returns what was measured
HEADER = ("", "ours", "other", "ratio", "target", "runs", "")


@dataclass(frozen=True)
class Line:
    """One line of the table.

    section: its letter. what: what was measured, with sizes. unit: of the values. ours, theirs: a value per
    repetition, in pairs measured one right after the other; theirs is empty where nothing is compared.
    low, high: the target for the ratio, or for ours where nothing is compared; None where there is none.
    """

    section: str
    what: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def ratio(self) -> float | None:
        """Median over the repetitions of ours / theirs, so that a machine that slows down strikes both alike."""
        if not self.theirs:
            return None
        return median(own / other for own, other in zip(self.ours, self.theirs, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there is none."""
        if self.low is None and self.high is None:
            return None
        value = median(self.ours) if self.ratio is None else self.ratio
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def target(self) -> str:
        """The target in words, "" where there is none."""
        if self.low is not None:
            return f">= {self.low:g}"
        return "" if self.high is None else f"<= {self.high:g}"

    def record(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        known = {"ours_median": median(self.ours), "theirs_median": median(self.theirs) if self.theirs else None}
        return {**asdict(self), **known, "ratio": self.ratio, "met": self.met}


def in_turn(repeats: int, *jobs: Job, shown: str = "") -> list[tuple[float, ...]]:
    """Each job's values over ``repeats`` rounds; every round runs every job once. One round before is not counted."""
    rounds = tqdm(range(repeats + 1), desc=shown, unit="round", leave=False, disable=not shown)
    values = [tuple(job() for job in jobs) for _ in rounds][1:]
    return list(zip(*values, strict=True))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def processor_seconds() -> float:
    """Processor time of this process and of those it has waited for, seconds."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def table(lines: Sequence[Line]) -> str:
    """The lines as text in columns, a heading above each section's."""
    rows = [HEADER, *(_cells(line) for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    texts = [
        "  ".join(
            text.ljust(width) if place in (0, 6) else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([texts[0], "-" * max(map(len, texts)), *texts[1:]])


def _cells(line: Line) -> tuple[str, ...]:
    mark = {True: "met", False: "MISSED", None: ""}[line.met]
    return (
        f"({line.section}) {line.what}",
        f"{_short(median(line.ours))} {line.unit}",
        f"{_short(median(line.theirs))} {line.unit}" if line.theirs else "",
        "" if line.ratio is None else f"{line.ratio:.2f}x",
        line.target,
        str(len(line.ours)),
        mark,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """On what was measured: processor, cores, load by others at the start, versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "sijstudy": __version__,
    }


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use ``number`` threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
