"""``python -m benchmarks``: measure what is asked for, print one table, leave it as JSON and CSV."""

from __future__ import annotations

import datetime
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks import (
    coverage,
    epochs,
    examination,
    generation,
    grid,
    live,
    loading,
    memory,
    rerun,
    subject,
    whole_study,
)
from benchmarks.measure import Line, machine, table
from benchmarks.pipelines import samples
from benchmarks.samples import cohort, enlarged, one_fold, settings
from sijstudy.errors import StudyError
from sijstudy.training.patches import load_patches

SECTIONS = {
    "a": "loading: DICOM to noisy patch, against MONAI and the usual script",
    "b": "an epoch against the bare step of the model",
    "c": "an epoch against the usual script",
    "d": "diagnosis of one subject",
    "e": "generation of the synthetic cohort",
    "f": "a finished study run again",
    "g": "memory and its growth",
    "h": "the paper's whole grid of fits on a GPU (not in the default)",
    "i": "the whole quick study against the bare steps of its networks (not in the default)",
    "coverage": "how often 95% intervals over folds hold the true value (not in the default)",
    "live": "how soon the live panels answer (not in the default)",
}
RESULTS = Path(__file__).parent / "results"


def main(
    only: Annotated[str, typer.Option(help=f"sections, such as a,b ({', '.join(SECTIONS)})")] = "a,b,c,d,e,f,g",
    repeats: Annotated[int, typer.Option(min=1, help="rounds of which the median is taken")] = 5,
    patch_size: Annotated[int, typer.Option(min=32, max=512, help="side of a patch, pixels")] = 96,
    threads: Annotated[int, typer.Option(min=0, help="threads of torch; 0 takes all cores")] = 0,
    fits_at_once: Annotated[int, typer.Option(min=1, help="of (h): fits that share the GPU")] = 4,
    output: Annotated[Path, typer.Option(help="folder for the results and what is made for them")] = RESULTS,
) -> None:
    """Measure the study side by side with what else could be done (docs/BENCHMARKS.md)."""
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in SECTIONS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SECTIONS)}", param_hint="--only")
    about = {**machine(), "repeats": repeats, "patch_size": patch_size, "threads": threads or os.cpu_count()}
    print("; ".join(f"{name} {value}" for name, value in about.items()), file=sys.stderr)
    lines: list[Line] = []
    work = output / "work"
    for place, name in enumerate(chosen):
        print(f"[{place + 1}/{len(chosen)}] ({name}) {SECTIONS[name]}", file=sys.stderr, flush=True)
        lines += measure(name, work, repeats, patch_size, threads, fits_at_once)
        if name != "live":
            print(table([line for line in lines if line.section == name]) + "\n", flush=True)
    if lines:
        about["load_after"] = round(os.getloadavg()[0], 2)
        print(table(lines) + "\n\nResults: " + str(save(lines, about, output)))


def measure(name: str, work: Path, repeats: int, patch_size: int, threads: int, fits_at_once: int) -> list[Line]:
    """The lines of one section."""
    if name == "f":
        return rerun.measure(work, repeats)
    if name == "g":
        cohort(settings(memory.PATCH), work)
        return memory.measure(work)
    if name == "h":
        return grid.measure_here(fits_at_once, work)
    if name == "i":
        return whole_study.measure(work)
    if name == "coverage":
        return coverage.measure()
    if name == "live":
        root = work / rerun.PROFILE
        live.main(rerun.PROFILE, root if (root / "runs").exists() else rerun.finished_study(work))
        return []
    config = settings(patch_size, threads_per_fit=threads)
    if name == "e":
        return generation.measure(config, repeats)
    manifest = cohort(config, work)
    if name == "a":
        return loading.measure(manifest, config, repeats)
    if name in ("b", "c"):
        manifest = enlarged(manifest, epochs.SLICES)
    patches = load_patches(manifest, "roi", config, work / "runs" / "patches", workers=os.cpu_count() or 1)
    fold = one_fold(patches, test_subjects=4)
    tasks: dict[str, Callable[[], list[Line]]] = {
        "b": lambda: epochs.measure_bare(patches, fold, config, repeats),
        "c": lambda: epochs.measure_script(patches, fold, samples(manifest, config), config, repeats),
        "d": lambda: [
            *subject.measure(manifest, patches, fold, config, repeats, work),
            *examination.measure(work, repeats),
        ],
    }
    return tasks[name]()


def save(lines: list[Line], about: dict[str, object], folder: Path) -> Path:
    """Write all values as JSON and the table as CSV; returns the JSON's path."""
    now = datetime.datetime.now().astimezone()
    path = folder / f"bench-{now:%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [line.record() for line in lines]
    content = {"measured": now.isoformat(timespec="seconds"), "machine": about, "lines": records}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    pd.DataFrame(records).drop(columns=["ours", "theirs"]).to_csv(path.with_suffix(".csv"), index=False)
    return path


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*nvImageCodec")  # MONAI's remarks on a decoder for GPUs
    logging.getLogger("monai").setLevel(logging.ERROR)
    try:
        typer.run(main)
    except StudyError as error:
        raise SystemExit(f"error: {error}") from None
