"""Files that do not say by a series UID which series they are of."""

import numpy as np
import pytest
from dicom_samples import UID, mr_dataset
from hospital_samples import T1_GD, series_of_slices
from phase_samples import NAME, refused, repeated


def with_uids(count, **changes):
    return [
        mr_dataset(1, step, **{**T1_GD, "SeriesInstanceUID": f"{UID}.1.6{step}", **changes}) for step in range(count)
    ]


@pytest.mark.parametrize("uid", [{}, {"SeriesInstanceUID": ""}])
def test_files_without_a_series_uid_or_with_one_each_are_joined_by_number(chosen, uid):
    t1, stir = with_uids(4, **uid), with_uids(3, SeriesNumber=2, SeriesDescription="stir", ScanningSequence="IR", **uid)
    for step, ds in enumerate(stir):
        ds.SOPInstanceUID, ds.SeriesInstanceUID = f"{UID}.1.8.{step}", uid.get("SeriesInstanceUID", f"{UID}.1.7{step}")
    assert chosen([*t1, *stir]) == (NAME, [0, 1, 2, 3])
    assert chosen([*t1, *stir], contrast="stir") == ("2 stir", [4, 5, 6])


def test_joined_files_have_phases_too(chosen):
    images = repeated({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})
    for number, ds in enumerate(images):
        ds.SeriesInstanceUID = f"{UID}.1.6{number}"
    refused(chosen, images, "2 series fit equally: .* acquisition 1' .* acquisition 2' ")
    assert chosen(images, series="acquisition 2$") == (f"{NAME}, acquisition 2", [3, 4, 5])


def test_files_that_nothing_joins_are_refused_even_beside_a_good_series(chosen):
    numbered = with_uids(3)
    for step, ds in enumerate(numbered):
        ds.StudyInstanceUID = f"{UID}.1.3{step}"
    for images in (with_uids(3, SeriesNumber=None), numbered):
        for beside in ([], series_of_slices(1, 2, SeriesDescription="pd")):
            refused(
                chosen, images + beside, r"3 files '.*', such as .*/0, are series of one slice: .*; export or anonym"
            )
        refused(chosen, images, "series of one slice", series="t1")


def test_one_uid_on_two_series_tells_them_by_number(chosen):
    other = repeated({"SeriesNumber": 2, "SeriesDescription": "pd", "RepetitionTime": 3000})
    for step, ds in enumerate(other):
        ds.SOPInstanceUID = f"{UID}.1.88.{step}"
        ds.ImagePositionPatient = list(np.add(ds.ImagePositionPatient, (0, 40, 20)))
    assert chosen(repeated({}) + other) == (NAME, [0, 1, 2])


def test_series_of_one_name_are_named_by_their_uids(chosen):
    again = {"SeriesInstanceUID": f"{UID}.1.78", "StudyInstanceUID": f"{UID}.8"}
    images = repeated({}, again)
    refused(chosen, images, rf"2 series fit equally: '{UID}\.1\.1' \(UID of '{NAME}'\), '{UID}\.1\.78' \(UID of")
    assert chosen(images, series=f"{UID}.1.78")[1] == [3, 4, 5]
    assert chosen(images, series=f"{UID}.1.78|^1 ")[1] == [3, 4, 5]  # ^1 for other subjects of the cohort
