"""Fixtures that several test modules share: a tiny cohort of real DICOM files, and a study on it."""

import io
import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# One thread in each process, and in what it starts: tests compute little at a time, and threads that wait for each
# other burn more than they bring; on a busy machine ten times as much. Read when torch is loaded, so it stands first.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import pytest
from browsing import chromium
from dicom_samples import write_cohort
from hypothesis import HealthCheck, settings

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions
from sijstudy.config import StudyConfig
from sijstudy.folds import make_folds, save_folds
from sijstudy.notebook.workspace import Workspace
from sijstudy.study.plan import make_plan
from sijstudy.study.run import StudyResult, run_study

PROJECT = Path(__file__).resolve().parents[1]

# Machines that run the tests are shared: how long an example takes says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@cache
def looks_at_the_smoke_study(file):
    """Whether tests of a file, by its path from the repository's root, use ``smoke_study``."""
    return "smoke_study" in (PROJECT / file).read_text(encoding="utf-8")


def file_of(nodeid):
    return nodeid.split("::")[0]


def pytest_collection_modifyitems(items):
    """The smoke study takes longest, so whoever looks at it comes first."""
    items.sort(key=lambda item: not looks_at_the_smoke_study(file_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests run side by side (``make test``): those of a file stay together, so that what they share is made once.

    So do all files that look at the smoke study.
    """
    from xdist.scheduler import LoadFileScheduling

    class BySharedWork(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "smoke" if looks_at_the_smoke_study(file_of(nodeid)) else file_of(nodeid)

    return BySharedWork(config, log)


@pytest.fixture(scope="session")
def sample_manifest(tmp_path_factory):
    """Twelve subjects with three slices each, built as every cohort's manifest is."""
    root = tmp_path_factory.mktemp("cohort")
    cohort = write_cohort(root / "dicom", axspa=6, controls=6)
    return build_manifest(
        cohort.root,
        root / "data_manifest/sample",
        BuildOptions(cohort.subjects_csv, "sample", votes_csv=cohort.votes_csv),
        progress=False,
    )


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


@pytest.fixture(scope="session")
def finished_work(sample_work):
    """The sample workspace with its networks trained, as notebook 04 leaves it, and the runs by arm and fold."""
    runs = sample_work.train_folds(("roi", "original"), sample_work.folds)
    sample_work.save_fits(runs)
    return sample_work, runs


@pytest.fixture(scope="module")
def browser():
    """Chromium for one module's tests."""
    with chromium() as opened:
        yield opened


@dataclass(frozen=True)
class SmokeStudy:
    """The smoke profile, run once for the whole test session in a folder of its own."""

    root: Path
    result: StudyResult
    shown: str

    @property
    def pages(self) -> list[Path]:
        """The index and every report."""
        return sorted(self.result.index.parent.glob("*.html"))


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory):
    """The repository's own notebooks, run end to end; takes minutes, so every test shares it."""
    root = tmp_path_factory.mktemp("smoke")
    shutil.copytree(PROJECT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    stream = io.StringIO()
    result = run_study(make_plan("smoke", root=root), stream=stream)
    return SmokeStudy(root, result, stream.getvalue())
