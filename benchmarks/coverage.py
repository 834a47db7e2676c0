"""(coverage) How often 95% intervals over folds hold the true value: cohorts of the paper's size, LDA as network.

True is what the training procedure reaches on average on subjects whom it never saw, with folds of the study's size:
every cohort's networks are tested on one large population, and the mean over cohorts counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from benchmarks.measure import Line
from benchmarks.resampling import bootstrap, difference
from sijstudy.analysis.fold_summary import fold_metrics
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import difference_over_folds, over_folds, split_ratio
from sijstudy.folds import Fold, make_folds
from sijstudy.intervals import corrected_t

Array = np.ndarray[Any, Any]
Cell = tuple[str, str]  # quantity, kind of interval
COHORTS, SAMPLES, TARGET = 400, 1000, 93
PEOPLE, SLICES, SPAN = (60, 19), (422, 393), ((4, 23), (18, 25))  # axSpA and controls; slices in all and of one [2.1]
FEATURES, SHIFTED = 15, 3  # values of a slice; those that edema shifts
POPULATION = 20_000  # subjects of each group, a slice of each, that stand for everyone
ARMS = ("ROI", "whole slice")
QUANTITIES = (
    *((arm, name) for arm in ARMS for name in ("accuracy", "recall", "specificity", "auc")),
    ("difference", "accuracy"),
    ("difference", "auc"),
)
KINDS = ("bootstrap", "bootstrap within groups", "corrected t", "over folds")
RECOMMENDED = KINDS[-1]


@dataclass(frozen=True)
class Level:
    """What slices are like, in SDs of a slice about its subject.

    edema: mean shift by edema. severity: SD between patients, as a share of it; mimicry: how much controls have of it,
    SD as the same share. subject: SD between subjects of every value. noise: what whole slices add to the ROI's values.
    """

    edema: float
    severity: float
    mimicry: float
    subject: float
    noise: float


LEVELS = {
    "the paper's": Level(edema=5.6, severity=0.22, mimicry=0.22, subject=0.6, noise=1.8),
    "slices alike": Level(edema=6.5, severity=0.2, mimicry=0.2, subject=0.9, noise=1.6),
    "near 100%": Level(edema=7.5, severity=0.25, mimicry=0.1, subject=0.4, noise=1.2),
}


def measure(cohorts: int = COHORTS) -> list[Line]:
    """A line per level, quantity and kind of interval; only the recommended kind has a target."""
    lines = []
    for level, how in LEVELS.items():
        for (quantity, kind), (covered, width) in simulate(how, cohorts, SAMPLES).items():
            what = f"{level}, {quantity}: {kind}, mean width {width:.1f} points"
            lines.append(Line("coverage", what, "%", (covered,), low=TARGET if kind == RECOMMENDED else None))
    return lines


def simulate(level: Level, cohorts: int, samples: int) -> dict[Cell, tuple[float, float]]:
    """How many of the intervals hold the true value, and their mean width, in percent and percentage points."""
    everyone = population(level, np.random.default_rng(cohorts + 10**6))
    jobs = (delayed(_one)(level, everyone, seed, samples) for seed in range(cohorts))
    done = Parallel(n_jobs=os.cpu_count())(jobs)
    true = {quantity: np.mean([reached[quantity] for reached, _ in done]) for quantity in done[0][0]}
    found = {}
    for quantity, kind in done[0][1]:
        ends = np.array([intervals[quantity, kind] for _, intervals in done])
        held = (ends[:, 0] <= true[quantity]) & (true[quantity] <= ends[:, 1])
        found[quantity, kind] = (100 * float(held.mean()), 100 * float(np.diff(ends).mean()))
    return found


def _one(
    level: Level, everyone: Mapping[str, Array], seed: int, samples: int
) -> tuple[dict[str, float], dict[Cell, tuple[float, float]]]:
    """What one cohort's networks reach on everyone, by quantity, and its intervals."""
    frames, reached = study(level, everyone, seed)
    return reached, intervals(frames, samples, seed)


def intervals(frames: Mapping[str, pd.DataFrame], samples: int, seed: int) -> dict[Cell, tuple[float, float]]:
    """Every kind of interval of every quantity; frames: of each arm, as ``bootstrap`` takes them."""
    ratio = split_ratio(StudyConfig().test_fraction)
    drawn = {arm: [bootstrap(own, samples=samples, seed=seed, within_groups=within) for within in (False, True)]
             for arm, own in frames.items()}  # fmt: skip
    folds = {arm: fold_metrics(own) for arm, own in frames.items()}
    ours = {arm: over_folds(own, ratio=ratio) for arm, own in frames.items()}
    found: dict[Cell, tuple[float, float]] = {}
    for arm, name in QUANTITIES:
        if arm in frames:
            low, high = ours[arm].loc[name, ["low", "high"]]
            ends = [*(one.interval(name) for one in drawn[arm]), corrected_t(folds[arm][name], ratio), (low, high)]
        else:
            one, other = ARMS
            resampled = [difference(*pair, name)[1:] for pair in zip(drawn[one], drawn[other], strict=True)]
            paired = difference_over_folds(frames[one], frames[other], name, ratio=ratio)[1:]
            ends = [*resampled, corrected_t(folds[one][name] - folds[other][name], ratio), paired]
        found |= {(f"{arm} {name}", kind): each for kind, each in zip(KINDS, ends, strict=True)}
    return found


