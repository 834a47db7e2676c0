"""How far the readers of the slices agree: Cohen's and Fleiss' kappa [1, 2.1]."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from sijstudy.audit.findings import Finding
from sijstudy.intervals import interval, row_weights

Array = np.ndarray[Any, Any]
SUBSTANTIAL = 0.6  # Landis and Koch 1977: above it agreement is called substantial
PAPER_RANGE = "0.68 to 0.73"  # [1] concordance among specialists, the paper's reference 13


def readers_of(slices: pd.DataFrame) -> list[str]:
    """Columns of the readers who voted on any slice."""
    return [name for name in slices if re.fullmatch(r"reader_\d+", str(name)) and slices[name].notna().any()]


def agreement(slices: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """Agreement of each pair of readers and, with more than two, of all of them.

    slices: subject_id and the readers' votes (0, 1, empty). Index who; columns measure, slices (those that all of
    them voted on), agree (share of equal votes), kappa, and low and high, its 95% interval over ``samples`` resamples
    of subjects. NaN where kappa is undefined: everybody gave the same vote on every slice.
    """
    readers = readers_of(slices)
    rows = [_pair(slices, pair, samples, seed) for pair in itertools.combinations(readers, 2)]
    if len(readers) > 2:
        rows.append(_all(slices, readers, samples, seed))
    columns = ["who", "measure", "slices", "agree", "kappa", "low", "high"]
    return pd.DataFrame(rows, columns=columns).set_index("who").rename_axis(None)


def reader_rates(slices: pd.DataFrame) -> pd.DataFrame:
    """Each reader's votes beside the label: slices read, share called positive, share equal to the label (percent)."""
    rows = {}
    for reader in readers_of(slices):
        read = slices[slices[reader].notna()]
        votes, labels = read[reader].astype(int), read["label"].astype(int)
        rows[_name(reader)] = (len(read), 100 * votes.mean(), 100 * (votes == labels).mean())
    return pd.DataFrame.from_dict(rows, orient="index", columns=["slices read", "positive, %", "as the label, %"])


def cohen_kappas(votes: Array, weights: Array) -> Array:
    """Cohen's kappa of 0/1 votes ``(slices, 2)`` under each of k weightings ``(k, slices)``; NaN where undefined."""
    total = weights.sum(axis=1)
    observed = _share(weights @ (votes[:, 0] == votes[:, 1]), total)
    first, second = (_share(weights @ votes[:, column], total) for column in (0, 1))
    return _corrected(observed, first * second + (1 - first) * (1 - second))


def fleiss_kappas(votes: Array, weights: Array) -> Array:
    """Fleiss' kappa of 0/1 votes ``(slices, readers)`` without gaps, weighted as ``cohen_kappas`` (Fleiss 1971)."""
    readers, positive, total = votes.shape[1], votes.sum(axis=1), weights.sum(axis=1)
    pairs = positive * (positive - 1) + (readers - positive) * (readers - positive - 1)
    share = _share(weights @ positive / readers, total)
    return _corrected(_share(weights @ pairs / (readers * (readers - 1)), total), share**2 + (1 - share) ** 2)


def agreement_findings(table: pd.DataFrame) -> list[Finding]:
    """What to say of ``agreement``'s table."""
    if table.empty:
        return [Finding("note", "readers", "No two readers' votes are in the manifest: their agreement is unknown.")]
    findings = []
    low = table[table["kappa"] < SUBSTANTIAL]
    if len(low):
        worst = low.sort_values("kappa").iloc[0]
        findings.append(
            Finding(
                "warning",
                "readers",
                f"{len(low)} of {len(table)} kappas lie below {SUBSTANTIAL}, the lowest is {worst['kappa']:.2f}; the "
                f"paper cites {PAPER_RANGE}. A network cannot be judged more finely than its readers agree.",
                "Let the readers settle the slices they differ on, or report results for each reader.",
                ", ".join(low.index),
            )
        )
    undefined = table[table["kappa"].isna()]
    if len(undefined):
        sentence = "Kappa is undefined where all votes are the same, or where no slice was read in common."
        findings.append(Finding("note", "readers", sentence, where=", ".join(undefined.index)))
    return findings


def _pair(slices: pd.DataFrame, pair: tuple[str, str], samples: int, seed: int) -> tuple[Any, ...]:
    votes, weights = _complete(slices, list(pair), samples, seed)
    defined = len(votes) > 0 and len(np.unique(votes)) > 1  # scikit-learn warns where kappa is undefined
    kappa = float(cohen_kappa_score(votes[:, 0], votes[:, 1])) if defined else float("nan")
    return (" and ".join(map(_name, pair)), "Cohen's kappa", *_summary(votes, kappa, cohen_kappas(votes, weights)))


def _all(slices: pd.DataFrame, readers: list[str], samples: int, seed: int) -> tuple[Any, ...]:
    votes, weights = _complete(slices, readers, samples, seed)
    kappa = float(fleiss_kappas(votes, np.ones((1, len(votes))))[0])
    return (f"all {len(readers)} readers", "Fleiss' kappa", *_summary(votes, kappa, fleiss_kappas(votes, weights)))


def _complete(slices: pd.DataFrame, readers: list[str], samples: int, seed: int) -> tuple[Array, Array]:
    """Votes ``(n, readers)`` int of the slices that all of ``readers`` read, and their weights ``(samples, n)``.

    The weight is how often a slice's subject was drawn in a resample.
    """
    kept = slices[slices[readers].notna().all(axis=1)]
    return kept[readers].to_numpy(dtype=int), row_weights(kept["subject_id"].to_numpy(), samples, seed)


def _share(sums: Array, total: Array) -> Array:
    shares: Array = np.divide(sums, total, out=np.ones(len(total)), where=total > 0)
    return shares


def _corrected(observed: Array, expected: Array) -> Array:
    """Agreement beyond chance as a share of what is possible; NaN where chance alone explains everything."""
    possible = 1 - expected
    kappas: Array = np.divide(observed - expected, possible, out=np.full(len(possible), np.nan), where=possible > 1e-12)
    return kappas


def _summary(votes: Array, kappa: float, kappas: Array) -> tuple[Any, ...]:
    agree = float((votes == votes[:, :1]).all(axis=1).mean()) if len(votes) else float("nan")
    return len(votes), agree, kappa, *interval(kappas)


def _name(column: str) -> str:
    return column.replace("_", " ")
