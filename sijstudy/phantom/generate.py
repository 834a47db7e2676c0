"""Generates the whole synthetic cohort on disk, subjects in parallel."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from sijstudy.dicom_write import write_dataset
from sijstudy.errors import StudyError
from sijstudy.phantom.fields import Grid
from sijstudy.phantom.plan import ACQUIRED, PlannedSubject, plan_cohort
from sijstudy.phantom.protocol import Protocol, draw_protocol
from sijstudy.phantom.render import Rendered, draw_body, render_slice
from sijstudy.phantom.votes import read_slice_votes
from sijstudy.phantom.write import draw_series, mr_slice, segmentation

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


Row = dict[str, Any]


def generate_cohort(out_root: Path, config: StudyConfig, *, workers: int = 2, progress: bool = True) -> None:
    """Write the synthetic cohort that ``config`` describes to the new folder ``out_root``.

    One folder per subject with its MR slices (MR_nn.dcm) and SEG.dcm, besides subjects.csv and votes.csv.
    The same config gives the same bytes, whatever ``workers`` is. The folder appears under its name only
    when it is whole. Raises StudyError when ``out_root`` exists already.
    """
    if out_root.exists():
        raise StudyError(f"{out_root} exists already; remove it, or choose another folder for the synthetic cohort")
    out_root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out_root.name}-", suffix=".unfinished", dir=out_root.parent))
    try:
        _fill(unfinished, config, workers, progress)
        unfinished.chmod(0o755)
        unfinished.replace(out_root)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(root: Path, config: StudyConfig, workers: int, progress: bool) -> None:
    subjects = plan_cohort(config)
    jobs = (delayed(write_subject)(root, subject, config) for subject in subjects)
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    bar = tqdm(done, total=len(subjects), desc="synthetic cohort", unit="subject", disable=not progress)
    votes = [row for rows in bar for row in rows]
    fields = ("subject_id", "group", "age_years", "sex")
    _write_csv(root / "subjects.csv", ({name: getattr(s, name) for name in fields} for s in subjects))
    _write_csv(root / "votes.csv", votes)


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_subject(root: Path, subject: PlannedSubject, config: StudyConfig) -> list[Row]:
    """Render and write one subject; returns its rows of votes.csv. One BLAS thread: sums keep their order."""
    folder = root / subject.subject_id
    folder.mkdir()
    seed, protocol = config.seed, subject_protocol(subject, config)
    series = draw_series(subject, seed, protocol, np.random.default_rng((seed, 1, subject.number, 0)))
    with threadpool_limits(limits=1):
        slices = render_subject(subject, seed, protocol)
    images = []
    for position, rendered in zip(subject.slices, slices, strict=True):
        image = mr_slice(series, position, rendered.pixels)
        write_dataset(image, folder / f"MR_{series.instance_number(position):02d}.dcm")
        images.append(image)
    write_dataset(segmentation(series, images, [rendered.masks for rendered in slices]), folder / "SEG.dcm")
    rng = np.random.default_rng((seed, 3, subject.number))
    return [
        {
            "subject_id": subject.subject_id,
            "sop_instance_uid": str(image.SOPInstanceUID),
            **read_slice_votes(rng, rendered),
        }
        for image, rendered in zip(images, slices, strict=True)
    ]


def subject_protocol(subject: PlannedSubject, config: StudyConfig) -> Protocol:
    """How this subject is scanned; drawn apart from its body and its group."""
    rng = np.random.default_rng((config.seed, 4, subject.number))
    return draw_protocol(rng, config.phantom_contrast, config.matrix_size, config.phantom_randomised)


def render_subject(subject: PlannedSubject, seed: int, protocol: Protocol) -> list[Rendered]:
    """All used slices of a subject, in order."""

    def mm(position: int) -> float:
        return (position - ACQUIRED // 2) * protocol.step  # from the middle slice, growing upwards

    runs = [(mm(first), mm(last)) for first, last in subject.runs]
    body = draw_body((seed, 1, subject.number), runs, protocol)
    grid = Grid(protocol.size, protocol.fov)
    return [
        render_slice(body, grid, mm(k), np.random.default_rng((seed, 2, subject.number, k)), clear=k in subject.lesions)
        for k in subject.slices
    ]
