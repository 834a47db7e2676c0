"""What the tests of the cohorts' room share."""

import shutil

import pytest
from dicom_samples import write_cohort


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("template") / "dicom").root


@pytest.fixture
def cohort(template, tmp_path):
    """A cohort of four subjects, S00 and S01 with edema, three slices each, free to be spoilt."""
    return shutil.copytree(template, tmp_path / "dicom")
