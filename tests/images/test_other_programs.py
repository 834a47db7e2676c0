"""Outlines as other programs write them: TotalSegmentator, nnU-Net, 3D Slicer; left and right are the subject's."""

import json

import nibabel as nib
import numpy as np
import pytest
from volume_samples import COLUMNS, PLANES, ROWS, upright_affine, write_nifti, write_nrrd

from sijstudy.errors import StudyError
from sijstudy.images.label_maps import outlines_on_slices, read_label_map
from sijstudy.images.label_names import value_names
from sijstudy.images.nifti import read_volume_headers
from sijstudy.images.segment_names import Meaning, SegmentRow, SegmentTable, known_label

AXES = ((0, 2, 1), (True, False, True))  # RAS order of a coronal stack, as converters of DICOM give it
# the subject's left lies on the right of the upright image
BONES = {"left ilium": (22, 30), "right ilium": (2, 10), "sacrum": (12, 20)}
TOTAL_MR = {5: "liver", 18: "sacrum", 19: "vertebrae", 34: "femur_left", 36: "hip_left", 37: "hip_right"}


def stack(numbers):
    """numbers: segment -> value."""
    array = np.zeros((PLANES, ROWS, COLUMNS), np.uint8)
    for name, value in numbers.items():
        array[1:4, 5:15, slice(*BONES[name])] = value
    return array


@pytest.fixture
def headers(tmp_path):
    return read_volume_headers(write_nifti(tmp_path / "7_STIR.nii.gz", stack({}) + 1.5))


def found(path, headers, table=None):
    outlines = outlines_on_slices(read_label_map(path), headers, table or SegmentTable())
    return {outline.meaning.name: outline.masks for outline in outlines}


def check(outlines, headers):
    assert outlines.keys() == BONES.keys()
    for name, masks in outlines.items():
        wanted = stack({name: 1}).astype(bool)
        assert set(masks) == {header.uid for header, plane in zip(headers, wanted, strict=True) if plane.any()}
        for header, plane in zip(headers, wanted, strict=True):
            if plane.any():
                np.testing.assert_array_equal(masks[header.uid], plane)


def multilabel(path, names, array):
    """As TotalSegmentator --ml writes it: names in an XML table in the header's extension, code 0."""
    image = nib.load(write_nifti(path, array, axes=AXES))
    rows = "".join(
        f'<Label Key="{key}" Red="1.0" Green="0.5" Blue="0.0" Alpha="1"><![CDATA[{name}]]></Label>\n'
        for key, name in names.items()
    )
    text = f"<CaretExtension><VolumeInformation><LabelTable>\n{rows}</LabelTable></VolumeInformation></CaretExtension>"
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, text.encode()))
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    return path


def test_totalsegmentators_multilabel_file(tmp_path, headers):
    array = stack({"sacrum": 18, "left ilium": 36, "right ilium": 37})
    array[0, 0, :4] = 5, 19, 34, 34  # classes that the study does not look for
    path = multilabel(tmp_path / "7_total_mr.nii.gz", TOTAL_MR, array)
    assert value_names(path) == TOTAL_MR
    check(found(path, headers), headers)


def test_totalsegmentators_file_per_class(tmp_path, headers):
    files = {"left ilium": "hip_left", "right ilium": "hip_right", "sacrum": "sacrum"}
    outlines = {}
    for name, file in files.items():
        path = write_nifti(tmp_path / "seg" / f"{file}.nii.gz", stack({name: 1}), axes=AXES)
        outlines |= found(path, headers)
    check(outlines, headers)
    assert value_names(write_nifti(tmp_path / "seg" / "spleen.nii.gz", stack({}), axes=AXES)) == {}


@pytest.mark.parametrize("version", [1, 2])
def test_nnunets_prediction_beside_its_dataset(tmp_path, headers, version):
    numbers = {"sacrum": 1, "left ilium": 2, "right ilium": 3}
    named = {"background": 0, **{name.replace(" ", "_"): value for name, value in numbers.items()}}
    labels = named if version == 2 else {str(value): name for name, value in named.items()}
    path = write_nifti(tmp_path / "predicted" / "7.nii.gz", stack(numbers), axes=AXES)
    (path.parent / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".nii.gz"}))
    check(found(path, headers), headers)


def test_nnunets_regions_are_refused(tmp_path):
    path = write_nifti(tmp_path / "7.nii.gz", stack({"sacrum": 1}))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "bone": [1, 2]}}))
    with pytest.raises(StudyError, match=r"dataset.json: does not name each label's value .*--segments"):
        read_label_map(path)


def test_slicers_segmentation_of_totalsegmentator(tmp_path, headers):
    numbers, fields = {"sacrum": 1, "left ilium": 2, "right ilium": 3}, {}
    for place, (label, value) in enumerate({"sacrum": 1, "left hip": 2, "right hip": 3, "liver": 4}.items()):
        fields |= {f"Segment{place}_Name": label, f"Segment{place}_LabelValue": value, f"Segment{place}_Layer": 0}
    path = write_nrrd(tmp_path / "7.seg.nrrd", stack(numbers), upright_affine(), fields=fields)
    check(found(path, headers), headers)


def test_a_table_comes_before_known_names(tmp_path, headers):
    path = multilabel(tmp_path / "7_ml.nii.gz", {36: "hip_left"}, stack({"left ilium": 36}))
    table = SegmentTable(None, (SegmentRow(Meaning("bone"), label="hip_left"),))
    assert set(found(path, headers, table)) == {"bone"}


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("hip_left", Meaning("left ilium")),
        ("Right hip", Meaning("right ilium")),
        ("left_ilium", Meaning("left ilium")),
        (" Sacrum", Meaning("sacrum")),
        ("femur_right", Meaning(None)),
        ("portal_vein_and_splenic_vein", Meaning(None)),
        ("thigh_medial_compartment_left", Meaning(None)),
        ("oedema", None),
        ("hip", None),  # of which side?
        ("left", None),
        ("", None),
    ],
)
def test_names_without_a_table(label, meaning):
    assert known_label(label) == meaning


def test_a_class_nobody_knows_is_named(tmp_path, headers):
    path = multilabel(tmp_path / "7_ml.nii.gz", {1: "edma"}, stack({"sacrum": 1}))
    with pytest.raises(StudyError, match=r"segment 'edma' \(value 1\) has no meaning"):
        found(path, headers)
