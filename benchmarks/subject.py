"""(d) One new subject from its folder to its decision, against the bare forward pass of the same slices."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.measure import Line, in_turn, timed
from sijstudy.analysis.diagnosis import diagnose
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.training.device import autocast, numerics
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.loop import Fit, train
from sijstudy.training.networks import Networks
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import RunStore

CPU = torch.device("cpu")


def measure(
    manifest: Manifest, patches: PatchSet, fold: Fold, config: StudyConfig, repeats: int, work: Path
) -> list[Line]:
    """Reading, scoring and explaining the last test subject with one network of one epoch."""
    run = train(Fit(fold, patches, config.backbone, 1), config, RunStore(work / "runs"))
    networks = Networks(config, {"roi": {1: run}})
    row = int(patches.rows_of(fold.test[-1:])[0])
    folder = manifest.slice_records()[row].file.parent
    subject, model = read_subject(folder), load_model(run)
    inputs = noisy_patches(patches, config, "test", patches.rows_of(fold.test[-1:]))

    def forward() -> None:
        with numerics(config, CPU), torch.inference_mode(), autocast(config, CPU):
            model(inputs)

    def scores() -> None:
        with numerics(config, CPU):
            predict(model, inputs, config, CPU)

    whole, reading, own, bare = in_turn(
        repeats,
        lambda: timed(lambda: diagnose(read_subject(folder), networks, device="cpu", progress=False)),
        lambda: timed(lambda: read_subject(folder)),
        lambda: timed(scores),
        lambda: timed(forward),
        shown="subject",
    )
    deciding = tuple(total - part for total, part in zip(whole, reading, strict=True))
    n = len(subject.slices)
    return [
        Line("d", f"subject of {n} slices, folder to decision, 1 network, vs reading the folder", "s", whole, reading),
        Line("d", "subject, patches, noise, scores and Grad-CAM, vs bare forward", "s", deciding, bare),
        Line("d", "subject, scores alone, vs bare forward", "s", own, bare),
    ]
