"""Ablations: the study with one of its choices changed, measured on the same folds and subjects as the study itself.

The paper reports none but whole slices against ROI patches. A variant is a name and the parameters it changes;
everything else, its test subjects included, stays the study's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from sijstudy.analysis.fold_summary import fold_metrics
from sijstudy.analysis.slice_courses import add_courses, by_attention, collect_predictions, subject_predictions
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.normal_marrow import require_bone
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.fold_intervals import difference_over_folds, over_folds, split_ratio
from sijstudy.metrics import mean_sd
from sijstudy.model import build_model
from sijstudy.training.store import FitRun

NONE, ALL = "none", "all"
WHOLE = "whole"  # the group whose variants are tried on whole examinations (``whole_variants``)
REFERENCE = "this study"
PRETRAINED, OTHER_SEED = "the study's weights, else imagenet", "the study's seed + 1"  # values that hang on the study


@dataclass(frozen=True)
class Variant:
    """One change of the study. changes: parameter -> value; question: what a reviewer wants to know of it.

    attention: subjects are diagnosed by ``training.attention`` in place of filter and rule. against: the variant that
    it is compared with; the study, where that one is not tried.
    """

    name: str
    group: str
    question: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    attention: bool = False
    against: str = REFERENCE


NO_NOISE = {"noise_gaussian_variance": 0.0, "noise_poisson": "none"}
# The paper's Gaussian noise has a variance of 0.3; its words leave the Poisson rate open [2.2].
POISSON_RATES = {"power_of_log10": "(log10 x)^4", "power_of_log": "(ln x)^4", "log_of_power": "ln(x^4)"}
UNITS = {"percentile": "percentiles", "marrow": "marrow of the stack", "slice_marrow": "marrow of the slice"}
UNIT = "Does it help to give grey values in units of normal marrow, and to show the network where bone is?"
VARIANTS = (
    Variant("no noise", "noise", "Is the added noise worth having, in training and test alike?", NO_NOISE),
    *(Variant(f"the paper's noise, rate {rate}", "noise", "Does it matter which Poisson rate the paper's words mean?",
              {"noise_gaussian_variance": 0.3, "noise_poisson": name}) for name, rate in POISSON_RATES.items()),
    Variant("cross-entropy", "loss", "Does focal loss help where classes are nearly balanced?",
            {"loss": "cross_entropy"}),
    Variant("focal loss", "loss", "Does focal loss help where classes are nearly balanced?", {"loss": "focal"}),
    *(Variant(f"factor {factor}", "roi", "Does it matter how far the ROI reaches inward?", {"roi_factor": factor})
      for factor in (0.6, 0.8, 1.0, 1.2)),
    *(Variant(reading.replace("_", " "), "roi", "Does it matter how the ROI's wording is read?",
              {"roi_reading": reading}) for reading in ("centre_inward", "beyond_edge", "shifted_box")),
    *(Variant(f"{size} slices" if size > 1 else "no filter", "filter", "Does the size of the median filter matter?",
              {"median_size": size}) for size in (1, 3, 5, 7)),
    Variant("pretrained", "pretraining", "What do weights learned on photographs bring?", {"weights": PRETRAINED}),
    Variant("from scratch", "pretraining", "What do weights learned on photographs bring?", {"weights": "none"}),
    *(Variant(f"ResNet{depth}", "backbone", "Does a deeper network do better?", {"backbone": f"resnet{depth}"})
      for depth in (18, 34, 50)),
    *(Variant(f"{count} slice{'s' * (count > 1)} at once", "context", "Does a network do better that sees the "
              "neighbouring slices, too?", {"context_slices": count}) for count in (1, 3, 5)),
    *(Variant(f"{count} slices at once, no filter", "context", "Does a network that sees the neighbouring slices do "
              "better than the median filter over them?", {"context_slices": count, "median_size": 1})
      for count in (3, 5)),
    *(Variant(f"{name}{' and bone' * bone}", "intensity", UNIT, {"intensity": unit, "bone_channel": bone})
      for unit, name in UNITS.items() for bone in (False, True) if (unit, bone) != ("slice_marrow", True)),
    Variant("attention", "subject", "Does attention, learned on what the networks see in the slices, diagnose subjects "
            "better than filter and rule?", attention=True),
    Variant("another seed", "repeat", "How much does training alone change, nothing else being changed?",
            {"seed": OTHER_SEED}),
)  # fmt: skip
GROUPS = {
    "noise": "Noise",
    "loss": "Loss",
    "roi": "ROI",
    "filter": "Median filter",
    "pretraining": "Weights",
    "backbone": "Network",
    "context": "Neighbours",
    "intensity": "Grey values",
    "subject": "Subject",
    "repeat": "Repeated",
    WHOLE: "Whole examinations",
}

Units = dict[str, pd.DataFrame]
Attended = Mapping[int, pd.DataFrame]
Measures = Mapping[str, tuple[str, str]]

MEASURES: Measures = {  # column of the tables -> rows it is computed on, metric
    "slice accuracy": ("slices", "accuracy"),
    "slice AUC": ("slices", "auc"),
    "filtered slice accuracy": ("filtered slices", "accuracy"),
    "filtered slice AUC": ("filtered slices", "auc"),
    "subject recall": ("subjects", "recall"),
    "subject specificity": ("subjects", "specificity"),
}


@dataclass(frozen=True)
class Trial:
    """A variant in this study. config: the study's with the variant's changes; missing: why it cannot be had, or ""."""

    variant: Variant
    config: StudyConfig
    missing: str = ""

    @property
    def name(self) -> str:
        """Unique among the trials of a study."""
        return self.variant.name


def chosen_groups(ablations: str) -> tuple[str, ...]:
    """The groups that the parameter names, in the tables' order: none, all, or some of them separated by commas.

    Raises StudyError for an unknown one.
    """
    if ablations == NONE:
        return ()
    wanted = tuple(GROUPS) if ablations == ALL else tuple(part.strip() for part in ablations.split(","))
    for name in wanted:
        if name not in GROUPS:
            close = difflib.get_close_matches(name, GROUPS, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise StudyError(
                f"parameter ablations={ablations!r}: '{name}' is no group of variants{hint}; give none, all, or "
                f"some of {', '.join(GROUPS)}, separated by commas"
            )
    return tuple(group for group in GROUPS if group in wanted)


def plan_trials(
    study: StudyConfig, variants: Sequence[Variant] = VARIANTS, cohort: Manifest | None = None
) -> tuple[Trial, ...]:
    """The study itself first, then every chosen variant that differs from it and from the others; empty for none.

    cohort: the study's; a variant that needs outlines of bone which it lacks is missing.
    """
    groups = chosen_groups(study.ablations)
    chosen = [variant for group in groups for variant in variants if variant.group == group]
    trials = [Trial(Variant(REFERENCE, "", "What the others are compared with."), study)]
    for variant in chosen:
        config = replace(study, **{name: _settled(value, study) for name, value in variant.changes.items()})
        if all((config, variant.attention) != (other.config, other.variant.attention) for other in trials):
            trials.append(Trial(variant, config, _missing(config, study) or _boneless(config, cohort)))
    return tuple(trials) if chosen else ()


def _settled(value: Any, study: StudyConfig) -> Any:
    if value == OTHER_SEED:
        return study.seed + 1
    if value == PRETRAINED:
        return "imagenet" if study.weights == "none" else study.weights
    return value


def _missing(config: StudyConfig, study: StudyConfig) -> str:
    """Why the network's first weights cannot be had. Nothing is downloaded for a study that is trained from scratch."""
    if config.weights == "none" or (config.weights, config.backbone) == (study.weights, study.backbone):
        return ""
    if study.weights == "none":
        file = imagenet_file(config.backbone)
        if not file.is_file():
            return (
                "ImageNet weights are not on this machine, and a study from scratch downloads none; put "
                f"{file.name} into torch's folder hub/checkpoints"
            )
    try:
        build_model(config.backbone, config.hidden_units, config.weights, seed=0)
    except StudyError as error:
        return str(error)
    return ""


