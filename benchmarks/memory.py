"""(g) Peak memory of loading and of training, and how it and the time of a slice grow from 100 to 10,000 slices.

Every measurement is a process of its own (``python -m benchmarks.memory``), watched with all its children.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from benchmarks.measure import Line
from benchmarks.samples import cohort, enlarged, one_fold, random_patches, settings
from sijstudy.training.loop import Fit, train
from sijstudy.training.patches import load_patches
from sijstudy.training.store import RunStore

SIZES = (100, 1_000, 10_000)
PATCH = 48  # pixels: 10,000 patches are 92 MB on disk, and an epoch on them takes a minute at most
MEGABYTE = 1e6
GROWTH = 3.0  # times the memory, at most, for up to 100 times the slices
POLL_SECONDS = 0.1


def measure(work: Path) -> list[Line]:
    """Memory and time of one slice at each size against the smallest, once each."""
    lines = []
    for task in ("load", "train"):
        seen = {size: in_own_process(task, size, work) for size in tqdm(SIZES, desc=f"memory ({task})", leave=False)}
        first = seen[SIZES[0]]
        what = {"load": "loading", "train": "one epoch of"}[task]
        for size in SIZES:
            against: dict[str, Any] = {} if size == SIZES[0] else {"theirs": (first["peak_mb"],), "high": GROWTH}
            text = f"{what} {size} slices, peak memory" + (f", vs {SIZES[0]} slices" if against else "")
            lines.append(Line("g", text, "MB", (seen[size]["peak_mb"],), **against))
        for size in SIZES[1:]:
            text = f"{what} {size} slices, time of one, vs {SIZES[0]} slices"
            each, before = (1000 * seen[number]["seconds"] / number for number in (size, SIZES[0]))
            lines.append(Line("g", text, "ms/slice", (each,), (before,)))
    return lines


def in_own_process(task: str, slices: int, work: Path) -> dict[str, float]:
    """Peak of the private memory (MB) of the process and its children, and seconds of the task without start-up."""
    command = [sys.executable, "-m", "benchmarks.memory", task, str(slices), str(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        with watched(process.pid) as peak:
            output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return {**json.loads(output.splitlines()[-1]), "peak_mb": peak[0] / MEGABYTE}


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Keeps the first item at the highest sum of private memory seen so far, bytes.

    Private memory (USS) is what ending the processes would free; pages of memory-mapped patches and of libraries,
    which the system drops whenever it needs room, are not in it.
    """
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(POLL_SECONDS):
            peak[0] = max(peak[0], _private(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _private(pid: int) -> float:
    total = 0.0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().uss
    except psutil.Error:  # a process that has just ended
        pass
    return total


def load(slices: int, work: Path) -> float:
    """Seconds in which a cohort of that many slices becomes patches on disk; the files are those of a small one."""
    config = replace(settings(PATCH), profile="bench")
    manifest = enlarged(cohort(config, work), slices)
    with tempfile.TemporaryDirectory(prefix="sijstudy-patches-") as folder:
        began = time.perf_counter()
        load_patches(manifest, "roi", config, Path(folder), workers=2, progress=False)
        return time.perf_counter() - began


def train_epoch(slices: int, _: Path) -> float:
    """Seconds of one epoch on that many patches of random pixels."""
    with tempfile.TemporaryDirectory(prefix="sijstudy-fit-") as folder:
        patches = random_patches(slices, PATCH, Path(folder) / "patches.npy")
        fit = Fit(one_fold(patches, 1), patches, "resnet18", 1)
        return train(fit, settings(PATCH), RunStore(Path(folder))).seconds()


if __name__ == "__main__":
    task, slices, work = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps({"seconds": {"load": load, "train": train_epoch}[task](slices, work)}))
