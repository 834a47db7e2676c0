"""What a notebook works with: configuration, cohort, run store, results of the earlier notebooks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from sijstudy.analysis.automatic_roi import completed
from sijstudy.analysis.baselines import baseline_predictions
from sijstudy.analysis.external import ExternalCohort, with_boxes
from sijstudy.analysis.region_pixels import counted_patches
from sijstudy.analysis.whole import score_whole
from sijstudy.audit.cohort import Audit, audit_cohort
from sijstudy.cohort.automatic_boxes import Automatic, automatic_rois
from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.cohort.stack_depth import stack_depth
from sijstudy.cohort.unread import whole_series
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.folds import Fold, with_others
from sijstudy.headline import Headline
from sijstudy.notebook.cohort import prepare_cohort
from sijstudy.notebook.external_cohort import apply_to
from sijstudy.notebook.made_with import MarkedFolder, mark, of_scores, require_same
from sijstudy.notebook.provenance import cohort_line, provenance
from sijstudy.notebook.shown_slices import middles, spread
from sijstudy.records import Arm, Slice
from sijstudy.training.attention import attended
from sijstudy.training.feature_reference import keep_references
from sijstudy.training.image_kinds import save_kinds
from sijstudy.training.kept_run import AFTER_SCORES
from sijstudy.training.loop import Fit
from sijstudy.training.networks import FITS, Networks, open_networks, save_fits
from sijstudy.training.parallel import fit_all, fit_each
from sijstudy.training.patches import PatchSet, load_patches
from sijstudy.training.rule_choice import RuleChoice, save_choice
from sijstudy.training.store import FitRun, RunStore


@dataclass(frozen=True)
class Workspace:
    """One study on disk, under ``root``: ``data``, ``data_manifest`` and ``runs``."""

    config: StudyConfig
    root: Path
    stages: dict[str, float] = field(default_factory=dict)  # stage -> seconds it took in this notebook
    opened: float = field(default_factory=time.perf_counter)
    lacks = ""  # what cannot be shown, in a sentence, where there are no images and networks

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage of the notebook for its provenance; a stage entered again adds up."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    @cached_property
    def manifest(self) -> Manifest:
        """The cohort; the synthetic one is made on first use."""
        return self._sought(self.outlined, "found_joints")

    @cached_property
    def outlined(self) -> Manifest:
        """The cohort as it was built, its boxes from outlines."""
        with self.stage("cohort"):
            return prepare_cohort(self.config, self.root, workers=os.cpu_count() or 1)

    @cached_property
    def automatic(self) -> Automatic:
        """The cohort with the ROIs that are found without outlines."""
        return self._search(self.outlined, "found_joints")

    def _search(self, outlined: Manifest, name: str) -> Automatic:
        """name: of the table that tells what was found."""
        with self.stage("finding joints"):
            automatic = automatic_rois(outlined, self.store.root / "joints", workers=os.cpu_count() or 1)
        self.folder.save_table(name, automatic.found)
        return automatic

    def score_automatic(self, runs: Mapping[int, FitRun], drawn: pd.DataFrame) -> pd.DataFrame:
        """``drawn``, the predictions of the ROI arm's ``runs``, made anew on automatically found ROIs."""
        manifest = self.automatic.manifest
        with self.stage("scoring automatic ROIs"):
            scored = score_whole(manifest, runs, self.folds, self.config, self.store, workers=os.cpu_count() or 1)
        return completed(scored, drawn)

    @cached_property
    def outlines(self) -> SliceOutlines:
        """What is outlined on the cohort's slices."""
        return SliceOutlines(self.manifest)

    @cached_property
    def groups(self) -> dict[str, str]:
        """subject_id -> axSpA or control."""
        subjects = self.manifest.subjects
        return dict(zip(subjects["subject_id"], subjects["group"], strict=True))

    @property
    def store(self) -> RunStore:
        """Trained networks and cached patches of all profiles."""
        return RunStore(self.root / "runs")

    @cached_property
    def folder(self) -> MarkedFolder:
        """Tables and results of this profile."""
        return MarkedFolder(self.root / "runs" / self.config.profile, of_scores(self.config, self.root))

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds that notebook 02 saved. StudyError when they are missing or belong to another cohort."""
        folds = self.folder.load_folds()
        strangers = {subject for fold in folds for subject in (*fold.train, *fold.test)} ^ set(self.groups)
        if strangers:
            raise StudyError(
                f"{self.folder.folds_file} was made for another cohort (subject {min(strangers)} is not in both); "
                "run notebook 02 again"
            )
        return folds

    def baselines(self) -> dict[str, pd.DataFrame]:
        """What is reached without a network: ``analysis.baselines.baseline_predictions`` of every fold."""
        inside, patches = counted_patches(self.manifest, self.config), self.patches("roi")
        found = baseline_predictions(patches, self.folds, self.groups, self.config, inside)
        self.folder.save_table("predictions_baselines", pd.concat(found, names=["baseline"]).reset_index("baseline"))
        return found

    def audit(self) -> Audit:
        """All that the audit finds in the cohort, and in the folds that an earlier run of notebook 02 saved."""
        manifest, folds = self.manifest, self.folder.folds_file
        with self.stage("audit"):
            return audit_cohort(
                manifest,
                folds_file=folds if folds.exists() else None,
                samples=self.config.bootstrap_samples,
                seed=self.config.seed,
                workers=os.cpu_count() or 1,
            )

    def patches(self, arm: Arm, config: StudyConfig | None = None) -> PatchSet:
        """The cohort's patches for one arm, cached on disk; config: a variant's parameters in place of the study's."""
        config = config or self.config
        manifest = self.manifest if config.slices == self.config.slices else self.whole_examinations
        with self.stage("patches"):
            return load_patches(manifest, arm, config, self.store.patches, workers=os.cpu_count() or 1)

    def train_folds(self, arms: tuple[Arm, ...], folds: tuple[Fold, ...]) -> dict[Arm, dict[int, FitRun]]:
        """Trained runs by arm and fold number; all missing ones are trained side by side."""
        patches = {arm: self.patches(arm) for arm in arms}
        keys = [(arm, fold) for arm in arms for fold in folds]
        fits = [Fit(fold, patches[arm], self.config.backbone, self.config.epochs) for arm, fold in keys]
        with self.stage("training"):
            runs = fit_all(fits, self.config, self.store)
        return {
            arm: {fold.number: run for (other, fold), run in zip(keys, runs, strict=True) if other == arm}
            for arm in arms
        }

    def train_variants(self, configs: Mapping[str, StudyConfig]) -> dict[str, dict[int, FitRun]]:
        """Trained runs of the ROI arm by variant and fold number; all missing ones are trained side by side."""
        patches = {name: self.patches("roi", config) for name, config in configs.items()}
        asked = [
            (Fit(fold, patches[name], config.backbone, config.epochs), config)
            for name, config in configs.items()
            for fold in self._folds_of(config)
        ]
        with self.stage("training"):
            runs = iter(fit_each(asked, self.store))
        return {name: {fold.number: next(runs) for fold in self.folds} for name in configs}

    def attend(self, runs: Mapping[int, FitRun], config: StudyConfig) -> dict[int, pd.DataFrame]:
        """Diagnoses of the test subjects by attention (``training.attention``), by fold.

        runs: fold -> run of the ROI arm. config: under which they were trained.
        """
        patches = self.patches("roi", config)
        shown = tqdm(self._folds_of(config), desc="attention over slices", unit="fold")
        with self.stage("attention"):
            return {fold.number: attended(runs[fold.number], patches, fold, config, self.store) for fold in shown}

    @cached_property
    def whole_examinations(self) -> Manifest:
        """Every slice with an ilium box: of a synthetic cohort's whole examinations, of a hospital's all it has."""
        if self.config.manifest or self.config.slices == "whole":
            return with_boxes(self._sought(whole_series(self.outlined), "found_joints_whole"))
        with self.stage("whole examinations"):
            config = replace(self.config, slices="whole")
            drawn = prepare_cohort(config, self.root, workers=os.cpu_count() or 1)
        return with_boxes(self._sought(drawn, "found_joints_whole"))

    def _sought(self, outlined: Manifest, name: str) -> Manifest:
        """A cohort with its ROIs from where the study has them."""
        return self._search(outlined, name).manifest if self.config.roi_source == "automatic" else outlined

    @cached_property
    def whole_folds(self) -> tuple[Fold, ...]:
        """The folds with those subjects on either side whom only whole examinations hold, the inactive ones."""
        names, config = self.whole_examinations.subjects["subject_id"], self.config
        return with_others(self.folds, names, test_fraction=config.test_fraction, seed=config.seed)

    def _folds_of(self, config: StudyConfig) -> tuple[Fold, ...]:
        """The folds on which a variant of the study is trained."""
        return self.folds if config.slices == self.config.slices else self.whole_folds

    def score_whole(self, runs: Mapping[int, FitRun] | None = None, config: StudyConfig | None = None) -> pd.DataFrame:
        """``analysis.whole.score_whole`` by the networks that notebook 04 left in this profile's folder.

        runs, config: of a variant of the study in place of these, fold -> run and its parameters.
        """
        if runs is None or config is None:
            networks = self.networks()
            runs, config = networks.runs["roi"], networks.config
        manifest, folds = self.whole_examinations, self.whole_folds
        with self.stage("scoring whole examinations"):
            return score_whole(manifest, runs, folds, config, self.store, workers=os.cpu_count() or 1)

    def networks(self) -> Networks:
        """The networks that notebook 04 left in this profile's folder, with the parameters they were trained under.

        What becomes of their scores (filter, thresholds, rule) is this notebook's. StudyError when they were trained
        with other parameters than this study has, or on another cohort.
        """
        found = open_networks(self.folder.root)
        require_same({**asdict(found.config), "cohort": found.cohort}, self.folder.made_with, self.folder.root / FITS)
        return replace(found, config=replace(found.config, **self.config.subset("device", *AFTER_SCORES)))

    def save_fits(self, runs: Mapping[Arm, Mapping[int, FitRun]]) -> None:
        """Note in this profile's folder which fit belongs to which arm and fold, and beside each what it was shown."""
        save_fits(self.folder, self.config, runs, cohort=self.folder.made_with["cohort"])
        with self.stage("references"):
            save_kinds(runs, self.manifest)
            keep_references(runs, self.patches, self.config)

    def external_cohort(self) -> ExternalCohort:
        """The cohort ``external_manifest`` through the networks that notebook 04 left in this profile's folder.

        Those of ``external_also`` stand beside them, with that run's parameters.
        StudyError when networks are missing, or when the cohort shares a file with the study's own.
        """
        with self.stage("external cohort"):
            return apply_to(self.networks(), self.manifest, self.config, self.root)

    def train_candidates(self, backbones: tuple[str, ...], split: Fold) -> dict[str, pd.DataFrame]:
        """Training histories by backbone, followed on the validation subjects of ``split`` [2.5, Fig. 5]."""
        patches, epochs = self.patches("roi"), self.config.selection_epochs
        fits = [Fit(split, patches, backbone, epochs, follow=True) for backbone in backbones]
        with self.stage("training"):
            runs = fit_all(fits, self.config, self.store)
        return {backbone: run.history() for backbone, run in zip(backbones, runs, strict=True)}

    def save_choice(self, choice: RuleChoice) -> None:
        """``training.rule_choice.save_choice`` for this profile's networks, with the depth of the examinations."""
        save_choice(self.folder, replace(choice, depth_mm=stack_depth(self.whole_examinations)), self.config)

    def examples(self, *, positive: int, negative: int) -> list[Slice]:
        """Slices to show: the middle one of evenly spread subjects with two outlined ilia, edema first."""
        return middles(self.manifest.slice_records(), positive, negative)

    def spread(self, *, subjects: int, slices: int) -> list[Slice]:
        """Slices to show: ``slices`` of each of at most ``subjects`` subjects, evenly spread, in the body's order."""
        return spread(self.manifest.slice_records(), subjects, slices)

    def row_of(self, item: Slice) -> int:
        """Row of a slice in the manifest, and so in every PatchSet."""
        slices = self.manifest.slices
        match = (slices["subject_id"] == item.subject_id) & (slices["slice_index"] == item.index)
        return int(match.to_numpy().argmax())

    def training_time(self, runs: Mapping[Any, Mapping[int, FitRun]]) -> str:
        """Seconds of training behind ``runs``, as text, whether they were trained now or earlier."""
        seconds = [run.seconds() for run in {run for by_fold in runs.values() for run in by_fold.values()}]
        return f"{len(seconds)} networks, {sum(seconds):.0f} s in all, {self.config.parallel_fits} side by side"

    @property
    def origin(self) -> dict[str, str]:
        """Where predictions come from that were not made here, as name -> text."""
        return {}

    def finish(self, notebook: str, title: str, answer: str, headline: Sequence[Headline]) -> dict[str, str]:
        """Save the notebook's answer and numbers for the index page; returns the provenance for the report's end."""
        spent = {**self.stages, "whole notebook": time.perf_counter() - self.opened}
        times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items())
        origin = {**provenance(self.config, self.manifest), **self.origin, "time per stage": times}
        numbers = [asdict(number) for number in headline]
        result = {"title": title, "answer": answer, "headline": numbers, "data_source": self.manifest.source}
        made = {"provenance": origin, "parameters": mark(self.config, notebook)}
        cohort = cohort_line(self.manifest, self.outlined)
        self.folder.save_result(notebook, {**result, **made, "cohort": cohort})
        return origin
