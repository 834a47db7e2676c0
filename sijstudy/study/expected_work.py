"""What each notebook of a run is expected to do, before any of it is timed: networks to train, and all the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sijstudy.cohort.manifest import load_manifest
from sijstudy.config import StudyConfig
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.phantom.plan import ACQUIRED
from sijstudy.records import ARMS
from sijstudy.study.plan import ABLATIONS, CANDIDATES, SELECTION, StudyPlan

FIRST_FOLD, ALL_FOLDS, WHOLE = "02_roi_comparison", "04_five_fold_training", "09_whole_examinations"
DRAWN = 0.04  # seconds a slice of 448 x 448 takes to be drawn, written and read by the manifest build
# notebook -> seconds that it takes whatever the cohort, and for each slice, without drawing and training, on two
# cores of 2.1 GHz. Only their proportions count once the first notebook has ended.
REST = {
    "01_data_audit": (8.0, 0.002),
    FIRST_FOLD: (3.0, 0.002),
    SELECTION: (1.0, 0.0),
    ALL_FOLDS: (6.0, 0.045),
    "05_subject_diagnosis": (5.5, 0.0),
    "06_grad_cam": (4.0, 0.013),
    "07_external_validation": (1.2, 0.0),
    ABLATIONS: (4.5, 0.0),
    WHOLE: (4.0, 0.02),
}
OTHER = (5.0, 0.0)  # of a notebook that is not listed
OPERATIONS = {"resnet18": 1.0, "resnet34": 2.0, "resnet50": 2.3}  # of a network for a patch, in ResNet18s


@dataclass(frozen=True)
class Work:
    """What a notebook is expected to take.

    epochs: of all its networks together; epoch: what one of them costs on average, in pixels of patches times the
    network's operations, of which only proportions count; other: seconds of all the rest, on the machine of ``REST``.
    """

    epochs: int = 0
    epoch: float = 0.0
    other: float = 0.0

    @property
    def training(self) -> float:
        """The cost of all its epochs."""
        return self.epochs * self.epoch


def expected_work(plan: StudyPlan) -> dict[str, Work]:
    """The work of every chosen notebook, in their order."""
    if plan.config.kept:  # nothing is drawn, trained or scored
        return {notebook.stem: Work(other=REST.get(notebook.stem, OTHER)[0]) for notebook in plan.chosen}
    slices, config = _slices(plan), plan.config
    training = _training(plan, slices)
    works = {}
    for notebook in plan.chosen:
        fixed, each = REST.get(notebook.stem, OTHER)
        drawing = _to_draw(plan, notebook.stem) * DRAWN * (config.matrix_size / 448) ** 2
        works[notebook.stem] = Work(*training.get(notebook.stem, (0, 0.0)), fixed + each * slices + drawing)
    return works


def _slices(plan: StudyPlan) -> int:
    """Slices of the study's cohort."""
    config = plan.config
    if config.manifest:
        return len(load_manifest(plan.root / config.manifest).slices)
    return _whole(config) if config.slices == "whole" else config.positive_slices + config.negative_slices


def _whole(config: StudyConfig) -> int:
    """Slices of the whole examinations of a synthetic cohort."""
    return (config.axspa_subjects + config.control_subjects + config.inactive_subjects) * ACQUIRED


def _to_draw(plan: StudyPlan, name: str) -> int:
    """Synthetic slices that a notebook has to make: as the first of the run, or as the one on whole examinations."""
    needed = [plan.config] if name == plan.chosen[0].stem else []
    needed += [replace(plan.config, slices="whole")] if name == WHOLE else []
    absent = {
        config
        for config in needed
        if not config.manifest and not (plan.root / "data_manifest" / synthetic_name(config) / "cohort.json").exists()
    }
    return sum(_slices(replace(plan, config=config)) for config in absent)


def _training(plan: StudyPlan, slices: int) -> dict[str, tuple[int, float]]:
    """Notebook -> the epochs of all its networks, and what one costs, in pixels times the network's operations."""
    config, chosen = plan.config, {notebook.stem for notebook in plan.chosen}
    epoch = slices * (1 - config.test_fraction) * config.patch_size**2
    own = epoch * OPERATIONS.get(config.backbone, 1.0)
    both = sum(OPERATIONS[name] for name in CANDIDATES) / len(CANDIDATES)
    first = len(ARMS) * config.epochs
    return {
        FIRST_FOLD: (first, own),
        SELECTION: (len(CANDIDATES) * config.selection_epochs, epoch * (1 - config.validation_fraction) * both),
        ALL_FOLDS: (first * (config.folds - (FIRST_FOLD in chosen)), own),
        ABLATIONS: (_variants(config) * config.folds * config.epochs, own),
    }


def _variants(config: StudyConfig) -> int:
    """Variants of the study with networks of their own; those on whole examinations count as the others."""
    if config.ablations == "none":
        return 0
    from sijstudy.analysis.ablations import plan_trials

    trained = [trial for trial in plan_trials(config)[1:] if not trial.missing]
    return sum(bool(trial.variant.changes.keys() - {"median_size"}) for trial in trained)
