"""What the tests of the cohorts' room share."""

import shutil

import pytest
from dicom_samples import write, write_cohort

from sijstudy.cohort.options import Wanted
from sijstudy.cohort.subject_folder import read_subject


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("template") / "dicom").root


@pytest.fixture
def cohort(template, tmp_path):
    """A cohort of four subjects, S00 and S01 with edema, three slices each, free to be spoilt."""
    return shutil.copytree(template, tmp_path / "dicom")


@pytest.fixture
def chosen(tmp_path):
    """What is chosen of DICOM images written as the files 0, 1 ...: the series, and the files of its slices."""

    def choose(images, series="", contrast="gd_t1"):
        for number, ds in enumerate(images):
            write(ds, tmp_path / "S1" / str(number))
        subject = read_subject(tmp_path / "S1", wanted=Wanted(contrast, series))
        return subject.series, [int(item.file.name) if len(images) > 1 else item.frame for item in subject.slices]

    return choose
