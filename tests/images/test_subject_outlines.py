"""All outline files of one subject together: SEG and label maps, with and without readers."""

import numpy as np
import pytest
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write, write_csv
from volume_samples import upright_affine, write_nifti

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.dicom import read_header
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import SegmentTable, read_segment_table
from sijstudy.images.subject_outlines import OutlineRules, read_subject_outlines

SERIES = [mr_dataset(1, step) for step in range(3)]
MASKS = np.stack([bone_masks(2), bone_masks(0), bone_masks(3)])


@pytest.fixture
def headers(tmp_path):
    return [read_header(write(ds, tmp_path / f"{step}.dcm")) for step, ds in enumerate(SERIES)]


def labels(drawn, headers):
    return [drawn.labels.get(header.uid, "unread") for header in headers]


def read(files, headers, table=None, rule=EdemaRule()):  # noqa: B008
    return read_subject_outlines(files, Slices(headers), OutlineRules(table or SegmentTable(), rule), "S1")


def test_a_seg_becomes_the_subjects_outlines(tmp_path, headers):
    path = write(seg_dataset(SERIES, MASKS), tmp_path / "SEG.dcm")
    drawn = read([path], headers)
    assert labels(drawn, headers) == [1, 0, 1] and drawn.seg == path
    assert drawn.content and drawn.segmentation.file.name == "S1.npz" and set(drawn.votes.values()) == {(None,) * 4}
    assert labels(read([path], headers, rule=EdemaRule(min_pixels=3)), headers) == [0, 0, 1]
    assert read([], headers) is None


def test_edema_counts_inside_the_bone_where_it_is_outlined(tmp_path, headers):
    masks = np.zeros((3, 24, 32, 4), bool)
    masks[0] = bone_masks(2)
    masks[0, 0:2, 0:4, 3] = True  # beside all bone
    masks[1, ..., :2] = bone_masks(0)[..., :2]  # no sacrum here, so edema may be of the sacrum
    masks[1, 10, 15, 3] = masks[2, 10, 15, 3] = True  # and no bone at all on the third
    drawn = read([write(seg_dataset(SERIES, masks), tmp_path / "SEG.dcm")], headers)
    counts = [drawn.segmentation.mask(header.uid, "edema").sum() for header in headers]
    assert counts == [2, 1, 1] and labels(drawn, headers) == [1, 1, 1]


def test_bones_and_edema_in_two_segs(tmp_path, headers):
    names = ["left ilium", "right ilium", "sacrum"]
    bones = write(seg_dataset(SERIES, MASKS[..., :3], names=names), tmp_path / "bones.dcm")
    edema = write(seg_dataset(SERIES, MASKS[..., 3:], names=["edema"], uid="1.2.3.4"), tmp_path / "edema.dcm")
    both = read([bones, edema], headers)
    one = read([write(seg_dataset(SERIES, MASKS), tmp_path / "SEG.dcm")], headers)
    assert both.content == one.content and both.labels == one.labels and both.seg == edema


def test_two_segs_of_the_same(tmp_path, headers):
    first = write(seg_dataset(SERIES, MASKS), tmp_path / "a.dcm")
    second = write(seg_dataset(SERIES, MASKS[::-1, ..., 3:], names=["edema"], uid="1.2.3.4"), tmp_path / "b.dcm")
    with pytest.raises(StudyError, match=r"b\.dcm: outlines 'edema', as a\.dcm does; keep the one that counts, or num"):
        read([first, second], headers)
    rows = [{"pattern": f"{name}.dcm", "label": "edema", "segment": "edema", "reader": reader}
            for name, reader in (("a", "1"), ("b", "2"))]  # fmt: skip
    table = read_segment_table(write_csv(tmp_path / "t.csv", rows))
    assert read([first, second], headers, table).votes[headers[1].uid] == (0, 0, None, None)


