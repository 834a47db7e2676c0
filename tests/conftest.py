"""Fixtures that several test modules share: a tiny cohort of real DICOM files, and a study on it."""

import pytest
from dicom_samples import write_cohort

from sijstudy.config import StudyConfig
from sijstudy.folds import make_folds, save_folds
from sijstudy.manifest_build import build_manifest
from sijstudy.workspace import Workspace


@pytest.fixture(scope="session")
def sample_manifest(tmp_path_factory):
    """Twelve subjects with three slices each, through the door every cohort takes."""
    root = tmp_path_factory.mktemp("cohort")
    cohort = write_cohort(root / "dicom", axspa=6, controls=6)
    return build_manifest(
        cohort.root, root / "data_manifest/sample", name="sample", source="hospital", subjects_csv=cohort.subjects_csv,
        votes_csv=cohort.votes_csv, progress=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def sample_work(sample_manifest, tmp_path_factory):
    """A workspace on the sample cohort, with folds saved; networks are tiny and trained for one epoch."""
    root = tmp_path_factory.mktemp("study")
    config = StudyConfig(
        manifest=str(sample_manifest.folder), weights="none", patch_size=32, hidden_units=4, epochs=1,
        selection_epochs=2, folds=2, batch_size=4, threads_per_fit=1, bootstrap_samples=50, device="cpu",
    )  # fmt: skip
    work = Workspace(config, root)
    folds = make_folds(work.manifest.subjects, folds=2, test_fraction=0.3, seed=1)
    save_folds(work.folder.folds_file, folds)
    return work
