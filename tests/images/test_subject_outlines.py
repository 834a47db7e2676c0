"""All outline files of one subject together: SEG and label maps, with and without readers."""

import numpy as np
import pytest
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write, write_csv
from volume_samples import upright_affine, write_nifti

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.dicom import read_header
from sijstudy.images.segment_names import SegmentTable, read_segment_table
from sijstudy.images.subject_outlines import must_be_combined, read_subject_outlines

SERIES = [mr_dataset(1, step) for step in range(3)]
MASKS = np.stack([bone_masks(2), bone_masks(0), bone_masks(3)])


@pytest.fixture
def headers(tmp_path):
    return [read_header(write(ds, tmp_path / f"{step}.dcm")) for step, ds in enumerate(SERIES)]


def labels(drawn, headers):
    return [drawn.labels.get(header.uid, "unread") for header in headers]


def read(files, headers, table=None, rule=EdemaRule(), *, combine=False):  # noqa: B008
    return read_subject_outlines(files, headers, table or SegmentTable(), rule, combine=combine, subject_id="S1")


def test_a_seg_stays_as_it_is(tmp_path, headers):
    path = write(seg_dataset(SERIES, MASKS), tmp_path / "SEG.dcm")
    drawn = read([path], headers)
    assert labels(drawn, headers) == [1, 0, 1]
    assert drawn.content is None and drawn.segmentation.file == path and drawn.votes == {}
    assert labels(read([path], headers, rule=EdemaRule(min_pixels=3)), headers) == [0, 0, 1]
    assert read([], headers) is None
    with pytest.raises(StudyError, match=r"2\.dcm: a second segmentation beside SEG\.dcm"):
        read([path, tmp_path / "2.dcm"], headers)


def test_readers_in_a_seg(tmp_path, headers):
    edema = MASKS[..., 3]
    stack = np.stack([edema, edema & False, edema], axis=-1)
    path = write(seg_dataset(SERIES, stack, names=["BME A", "BME B", "BME C"]), tmp_path / "SEG.dcm")
    rows = [{"label": f"BME {name}", "segment": "edema", "reader": number} for number, name in enumerate("ABC", 1)]
    table = read_segment_table(write_csv(tmp_path / "t.csv", rows))
    assert must_be_combined([path], table) and not must_be_combined([path], SegmentTable())
    drawn = read([path], headers, table, combine=True)
    assert labels(drawn, headers) == [1, 0, 1] and drawn.content
    assert drawn.votes[headers[0].uid] == (1, 0, 1, None)
    assert labels(read([path], headers, table, EdemaRule(3, 1, "unanimous"), combine=True), headers) == [None, 0, None]


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
    assert must_be_combined([seg, path], table)
    drawn = read([seg, path], headers, table, combine=True)
    assert labels(drawn, headers) == [0, 1, 0]
    assert drawn.segmentation.mask(headers[1].uid, "edema").sum() == 12
    assert drawn.segmentation.ilium_boxes(headers[1].uid).left is not None