def test_segs_that_give_neither_label_nor_box(tmp_path, headers):
    sacrum = write(seg_dataset(SERIES, MASKS[..., 2:3], names=["sacrum"]), tmp_path / "sacrum.dcm")
    nothing = np.zeros((3, 24, 32, 2))
    empty = seg_dataset(SERIES, nothing, names=["left ilium", "bone"], kind="FRACTIONAL", uid="1.2.3.5")
    empty = write(empty, tmp_path / "empty.dcm")
    for files in ([sacrum], [empty], [sacrum, empty]):
        with pytest.raises(StudyError, match=r"\.dcm: gives its subject neither a label nor a box"):
            read(files, headers)
    edema = write(seg_dataset(SERIES, nothing[..., :1], names=["edema"], kind="FRACTIONAL"), tmp_path / "edema.dcm")
    assert labels(read([edema], headers), headers) == [0, 0, 0]  # looked for, and not found
    assert labels(read([sacrum, edema, empty], headers), headers) == [0, 0, 0]  # a file for each structure


def test_a_reading_that_may_still_make_the_slice_positive_settles_nothing(tmp_path, headers):
    edema, table = MASKS[..., 3], []
    for reader in (1, 2, 3):
        covered = SERIES if reader < 3 else SERIES[:2]  # the third did not read the last slice
        masks = edema[: len(covered), ..., None]
        seg = seg_dataset(covered, masks, names=["edema"], uid=f"1.2.3.{reader}", kind="FRACTIONAL")
        write(seg, tmp_path / f"r{reader}.dcm")
        table.append({"pattern": f"r{reader}.dcm", "label": "edema", "segment": "edema", "reader": str(reader)})
    files = sorted(tmp_path.glob("r?.dcm"))
    rows = read_segment_table(write_csv(tmp_path / "t.csv", table))
    assert labels(read(files, headers, rows), headers) == [1, 0, 1]  # two of two
    assert labels(read(files, headers, rows, EdemaRule(agreement=3)), headers) == [1, 0, None]
    assert labels(read([files[0], files[2]], headers, rows), headers) == [1, 0, None]  # one of two


def test_a_tie_that_a_third_reading_would_break(tmp_path, headers):
    edema, table = MASKS[..., 3], []
    for reader, masks, covered in ((1, edema, 3), (2, edema & False, 3), (3, edema, 1)):
        stack = masks[:covered, ..., None].astype(float)
        seg = seg_dataset(SERIES[:covered], stack, names=["edema"], uid=f"1.2.3.{reader}", kind="FRACTIONAL")
        write(seg, tmp_path / f"r{reader}.dcm")
        table.append({"pattern": f"r{reader}.dcm", "label": "edema", "segment": "edema", "reader": str(reader)})
    rows = read_segment_table(write_csv(tmp_path / "t.csv", table))
    files = sorted(tmp_path.glob("r?.dcm"))
    assert labels(read(files, headers, rows), headers) == [
        1,
        0,
        None,
    ]
    assert labels(read(files, headers, rows, EdemaRule(agreement=2)), headers) == [1, 0, None]
    assert labels(read(files, headers, rows, EdemaRule(agreement=1)), headers) == [1, None, 1]


@pytest.mark.parametrize("kind", ["LABELMAP", "BINARY", "NIfTI"])
def test_edema_that_is_painted_over_the_bone(tmp_path, headers, kind):
    """One number per pixel: where edema is, bone is not. It is edema of that bone all the same."""
    masks = MASKS.copy()
    masks[..., :3] &= ~masks[..., 3:]
    path = tmp_path / "SEG.dcm"
    if kind == "NIfTI":
        affine = upright_affine(np.deg2rad(25.0), 0.558, 2.2)
        affine[:3, 3] = headers[0].position
        path = write_nifti(tmp_path / "m.nii.gz", (masks * np.arange(1, 5)).sum(axis=-1).astype(np.uint8), affine)
    else:
        write(seg_dataset(SERIES, masks, kind=kind), path)
    names = ("left ilium", "right ilium", "sacrum", "edema")
    table = [{"pattern": "m.nii.gz", "value": str(value), "segment": name} for value, name in enumerate(names, 1)]
    drawn = read([path], headers, read_segment_table(write_csv(tmp_path / "t.csv", table)))
    assert labels(drawn, headers) == [1, 0, 1]
    assert [drawn.segmentation.lesion_count(header.uid) for header in headers] == [2, 0, 3]


