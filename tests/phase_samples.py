"""Series with several images of a place for tests, and the refusal of one."""

import pytest
from dicom_samples import UID, mr_dataset
from hospital_samples import T1_GD

from sijstudy.errors import StudyError

M, P, R = (["ORIGINAL", "PRIMARY", kind, "ND"] for kind in "MPR")
NAME = f"1 {T1_GD['SeriesDescription']}"


def repeated(*images, slices=3):
    """One series with an image of each place for each of ``images``, the attributes that the image has."""
    return [
        mr_dataset(1, step, **{**T1_GD, "SOPInstanceUID": f"{UID}.1.{50 + number}.{step}", **changes})
        for number, changes in enumerate(images)
        for step in range(slices)
    ]


def refused(choose, images, words, **wanted):
    with pytest.raises(StudyError, match=words) as caught:
        choose(images, **wanted)
    assert "\n" not in str(caught.value)
    return str(caught.value)
