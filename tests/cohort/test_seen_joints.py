"""What the network is given of a subject's slices, with a network that sees nothing."""

from dataclasses import replace

import numpy as np
import pytest
from stack_samples import headers

from sijstudy.cohort import seen_joints
from sijstudy.cohort.grey_scale import below_zero
from sijstudy.cohort.seen_joints import see, see_planes
from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomSlice
from sijstudy.records import Slice
from sijstudy.segmentation.outline import Outlined


@pytest.fixture(autouse=True)
def places(monkeypatch):
    """Those that outlines are asked for, one by one."""
    asked = []

    def outline(images, spacing, network, places):
        asked.append(places)
        nothing = np.zeros(images.shape, np.float32)
        return Outlined(np.ones(images.shape, np.uint8), nothing, nothing + 1)

    monkeypatch.setattr(seen_joints, "outline", outline)
    monkeypatch.setattr(seen_joints, "load_network", lambda: None)
    return asked


def planes(*heights, pixels=None, **stated):
    image = np.arange(81, dtype=np.float32).reshape(9, 9) if pixels is None else pixels
    return [DicomSlice(header, image) for header in headers(*heights, **stated)]


def test_the_network_is_told_of_gaps(places):
    seen = see_planes(planes(0.0, 3.3, 29.7))
    assert places == [(0, 1, 9)] and seen.places == (0, 1, 9)


def test_a_volume_is_area_times_the_step_of_the_series(monkeypatch):
    """Of every second slice: their places in the series are in the manifest."""
    own = planes(0.0, 6.6, 13.2)
    items = [Slice("S1", index, 0, own[0].header.file, None, "", "", None, None) for index in (4, 6, 8)]
    monkeypatch.setattr(seen_joints, "read_image", lambda item: own[items.index(item)])
    seen = see(items)
    area = 81 * 0.5 * 0.5
    assert seen.edema().volume == pytest.approx(3 * area * 3.3 / 1000)
    assert seen.places == (0, 2, 4)


def test_of_a_single_slice_of_unknown_thickness_there_is_no_volume():
    amount = see_planes(planes(0.0)).edema()
    assert np.isnan(amount.volume) and amount.areas[0] > 0
    assert see_planes(planes(0.0, thickness=3.0)).edema().volume == pytest.approx(amount.areas[0] * 3 / 1000)


def test_z_scores_are_refused_by_name():
    image = np.random.default_rng(0).gamma(2.0, 100.0, (9, 9)).astype(np.float32)
    see_planes(planes(0.0, 3.3, pixels=image))
    scores = (image - image.mean()) / image.std()
    scores[0] = np.nan  # padding
    with pytest.raises(StudyError, match=r"^S1: \d+% of the pixels are below 0.*give the images as they were before$"):
        see_planes(planes(0.0, 3.3, pixels=scores))


def test_a_few_pixels_below_0_are_none():
    image = np.full((9, 9), 100.0, np.float32)
    image[:2] = -0.5  # as resampling leaves them
    image[4, 4:7] = -50.0
    (one,) = planes(0.0, pixels=image)
    assert below_zero([one]) == pytest.approx(3 / 81)
    see_planes([one, replace(one, header=headers(3.3)[0])])
