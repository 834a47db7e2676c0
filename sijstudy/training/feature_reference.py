"""What a network's training patches look like to it: where its features of them lie, kept beside it.

The distance of a patch is Mahalanobis' from the mean of the training patches' features (the input of the hidden layer),
with the covariance shrunk as Ledoit and Wolf do (Lee et al. 2018 measure so, per class). What is far is learned from
the patches of the fold's test subjects, which the network never saw: a distance counts by its percentile among theirs.
Kept are a mean, a covariance and these distances; no patch and no patient's own features.
No module that trains imports this one.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import nn
from tqdm import tqdm

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import write_atomic
from sijstudy.fresh_torch import fresh_torch
from sijstudy.model import EdemaNet
from sijstudy.records import Arm
from sijstudy.training.device import autocast, numerics, resolve_device
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import SCORED_AT_ONCE, load_model
from sijstudy.training.store import FitRun

Array = np.ndarray[Any, Any]
REFERENCE = "features.npz"  # in a fit's folder; not part of its hash
FIELDS = ("mean", "precision", "held_out")
MOST = 3000  # training patches that a reference is made of, evenly spread: six for each of 512 features


@dataclass(frozen=True)
class FeatureReference:
    """Where training patches lie. mean ``(k,)``, precision ``(k, k)`` float64: of the features of training patches.

    held_out ``(n,)`` float64, ascending: distances of the patches of the fold's test subjects.
    """

    mean: Array
    precision: Array
    held_out: Array

    def distances(self, features: Array) -> Array:
        """Mahalanobis' distance ``(m,)`` >= 0 of features ``(m, k)``."""
        apart = features - self.mean
        result: Array = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", apart, self.precision, apart), 0.0))
        return result

    def percentiles(self, features: Array) -> Array:
        """Percentile ``(m,)`` of each of features ``(m, k)`` among held-out patches: below 100 n / (n + 1) of n.

        The share of n + 1 patches, itself among them, that lie nearer; so a new patch of the same kind is above the
        99th percentile in one of a hundred cases, and with fewer than 100 held-out patches never.
        """
        nearer = np.searchsorted(self.held_out, self.distances(features), side="left")
        return 100.0 * nearer / (len(self.held_out) + 1)


@fresh_torch()
@torch.inference_mode()
def features_of(model: EdemaNet, inputs: torch.Tensor, config: StudyConfig, device: torch.device) -> Array:
    """Features ``(n, k)`` float64 of inputs ``(n, C, S, S)``; the model in evaluation mode, on ``device``."""
    with autocast(config, device):
        parts = [model.features(part.to(device)).float().cpu() for part in inputs.split(SCORED_AT_ONCE)]
    return torch.cat(parts).double().numpy()


@fresh_torch()
@torch.inference_mode()
def scores_and_features(
    model: EdemaNet, inputs: torch.Tensor, config: StudyConfig, device: torch.device
) -> tuple[Array, Array]:
    """What ``scoring.predict`` and ``features_of`` say of inputs ``(n, C, S, S)``, in one pass.

    The model in evaluation mode, on ``device``.
    """
    head = cast(nn.Module, model.resnet.fc)
    with autocast(config, device):
        features = [model.features(part.to(device)) for part in inputs.split(SCORED_AT_ONCE)]
        scores = [head(part).squeeze(1).float().sigmoid().cpu() for part in features]
    known = torch.cat([part.float().cpu() for part in features])
    return torch.cat(scores).double().numpy(), known.double().numpy()


def keep_references(
    runs: Mapping[Arm, Mapping[int, FitRun]], patches: Callable[[Arm], PatchSet], config: StudyConfig
) -> None:
    """``keep_reference`` of all networks of a study, ``config.parallel_fits`` at a time. patches: those of an arm."""
    pairs = [(run, patches(arm)) for arm, by_fold in runs.items() for run in by_fold.values()]
    jobs = [delayed(keep_reference)(run, own, config) for run, own in pairs if load_reference(run) is None]
    done = Parallel(n_jobs=config.parallel_fits, return_as="generator_unordered")(jobs)
    for _ in tqdm(done, "features of training patches", len(jobs), unit="network"):
        pass


def keep_reference(run: FitRun, patches: PatchSet, config: StudyConfig) -> FeatureReference:
    """The reference of a fit, kept beside it; made when it is not there.

    patches: those it was trained on (StudyError otherwise).
    """
    kept = load_reference(run)
    if kept is None:
        kept = _made(run, patches, config)
        stream = io.BytesIO()
        half = {"precision": kept.precision.astype(np.float32)}
        np.savez_compressed(stream, **{name: half.get(name, getattr(kept, name)) for name in FIELDS})
        write_atomic(run.folder / REFERENCE, lambda file: file.write(stream.getvalue()))
    return kept


def load_reference(run: FitRun) -> FeatureReference | None:
    """What ``keep_reference`` left beside a fit; None where it did not. StudyError for anything else."""
    path = run.folder / REFERENCE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            kept = FeatureReference(*(content[name].astype(np.float64) for name in FIELDS))
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise StudyError(f"{path}: is no reference of features ({error}); delete it and run notebook 04") from None
    if kept.precision.shape != (len(kept.mean), len(kept.mean)) or kept.held_out.ndim != 1:
        raise StudyError(f"{path}: is no reference of features; delete it and run notebook 04")
    return kept


def _made(run: FitRun, patches: PatchSet, config: StudyConfig) -> FeatureReference:
    from sklearn.covariance import LedoitWolf  # here: seconds, and most who look at features have a reference

    asked = run.config()
    if patches.digest != asked["patches"]:
        raise StudyError(f"{run.folder}: was trained on other patches")
    train, test = (patches.rows_of(tuple(asked[side])) for side in ("train", "test"))
    spread = train[np.linspace(0, len(train) - 1, min(len(train), MOST)).round().astype(int)]
    place = resolve_device(config.device)
    with numerics(config, place):
        model = load_model(run).to(place)
        known, others = (
            np.concatenate([_features(model, patches, rows, config, place) for rows in _parts(side)])
            for side in (spread, test)
        )
    fitted = LedoitWolf().fit(known)
    precision = fitted.get_precision().astype(np.float32).astype(np.float64)  # as it is kept, in 1 MB instead of two
    made = FeatureReference(fitted.location_, precision, np.empty(0))
    return FeatureReference(made.mean, made.precision, np.sort(made.distances(others)))


def _features(model: EdemaNet, patches: PatchSet, rows: Array, config: StudyConfig, place: torch.device) -> Array:
    return features_of(model, noisy_patches(patches, config, "test", rows), config, place)


def _parts(rows: Array) -> list[Array]:
    """Rows in parts, so that memory holds few patches of a large cohort."""
    return np.array_split(rows, max(1, len(rows) // (4 * SCORED_AT_ONCE)))
