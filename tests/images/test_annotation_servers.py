"""DICOM SEG and label maps in the layout of OHIF's and MONAI Label's source code (docs/DATA.md, section 8)."""

import numpy as np
import pytest
from dicom_samples import made, seg_dataset, write_csv
from pydicom.uid import RLELossless
from seg_samples import MASKS, SERIES, UIDS, frames, masks_of, saved, segment_of
from volume_samples import write_nifti

from sijstudy.cohort.scan import look_at
from sijstudy.errors import StudyError
from sijstudy.images.label_maps import outlines_on_slices, read_label_map
from sijstudy.images.nifti import read_volume_headers
from sijstudy.images.seg import read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import SegmentTable, read_segment_table

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
TYPED = ("Left ilium", "right_ilium", "Sacrum", "BME")
TISSUE = {"CodeValue": "T-D0050", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Tissue"}
SPLEEN = {"CodeValue": "78961009", "CodingSchemeDesignator": "SCT"}  # whatever is outlined: MONAI Label's default
ON_TOP = np.concatenate([MASKS[..., :3] & ~MASKS[..., 3:], MASKS[..., 3:]], axis=-1)  # a pixel has one number


def sources_only(item):
    """A frame's group as cornerstone writes it: its source image, and where it lies."""
    source = item.DerivationImageSequence[0].SourceImageSequence[0]
    own = made(**{name: source[name].value for name in ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")})
    return made(
        DerivationImageSequence=[made(SourceImageSequence=[own])],
        PlanePositionSequence=item.PlanePositionSequence,
    )


def of_ohif(masks, kind, names=TYPED, drawn=None):
    """What OHIF stores: as a label map only slices on which something is drawn, and no word of the others.

    All segments bear one property; no background is named. drawn: places of the slices with something on them.
    """
    used = range(len(masks)) if drawn is None else drawn
    series = [SERIES[place] for place in used]
    ds = seg_dataset(series, masks[list(used)], names=list(names), kind=kind)
    for item in ds.SegmentSequence:
        item.SegmentedPropertyCategoryCodeSequence = item.SegmentedPropertyTypeCodeSequence = [made(**TISSUE)]
        item.SegmentAlgorithmName = "OHIF Brush"
    if kind == "LABELMAP":
        assert ds.SOPClassUID == LABEL_MAP_STORAGE
        numbers = [item for item in ds.SegmentSequence if item.SegmentNumber > 0]
        ds.SegmentSequence = numbers
        ds.PerFrameFunctionalGroupsSequence = [sources_only(item) for item in frames(ds)]
        ds.pop("PixelPaddingValue", None)
        ds.compress(RLELossless)
    return ds


@pytest.fixture
def table(tmp_path):
    return read_segment_table(write_csv(tmp_path / "segments.csv", [{"label": "bme", "segment": "edema"}]))


@pytest.mark.parametrize("kind", ["LABELMAP", "BINARY"])
def test_ohif_in_both_encodings(tmp_path, headers, table, kind):
    """By labels that users typed; those that are not the study's own want a row."""
    path = saved(tmp_path, of_ohif(ON_TOP, kind))
    assert (look_at(path, tmp_path).kind, look_at(path, tmp_path).note) == ("SEG", "")
    np.testing.assert_array_equal(masks_of(path, headers, table), np.moveaxis(ON_TOP, -1, 1))
    with pytest.raises(StudyError, match=r"unknown segment 'BME' \(number 4, property .*Tissue.*\)"):
        read_seg(path, Slices(headers), SegmentTable())


def test_ohif_says_nothing_of_a_slice_on_which_nothing_is_drawn(tmp_path, headers, table):
    """Of edema alone a label map lists the slices with edema: the others count as not read, not as negative."""
    alone = ON_TOP * np.array([False, False, False, True])
    path = saved(tmp_path, of_ohif(alone, "LABELMAP", drawn=[0, 2]))
    (edema,) = [one for one in read_seg(path, Slices(headers), table).outlines if one.meaning.name == "edema"]
    assert edema.slices == {UIDS[0], UIDS[2]}
    path = saved(tmp_path, of_ohif(ON_TOP, "LABELMAP"))  # with the bones in one segmentation all slices have a frame
    (edema,) = [one for one in read_seg(path, Slices(headers), table).outlines if one.meaning.name == "edema"]
    assert (edema.slices, set(edema.masks)) == (set(UIDS), {UIDS[0], UIDS[2]})


def test_segments_that_nobody_named_are_told_apart_by_number(tmp_path, headers):
    names = [f"Segment {number}" for number in range(1, 5)]
    segments = ("left ilium", "right ilium", "sacrum", "edema")
    rows = [{"number": str(number), "segment": name} for number, name in enumerate(segments, 1)]
    table = read_segment_table(write_csv(tmp_path / "numbers.csv", rows))
    path = saved(tmp_path, of_ohif(ON_TOP, "LABELMAP", names))
    np.testing.assert_array_equal(masks_of(path, headers, table), np.moveaxis(ON_TOP, -1, 1))


@pytest.mark.parametrize("writer", ["highdicom", "dcmqi"])
def test_monai_labels_files(tmp_path, headers, table, writer):
    """highdicom: a label map with a frame for each slice; dcmqi: a bit per segment, empty frames left out."""
    ds = seg_dataset(SERIES, ON_TOP, names=list(TYPED), kind="LABELMAP" if writer == "highdicom" else "BINARY")
    for item in ds.SegmentSequence:
        item.SegmentedPropertyTypeCodeSequence = [made(**SPLEEN, CodeMeaning=str(item.SegmentLabel))]
        item.SegmentAlgorithmType, item.SegmentAlgorithmName = "AUTOMATIC", "MONAILABEL"
    ds.Manufacturer, ds.ManufacturerModelName = "MONAI Consortium", "MONAI Label"
    if writer == "dcmqi":
        assert [segment_of(item) for item in frames(ds)].count(4) == 2  # edema: none on the second slice
    np.testing.assert_array_equal(masks_of(saved(tmp_path, ds), headers, table), np.moveaxis(ON_TOP, -1, 1))


def test_monai_labels_nifti_has_numbers_that_a_table_names(tmp_path):
    """``labels/final/IMAGE.nii.gz`` beside the images: values as the app's labels, no names in it."""
    array = np.zeros((3, 24, 32), np.int16)
    array[:, 5:15, 22:30], array[:, 5:15, 2:10], array[1, 6:8, 23:25] = 1, 2, 4
    headers = read_volume_headers(write_nifti(tmp_path / "1007_STIR.nii.gz", array + 1.5))
    path = write_nifti(tmp_path / "labels/final/1007_STIR.nii.gz", array)
    names = ("left ilium", "right ilium", "sacrum", "edema")
    rows = [
        {"pattern": "labels/final/*.nii.gz", "value": str(value), "segment": name}
        for value, name in enumerate(names, 1)
    ]
    table = read_segment_table(write_csv(tmp_path / "segments.csv", rows))
    found = {one.meaning.name: one.masks for one in outlines_on_slices(read_label_map(path), headers, table)}
    assert {name for name in found if found[name]} == {"left ilium", "right ilium", "edema"}
    assert sum(mask.sum() for mask in found["edema"].values()) == 4
    with pytest.raises(StudyError, match=r"value 1 has no meaning"):
        outlines_on_slices(read_label_map(path), headers, SegmentTable())
