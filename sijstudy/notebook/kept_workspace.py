"""The workspace of a notebook that has a run's kept predictions in place of images and networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from sijstudy.analysis.external import with_boxes
from sijstudy.cohort.automatic_boxes import Automatic, with_found
from sijstudy.cohort.manifest import Manifest
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.folds import Fold, load_folds
from sijstudy.notebook.made_with import MarkedFolder
from sijstudy.notebook.workspace import Workspace
from sijstudy.records import Arm
from sijstudy.training.kept_run import WHOLE, KeptRun, open_kept, require_same
from sijstudy.training.networks import Networks
from sijstudy.training.patches import PatchSet
from sijstudy.training.rule_choice import RuleChoice
from sijstudy.training.store import FitRun

COMPUTED_BY = ("device", "precision", "torch")  # of the provenance: what a network's scores can depend on
LACKS = "Not shown here: it takes images or networks, and this is made of kept predictions alone."


@dataclass(frozen=True)
class KeptFolder(MarkedFolder):
    """A profile's folder whose tables are those that were kept, where they were."""

    kept: KeptRun = field(kw_only=True)

    def load_table(self, name: str) -> pd.DataFrame:
        """The kept table, else what a notebook of this very run wrote."""
        return self.kept.table(name) if self.kept.has_table(name) else super().load_table(name)


class KeptWorkspace(Workspace):
    """A study whose predictions are read from ``config.kept``; what it is asked to compute from images is a StudyError.

    Results go where every run's go, to ``runs/PROFILE``.
    """

    lacks = LACKS

    @cached_property
    def kept(self) -> KeptRun:
        """The predictions, checked. StudyError where a file has changed, or parameters or cohort are others."""
        run = open_kept(self.root / self.config.kept)
        require_same(run, self.config, self.root)
        return run

    @cached_property
    def folder(self) -> MarkedFolder:
        """Tables as they were kept; results of this profile."""
        own = super().folder
        return KeptFolder(own.root, own.made_with, kept=self.kept)

    @cached_property
    def outlined(self) -> Manifest:
        """The cohort's tables."""
        return self.kept.manifest()

    @cached_property
    def whole_examinations(self) -> Manifest:
        """The tables of the whole examinations."""
        return with_boxes(self._sought(self.kept.manifest(WHOLE), "found_joints_whole"))

    def _search(self, outlined: Manifest, name: str) -> Automatic:
        return with_found(outlined, self.kept.table(name))

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """The folds on which the networks were trained."""
        return load_folds(self.kept.folds_file)

    def train_folds(self, arms: tuple[Arm, ...], folds: tuple[Fold, ...]) -> dict[Arm, dict[int, FitRun]]:
        """The kept runs, which bring predictions and no weights. StudyError for a fold that they do not know."""
        for fold in folds:
            if fold not in self.folds:
                raise StudyError(f"{self.kept.folds_file}: fold {fold.number} is not the one that this run makes")
        return {arm: {fold.number: self.kept.fit(arm, fold.number) for fold in folds} for arm in arms}

    def train_candidates(self, backbones: tuple[str, ...], split: Fold) -> dict[str, pd.DataFrame]:
        """Training histories by backbone, as kept."""
        return {backbone: self.kept.table(f"history_{backbone}") for backbone in backbones}

    def save_fits(self, runs: Mapping[Arm, Mapping[int, FitRun]]) -> None:
        """Nothing: there are no networks to be found by it."""

    def save_choice(self, choice: RuleChoice) -> None:
        """Nothing: there are no networks that could go by it."""

    def score_automatic(self, runs: Mapping[int, FitRun], drawn: pd.DataFrame) -> pd.DataFrame:
        """The predictions on automatically found ROIs, as kept."""
        return self.kept.table("predictions_automatic_roi")

    def score_whole(self, runs: Mapping[int, FitRun] | None = None, config: StudyConfig | None = None) -> pd.DataFrame:
        """The study's predictions on whole examinations, as kept."""
        if runs is not None:
            raise StudyError(f"{self.kept.folder}: holds no variants of the study; run them with images and networks")
        return self.kept.table("whole_examinations")

    def baselines(self) -> dict[str, pd.DataFrame]:
        """The predictions without a network, as kept."""
        parts = self.kept.table("predictions_baselines").groupby("baseline", sort=False)
        return {str(name): part.drop(columns="baseline").reset_index(drop=True) for name, part in parts}

    def patches(self, arm: Arm, config: StudyConfig | None = None) -> PatchSet:
        """StudyError: there is no image."""
        raise StudyError(f"{self.kept.folder}: holds predictions and no images; run this with images")

    def networks(self) -> Networks:
        """StudyError: there is no network."""
        raise StudyError(f"{self.kept.folder}: holds predictions and no networks; run this with networks")

    @property
    def origin(self) -> dict[str, str]:
        """Where the predictions were made; device, arithmetic and torch are those of the run that kept them."""
        told = ", ".join(f"{name} {text}" for name, text in self.kept.origin.items())
        computed = {name: self.kept.origin[name] for name in COMPUTED_BY if name in self.kept.origin}
        return {**computed, "predictions": f"kept by an earlier run ({told})"}


def kept_workspace(folder: Path, root: Path) -> KeptWorkspace:
    """The workspace of a folder of kept predictions, with the parameters of the run that kept them."""
    return KeptWorkspace(replace(open_kept(folder).config, kept=str(folder)), root)
