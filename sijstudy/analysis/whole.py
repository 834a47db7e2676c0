"""Whole examinations: the study's networks on every slice of their subjects, and each rule's diagnoses of them.

The paper selects: an axSpA subject brings slices with clear edema only, a control only slices without [2.1], so that a
slice's label is its subject's. No hospital sends such a selection. Here the networks, untouched, read whole stacks of
their own test subjects, and the rules are tried on them. Thresholds are chosen on training subjects, never on tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from sijstudy.aggregation import RULES
from sijstudy.analysis.external import with_boxes
from sijstudy.analysis.slice_courses import subject_predictions
from sijstudy.code import code_digest
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.fold_intervals import over_folds, split_ratio
from sijstudy.folds import Fold
from sijstudy.fresh_torch import environment_identity
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.inputs import noisy_patches
from sijstudy.training.kept import kept_table
from sijstudy.training.patches import PatchSet, load_patches
from sijstudy.training.scoring import load_model, predict
from sijstudy.training.store import FitRun, RunStore

Array = np.ndarray[Any, Any]

SPECIFICITY = 0.9  # ASSUMED: at which a reader would compare the rules
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
    """Every slice of the manifest that has an ilium box, by the ROI network of every fold; from the store when known.

    A row per fold and slice: fold, tested (False for the fold's training subjects; True for its test subjects and for
    people in no fold), subject_id, group, slice_index, label, score in [0, 1].
    """
    kept = with_boxes(manifest)
    patches, device = load_patches(kept, "roi", config, store.patches, workers=workers), resolve_device(config.device)
    asked = {
        "runs": {fold: run.folder.name for fold, run in runs.items()},
        "patches": patches.digest,
        "device": device.type,
        "code": code_digest(score_whole),
        **environment_identity(),
        **config.subset("seed", "mode", "precision", "noise_gaussian_variance", "noise_poisson", "context_slices"),
    }
    with numerics(config, device):
        rows = kept_table(store.root / "whole", asked, lambda: _scored(patches, runs, config))
    groups = manifest.subjects.set_index("subject_id")["group"]
    trained = {(fold.number, name) for fold in folds for name in fold.train}
    tested = [(fold, name) not in trained for fold, name in zip(rows["fold"], rows["subject_id"], strict=True)]
    return rows.assign(tested=tested, group=rows["subject_id"].map(groups))


def _scored(patches: PatchSet, runs: Mapping[int, FitRun], config: StudyConfig) -> pd.DataFrame:
    device, count = resolve_device(config.device), len(patches.slices)
    models = {fold: load_model(run).to(device) for fold, run in runs.items()}
    scores: dict[int, list[Array]] = {fold: [] for fold in models}
    for start in tqdm(range(0, count, AT_ONCE), desc="scoring whole examinations", unit="batch"):
        inputs = noisy_patches(patches, config, "test", range(start, min(start + AT_ONCE, count)))
        for fold, model in models.items():
            scores[fold].append(predict(model, inputs, config, device))
    slices = patches.slices.drop(columns="sop_instance_uid")
    parts = [slices.assign(fold=fold, score=np.concatenate(own)) for fold, own in scores.items()]
    frame = pd.concat(parts)[["fold", "subject_id", "slice_index", "label", "score"]]
    return frame.sort_values(["fold", "subject_id", "slice_index"], ignore_index=True)


def contents(scored: pd.DataFrame) -> pd.DataFrame:
    """What whole examinations hold: index kind of subject, columns people, slices, positive slices (mean and range)."""
    once = scored.drop_duplicates(["subject_id", "slice_index"])
    people = once.groupby("subject_id").agg(
        group=("group", "first"), slices=("label", "size"), positive=("label", "sum")
    )
    kinds = np.where(
        people["group"] != "axSpA", "control", np.where(people["positive"] > 0, "axSpA, active", "axSpA, inactive")
    )
    rows = {}
    for kind, own in people.groupby(kinds):
        rows[kind] = {
            "people": len(own),
            "slices of each": f"{own['slices'].min()} to {own['slices'].max()}",
            "with edema, mean": own["positive"].mean(),
            "with edema, range": f"{own['positive'].min()} to {own['positive'].max()}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def slice_table(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Slices with edema against those without, of controls and of patients apart: AUC and specificity, percent.

    courses: tested rows after ``add_courses``. Index the negatives, columns slices (their number over the folds), auc,
    auc_low, auc_high, specificity, specificity_low, specificity_high.
    """
    ratio, negative = split_ratio(config.test_fraction), courses["label"] == 0
    chosen = {"of everyone": negative, "of controls": negative & (courses["group"] != "axSpA"),
              "of patients": negative & (courses["group"] == "axSpA")}  # fmt: skip
    rows = {}
    for name, own in chosen.items():
        found = over_folds(courses[own | ~negative], ratio=ratio)
        rows[name] = {
            "slices": int(own.sum()),
            **_ends(found, "auc", "auc"),
            **_ends(found, "specificity", "specificity"),
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


def threshold_at(scores: Array, labels: Array, specificity: float) -> float:
    """The lowest threshold at which at least ``specificity`` of the negatives lie below it; just above 1 where none in
    [0, 1] does. Halfway between the scores that it parts, so that it hangs on neither. NaN without a negative."""
    negatives = np.sort(scores[labels == 0])
    if len(negatives) == 0:
        return float("nan")
    last = negatives[int(np.ceil(specificity * len(negatives) - 1e-9)) - 1]  # the highest that must lie below
    above = np.append(scores[scores > last], 1.0 if last < 1 else np.inf)
    return float((last + above.min()) / 2) if np.isfinite(above.min()) else float(np.nextafter(1.0, 2.0))


def rule_table(courses: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Every rule on the whole examinations of test subjects, as the study has it and as training subjects would set it.

    courses: ``add_courses`` of ``score_whole``. A row per rule: auc, recall, specificity at the study's threshold;
    threshold (mean over folds of that with SPECIFICITY on the fold's training subjects), train_recall at it, and
    chosen_recall and chosen_specificity of test subjects at it; low and high of each but threshold and train_recall.
    Percent, but for the threshold.
    """
    ratio = split_ratio(config.test_fraction)
    tested = subject_predictions(courses[courses["tested"]].reset_index(drop=True), config)
    known = subject_predictions(courses[~courses["tested"]].reset_index(drop=True), config)
    rows = {}
    for name in RULES:
        frame = tested.assign(score=tested[f"{name}_score"], decision=tested[f"{name}_decision"])
        limits = {
            int(str(fold)): threshold_at(part[f"{name}_score"].to_numpy(), part["label"].to_numpy(), SPECIFICITY)
            for fold, part in known.groupby("fold")
        }
        ill = known[known["label"] == 1]
        found = (ill[f"{name}_score"] >= ill["fold"].map(limits)).groupby(ill["fold"]).mean()
        at_limit = (frame["score"] >= frame["fold"].map(limits)).astype(int)
        plain, chosen = (over_folds(each, ratio=ratio) for each in (frame, frame.assign(decision=at_limit)))
        rows[name] = {
            **_ends(plain, "auc", "auc"),
            **_ends(plain, "recall", "recall"),
            **_ends(plain, "specificity", "specificity"),
            "threshold": float(np.mean(list(limits.values()))),
            "train_recall": 100 * float(found.mean()),
            **_ends(chosen, "recall", "chosen_recall"),
            **_ends(chosen, "specificity", "chosen_specificity"),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


def _ends(table: pd.DataFrame, measure: str, name: str) -> dict[str, float]:
    """A row of ``over_folds`` in percent: name, name_low, name_high."""
    mean, low, high = 100 * table.loc[measure, ["mean", "low", "high"]]
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def readers_choice(table: pd.DataFrame) -> str:
    """The rule that finds most active training subjects at SPECIFICITY; the first of RULES among equals."""
    return str(table["train_recall"].idxmax())


def _cell(row: pd.Series[Any], name: str) -> str:
    return f"{row[name]:.1f} ({row[f'{name}_low']:.1f} to {row[f'{name}_high']:.1f})".replace("nan", "–")


def format_slices(table: pd.DataFrame) -> pd.DataFrame:
    """``slice_table`` as text cells, percent with 95% CI."""
    rows = [
        {"slices without edema": name, "number": f"{row['slices']:.0f}", "AUC": _cell(row, "auc"),
         "specificity": _cell(row, "specificity")}
        for name, row in table.iterrows()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def format_rules(table: pd.DataFrame) -> pd.DataFrame:
    """``rule_table`` as text cells, percent with 95% CI."""
    rows = [
        {
            "rule": RULES[str(name)].title,
            "AUC": _cell(row, "auc"),
            "recall": _cell(row, "recall"),
            "specificity": _cell(row, "specificity"),
            "threshold chosen": f"{row['threshold']:.3f}",
            "recall at it": _cell(row, "chosen_recall"),
            "specificity at it": _cell(row, "chosen_specificity"),
        }
        for name, row in table.iterrows()
    ]
    return pd.DataFrame(rows)


def selection_sentence(slices: pd.DataFrame) -> str:
    """What the selection of slices does to Table 3, in words; slices: subject_id and label of those that were used."""
    both = int((slices.groupby("subject_id")["label"].nunique() > 1).sum())
    people = slices["subject_id"].nunique()
    if both:
        return f"{both} of {people} subjects bring slices with and without edema."
    return (
        f"Each of the {people} subjects brings slices of one kind only, with edema or without, so that a slice's label "
        "is its subject's, and the mean over slices can hardly go wrong. No hospital sends such a selection."
    )


def answer_sentence(table: pd.DataFrame, config: StudyConfig) -> str:
    """The answer: what the study's rule does on whole examinations, and the one that training would choose."""
    own, best = table.loc[config.subject_rule], readers_choice(table)
    row = table.loc[best]

    def range_of(which: pd.Series[Any], name: str) -> str:
        return f"{which[name]:.1f}% (95% CI {which[f'{name}_low']:.1f} to {which[f'{name}_high']:.1f})"

    return (
        f"On whole examinations the {RULES[config.subject_rule].title} finds {range_of(own, 'recall')} of the active "
        f"test subjects, at a specificity of {range_of(own, 'specificity')}. At {SPECIFICITY:.0%} specificity on "
        f"training subjects the {RULES[best].title} finds most of them; on test subjects it finds "
        f"{range_of(row, 'chosen_recall')}, at a specificity of {range_of(row, 'chosen_specificity')}."
    )


def telling_courses(courses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For the figure, tested subjects of the first fold: the patient with most slices with edema, the one with fewest,
    and the control with most false alarms; title -> rows."""
    first = courses[courses["tested"] & (courses["fold"] == courses["fold"].min())]
    people = first.groupby("subject_id").agg(
        group=("group", "first"), positive=("label", "sum"), alarms=("decision", "sum")
    )
    ill, well = people[people["positive"] > 0], people[people["group"] != "axSpA"]
    chosen = [*([ill["positive"].idxmax(), ill["positive"].idxmin()] if len(ill) else []),
              *([well["alarms"].idxmax()] if len(well) else [])]  # fmt: skip
    return {
        f"{people.loc[name, 'group']} {name}, {people.loc[name, 'positive']} slices with edema": first[
            first["subject_id"] == name
        ]
        for name in dict.fromkeys(chosen)
    }
