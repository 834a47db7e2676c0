"""Can the classes be told apart without looking at the joints: by scanner, age, number of slices?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats.contingency import association

from sijstudy.audit.acquisition import parameters_of
from sijstudy.audit.findings import Finding
from sijstudy.cohort.manifest import Manifest

Array = np.ndarray[Any, Any]
FEW = 5  # an acquisition number with at most this many values is taken as a category: a scanner, a protocol
ORDERED = ("age", "slices per subject", "mean slice position")
LEVEL = 0.05  # of Holm's corrected p
COLUMNS = ["measure", "strength", "p", "p, Holm"]
#: known of the paper's own cohort, so no surprise in one made like it
BY_DESIGN = {"slices per subject": "The paper's cohort has 4 to 23 slices of axSpA subjects, 18 to 25 of controls."}


def subject_features(manifest: Manifest, acquisition: pd.DataFrame) -> pd.DataFrame:
    """A row per subject: group, then what could give the group away. Of acquisition values the subject's usual.

    acquisition: as ``acquisition_table``; the mean slice position is that of its ``height_mm``.
    """
    slices = manifest.slices.groupby("subject_id")
    table = manifest.subjects.set_index("subject_id")
    features = table[["group", "sex"]].assign(
        age=table["age_years"].astype(float),
        **{
            "slices per subject": slices.size(),
            "mean slice position": acquisition.groupby("subject_id")["height_mm"].mean().astype(float),
        },
    )
    names = parameters_of(acquisition)
    usual = acquisition.groupby("subject_id")[names].agg(_usual) if names else pd.DataFrame(index=table.index)
    return features.join(usual)


def confounding(features: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """How well each single feature tells the groups apart; index feature, the strongest first.

    features: as ``subject_features``; subjects are the unit, as slices of one person are not independent. Columns:
    measure (AUC, folded to 0.5..1, with the Mann-Whitney test; or Cramér's V, 0..1, with Fisher's exact test for two
    by two and otherwise ``samples`` permutations of the groups), strength, p, and p corrected by Holm over all
    features. Features with one value only are left out. Empty when there is one group only.
    """
    if features["group"].nunique() != 2:
        return pd.DataFrame(columns=COLUMNS)
    rng = np.random.default_rng(seed)
    rows = {}
    for name in features.columns.drop("group"):
        part = features[["group", name]].dropna()
        if part[name].nunique() > 1 and part["group"].nunique() == 2:
            ordered = name in ORDERED or (part[name].nunique() > FEW and _numbers(part[name]).notna().all())
            test = _ordered if ordered else _categories
            rows[name] = test(part[name], (part["group"] == part["group"].min()).to_numpy(), samples, rng)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS[:3])
    table["p, Holm"] = holm(table["p"].to_numpy(dtype=float))
    return table.sort_values("p", kind="stable")


def position_within_subjects(slices: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """Does a slice's place tell its label, in subjects who have both? Same columns as ``confounding``, at most a row.

    The AUC is of the distance from the middle of the subject's slices; labels are permuted within each subject.
    """
    both = slices[slices.groupby("subject_id")["label"].transform("nunique") == 2]
    if both.empty:
        return pd.DataFrame(columns=COLUMNS)
    index = both["slice_index"].astype(float)
    middle = index.groupby(both["subject_id"]).transform("mean")
    distance, labels = (index - middle).abs().to_numpy(), both["label"].to_numpy(dtype=int)
    rng, observed = np.random.default_rng(seed), _auc(distance, labels)
    blocks = [np.flatnonzero(both["subject_id"] == name) for name in both["subject_id"].unique()]
    as_far = sum(_auc(distance, _shuffled(labels, blocks, rng)) >= observed - 1e-12 for _ in range(samples))
    p = (as_far + 1) / (samples + 1)
    return pd.DataFrame([("AUC", observed, p, p)], index=["slice's distance from the middle"], columns=COLUMNS)


def holm(p: Array) -> Array:
    """P values ``(n,)`` corrected by Holm 1979: the k-th smallest times n - k + 1, made monotone, at most 1."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def confounding_findings(table: pd.DataFrame) -> list[Finding]:
    """Features that tell the groups apart, perfectly or beyond chance."""
    if table.empty:
        return [Finding("note", "confounding", "One group only, or nothing differs: no confounding can be seen.")]
    findings = []
    for name, row in table[table["p, Holm"] < LEVEL].iterrows():
        perfect = row["strength"] > 1 - 1e-9
        known = BY_DESIGN.get(str(name), "")
        subject = f"{str(name)[0].upper()}{str(name)[1:]}"
        sentence = (
            f"{subject} alone tells the groups apart without error"
            if perfect
            else f"{subject} is associated with the group"
        )
        measure = f"{row['measure']} {row['strength']:.2f}, corrected p {_p(row['p, Holm'])}"
        advice = (
            known
            or "A network may learn it instead of the edema: match the groups, or report results within its values."
        )
        findings.append(Finding("warning", "confounding", f"{sentence}: {measure}.", advice))
    return findings


def _ordered(values: pd.Series[Any], first: Array, samples: int, rng: np.random.Generator) -> tuple[str, float, float]:
    numbers = _numbers(values).to_numpy(dtype=float)
    return "AUC", _auc(numbers, first), float(stats.mannwhitneyu(numbers[first], numbers[~first]).pvalue)


def _categories(
    values: pd.Series[Any], first: Array, samples: int, rng: np.random.Generator
) -> tuple[str, float, float]:
    codes = pd.factorize(values)[0]
    strength = _cramer(codes, first)
    if len(np.unique(codes)) == 2:
        return "Cramér's V", strength, float(stats.fisher_exact(_crossed(codes, first)).pvalue)
    as_strong = sum(_cramer(codes, rng.permutation(first)) >= strength - 1e-12 for _ in range(samples))
    return "Cramér's V", strength, (as_strong + 1) / (samples + 1)


def _numbers(values: pd.Series[Any]) -> pd.Series[float]:
    return pd.to_numeric(values, errors="coerce")


def _crossed(codes: Array, first: Array) -> Array:
    table: Array = stats.contingency.crosstab(codes, first).count
    return table


def _cramer(codes: Array, first: Array) -> float:
    return float(association(_crossed(codes, first), method="cramer"))


def _auc(values: Array, labels: Array) -> float:
    statistic = stats.mannwhitneyu(values[labels == 1], values[labels == 0], method="asymptotic").statistic
    auc = float(statistic) / ((labels == 1).sum() * (labels == 0).sum())
    return max(auc, 1 - auc)


def _shuffled(labels: Array, blocks: list[Array], rng: np.random.Generator) -> Array:
    mixed = labels.copy()
    for block in blocks:
        mixed[block] = rng.permutation(labels[block])
    return mixed


def _usual(values: pd.Series[Any]) -> Any:
    counts = values.value_counts()
    return counts.index[0] if len(counts) else None


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "below 0.001"
