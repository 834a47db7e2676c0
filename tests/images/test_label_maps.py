"""Label maps: every axis order lands on the same pixels, another grid is refused, Slicer's layers overlap."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from volume_samples import AXIS_ORDERS, COLUMNS, PIXEL, PLANES, ROWS, STEP, upright_affine, write_nifti, write_nrrd

from sijstudy.errors import StudyError
from sijstudy.images.label_maps import Outline, is_label_map_name, outlines_on_slices, placed_label_map, read_label_map
from sijstudy.images.nifti import read_volume_headers
from sijstudy.images.segment_names import Meaning, SegmentRow, SegmentTable

RNG = np.random.default_rng(11)
IMAGE = RNG.integers(0, 900, (PLANES, ROWS, COLUMNS)).astype(np.int16)
LABELS = RNG.integers(0, 4, (PLANES, ROWS, COLUMNS)).astype(np.uint8)
EDEMA = SegmentTable(None, (SegmentRow(Meaning("edema", 1), pattern="*"),))


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return read_volume_headers(write_nifti(tmp_path_factory.mktemp("image") / "image.nii", IMAGE))


def expected(slices, stack=LABELS):
    return {header.uid: stack[place] for place, header in enumerate(slices)}


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for uid, plane in wanted.items():
        np.testing.assert_array_equal(found[uid][0], plane)


hypothesis_settings = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@hypothesis_settings
@given(image=st.sampled_from(AXIS_ORDERS), labels=st.sampled_from(AXIS_ORDERS))
def test_every_axis_order_of_image_and_map(tmp_path, image, labels):
    headers = read_volume_headers(write_nifti(tmp_path / "i.nii", IMAGE, axes=image))
    path = write_nifti(tmp_path / "l.nii", LABELS, axes=labels)
    found = placed_label_map(read_label_map(path), headers)
    by_height = sorted(headers, key=lambda header: header.position[2])
    same(found, expected(by_height))


@hypothesis_settings
@given(
    turn=st.sampled_from(AXIS_ORDERS),
    space=st.sampled_from(["left-posterior-superior", "right-anterior-superior", "left-anterior-superior"]),
)
def test_every_axis_order_and_space_of_an_nrrd(tmp_path, slices, turn, space):
    path = write_nrrd(tmp_path / "l.nrrd", LABELS, axes=turn, space=space)
    same(placed_label_map(read_label_map(path), slices), expected(slices))


def test_a_detached_header(tmp_path, slices):
    same(placed_label_map(read_label_map(write_nrrd(tmp_path / "l.nhdr", LABELS)), slices), expected(slices))


def test_a_crop_is_laid_where_it_came_from(tmp_path, slices):
    affine = upright_affine()
    affine[:3, 3] = (affine @ [6, 3, 1, 1])[:3]  # from column 6, row 3, plane 1 on
    path = write_nifti(tmp_path / "l.nii", LABELS[1:4, 3:20, 6:30], affine)
    cut = np.zeros_like(LABELS)
    cut[1:4, 3:20, 6:30] = LABELS[1:4, 3:20, 6:30]
    same(placed_label_map(read_label_map(path), slices), expected(slices[1:4], cut[1:4]))
    (outline,) = outlines_on_slices(read_label_map(path), slices, EDEMA)
    assert outline.slices == {header.uid for header in slices[1:4]}


def test_slices_that_were_left_out_leave_gaps(tmp_path, slices):
    some = [slices[0], slices[2], slices[4]]
    path = write_nifti(tmp_path / "l.nii", LABELS)
    same(placed_label_map(read_label_map(path), some), expected(some, LABELS[::2]))


def moved(column=0.0, row=0.0, plane=0.0):
    affine = upright_affine()
    affine[:3, 3] = (affine @ [column, row, plane, 1])[:3]
    return affine


def tilted(degrees):
    return upright_affine(np.deg2rad(35.0 + degrees))


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (moved(column=0.5), r"pixel centres lie up to 0\.30 mm beside"),
        (moved(row=-0.5), r"pixel centres lie up to 0\.30 mm beside"),
        (moved(plane=0.5), r"pixel centres lie up to 1\.65 mm beside"),
        (moved(column=0.12), "pixel centres lie"),
        (moved(plane=PLANES), "it covers none of them"),
        (tilted(3), r"turned by 3\.00 degrees"),
        (upright_affine(pixel=PIXEL * 2), r"its pixels are 1\.2 x 1\.2 mm, theirs 0\.6 x 0\.6 mm"),
        (upright_affine(step=STEP / 3), r"its planes lie 1\.1 mm apart, the slices 3\.3 mm"),
    ],
)
def test_another_grid_is_refused(tmp_path, slices, affine, words):
    path = write_nifti(tmp_path / "l.nii", LABELS, affine)
    with pytest.raises(
        StudyError, match=rf"l\.nii: lies on another grid .*image\.nii: .*{words}.*map 32 x 24 x 5"
    ) as caught:
        placed_label_map(read_label_map(path), slices)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shift", [0.09, -0.09])
def test_rounded_headers_are_not_another_grid(tmp_path, slices, shift):
    path = write_nifti(tmp_path / "l.nii", LABELS, moved(column=shift))
    same(placed_label_map(read_label_map(path), slices), expected(slices))


def test_pixels_outside_the_image_are_refused(tmp_path, slices):
    path = write_nifti(tmp_path / "l.nii", LABELS, moved(column=4))
    with pytest.raises(StudyError, match=r"l\.nii: marks pixels outside the 24 x 32 image image\.nii"):
        placed_label_map(read_label_map(path), slices)


# --- segments -------------------------------------------------------------------------------------------

LEFT, LESION = np.zeros_like(LABELS, bool), np.zeros_like(LABELS, bool)
LEFT[:, 4:20, 18:30] = True
LESION[2, 8:14, 14:22] = True  # overlaps the ilium, and reaches beyond it


def slicer(path, **changes):
    stacks = np.stack([LEFT * 1, LESION * 1]).astype(np.uint8)
    fields = {
        "Segment0_ID": "Segment_1", "Segment0_Name": "Ilium L", "Segment0_LabelValue": "1", "Segment0_Layer": "0",
        "Segment1_ID": "Segment_2", "Segment1_Name": "Edema", "Segment1_LabelValue": "1", "Segment1_Layer": "1",
        "Segment2_ID": "Segment_3", "Segment2_Name": "Sacrum", "Segment2_LabelValue": "2", "Segment2_Layer": "1",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }  # fmt: skip
    return write_nrrd(path, stacks, fields=fields | changes)


ILIUM = SegmentTable(None, (SegmentRow(Meaning("left ilium"), label="ilium l"),))


def test_overlapping_layers_of_slicer(tmp_path, slices):
    found = outlines_on_slices(read_label_map(slicer(tmp_path / "Segmentation.seg.nrrd")), slices, ILIUM)
    masks = {outline.meaning.segment: outline.masks for outline in found}
    assert masks["sacrum"] == {} and set(masks["edema"]) == {slices[2].uid}
    np.testing.assert_array_equal(masks["edema"][slices[2].uid], LESION[2])
    for place, header in enumerate(slices):
        np.testing.assert_array_equal(masks["left ilium"][header.uid], LEFT[place])


def test_slicer_crops_to_what_was_drawn_and_means_nothing_elsewhere(tmp_path, slices):
    affine = upright_affine()
    affine[:3, 3] = (affine @ [0, 0, 2, 1])[:3]
    path = write_nrrd(
        tmp_path / "l.seg.nrrd",
        LESION[2:3].astype(np.uint8),
        affine,
        fields={"Segment0_Name": "edema", "Segment0_LabelValue": "1"},
    )
    (outline,) = outlines_on_slices(read_label_map(path), slices, SegmentTable())
    assert set(outline.masks) == {slices[2].uid} and outline.slices == {header.uid for header in slices}


def test_an_unknown_segment_of_slicer(tmp_path, slices):
    path = slicer(tmp_path / "l.seg.nrrd", Segment1_Name="Oedema")
    with pytest.raises(StudyError, match=r"l\.seg\.nrrd: segment 'Oedema' \(value 1\) has no meaning; give it a row"):
        outlines_on_slices(read_label_map(path), slices, ILIUM)


def test_values_by_table(tmp_path, slices):
    rows = (
        SegmentRow(Meaning("left ilium"), pattern="l.nii", value=1),
        SegmentRow(Meaning("edema", 2), pattern="l.nii", value=2),
        SegmentRow(Meaning(None), pattern="l.nii"),
    )
    path = write_nifti(tmp_path / "l.nii", LABELS)
    found = outlines_on_slices(read_label_map(path), slices, SegmentTable(None, rows))
    assert [outline.meaning for outline in found] == [Meaning("left ilium"), Meaning("edema", 2)]
    for outline, value in zip(found, (1, 2), strict=True):
        for place, header in enumerate(slices):
            np.testing.assert_array_equal(outline.masks[header.uid], LABELS[place] == value)


def test_a_value_without_a_row(tmp_path, slices):
    path = write_nifti(tmp_path / "l.nii", LABELS)
    table = SegmentTable(None, (SegmentRow(Meaning("edema"), pattern="l.nii", value=1),))
    with pytest.raises(StudyError, match=r"l\.nii: value 2 has no meaning; give it a row in a segments table"):
        outlines_on_slices(read_label_map(path), slices, table)


def test_an_empty_map_is_a_reading_that_marks_nothing(tmp_path, slices):
    path = write_nifti(tmp_path / "l.nii", np.zeros_like(LABELS))
    every = frozenset(header.uid for header in slices)
    assert outlines_on_slices(read_label_map(path), slices, EDEMA) == [Outline(Meaning("edema", 1), {}, every)]


IDENTITY = np.eye(4)


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
def test_one_empty_voxel_of_slicer_means_that_nothing_is_drawn(tmp_path, slices, space):
    fields = {"Segment0_Name": "edema", "Segment0_LabelValue": "1", "Segmentation_ContainedRepresentationNames": "x"}
    voxel = np.zeros((1, 1, 1), np.uint8)
    path = write_nrrd(tmp_path / "l.seg.nrrd", voxel, IDENTITY, space=space, fields=fields)
    every = frozenset(header.uid for header in slices)
    assert outlines_on_slices(read_label_map(path), slices, SegmentTable()) == [Outline(Meaning("edema"), {}, every)]
    path = write_nrrd(tmp_path / "l.seg.nrrd", voxel + 1, IDENTITY, space=space, fields=fields)
    with pytest.raises(StudyError, match="another grid"):
        outlines_on_slices(read_label_map(path), slices, SegmentTable())


def test_one_empty_voxel_without_segments_says_nothing(tmp_path, slices):
    path = write_nrrd(tmp_path / "l.seg.nrrd", np.zeros((1, 1, 1), np.uint8), IDENTITY)
    with pytest.raises(StudyError, match=r"l\.seg\.nrrd: holds no segment; add"):
        outlines_on_slices(read_label_map(path), slices, SegmentTable())
    other = write_nrrd(tmp_path / "l.nrrd", np.zeros((1, 1, 1), np.uint8), IDENTITY)
    with pytest.raises(StudyError, match="another grid"):
        outlines_on_slices(read_label_map(other), slices, SegmentTable())


@pytest.mark.parametrize("affine", [None, IDENTITY])
@pytest.mark.parametrize("segment", ["edema", ""])
def test_an_image_saved_as_nrrd_is_no_label_map(tmp_path, slices, affine, segment):
    image = np.arange(LABELS.size, dtype=np.int16).reshape(LABELS.shape)
    path = write_nrrd(tmp_path / "t1.nrrd", image, affine)
    with pytest.raises(
        StudyError, match=r"t1\.nrrd: holds \d+ different values, so it is an image, no label map; take"
    ):
        outlines_on_slices(read_label_map(path), slices, SegmentTable())
    table = SegmentTable(None, (SegmentRow(Meaning(segment or None), pattern="*.nrrd"),))
    if segment:
        with pytest.raises(StudyError, match="is an image, no label map"):
            outlines_on_slices(read_label_map(path), slices, table)
    else:
        assert table.leaves_out(path) and not table.leaves_out(tmp_path / "t1.nii")  # so nobody reads it


# --- files ----------------------------------------------------------------------------------------------


def test_names_of_label_maps(tmp_path):
    assert all(is_label_map_name(tmp_path / name) for name in ("a.nii", "a.NII.gz", "a.seg.nrrd", "a.nhdr"))
    assert not any(is_label_map_name(tmp_path / name) for name in ("a.dcm", "a.csv", "a"))


def refused(path, words):
    with pytest.raises(StudyError, match=words) as caught:
        read_label_map(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value) and "; " in str(caught.value)


def test_maps_that_are_none(tmp_path):
    refused(write_nifti(tmp_path / "a.nii", (LABELS / 2).astype(np.float32)), "no whole numbers")
    refused(write_nifti(tmp_path / "a.nii", LABELS.astype(np.int16) - 1), "holds the value -1")
    refused(write_nifti(tmp_path / "a.nii", LABELS, code=0), "states no orientation")
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 2), np.uint8), np.eye(4)), tmp_path / "a.nii")
    refused(tmp_path / "a.nii", "not that of one label map")
    assert read_label_map(write_nifti(tmp_path / "a.nii", LABELS.astype(np.float32))).layers.dtype == np.int32


def test_damaged_nrrd_files(tmp_path):
    whole = write_nrrd(tmp_path / "a.nrrd", LABELS).read_bytes()
    (tmp_path / "cut.nrrd").write_bytes(whole[: len(whole) - 60])
    (tmp_path / "text.nrrd").write_text("text")
    for name in ("cut", "text"):
        refused(tmp_path / f"{name}.nrrd", "cannot be read as NRRD")
    refused(tmp_path / "gone.nrrd", "no such file")
    header = write_nrrd(tmp_path / "d.nhdr", LABELS)
    next(path for path in tmp_path.iterdir() if path.name.startswith("d.") and path != header).unlink()
    refused(header, "no such file")
    header.write_text(header.read_text().replace("data file: ", "data file: ../../"))
    refused(header, "leads out of its folder")


def test_nrrd_files_without_patient_space(tmp_path):
    path = write_nrrd(tmp_path / "a.nrrd", LABELS)
    text = path.read_bytes()
    path.write_bytes(text.replace(b"left-posterior-superior", b"scanner-xyz"))
    refused(path, "its space is 'scanner-xyz', not LPS")
    start = text.index(b"space origin")
    path.write_bytes(text[:start] + text[text.index(b"\n", start) + 1 :])
    refused(path, "lacks space directions or origin")
