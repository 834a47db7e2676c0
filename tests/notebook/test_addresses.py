"""Two studies share a cohort, patches or a network only when every parameter that shapes these is the same."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch

from sijstudy.config import StudyConfig
from sijstudy.files import digest
from sijstudy.folds import make_folds, split_validation
from sijstudy.notebook import workspace
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.notebook.workspace import Workspace
from sijstudy.training import loop
from sijstudy.training import patches as patches_module
from sijstudy.training.loop import Fit
from sijstudy.training.patches import load_patches

COHORT, PATCHES, FITS, CANDIDATES = "synthetic cohort", "patches", "networks of the folds", "networks of Fig. 5"
NETWORKS = {FITS, CANDIDATES}
CUT = {PATCHES, *NETWORKS}

# A new parameter has to be put here, with what gets another address by another value of it ...
MOVES = {
    "seed": (7, {COHORT, *NETWORKS}),
    "device": ("cuda", NETWORKS),
    "mode": ("fast", NETWORKS),
    "precision": ("bfloat16", NETWORKS),
    "parallel_fits": (2, NETWORKS),  # it shares out the cores, and a sum depends on the number of threads
    "threads_per_fit": (3, NETWORKS),
    "axspa_subjects": (61, {COHORT}),
    "control_subjects": (18, {COHORT}),
    "positive_slices": (421, {COHORT}),
    "negative_slices": (394, {COHORT}),
    "slices": ("whole", {COHORT}),
    "matrix_size": (256, {COHORT}),
    "phantom_contrast": ("stir", {COHORT}),
    "phantom_randomised": (True, {COHORT}),
    "roi_reading": ("shifted_box", CUT),
    "roi_factor": (0.9, CUT),
    "roi_height": ("stretch", CUT),
    "patch_size": (40, CUT),
    "noise_gaussian_variance": (0.4, NETWORKS),
    "noise_poisson": ("log_of_power", NETWORKS),
    "noise_redraw": (False, NETWORKS),
    "intensity": ("slice_marrow", CUT),
    "bone_channel": (True, CUT),
    "context_slices": (3, NETWORKS),
    "backbone": ("resnet34", {FITS}),
    "hidden_units": (5, NETWORKS),
    "weights": ("imagenet", NETWORKS),
    "loss": ("cross_entropy", NETWORKS),
    "focal_gamma": (1.0, NETWORKS),
    "focal_alpha": (0.25, NETWORKS),
    "epochs": (2, {FITS}),
    "batch_size": (5, NETWORKS),
    "learning_rate": (0.02, NETWORKS),
    "momentum": (0.8, NETWORKS),
    "weight_decay": (0.001, NETWORKS),
    "flip_probability": (0.4, NETWORKS),
    "rotation_degrees": (11.0, NETWORKS),
    "test_fraction": (0.5, NETWORKS),
    "validation_fraction": (0.5, {CANDIDATES}),
    "selection_epochs": (3, {CANDIDATES}),
}
# ... or here, when no cohort, patch or network depends on it.
STAYS = {
    "profile": "other",
    "scheduler": "tcp://host:8786",
    "external_manifest": "elsewhere",
    "external_also": "runs/other",
    "kept": "reports/other/kept",
    "inactive_subjects": 2,  # of whole examinations only
    "median_size": 5,
    "median_input": "score",
    "slice_threshold": 0.4,
    "subject_rule": "asas",
    "subject_threshold": 0.4,
    "bootstrap_samples": 60,
    "cam_slices": 3,
    "ablations": "all",
}
OF_A_FIT = [name for name in MOVES if MOVES[name][1] - {COHORT} == NETWORKS and name not in ("device", "test_fraction")]
# Tests of their own: a path, whose content counts; a number of networks; boxes, which are part of the cohort's hash.
OF_THEIR_OWN = {"manifest", "folds", "roi_source"}


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    monkeypatch.setattr("sijstudy.training.device.os.cpu_count", lambda: 4)


@pytest.fixture(scope="module")
def base(sample_work):
    return replace(sample_work.config, threads_per_fit=0)


def addresses(config, root):
    """What a study makes -> its addresses; folds and validation split as notebooks 02 and 03 make them."""
    asked = []
    work = Workspace(config, root)
    subjects = work.manifest.subjects
    folds = make_folds(subjects, folds=config.folds, test_fraction=config.test_fraction, seed=config.seed)
    split = split_validation(folds[0], subjects, config.validation_fraction, config.seed)

    def instead_of_training(fits, given, store):
        asked.append([digest(fit.identity(given, torch.device(given.device))) for fit in fits])
        return [mock.MagicMock() for _ in fits]

    with mock.patch.object(workspace, "fit_all", instead_of_training):
        work.train_folds(("roi",), folds)
        work.train_candidates(("resnet18", "resnet34"), split)
    return {COHORT: synthetic_name(config), PATCHES: work.patches("roi").digest, FITS: asked[0], CANDIDATES: asked[1]}


def moved(config, other, root):
    """What has not one address in common any more."""
    ours, theirs = addresses(config, root), addresses(other, root)
    return {name for name in ours if not set(np.atleast_1d(ours[name])) & set(np.atleast_1d(theirs[name]))}


@pytest.mark.parametrize("name", MOVES)
def test_a_parameter_that_changes_a_number_changes_the_address(sample_work, base, name):
    value, expected = MOVES[name]
    assert value != getattr(base, name)
    assert moved(base, replace(base, **{name: value}), sample_work.root) == expected


@pytest.mark.parametrize("name", STAYS)
def test_any_other_changes_none(sample_work, base, name):
    assert STAYS[name] != getattr(base, name)
    root, other = sample_work.root, replace(base, **{name: STAYS[name]})
    assert addresses(base, root) == addresses(other, root)


def test_every_parameter_is_in_one_of_the_groups():
    assert sorted([*MOVES, *STAYS, *OF_THEIR_OWN]) == sorted(StudyConfig.names())


def test_another_fold_is_another_network_beside_those_of_before(sample_work, base):
    two, three = (addresses(replace(base, folds=folds), sample_work.root)[FITS] for folds in (2, 3))
    assert three[:2] == two
    assert len(set(three)) == 3


def test_other_files_are_other_patches_and_networks(sample_work, base, tmp_path):
    manifest, cpu = sample_work.manifest, torch.device("cpu")
    relabelled = replace(manifest, slices=manifest.slices.assign(label=1 - manifest.slices["label"]))
    fold = sample_work.folds[0]
    before, after = (load_patches(one, "roi", base, tmp_path, progress=False) for one in (manifest, relabelled))
    assert before.digest != after.digest
    ours, theirs = (Fit(fold, one, "resnet18", 1).identity(base, cpu) for one in (before, after))
    assert digest(ours) != digest(theirs)


@pytest.mark.parametrize("name", OF_A_FIT)
def test_each_parameter_moves_the_network_of_the_same_slices(sample_work, base, name):
    """Another seed draws other folds, too; of the same fold it is another network all the same."""
    fit, cpu = Fit(sample_work.folds[0], sample_work.patches("roi"), "resnet18", 1), torch.device("cpu")
    other = replace(base, **{name: MOVES[name][0]})
    assert digest(fit.identity(other, cpu)) != digest(fit.identity(base, cpu))


def test_whatever_else_a_fit_is_asked_for_has_its_own_address(sample_work, base):
    fold, cpu = sample_work.folds[0], torch.device("cpu")
    fit = Fit(fold, sample_work.patches("roi"), "resnet18", 1)
    others = [
        replace(fit, fold=replace(fold, number=9)),  # the random streams begin with it
        replace(fit, fold=replace(fold, train=fold.train[1:])),
        replace(fit, fold=replace(fold, test=fold.test[1:])),
        replace(fit, patches=sample_work.patches("original")),
        replace(fit, backbone="resnet34"),
        replace(fit, epochs=2),
        replace(fit, follow=True),  # it leaves a column more
    ]
    assert len({digest(one.identity(base, cpu)) for one in (fit, *others)}) == 8
    assert len({digest(fit.identity(base, torch.device(kind))) for kind in ("cpu", "cuda", "mps")}) == 3


def test_other_code_is_other_patches_and_networks(sample_work, base, tmp_path, monkeypatch):
    fit = Fit(sample_work.folds[0], sample_work.patches("roi"), "resnet18", 1)

    def found():
        cut = load_patches(sample_work.manifest, "roi", base, tmp_path, progress=False).digest
        return cut, digest(fit.identity(base, torch.device("cpu")))

    before = found()
    for module, function in ((patches_module, "patch_of"), (loop, "train")):
        monkeypatch.setattr(
            module, "code_digest", lambda given, name=function: f"new {name}" * (given.__name__ == name)
        )
    edited = found()
    monkeypatch.setattr(torch, "__version__", "99.0")
    updated = found()
    assert len({before[0], edited[0]}) == 2
    assert len({before[1], edited[1], updated[1]}) == 3


def test_weights_of_the_same_name_count_by_their_content(sample_work, base, tmp_path):
    patches, fold = sample_work.patches("roi"), sample_work.folds[0]
    config, found = replace(base, weights=str(tmp_path / "start.pt")), set()
    for content in (b"one", b"two"):
        (tmp_path / "start.pt").write_bytes(content)
        found.add(digest(Fit(fold, patches, "resnet18", 1).identity(config, torch.device("cpu"))))
    assert len(found) == 2