def _boneless(config: StudyConfig, cohort: Manifest | None) -> str:
    """Why the cohort's patches cannot be made so."""
    try:
        if cohort:
            require_bone(cohort, config)
    except StudyError as error:
        return str(error)
    return ""


def imagenet_file(backbone: str) -> Path:
    """Where torchvision keeps a backbone's ImageNet weights once they are on the machine."""
    import torchvision  # here, as in build_model: most notebooks need not wait for it

    url = torchvision.models.get_model_weights(backbone).IMAGENET1K_V1.url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def courses_of(
    trials: Sequence[Trial], runs: Mapping[str, Mapping[int, FitRun]], groups: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """``slice_courses.add_courses`` of every trial that was run, each under its own parameters: name -> rows.

    runs: trial's name -> fold -> run. groups: subject_id -> axSpA or control.
    """
    return {
        trial.name: add_courses(collect_predictions(runs[trial.name], groups), trial.config)
        for trial in trials
        if trial.name in runs
    }


def ablation_table(
    trials: Sequence[Trial], units: Mapping[str, Units], study: StudyConfig, measures: Measures = MEASURES
) -> pd.DataFrame:
    """A row per trial and measure: percent, differences in percentage points from what the trial is compared with.

    units: of every trial that was run, by its name (``units_of``).
    Columns: group, variant, changed (``name=value`` of each parameter), against (the trial it is compared with),
    measure; mean, sd (over folds, ddof 1), low, high (95% CI, ``fold_intervals``); difference, difference_low,
    difference_high (paired: the same subjects and folds in both; all 0 where every score and decision is the same),
    excludes_zero; missing. Numbers are NaN for a trial that could not be run; differences, for the study itself.
    """
    ratio, rows = split_ratio(study.test_fraction), []
    used = dict.fromkeys(unit for unit, _ in measures.values())
    found = {(name, unit): over_folds(each[unit], ratio=ratio) for name, each in units.items() for unit in used}
    for trial in trials:
        against = trial.variant.against if trial.variant.against in units else REFERENCE
        head = {"group": trial.variant.group, "variant": trial.name, "changed": _changed(trial, study)}
        for measure, (unit, metric) in measures.items():
            numbers = {}
            if trial.name in units:
                numbers = _numbers(units[trial.name][unit], found[trial.name, unit], metric)
            if trial.name in units and trial.name != REFERENCE:
                numbers |= _against(units[trial.name][unit], units[against][unit], metric, ratio)
            rows.append({**head, "against": against, "measure": measure, **numbers, "missing": trial.missing})
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    return table.assign(excludes_zero=(table["difference_low"] > 0) | (table["difference_high"] < 0))


COLUMNS = [
    "group", "variant", "changed", "against", "measure", "mean", "sd", "low", "high",
    "difference", "difference_low", "difference_high", "excludes_zero", "missing",
]  # fmt: skip


def _changed(trial: Trial, study: StudyConfig) -> str:
    """The parameters that differ from the study's, as -p takes them, or what stands in place of the rule."""
    if trial.variant.attention:
        return "attention in place of filter and rule"
    return " ".join(
        f"{name}={getattr(trial.config, name)}"
        for name in trial.variant.changes
        if getattr(trial.config, name) != getattr(study, name)
    )


def units_of(courses: pd.DataFrame, config: StudyConfig, attended: Attended | None = None) -> Units:
    """What is counted: fold, subject_id, group, label, decision and score of slices, filtered slices and subjects.

    courses: ``slice_courses.add_courses``. attended: fold -> ``training.attention.attended``, which decides of the
    subjects in place of filter and rule.
    """
    subjects = subject_predictions(courses, config)
    return slice_units(courses) | {"subjects": by_attention(subjects, attended, config) if attended else subjects}


def slice_units(courses: pd.DataFrame) -> Units:
    """``units_of`` slices and filtered slices."""
    head = courses[["fold", "subject_id", "group", "label"]]
    return {
        "slices": head.assign(decision=courses["decision"], score=courses["score"]),
        "filtered slices": head.assign(decision=courses["filtered_decision"], score=courses["filtered_score"]),
    }


def _numbers(frame: pd.DataFrame, found: pd.DataFrame, metric: str) -> dict[str, float]:
    mean, sd = mean_sd(fold_metrics(frame)[metric].to_numpy())
    low, high = found.loc[metric, ["low", "high"]]
    return {"mean": 100 * mean, "sd": 100 * sd, "low": 100 * low, "high": 100 * high}


def _against(frame: pd.DataFrame, reference: pd.DataFrame, metric: str, ratio: float) -> dict[str, float]:
    names, results = ("difference", "difference_low", "difference_high"), ["score", "decision"]
    if np.array_equal(frame[results].to_numpy(), reference[results].to_numpy()):
        return dict.fromkeys(names, 0.0)
    found = difference_over_folds(frame, reference, metric, ratio=ratio)
    return {name: 100 * value for name, value in zip(names, found, strict=True)}
