"""Cohorts with known faults, for the audit."""

import pytest
from dicom_samples import write, write_cohort
from pydicom import dcmread

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions


@pytest.fixture
def faulty(tmp_path):
    """Five subjects of each group; ``faulty(change)`` lets ``change(subject, step, dataset)`` spoil every slice."""

    def make(change):
        cohort = write_cohort(tmp_path / "dicom", axspa=5, controls=5)
        for path in sorted(cohort.root.rglob("0*.dcm")):
            dataset = dcmread(path)
            change(int(path.parent.name[1:]), 3 - int(path.stem), dataset)
            write(dataset, path)
        return build_manifest(
            cohort.root,
            tmp_path / "manifest",
            BuildOptions(cohort.subjects_csv, "faulty", votes_csv=cohort.votes_csv),
            progress=False,
        )

    return make


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    """Starting worker processes takes longer than these cohorts."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
