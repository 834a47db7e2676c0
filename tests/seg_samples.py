"""A tiny series with its SEG, single-frame and multi-frame, and how to read the masks back."""

import numpy as np
from dicom_samples import COLUMNS, ROWS, SEGMENTS, bone_masks, made, mr_dataset, seg_dataset, write

from sijstudy.images.seg import read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import SegmentTable

LESIONS = (2, 0, 3)
SERIES = [mr_dataset(1, step) for step in range(len(LESIONS))]
MASKS = np.stack([bone_masks(count) for count in LESIONS])
UIDS = [str(ds.SOPInstanceUID) for ds in SERIES]
EMPTY = np.zeros((ROWS, COLUMNS), bool)


def saved(tmp_path, ds=None, masks=MASKS, **options):
    return write(ds or seg_dataset(SERIES[: len(masks)], masks, **options), tmp_path / "SEG.dcm")


def masks_of(path, headers, table=SegmentTable(), **options):  # noqa: B008
    """``(slices, segments, H, W)`` bool in the order of SEGMENTS."""
    found = {one.meaning.name: one.masks for one in read_seg(path, Slices(headers), table, **options).outlines}
    return np.array([[found.get(name, {}).get(one.uid, EMPTY) for name in SEGMENTS] for one in headers])


def same(found, masks=MASKS):
    np.testing.assert_array_equal(found, np.moveaxis(masks, -1, 1))


def frames(ds):
    return list(ds.PerFrameFunctionalGroupsSequence)


def move(item, offset):
    """Let a frame lie elsewhere, mm; frames of one slice share their position as highdicom makes them."""
    corner = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float) + offset
    item.PlanePositionSequence = [made(ImagePositionPatient=corner.round(5).tolist())]


def segment_of(item):
    return int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