@pytest.mark.parametrize("format", ["SEG", "NIfTI"])
def test_an_image_or_an_inverted_map_is_no_outline(tmp_path, headers, format):
    masks = np.ones((3, 24, 32, 1), bool)
    masks[:, 8:12] = False
    path = write(seg_dataset(SERIES, masks, names=["edema"]), tmp_path / "e.dcm")
    if format == "NIfTI":
        affine = upright_affine(np.deg2rad(25.0), 0.558, 2.2)
        affine[:3, 3] = headers[0].position
        path = write_nifti(tmp_path / "e.nii.gz", masks[..., 0].astype(np.uint8), affine)
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{"pattern": path.name, "segment": "edema"}]))
    with pytest.raises(StudyError, match=r"0\.dcm: 'edema' is outlined on 83% of the slice: an image, or a map turned"):
        read([path], headers, table)


def test_a_file_that_the_table_leaves_out_may_be_an_image(tmp_path, headers):
    affine = upright_affine(np.deg2rad(25.0), 0.558, 2.2)
    image = np.random.default_rng(0).normal(size=(3, 24, 32)).astype(np.float32)
    path = write_nifti(tmp_path / "t1.nii.gz", image, affine)
    seg = write(seg_dataset(SERIES, MASKS), tmp_path / "SEG.dcm")
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{"pattern": "t1*", "segment": ""}]))
    assert labels(read([seg, path], headers, table), headers) == [1, 0, 1]


def test_readers_in_a_seg(tmp_path, headers):
    edema = MASKS[..., 3]
    stack = np.stack([edema, edema & False, edema], axis=-1)
    path = write(seg_dataset(SERIES, stack, names=["BME A", "BME B", "BME C"]), tmp_path / "SEG.dcm")
    rows = [{"label": f"BME {name}", "segment": "edema", "reader": number} for number, name in enumerate("ABC", 1)]
    table = read_segment_table(write_csv(tmp_path / "t.csv", rows))
    drawn = read([path], headers, table)
    assert labels(drawn, headers) == [1, 0, 1]
    assert drawn.votes[headers[0].uid] == (1, 0, 1, None)
    assert labels(read([path], headers, table, EdemaRule(3, 1, "unanimous")), headers) == [None, 0, None]


def test_bones_in_a_seg_and_edema_in_a_label_map(tmp_path, headers):
    seg = write(
        seg_dataset(SERIES, MASKS[..., :3], names=["left ilium", "right ilium", "sacrum"]), tmp_path / "SEG.dcm"
    )
    affine = upright_affine(np.deg2rad(25.0), 0.558, 2.2)
    affine[:3, 3] = headers[0].position
    edema = np.zeros((3, 24, 32), np.uint8)
    edema[1, 0:10, 4:6] = 1  # rows 4 to 9 lie in the right ilium
    path = write_nifti(tmp_path / "edema.nii.gz", edema, affine)
    table = read_segment_table(write_csv(tmp_path / "t.csv", [{"pattern": "edema.nii.gz", "segment": "edema"}]))
    drawn = read([seg, path], headers, table)
    assert drawn.seg is None
    assert labels(drawn, headers) == [0, 1, 0]
    assert drawn.segmentation.mask(headers[1].uid, "edema").sum() == 12
    assert drawn.segmentation.ilium_boxes(headers[1].uid).left is not None
