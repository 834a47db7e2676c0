"""One way to the outlines of a slice, against what was drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import SEGMENTS, bone_masks

from sijstudy.cohort import slice_outlines
from sijstudy.cohort.slice_outlines import SliceOutlines
from sijstudy.images.outlines import Segmentation, read_outlines


def outlines_of(monkeypatch, manifest, masks):
    """Outlines whose file holds ``masks`` on the manifest's first slice."""
    item = manifest.slice_records()[0]
    found = Segmentation(Path("x"), {item.uid: masks}, frozenset(masks), frozenset([item.uid]))
    monkeypatch.setattr(slice_outlines, "read_outlines", lambda path: found)
    return SliceOutlines(manifest), item


def test_masks_are_those_that_were_drawn(sample_manifest):
    outlines = SliceOutlines(sample_manifest)
    for item in sample_manifest.slice_records():
        drawn = dict(zip(SEGMENTS, np.moveaxis(bone_masks(2 if item.label else 0), -1, 0), strict=True))
        masks = outlines.masks(item)
        assert set(masks) == {name for name, mask in drawn.items() if mask.any()}
        for name, mask in masks.items():
            np.testing.assert_array_equal(mask, drawn[name])
            assert outlines.mask(item, name) is mask
        assert (outlines.mask(item, "edema") is None) == (not item.label)
        np.testing.assert_array_equal(outlines.bone(item), np.any([drawn[name] for name in SEGMENTS[:3]], axis=0))


def test_only_the_file_read_last_is_kept(sample_manifest, monkeypatch):
    read = []
    monkeypatch.setattr(slice_outlines, "read_outlines", lambda path: read.append(path) or read_outlines(path))
    outlines, items = SliceOutlines(sample_manifest), sample_manifest.slice_records()
    for item in items:
        outlines.masks(item)
    assert read == list(dict.fromkeys(item.segmentation for item in items))
    outlines.masks(items[0])
    assert len(read) == sample_manifest.slices["subject_id"].nunique() + 1


def test_a_slice_without_a_segmentation_has_no_outlines(sample_manifest):
    outlines, item = SliceOutlines(sample_manifest), replace(sample_manifest.slice_records()[0], segmentation=None)
    assert (outlines.masks(item), outlines.mask(item, "edema"), outlines.bone(item)) == ({}, None, None)


def test_single_readers_and_empty_masks_are_left_out(sample_manifest, monkeypatch):
    full, empty = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    outlines, item = outlines_of(monkeypatch, sample_manifest, {"edema": full, "edema reader 2": full, "sacrum": empty})
    assert list(outlines.masks(item)) == ["edema"]
    assert outlines.bone(item) is None


@pytest.mark.parametrize("bone", [np.eye(4, dtype=bool), np.zeros((4, 4), bool)])
def test_a_bone_segment_goes_before_ilia_and_sacrum(sample_manifest, monkeypatch, bone):
    outlines, item = outlines_of(monkeypatch, sample_manifest, {"bone": bone, "sacrum": np.ones((4, 4), bool)})
    if bone.any():
        np.testing.assert_array_equal(outlines.bone(item), bone)
    else:
        assert outlines.bone(item) is None
