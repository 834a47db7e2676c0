"""Slice scores without a network, on the networks' own folds: a logistic regression, intensity thresholds.

The paper has no such baseline. A network that does not beat them has found no more than what a few numbers of the patch
tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d
from tqdm import tqdm

from sijstudy.analysis.bright_bone import intensity_baselines
from sijstudy.analysis.slice_courses import in_slice_order
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold
from sijstudy.fresh_torch import fresh_torch
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.patches import PatchSet

Array = np.ndarray[Any, Any]
Scorer = Callable[[Array], Array]  # features (n, k) -> scores (n,) in [0, 1], positive from 0.5 on

THUMBNAIL = 12  # pixels a side, even
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # scikit-learn's C; the first shrinks most
INNER = 5  # parts of the training subjects among which the penalty is chosen
LOGISTIC = "logistic regression"  # on percentiles and a thumbnail of the patch
THRESHOLDS = {"p99_over_median": "99th percentile", "bright_share": "bright share"}  # one number of the patch each
_AT_ONCE = 64  # patches in memory


def baseline_predictions(
    patches: PatchSet,
    folds: Sequence[Fold],
    groups: Mapping[str, str],
    config: StudyConfig,
    inside: Array | None = None,
    *,
    progress: bool = True,
) -> dict[str, pd.DataFrame]:
    """Scores of every fold's test slices by each baseline: its name -> rows as of ``collect_predictions``.

    groups: subject_id -> axSpA or control. inside: where edema counts, as of ``features``. Only slices of a fold's
    training subjects teach it; where these are all of one class, the score is that class, 0 or 1. ASSUMED: a baseline
    sees a slice, in training too, with the noise that networks are tested on, and once, neither flipped nor turned.
    """
    tested: dict[str, list[pd.DataFrame]] = {}
    with threadpool_limits(limits=1):  # for arrays this small more threads only wait for each other
        known = features(patches, config, inside, progress=progress)
        for fold in tqdm(folds, desc="baselines", unit="fold", disable=not progress):
            for name, values in known.items():
                tested.setdefault(name, []).append(_of_fold(fold, name, values, patches, config.seed))
    return {name: in_slice_order(parts, groups) for name, parts in tested.items()}


def _of_fold(fold: Fold, name: str, values: Array, patches: PatchSet, seed: int) -> pd.DataFrame:
    """The fold's test rows of ``patches.slices`` with fold and score; values ``(N, k)`` of all slices."""
    train, test = patches.rows_of(fold.train), patches.rows_of(fold.test)
    taught = patches.slices.iloc[train]
    scorer = learn(name, values[train], taught["label"].to_numpy(), taught["subject_id"].to_numpy(), seed)
    tested = patches.slices.iloc[test].astype({"slice_index": np.int64, "label": np.int64})
    return tested.assign(fold=fold.number, score=scorer(values[test]))


def one_class_sentence(slices: pd.DataFrame, folds: Sequence[Fold]) -> str:
    """Folds in which there is nothing to learn, as their training slices are all of one class; empty without any.

    slices: subject_id and label of the cohort's.
    """
    labels = slices.set_index("subject_id")["label"]
    numbers = [str(fold.number) for fold in folds if labels[labels.index.isin(fold.train)].nunique() < 2]
    if not numbers:
        return ""
    return f"In fold {', '.join(numbers)} all training slices are of one class, which every baseline then gives."


