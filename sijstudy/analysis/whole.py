"""Whole examinations: the study's networks on every slice of their test subjects.

The paper selects: an axSpA subject brings slices with clear edema only, a control only slices without [2.1], so that a
slice's label is its subject's. No hospital sends such a selection. Here the networks, untouched, read whole stacks of
their own test subjects; ``whole_rules`` tries the rules on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from sijstudy.code import code_digest
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.fold_intervals import over_folds, split_ratio
from sijstudy.folds import Fold
from sijstudy.fresh_torch import environment_identity
from sijstudy.kept import kept_table
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.patches import PatchSet, load_patches
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import FitRun, RunStore

Array = np.ndarray[Any, Any]

AT_ONCE = 256  # slices whose noisy patches are held at once
PARTS = ("lowest fifth", "second fifth", "middle fifth", "fourth fifth", "highest fifth")  # of a stack


def score_whole(
    manifest: Manifest,
    runs: Mapping[int, FitRun],
    folds: Sequence[Fold],
    config: StudyConfig,
    store: RunStore,
    *,
    workers: int = 1,
) -> pd.DataFrame:
    """Every slice of every fold's test subjects by the fold's network of the ROI arm; from the store when known.

    manifest: slices with an ilium box. A row per fold and slice: fold, subject_id, group, slice_index, label (NaN where
    nobody read it), score in [0, 1]. StudyError where a fold has no network, or one that knows whom the fold tests.
    """
    _check_untrained(runs, folds)
    patches = load_patches(manifest, "roi", config, store.patches, workers=workers)
    device = resolve_device(config.device)
    asked = {
        "runs": {fold: run.folder.name for fold, run in runs.items()},
        "tested": {fold.number: sorted(fold.test) for fold in folds},
        "patches": patches.digest,
        "device": device.type,
        "code": code_digest(score_whole),
        **environment_identity(),
        **config.subset("seed", "mode", "precision", "noise_gaussian_variance", "noise_poisson", "context_slices"),
    }
    with numerics(config, device):
        rows = kept_table(store.root / "whole", asked, lambda: _scored(patches, runs, folds, config))
    groups = manifest.subjects.set_index("subject_id")["group"]
    return rows.assign(group=rows["subject_id"].map(groups))


def _check_untrained(runs: Mapping[int, FitRun], folds: Sequence[Fold]) -> None:
    """StudyError where a fold has no network, or tests someone whom its network was trained on."""
    for fold in folds:
        if fold.number not in runs:
            raise StudyError(f"fold {fold.number} has no network; run notebook 04 again with the folds of notebook 02")
        both = sorted(set(runs[fold.number].config()["train"]) & set(fold.test))
        if both:
            raise StudyError(
                f"fold {fold.number} tests subject {both[0]}, whom its network was trained on: the folds were made "
                "anew since; run notebook 04 again"
            )


def _scored(patches: PatchSet, runs: Mapping[int, FitRun], folds: Sequence[Fold], config: StudyConfig) -> pd.DataFrame:
    device, parts = resolve_device(config.device), []
    for fold in tqdm(folds, desc="scoring whole examinations", unit="network"):
        model, rows = load_model(runs[fold.number]).to(device), patches.rows_of(fold.test)
        shares = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
        scores = [predict(model, noisy_patches(patches, config, "test", own), config, device) for own in shares]
        parts.append(patches.slices.iloc[rows].assign(fold=fold.number, score=np.concatenate(scores)))
    frame = pd.concat(parts)[["fold", "subject_id", "slice_index", "label", "score"]]
    return frame.sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def contents(scored: pd.DataFrame) -> pd.DataFrame:
    """What whole examinations hold: index kind of subject, columns people, slices, positive slices (mean and range),
    slices that nobody read, if there are any."""
    once = scored.drop_duplicates(["subject_id", "slice_index"])
    people = once.groupby("subject_id").agg(
        group=("group", "first"), slices=("label", "size"), read=("label", "count"), positive=("label", "sum")
    )
    free = np.where(people["read"] < people["slices"], "axSpA, no edema where it was read", "axSpA, inactive")
    kinds = np.where(people["group"] != "axSpA", "control", np.where(people["positive"] > 0, "axSpA, active", free))
    rows = {}
    for kind, own in people.groupby(kinds):
        rows[kind] = {
            "people": len(own),
            "slices of each": _range(own["slices"]),
            "with edema, mean": own["positive"].mean(),
            "with edema, range": _range(own["positive"]),
            "read by nobody": int((own["slices"] - own["read"]).sum()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table if table["read by nobody"].any() else table.drop(columns="read by nobody")


def _range(counts: pd.Series[Any]) -> str:
    low, high = f"{counts.min():.0f}", f"{counts.max():.0f}"
    return low if low == high else f"{low} to {high}"


def slice_table(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Slices with edema against those without, of controls and of patients apart: AUC and specificity, percent.

    courses: ``add_courses`` of ``score_whole``. Index the negatives, columns slices (their number over the folds), auc,
    auc_low, auc_high, specificity, specificity_low, specificity_high.
    """
    ratio, positive, negative = split_ratio(config.test_fraction), courses["label"] == 1, courses["label"] == 0
    chosen = {"of everyone": negative, "of controls": negative & (courses["group"] != "axSpA"),
              "of patients": negative & (courses["group"] == "axSpA")}  # fmt: skip
    rows = {}
    for name, own in chosen.items():
        found = over_folds(courses[own | positive], ratio=ratio)
        rows[name] = {
            "slices": int(own.sum()),
            **ends(found, "auc", "auc"),
            **ends(found, "specificity", "specificity"),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def false_alarms(courses: pd.DataFrame) -> pd.DataFrame:
    """Share of edema-free slices called positive by their place in the stack, percent: index PARTS, columns groups."""
    extent = courses.groupby("subject_id")["slice_index"].agg(["min", "max"])
    low, high = (courses["subject_id"].map(extent[end]) for end in ("min", "max"))
    place = (courses["slice_index"] - low) / (high - low).clip(lower=1)
    part = np.minimum((len(PARTS) * place).astype(int), len(PARTS) - 1)
    whose = np.where(courses["group"] == "axSpA", "patients", "controls")
    negative = courses.assign(part=part, whose=whose)[courses["label"] == 0]
    table = 100 * negative.groupby(["part", "whose"])["decision"].mean().unstack()
    return table.reindex(range(len(PARTS))).set_axis(list(PARTS))


def ends(table: pd.DataFrame, measure: str, name: str) -> dict[str, float]:
    """A row of ``over_folds`` in percent: name, name_low, name_high."""
    mean, low, high = 100 * table.loc[measure, ["mean", "low", "high"]]
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def cell(row: pd.Series[Any], name: str) -> str:
    """Text of a number with the ends of its 95% CI, as ``ends`` names them."""
    if np.isnan(row[name]):
        return "–"
    return f"{row[name]:.1f} ({row[f'{name}_low']:.1f} to {row[f'{name}_high']:.1f})".replace("nan", "–")


def format_slices(table: pd.DataFrame) -> pd.DataFrame:
    """``slice_table`` as text cells, percent with 95% CI."""
    rows = [
        {"slices without edema": name, "number": f"{row['slices']:.0f}", "AUC": cell(row, "auc"),
         "specificity": cell(row, "specificity")}
        for name, row in table.iterrows()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def selection_sentence(slices: pd.DataFrame) -> str:
    """What the selection of slices does to Table 3, in words; slices: subject_id and label of those that were used."""
    kinds = slices.groupby("subject_id")["label"].nunique()
    alike, people = int((kinds == 1).sum()), len(kinds)
    if not alike:
        return f"All {people} subjects bring slices with and without edema."
    return (
        f"{alike} of {people} subjects bring slices of one kind only, with edema or without: a slice's label is then "
        "its subject's, and Table 3 does not test a diagnosis of whole examinations, in which a patient has both kinds."
    )


def is_selection(courses: pd.DataFrame) -> bool:
    """Whether no patient with edema brings a slice without it, or one that nobody read; whole examinations do."""
    ill = courses[courses["group"] == "axSpA"].groupby("subject_id")["label"]
    active = ill.max() == 1
    return bool(active.any() and (ill.min()[active] == 1).all() and (ill.count() == ill.size())[active].all())


NO_WHOLE = (
    "The cohort holds selections of slices and no whole examinations: no patient with edema brings a slice without it. "
    "What is shown here says nothing of whole series, and no rule is kept for sijstudy diagnose."
)


def telling_courses(courses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For the figure, tested subjects of the first fold: the patient with most slices with edema, the one with fewest,
    and the control with most false alarms; title -> rows."""
    first = courses[courses["fold"] == courses["fold"].min()]
    people = first.groupby("subject_id").agg(
        group=("group", "first"), positive=("label", "sum"), alarms=("decision", "sum")
    )
    ill, well = people[people["positive"] > 0], people[people["group"] != "axSpA"]
    chosen = [*([ill["positive"].idxmax(), ill["positive"].idxmin()] if len(ill) else []),
              *([well["alarms"].idxmax()] if len(well) else [])]  # fmt: skip
    return {
        f"{people.loc[name, 'group']} {name}, {people.loc[name, 'positive']:.0f} slices with edema": first[
            first["subject_id"] == name
        ]
        for name in dict.fromkeys(chosen)
    }
