"""What a network's training patches look like, to it and without it: kept beside it.

The distance of a patch is Mahalanobis' from the mean of the training patches' features (the input of the hidden layer),
with the covariance shrunk as Ledoit and Wolf do (Lee et al. 2018 measure so, per class). A network need not notice what
it did not learn to look at (noise, an inverted or turned image), so the same distance is taken of plain statistics of
the grey values, too. What is far is learned from the patches of the fold's test subjects, which the network never saw:
a distance counts by its percentile among theirs.
Kept are means, covariances and these distances; no patch and no patient's own features.
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
from sijstudy.training.patch_statistics import LEAST, patch_statistics
from sijstudy.training.patches import PatchSet
from sijstudy.training.scoring import SCORED_AT_ONCE, load_model
from sijstudy.training.store import FitRun

Array = np.ndarray[Any, Any]
REFERENCE = "features.npz"  # in a fit's folder; not part of its hash
FIELDS = ("mean", "precision", "held_out")
GREY = "grey_"  # begins the fields of the reference of grey values
MOST = 3000  # training patches that a reference is made of, evenly spread: six for each of 512 features


@dataclass(frozen=True)
class FeatureReference:
    """Where training patches lie. mean ``(k,)``, precision ``(k, k)`` float64: of the features of training patches,
    or of their ``patch_statistics``.

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


@dataclass(frozen=True)
class PatchReference:
    """Where a network's training patches lie by its features of them, and by their ``patch_statistics``."""

    features: FeatureReference
    grey: FeatureReference

    def percentiles(self, features: Array, images: Array) -> Array:
        """The larger of both percentiles ``(m,)``, of features ``(m, k)`` and patches ``(m, S, S)`` in [0, 255]."""
        return np.maximum(self.features.percentiles(features), self.grey.percentiles(patch_statistics(images)))


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


def keep_reference(run: FitRun, patches: PatchSet, config: StudyConfig) -> PatchReference:
    """The reference of a fit, kept beside it; made when it is not there.

    patches: those it was trained on (StudyError otherwise).
    """
    kept = load_reference(run)
    if kept is None:
        kept = _made(run, patches, config)
        fields: dict[str, Any] = {
            **_content(kept.features),
            **{f"{GREY}{name}": one for name, one in _content(kept.grey).items()},
        }
        stream = io.BytesIO()
        np.savez_compressed(stream, **fields)
        write_atomic(run.folder / REFERENCE, lambda file: file.write(stream.getvalue()))
    return kept


def load_reference(run: FitRun) -> PatchReference | None:
    """What ``keep_reference`` left beside a fit; None where it did not, or an earlier version did, without grey values.

    StudyError for anything else.
    """
    path = run.folder / REFERENCE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            features = _of_content(content, "")
            grey = _of_content(content, GREY) if f"{GREY}mean" in content else None
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise StudyError(f"{path}: is no reference of features ({error}); delete it and run notebook 04") from None
    return PatchReference(features, grey) if grey else None


def _content(kept: FeatureReference) -> dict[str, Array]:
    return {"mean": kept.mean, "precision": kept.precision.astype(np.float32), "held_out": kept.held_out}


def _of_content(content: Mapping[str, Array], prefix: str) -> FeatureReference:
    kept = FeatureReference(*(content[f"{prefix}{name}"].astype(np.float64) for name in FIELDS))
    if kept.precision.shape != (len(kept.mean), len(kept.mean)) or kept.held_out.ndim != 1:
        raise ValueError(f"{prefix}precision is of other sizes")
    return kept


def _made(run: FitRun, patches: PatchSet, config: StudyConfig) -> PatchReference:
    asked = run.config()
    if patches.digest != asked["patches"]:
        raise StudyError(f"{run.folder}: was trained on other patches")
    train, test = (patches.rows_of(tuple(asked[side])) for side in ("train", "test"))
    spread = train[np.linspace(0, len(train) - 1, min(len(train), MOST)).round().astype(int)]
    place = resolve_device(config.device)
    with numerics(config, place):
        model = load_model(run).to(place)
        seen = [
            np.concatenate([_features(model, patches, rows, config, place) for rows in _parts(side)])
            for side in (spread, test)
        ]
    greys = [
        np.concatenate([patch_statistics(patches.patches[rows, 0]) for rows in _parts(side)]) for side in (spread, test)
    ]
    return PatchReference(_fitted(seen[0], seen[1]), _fitted(greys[0], greys[1], LEAST))


def _fitted(known: Array, others: Array, unit: float | None = None) -> FeatureReference:
    """The reference of training patches ``(n, k)``, calibrated on held-out ones ``(m, k)``.

    unit: columns are scaled to the same spread before the covariance is shrunk, as they measure different things; what
    spreads less than this counts as spreading so.
    """
    from sklearn.covariance import LedoitWolf  # here: seconds, and most who look at features have a reference

    scale = np.ones(known.shape[1]) if unit is None else np.maximum(known.std(axis=0), unit)
    fitted = LedoitWolf().fit(known / scale)
    precision = fitted.get_precision() / np.outer(scale, scale)
    as_kept = precision.astype(np.float32).astype(np.float64)  # in 1 MB instead of two
    made = FeatureReference(fitted.location_ * scale, as_kept, np.empty(0))
    return FeatureReference(made.mean, made.precision, np.sort(made.distances(others)))


def _features(model: EdemaNet, patches: PatchSet, rows: Array, config: StudyConfig, place: torch.device) -> Array:
    return features_of(model, noisy_patches(patches, config, "test", rows), config, place)


def _parts(rows: Array) -> list[Array]:
    """Rows in parts, so that memory holds few patches of a large cohort."""
    return np.array_split(rows, max(1, len(rows) // (4 * SCORED_AT_ONCE)))