def study(level: Level, everyone: Mapping[str, Array], seed: int) -> tuple[dict[str, pd.DataFrame], dict[str, float]]:
    """A cohort with a network per fold and arm: its test slices as ``bootstrap`` takes them, and what they reach."""
    rng, config = np.random.default_rng(seed), StudyConfig()
    sizes = [slices_of(rng, *each) for each in zip(PEOPLE, SLICES, SPAN, strict=True)]
    label = np.repeat([1, 0], SLICES)
    values = [features(level, rng, own, edema=not place) for place, own in enumerate(sizes)]
    names = np.array([f"S{place:02d}" for place in range(sum(PEOPLE))])
    subject = np.repeat(names, np.concatenate(sizes))
    cohort = pd.DataFrame({"subject_id": names, "group": np.repeat(["axSpA", "control"], PEOPLE)})
    folds = make_folds(cohort, folds=config.folds, test_fraction=config.test_fraction, seed=seed)
    frames: dict[str, pd.DataFrame] = {}
    reached: dict[str, float] = {}
    for place, arm in enumerate(ARMS):
        slices = pd.DataFrame({"subject_id": subject, "label": label})
        frames[arm], (recall, specificity, auc) = _trained(
            slices, np.vstack([own[place] for own in values]), folds, everyone[arm]
        )
        accuracy = (recall * SLICES[0] + specificity * SLICES[1]) / sum(SLICES)
        reached |= {f"{arm} accuracy": accuracy, f"{arm} recall": recall, f"{arm} specificity": specificity}
        reached[f"{arm} auc"] = auc
    for name in ("accuracy", "auc"):
        reached[f"difference {name}"] = reached[f"{ARMS[0]} {name}"] - reached[f"{ARMS[1]} {name}"]
    return frames, reached


def _trained(
    slices: pd.DataFrame, values: Array, folds: tuple[Fold, ...], everyone: Array
) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """Test slices of all folds with scores and decisions, and mean recall, specificity and AUC on everyone."""
    tested, rates = [], []
    for fold in folds:
        inside = slices["subject_id"].isin(fold.test).to_numpy()
        network = LinearDiscriminantAnalysis(solver="lsqr").fit(values[~inside], slices["label"][~inside])
        score = network.decision_function(values[inside])
        tested.append(slices[inside].assign(fold=fold.number, score=score, decision=(score > 0).astype(int)))
        score = network.decision_function(everyone)
        called, truth = score > 0, np.repeat([1, 0], POPULATION)
        rates.append([called[:POPULATION].mean(), 1 - called[POPULATION:].mean(), roc_auc_score(truth, score)])
    recall, specificity, auc = np.mean(rates, axis=0).tolist()
    return pd.concat(tested, ignore_index=True), (recall, specificity, auc)


def population(level: Level, rng: np.random.Generator) -> dict[str, Array]:
    """A slice of each of many subjects: arm -> ``(2 POPULATION, FEATURES)``, patients first."""
    one_each = np.ones(POPULATION, dtype=int)
    groups = [features(level, rng, one_each, edema=edema) for edema in (True, False)]
    return {arm: np.vstack([group[place] for group in groups]) for place, arm in enumerate(ARMS)}


def slices_of(rng: np.random.Generator, people: int, slices: int, span: tuple[int, int]) -> Array:
    """Slices of each subject, ``(people,)``, within ``span`` and ``slices`` in all; how uneven is drawn."""
    low, high = span
    sizes = low + rng.multinomial(slices - low * people, rng.dirichlet(np.full(people, 1.5)))
    while (over := int(np.maximum(sizes - high, 0).sum())) > 0:
        sizes = np.minimum(sizes, high)
        np.add.at(sizes, rng.choice(np.flatnonzero(sizes < high), over), 1)
    return sizes


def features(level: Level, rng: np.random.Generator, sizes: Array, *, edema: bool) -> tuple[Array, Array]:
    """Values of one group's slices in the ROI and on the whole slice, ``(slices, FEATURES)`` each."""
    subject = np.repeat(np.arange(len(sizes)), sizes)
    roi = rng.normal(0, level.subject, (len(sizes), FEATURES))[subject] + rng.normal(size=(len(subject), FEATURES))
    share = rng.normal(1, level.severity, len(sizes)) if edema else rng.normal(0, level.mimicry, len(sizes))
    roi[:, :SHIFTED] += level.edema / np.sqrt(SHIFTED) * share[subject, None]
    other = rng.normal(0, level.subject, (len(sizes), FEATURES))[subject] + rng.normal(size=(len(subject), FEATURES))
    return roi, roi + level.noise * other
