"""One new subject through finished networks: slice scores, filtered course, subject decision, Grad-CAM [3.1]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from sijstudy.aggregation import RULES, Course
from sijstudy.analysis.coverage import Coverage, coverage_of
from sijstudy.analysis.likeness import Likeness, likeness
from sijstudy.analysis.slice_courses import course_of
from sijstudy.analysis.suitability import Suitability, suitability
from sijstudy.cohort.subject_folder import SubjectFolder
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import digest
from sijstudy.gradcam import cam_maps
from sijstudy.model import EdemaNet, inputs_of
from sijstudy.records import Arm, Slice
from sijstudy.training.device import numerics, resolve_device
from sijstudy.training.feature_reference import scores_and_features
from sijstudy.training.inputs import middle, noisy_patches
from sijstudy.training.networks import Networks
from sijstudy.training.patches import SLICE_COLUMNS, PatchSet, channels_of
from sijstudy.training.rule_choice import RuleChoice
from sijstudy.training.scoring import load_model
from sijstudy.training.store import FitRun

Array = np.ndarray[Any, Any]
EXPLAINED = 6  # slices with the highest scores


@dataclass(frozen=True)
class Ruling:
    """By which rule a subject is decided, a name in RULES, and why.

    choice: notebook 09's, when the rule is of it. asked: the rule was named by hand. With neither, the study's own.
    limits: by each rule's name the score from which on it says positive: the choice's of its rule, else the study's.
    """

    rule: str
    limits: Mapping[str, float]
    choice: RuleChoice | None = None
    asked: bool = False


@dataclass(frozen=True)
class Verdict:
    """What one rule says: positive when the score, in [0, 1], reaches the threshold."""

    score: float
    threshold: float
    positive: bool


@dataclass(frozen=True)
class Opinion:
    """What was decided of a subject: by the rule that decides, and by each rule's name."""

    decided: Verdict
    by_rule: Mapping[str, Verdict]


@dataclass(frozen=True)
class Explanation:
    """One slice as the networks see it: patch ``(S, S)`` in [0, 255] with noise, mean Grad-CAM ``(S, S)`` in [0, 1]."""

    item: Slice
    score: float
    patch: Array
    cam: Array


@dataclass(frozen=True)
class Diagnosis:
    """A subject's results. A score is the mean over the networks of all folds used.

    arm: roi, or original when whole slices were used. left_out: slices without an ilium box.
    slices: a row per slice from the lower to the upper pelvis: slice_index, file, score, score_sd, score_low,
    score_high (over networks; SD NaN with one), decision, filtered_decision, filtered_score, and of ``likeness``
    percentile and unlike.
    networks: a row per network: fold, address, score, positive, RULE_positive, trained_on_name (a subject of this
    name was in its training data). explained: highest score first. images: the series beside the training images;
    where they differ, the diagnosis was made by force. likeness: of the patches, a row of ``slices`` each.
    coverage: how much of an examination was scored.
    """

    subject: SubjectFolder
    config: StudyConfig
    trained_on: str
    arm: Arm
    ruling: Ruling
    slices: pd.DataFrame
    networks: pd.DataFrame
    opinion: Opinion
    left_out: tuple[Slice, ...]
    explained: tuple[Explanation, ...]
    images: Suitability
    likeness: Likeness
    coverage: Coverage

    @property
    def withheld(self) -> str:
        """Why nothing is decided, in words, whatever ``opinion`` says of the scores; empty where it decides."""
        if self.likeness.withholds:
            return self.likeness.sentence
        return self.coverage.reason if self.coverage.withholds else ""


def diagnose(
    subject: SubjectFolder,
    networks: Networks,
    rule: RuleChoice | str | None = None,
    *,
    device: str = "auto",
    progress: bool = True,
    force: bool = False,
) -> Diagnosis:
    """Diagnose one subject as the study does its test subjects: same patches, noise and filter.

    rule: notebook 09's choice, a rule's name (at the study's threshold), or None for the study's own. Without ilium
    boxes the original arm's networks see whole slices. force: decide on a fragment, too. StudyError without either arm.
    """
    config, (arm, used) = replace(networks.config, device=device), _arm(subject, networks)
    ruling, runs, place = _ruling(rule, arm, config), networks.runs[arm], resolve_device(device)
    patches = _patches(subject, used, arm, config, progress)
    inputs = noisy_patches(patches, config, "test")
    models = {fold: _model(run, config).to(place) for fold, run in runs.items()}
    with numerics(config, place):
        seen = {fold: scores_and_features(models[fold], inputs, config, place) for fold in _shown(models, progress)}
        scores = np.stack([own for own, _ in seen.values()])
        explained = _explained(used, scores.mean(axis=0), inputs, list(models.values()), progress)
        alike = likeness({fold: own for fold, (_, own) in seen.items()}, patches.patches[:, 0], runs, config)
    course, *single = (_course(used, row, config) for row in (scores.mean(axis=0), *scores))
    return Diagnosis(
        subject=subject,
        config=config,
        trained_on=networks.trained_on,
        arm=arm,
        ruling=ruling,
        slices=_slice_table(used, course, scores, alike),
        networks=_by_network(runs, [_opinion(own, ruling) for own in single], subject.subject_id),
        opinion=_opinion(course, ruling),
        left_out=tuple(item for item in subject.slices if item not in used),
        explained=explained,
        images=suitability(subject.kind, networks, subject.mixed),
        likeness=alike,
        coverage=coverage_of(subject, used, ruling.choice, forced=force),
    )


