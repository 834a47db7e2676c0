"""Images stored mirrored, upside down or with rows and columns exchanged: turned by one rule, header and boxes too."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from dicom_samples import COLUMNS, ORIENTATION, ROWS, bone_masks, enhanced_mr, mr_dataset, seg_dataset, write, write_csv
from pydicom import dcmread
from sample_builds import BOX_EDGES, build

from sijstudy.cohort import ilium_boxes
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.cohort.write import BOXES
from sijstudy.errors import StudyError
from sijstudy.images.dicom import read_header, read_pixels, read_slice
from sijstudy.images.read import read_image, read_image_pixels
from sijstudy.images.upright import Plane, Turn, turn_of
from sijstudy.records import Box, IliumBoxes

TURNS = [Turn(*map(bool, bits)) for bits in product((0, 1), repeat=3)]
UPRIGHT = np.array(ORIENTATION)


def stored_as(ds, turn):
    """The same image of the same body, stored so that ``turn`` sets it upright: from the definition, pixel by pixel."""
    upright = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
    corner, size = np.array(ds.ImagePositionPatient, float), float(ds.PixelSpacing[0])
    where = {
        (row, column): corner + size * (column * UPRIGHT[:3] + row * UPRIGHT[3:])
        for row, column in np.ndindex(upright.shape)
    }
    rows, columns = upright.shape[::-1] if turn.exchange else upright.shape
    stored, places = np.zeros((rows, columns), "<u2"), {}
    for row, column in np.ndindex(upright.shape):
        r = upright.shape[0] - 1 - row if turn.flip_rows else row
        c = upright.shape[1] - 1 - column if turn.flip_columns else column
        place = (c, r) if turn.exchange else (r, c)
        stored[place], places[place] = upright[row, column], where[row, column]
    first, right, below = places[0, 0], places[0, 1], places[1, 0]
    ds.ImagePositionPatient = first.round(6).tolist()
    ds.ImageOrientationPatient = np.concatenate([(right - first) / size, (below - first) / size]).round(6).tolist()
    ds.Rows, ds.Columns, ds.PixelData = rows, columns, stored.tobytes()
    return ds


@pytest.mark.parametrize("turn", TURNS)
def test_a_slice_is_the_same_however_it_is_stored(tmp_path, turn):
    plain = read_slice(write(mr_dataset(1, 0), tmp_path / "plain.dcm"))
    path = write(stored_as(mr_dataset(1, 0), turn), tmp_path / "turned.dcm")
    found = read_slice(path)
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    np.testing.assert_array_equal(read_pixels(path), plain.pixels)
    assert found.pixels.flags.c_contiguous and found.header.turn == turn
    for name in ("position", "orientation", "spacing"):
        np.testing.assert_allclose(getattr(found.header, name), getattr(plain.header, name), atol=1e-5)
    assert found.header.shape == (ROWS, COLUMNS) == read_header(path).shape
    assert found.header.stored_plane.shape == ((COLUMNS, ROWS) if turn.exchange else (ROWS, COLUMNS))


def test_frames_are_turned_by_their_own_directions(tmp_path):
    source = enhanced_mr(1, [0, 1])
    plain = read_slice(write(source, tmp_path / "plain.dcm"), 2).pixels
    source.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient = (-UPRIGHT).tolist()
    np.testing.assert_array_equal(read_slice(write(source, tmp_path / "t.dcm"), 2).pixels, plain[::-1, ::-1])


def test_pixels_that_are_not_square(tmp_path):
    ds = mr_dataset(1, 0, PixelSpacing=[0.5, 0.7], ImageOrientationPatient=[*UPRIGHT[3:], *UPRIGHT[:3]])
    assert read_header(write(ds, tmp_path / "a.dcm")).spacing == (0.7, 0.5)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        ((1, 0, 0, 0, 0, -1), Turn()),  # coronal
        ((1, 0, 0, 0, 1, 0), Turn()),  # axial
        ((-1, 0, 0, 0, 0, -1), Turn(flip_columns=True)),
        ((1, 0, 0, 0, 0, 1), Turn(flip_rows=True)),
        ((1, 0, 0, 0, -1, 0), Turn(flip_rows=True)),
        ((0, 0, -1, 1, 0, 0), Turn(exchange=True)),
        ((0, 0, 1, -1, 0, 0), Turn(True, True, True)),
        ((1, 0, 0, 0, 0.6, -0.8), Turn()),  # nearer to coronal: to the feet
        ((1, 0, 0, 0, 0.8, 0.6), Turn()),  # nearer to axial: to the back
    ],
)
def test_which_way_is_upright(orientation, turn):
    assert turn_of(tuple(map(float, orientation))) == turn


def test_a_sagittal_plane_shows_no_two_sides(tmp_path):
    path = write(mr_dataset(1, 0, ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), tmp_path / "a.dcm")
    with pytest.raises(StudyError, match=r"a\.dcm: its plane is sagittal; give the oblique coronal series"):
        read_slice(path)


@pytest.mark.parametrize("turn", TURNS)
def test_boxes_and_planes_turn_as_pixels_do(turn):
    stored = np.zeros((5, 7))
    stored[1:3, 2:6] = 1
    box = turn.box(Box(2, 1, 6, 3), stored.shape)
    turned = np.zeros(turn.pixels(stored).shape)
    turned[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = 1
    np.testing.assert_array_equal(turned, turn.pixels(stored))
    assert turn.back.box(box, turned.shape) == Box(2, 1, 6, 3)
    np.testing.assert_array_equal(turn.back.pixels(turn.pixels(stored)), stored)
    plane = Plane((5, 7), (1.0, 2.0, 3.0), (1.0, 0.0, 0.0, 0.0, 0.0, -1.0), (0.5, 0.7))
    back = turn.back.plane(turn.plane(plane))
    np.testing.assert_allclose(back.position, plane.position)
    assert (back.shape, back.spacing, back.orientation) == (plane.shape, plane.spacing, plane.orientation)


def test_a_side_keeps_its_name():
    boxes = IliumBoxes(left=Box(0, 0, 1, 1), right=None)
    assert Turn(flip_columns=True).boxes(boxes, (4, 6)) == IliumBoxes(left=Box(5, 0, 6, 1), right=None)
    assert Turn(flip_columns=True).boxes(None, (4, 6)) is None


@pytest.fixture
def mirrored(tmp_path):
    """A subject whose images are stored upside down, the SEG drawn on them as they are stored."""
    turn, root = Turn(flip_rows=True), tmp_path / "dicom"
    series = [stored_as(mr_dataset(0, step), turn) for step in range(2)]
    for step, ds in enumerate(series):
        write(ds, root / f"S0/{step}.dcm")
    masks = np.stack([bone_masks(2)] * 2)[:, ::-1]
    write(seg_dataset(series, np.ascontiguousarray(masks)), root / "S0/SEG.dcm")
    write_csv(root / "subjects.csv", [{"subject_id": "S0", "group": "axSpA", "age_years": "", "sex": ""}])
    return root


@pytest.mark.parametrize("geometry", [True, False])
def test_a_build_turns_images_outlines_and_boxes(mirrored, tmp_path, geometry):
    if not geometry:  # a SEG that only names its slices
        ds = dcmread(mirrored / "S0/SEG.dcm")
        for item in ds.PerFrameFunctionalGroupsSequence:
            del item.PlanePositionSequence
        write(ds, mirrored / "S0/SEG.dcm")
    manifest = build(mirrored)
    first = manifest.slice_records()[0]
    assert first.boxes == IliumBoxes(left=Box(22, 5, 30, 21), right=Box(2, 4, 10, 20))  # as drawn on upright slices
    plain = read_slice(write(mr_dataset(0, 0), tmp_path / "plain.dcm")).pixels
    np.testing.assert_array_equal(read_image(first).pixels, plain)
    np.testing.assert_array_equal(read_image_pixels(first), plain)
    subject = read_subject(mirrored / "S0")
    assert subject.slices[0].boxes == first.boxes


def test_a_table_gives_boxes_in_pixels_of_the_stored_image(mirrored, tmp_path):
    upright = (22, 5, 30, 21, 2, 4, 10, 20)
    stored = (22, ROWS - 21, 30, ROWS - 5, 2, ROWS - 20, 10, ROWS - 4)
    uids = [mr_dataset(0, step).SOPInstanceUID for step in range(2)]
    rows = [{"sop_instance_uid": uid, **dict(zip(BOX_EDGES, stored, strict=True))} for uid in uids]
    boxes = write_csv(tmp_path / "boxes.csv", rows)
    manifest = build(mirrored, boxes_csv=boxes)
    assert manifest.slices[list(BOX_EDGES)].to_numpy().tolist() == [list(upright)] * 2
    assert read_subject(mirrored / "S0", boxes).slices[0].boxes == manifest.slice_records()[0].boxes


def test_proposed_boxes_are_those_of_the_stored_image_and_come_back_the_same(mirrored, tmp_path, monkeypatch):
    own = IliumBoxes(left=Box(22, 5, 30, 21), right=Box(2, 4, 10, 20))
    seen = []
    monkeypatch.setattr(
        ilium_boxes, "propose_ilium_boxes", lambda images, bone, _: seen.append((images, bone)) or [own] * len(images)
    )
    masks = np.zeros((2, ROWS, COLUMNS, 2), bool)
    masks[:, 4:19, 2:30, 0] = masks[:, 10, 5, 1] = True
    series = [dcmread(mirrored / f"S0/{step}.dcm") for step in range(2)]
    write(seg_dataset(series, np.ascontiguousarray(masks[:, ::-1]), names=["bone", "edema"]), mirrored / "S0/SEG.dcm")
    manifest = build(mirrored)
    ((images, bone),) = seen
    np.testing.assert_array_equal(bone, masks[..., 0])  # upright, as drawn
    np.testing.assert_array_equal(images[0], read_image(manifest.slice_records()[0]).pixels)
    assert manifest.boxes_proposed and manifest.slice_records()[1].boxes == own
    proposed = pd.read_csv(manifest.folder / BOXES)
    assert proposed["left_y0"].tolist() == [ROWS - 21] * 2 and proposed["right_y1"].tolist() == [ROWS - 4] * 2
    again = build(mirrored, folder="again", boxes_csv=manifest.folder / BOXES)
    assert again.slice_records()[1].boxes == own and not again.boxes_proposed
