"""Sentences of the model card and the checklist that state a fact: each is computed from the run it is said of."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.baseline_tables import in_words
from sijstudy.analysis.edema_reach import EdemaReach
from sijstudy.analysis.slice_courses import subject_limit
from sijstudy.audit.agreement import readers_of
from sijstudy.config import StudyConfig

# How a network is trained, in the order of a sentence.
TRAINING = (
    *("loss", "epochs", "batch_size", "learning_rate", "flip_probability", "rotation_degrees", "hidden_units"),
    *("momentum", "weight_decay", "focal_gamma", "focal_alpha"),
)


def sentence_of_labels(slices: pd.DataFrame | None) -> str:
    """Whether a subject's slices differ in their label, and how often readers disagree; empty without a cohort.

    slices: as ``Manifest.slices``.
    """
    if slices is None:
        return ""
    both = int((slices.groupby("subject_id")["label"].nunique() > 1).sum())
    people = slices["subject_id"].nunique()
    said = (
        f"{both} of {people} subjects bring slices with and without edema."
        if both
        else f"All slices of a subject carry one label, in each of {people} subjects: no network saw an edema-free "
        "slice of an ill subject."
    )
    votes = slices[readers_of(slices)]
    read = votes.notna().sum(axis=1) > 1
    if not read.any():
        return f"{said} No slice has two readers' votes, so doubtful slices are not known."
    doubtful = int((votes[read].nunique(axis=1) > 1).sum())
    share = 100 * (1 - doubtful / int(read.sum()))
    return (
        f"{said} Readers agree on {share:.0f}% of the {int(read.sum())} slices that two or more of them read; the "
        f"{doubtful} others are trained and tested on like all, and results on them are not shown apart."
    )


def sentence_of_training(config: StudyConfig) -> str:
    """Which training parameters have the paper's values, which are assumed as the paper is silent, which differ."""
    specs = {spec.name: spec for spec in fields(StudyConfig)}
    groups: dict[str, list[str]] = {"paper": [], "assumed": [], "changed": []}
    for name in TRAINING:
        value, words = getattr(config, name), name.replace("_", " ")
        ours = value != specs[name].default
        key = "changed" if ours else "assumed" if "ASSUMED" in specs[name].metadata["note"] else "paper"
        groups[key].append(f"{words} {value}")
    parts = {
        "paper": "the paper's: ",
        "assumed": "ours, as the paper does not give them: ",
        "changed": "other than the study's defaults: ",
    }
    return "; ".join(f"{parts[key]}{', '.join(words)}" for key, words in groups.items() if words) + "."


def sentence_of_baselines(table: pd.DataFrame | None) -> str:
    """How far one gets without a network on the same folds; table: notebook 04's ``baselines``, empty without it."""
    return "" if table is None else in_words(table)


def sentence_of_reach(reach: EdemaReach | None, config: StudyConfig) -> str:
    """How much edema the run's ROI leaves out; empty where none is outlined."""
    if reach is None:
        return ""
    return (
        f"Of the outlined edema's area {100 * reach.beyond:.1f}% lies beyond the ROI ({config.roi_reading}, factor "
        f"{config.roi_factor}), which networks on ROI patches never see; {100 * reach.mostly:.1f}% of the "
        f"{reach.slices} slices with outlined edema show most of it there."
    )


def sentence_of_counts(slices: pd.DataFrame | None) -> str:
    """How many subjects and slices the cohort has, beside the paper's [2.1]; empty without a cohort."""
    if slices is None:
        return ""
    paper = StudyConfig()
    theirs = (paper.axspa_subjects + paper.control_subjects, paper.positive_slices + paper.negative_slices)
    ours = (slices["subject_id"].nunique(), len(slices))
    beside = "as many as the paper's" if ours == theirs else f"the paper's has {theirs[0]} and {theirs[1]}"
    return f"The cohort has {ours[0]} subjects and {ours[1]} slices; {beside}."


def words_of_method(config: StudyConfig, slices: pd.DataFrame | None) -> dict[str, str]:
    """What this run did, as parts of the checklist's sentences: name in braces -> words."""
    silent = config.noise_poisson == "none" and config.noise_gaussian_variance == 0
    test = 100 * config.test_fraction
    many = f"{config.folds} independent splits" if config.folds > 1 else "One split"
    share = "" if slices is None else f"{100 * slices['label'].mean():.0f}% of the slices show edema"
    return {
        "splits": f"{many} {100 - test:.0f}/{test:.0f}",
        "noise": "no noise" if silent else "noise",
        "loss": config.loss.replace("_", " "),
        "balance": share or "the classes' shares are not known here",
        "thresholds": f"{config.slice_threshold:g} for slices, {subject_limit(config):g} for subjects",
        "backbone": config.backbone.replace("resnet", "ResNet"),
        "decision": f"a median filter of {config.median_size}, {RULES[config.subject_rule].title}, threshold",
    }
