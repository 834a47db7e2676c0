"""(d) ``sijstudy diagnose`` as it is typed: a whole examination from its folder to its page, joints found by itself."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Line, in_turn, processor_seconds, timed
from sijstudy import cli
from sijstudy.cohort.image_kind import SYNTHETIC
from sijstudy.config import StudyConfig
from sijstudy.files import write_json
from sijstudy.model import build_model
from sijstudy.phantom.generate import write_subject
from sijstudy.phantom.plan import ACQUIRED, PlannedSubject
from sijstudy.training.feature_reference import REFERENCE
from sijstudy.training.image_kinds import KINDS
from sijstudy.training.networks import save_fits, save_settings
from sijstudy.training.store import RunStore, StudyFolder

SECONDS = 5.0  # folder to page, ROI included, on two cores
FEATURES = 512
PATIENT = PlannedSubject(1, "examination", "axSpA", 40, "F", tuple(range(ACQUIRED)), tuple(range(14, 20)))


def measure(work: Path, repeats: int) -> list[Line]:
    """The command in a process of its own, and again in one that has imported everything."""
    subject, run = prepared(work / "examination")
    command = ["diagnose", str(subject), "--run", str(run), "--device", "cpu", "--output", str(work / "diagnosed")]
    quietly(command)  # imports, and the network's file once from the disk
    busy = []

    def as_typed() -> float:
        before = processor_seconds()
        seconds = timed(lambda: typed(command))
        busy.append(processor_seconds() - before)
        return seconds

    whole, inside = in_turn(
        repeats,
        as_typed,
        lambda: timed(lambda: quietly(command)),
        shown="examination",
    )
    about = f"examination of {ACQUIRED} slices, folder to page, joints found, {StudyConfig().folds} networks"
    return [
        Line("d", f"{about}, the whole command", "s", whole, high=SECONDS),
        Line("d", "processor time of that, all its processes", "s", tuple(busy[1:])),
        Line("d", f"{about}, imports done", "s", inside),
    ]


def prepared(folder: Path) -> tuple[Path, Path]:
    """A synthetic examination without outlines, and a run of untrained networks, which take as long as trained ones."""
    config = StudyConfig(profile="examination", patch_size=96, weights="none", precision="native")
    subject, store = folder / PATIENT.subject_id, RunStore(folder / "runs")
    if not subject.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_subject(folder, PATIENT, config)
        (subject / "SEG.dcm").unlink()
    runs = {}
    for fold in range(1, config.folds + 1):
        asked = {"arm": "roi", "fold": fold, "backbone": config.backbone, "patches": "", "train": [], "test": []}
        run = store.fit_run({**asked, **config.subset("hidden_units", "context_slices", "bone_channel", "intensity")})
        if not run.is_done:
            state = build_model(config.backbone, config.hidden_units, "none", fold).state_dict()
            run.finish(pd.DataFrame(), pd.DataFrame(), state, 0.0)
            save_settings(run, config)
            write_json(run.folder / KINDS, {"kinds": [{**asdict(SYNTHETIC[config.phantom_contrast]), "subjects": 1}]})
            apart = np.linspace(0, 1e3, 300)
            np.savez(run.folder / REFERENCE, mean=np.zeros(FEATURES), precision=np.eye(FEATURES), held_out=apart)
        runs[fold] = run
    save_fits(StudyFolder(folder / "runs" / config.profile), config, {"roi": runs})
    return subject, folder / "runs" / config.profile


def typed(command: Sequence[str]) -> None:
    """In a process of its own. CalledProcessError when it fails."""
    code = "import sys; from sijstudy.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True)


def quietly(command: Sequence[str]) -> None:
    """In this process. RuntimeError when it fails."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if cli.main(command):
            raise RuntimeError(f"sijstudy {' '.join(command)} failed")