@fresh_torch()
def features(
    patches: PatchSet, config: StudyConfig, inside: Array | None = None, *, progress: bool = True
) -> dict[str, Array]:
    """What each baseline is given of each slice's noisy patch: its name -> ``(N, k)`` float64, a row per slice.

    LOGISTIC: the PERCENTILES and ``thumbnails``. THRESHOLDS: their number of ``intensity_baselines``; where it is
    undefined, as the median is not above 0, nothing is bright: 0. inside: ``(N, S, S)`` bool with a pixel each, where
    percentiles and numbers are measured; None for the whole patch.
    """
    image, numbers, alone = [], [], replace(config, context_slices=1, bone_channel=False)
    places = range(len(patches.slices))
    starts = range(0, len(places), _AT_ONCE)
    for start in tqdm(starts, desc="features", unit="batch", disable=not progress):
        inputs = noisy_patches(patches, alone, "test", places[start : start + _AT_ONCE])
        pixels = list(inputs.flatten(1).numpy().astype(np.float64))
        if inside is not None:
            own = inside[start : start + _AT_ONCE].reshape(len(pixels), -1)
            pixels = [patch[where] for patch, where in zip(pixels, own, strict=True)]
        shares = np.array([np.percentile(patch, PERCENTILES) for patch in pixels])
        image.append(np.hstack([shares, thumbnails(inputs)]))
        numbers += [intensity_baselines(patch) for patch in pixels]
    table = np.nan_to_num(pd.DataFrame(numbers)[list(THRESHOLDS)].to_numpy())
    return {
        LOGISTIC: np.vstack(image),
        **{name: table[:, [column]] for column, name in enumerate(THRESHOLDS.values())},
    }


def thumbnails(inputs: Tensor) -> Array:
    """Patches ``(n, 1, S, S)`` at 12 x 12 pixels, averaged with their mirror images: left half, ``(n, 72)`` float64.

    ASSUMED: networks learn from flipped patches that left and right are alike; a linear model has it by this.
    """
    small = adaptive_avg_pool2d(inputs, THUMBNAIL)
    half: Array = ((small + small.flip(-1)) / 2)[..., : THUMBNAIL // 2].flatten(1).double().numpy()
    return half


def learn(name: str, values: Array, labels: Array, subjects: Array, seed: int) -> Scorer:
    """The baseline ``name`` taught by n slices: features ``(n, k)``, labels ``(n,)`` 0/1, subject ids ``(n,)``."""
    if len(set(labels)) < 2:
        only = float(labels[0])
        return lambda rows: np.full(len(rows), only)
    if name == LOGISTIC:
        return learn_logistic(values, labels, subjects, seed)
    return learn_threshold(values[:, 0], labels)


def learn_threshold(values: Array, labels: Array) -> Scorer:
    """The threshold and the direction that call most of the n slices rightly; the score is 0.5 at the threshold.

    values, labels: ``(n,)``. Score: the logistic function of the distance from the threshold in SDs of the values.
    """
    spread = float(values.std()) or 1.0
    found = []
    for direction in (1, -1):
        known, place = np.unique(direction * values, return_inverse=True)
        gained = np.append(np.bincount(place, weights=np.where(labels == 1, 1, -1))[::-1].cumsum()[::-1], 0)
        ends = np.concatenate([known[:1] - spread, known, known[-1:] + spread])
        best = int(gained.argmax())
        found.append((gained[best], direction, (ends[best] + ends[best + 1]) / 2))
    _, direction, limit = max(found, key=lambda each: each[0])
    return lambda rows: expit((direction * rows[:, 0] - limit) / spread)


def learn_logistic(values: Array, labels: Array, subjects: Array, seed: int) -> Scorer:
    """Logistic regression, L2, with that of PENALTIES whose log loss on ``inner_splits`` is least.

    Where subjects are too few to choose by, with the one that shrinks most.
    """
    model, splits = logistic_regression(C=PENALTIES[0]), inner_splits(labels, subjects, seed)
    if splits:
        grid = {"logisticregression__C": PENALTIES}
        model = GridSearchCV(model, grid, scoring="neg_log_loss", cv=splits)
    model.fit(values, labels)
    return lambda rows: model.predict_proba(rows)[:, 1]


def inner_splits(labels: Array, subjects: Array, seed: int) -> list[tuple[Array, Array]]:
    """Row numbers (learned, judged) of at most INNER splits, each subject on one side and both classes on either."""
    fewest = min(len(set(subjects[labels == label])) for label in (0, 1))
    if fewest < 2:
        return []
    splitter = StratifiedGroupKFold(min(INNER, fewest), shuffle=True, random_state=seed)
    splits = splitter.split(labels, labels, groups=subjects)
    return [split for split in splits if all(len(set(labels[side])) == 2 for side in split)]


def logistic_regression(**options: Any) -> Pipeline:
    """Logistic regression on standardised features; options: of scikit-learn's ``LogisticRegression``."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, **options))