def name_of(item: Slice) -> str:
    """How a result calls a slice: by its file, and frame where the file holds several."""
    return item.file.name if item.frame is None else f"{item.file.name} #{item.frame}"


def _arm(subject: SubjectFolder, networks: Networks) -> tuple[Arm, tuple[Slice, ...]]:
    """Which networks are asked about which slices."""
    boxed = tuple(item for item in subject.slices if item.boxes is not None)
    if boxed and "roi" in networks.runs:
        return "roi", boxed
    if "original" in networks.runs:
        return "original", subject.slices
    raise StudyError(
        f"subject {subject.subject_id}: no ilium box in a DICOM SEG of the folder or in --boxes, and the run has no "
        "network for whole slices; give boxes, or a run that holds the original arm"
    )


def _patches(
    subject: SubjectFolder, items: tuple[Slice, ...], arm: Arm, config: StudyConfig, progress: bool
) -> PatchSet:
    shown = tqdm(items, desc="reading slices", unit="slice", disable=not progress)
    stack = np.stack([channels_of(item, arm, config, subject.bones.get(item.uid)) for item in shown])
    table = pd.DataFrame([(item.subject_id, item.index, 0, item.uid) for item in items], columns=SLICE_COLUMNS)
    return PatchSet(stack, table, arm, digest([item.sha256 for item in items]))


def _shown(models: Mapping[int, EdemaNet], progress: bool) -> Iterable[int]:
    return tqdm(models, desc="scoring slices", unit="network", disable=not progress)


def _model(run: FitRun, config: StudyConfig) -> EdemaNet:
    try:
        model = load_model(run)
        if model.inputs != inputs_of(asdict(config)):
            raise RuntimeError(f"it learned from {model.inputs.words}, its study shows another")
        return model
    except (KeyError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[-1].strip()[:120]
        raise StudyError(
            f"{run.folder}: weights and config.json do not fit together ({reason}); train it again"
        ) from None


def _course(items: tuple[Slice, ...], scores: Array, config: StudyConfig) -> Course:
    return course_of(scores, np.array([item.index for item in items]), config)


def _ruling(rule: RuleChoice | str | None, arm: Arm, config: StudyConfig) -> Ruling:
    """Who decides. ASSUMED: a threshold chosen on the scores of single networks holds for their mean."""
    limits = {name: each.limit(config.subject_threshold) for name, each in RULES.items()}
    if isinstance(rule, str):
        return Ruling(rule, limits, asked=True)
    if rule is None or arm != "roi":
        return Ruling(config.subject_rule, limits)
    return Ruling(rule.rule, {**limits, rule.rule: rule.threshold}, rule)


def _opinion(course: Course, ruling: Ruling) -> Opinion:
    scores = {name: float(rule.score(course)) for name, rule in RULES.items()}
    by_rule = {name: Verdict(scores[name], limit, scores[name] >= limit) for name, limit in ruling.limits.items()}
    return Opinion(by_rule[ruling.rule], by_rule)


def _slice_table(items: tuple[Slice, ...], course: Course, scores: Array, alike: Likeness) -> pd.DataFrame:
    """The rows of ``Diagnosis.slices``; scores ``(networks, n)``."""
    spread = scores.std(axis=0, ddof=1) if len(scores) > 1 else np.full(len(items), np.nan)
    return pd.DataFrame(
        {
            "slice_index": course.slice_index,
            "file": [name_of(item) for item in items],
            "score": course.score,
            "score_sd": spread,
            "score_low": scores.min(axis=0),
            "score_high": scores.max(axis=0),
            "decision": course.decision,
            "filtered_decision": course.filtered_decision,
            "filtered_score": course.filtered_score,
            "percentile": alike.percentile,
            "unlike": alike.unlike,
        }
    )


def _by_network(runs: Mapping[int, FitRun], opinions: list[Opinion], subject_id: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "fold": fold,
                "address": run.folder.resolve().name,
                "score": opinion.decided.score,
                "positive": opinion.decided.positive,
                **{f"{name}_positive": verdict.positive for name, verdict in opinion.by_rule.items()},
                "trained_on_name": subject_id in run.config().get("train", ()),
            }
            for (fold, run), opinion in zip(runs.items(), opinions, strict=True)
        ]
    )


def _explained(
    items: tuple[Slice, ...], scores: Array, inputs: torch.Tensor, models: list[EdemaNet], progress: bool
) -> tuple[Explanation, ...]:
    """Grad-CAM of the slices with the highest scores: the mean of the networks' maps."""
    rows = np.argsort(-scores, kind="stable")[:EXPLAINED]
    chosen = inputs[torch.from_numpy(rows.copy())]
    shown = tqdm(models, desc="Grad-CAM", unit="network", disable=not progress)
    maps = [cam_maps(model, chosen.to(next(model.parameters()).device)) for model in shown]
    mean = np.mean(maps, axis=0)
    return tuple(
        Explanation(items[row], float(scores[row]), middle(chosen)[place], mean[place])
        for place, row in enumerate(rows)
    )
