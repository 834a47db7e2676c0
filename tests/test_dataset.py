"""Manifest -> patches: right pixels, right rows, made once."""

from dataclasses import replace

import numpy as np
import pytest

from sijstudy import dataset
from sijstudy.dataset import load_patches, mask_patch, patch_of, roi_of
from sijstudy.errors import StudyError
from sijstudy.images import read_image
from sijstudy.noise import to_8bit
from sijstudy.roi import roi_patch, whole_image


def test_patches_follow_the_manifests_rows(sample_work, tmp_path):
    manifest, config = sample_work.manifest, sample_work.config
    patches = load_patches(manifest, "roi", config, tmp_path, progress=False)
    assert patches.patches.shape == (36, 1, 32, 32)
    assert patches.patches.dtype == np.float32
    assert patches.slices["subject_id"].tolist() == manifest.slices["subject_id"].tolist()
    item = manifest.slice_records()[7]
    np.testing.assert_array_equal(patches.patches[7, 0], patch_of(item, "roi", config))
    assert patches.rows_of(("S01",)).tolist() == [3, 4, 5]


def test_both_arms_show_the_slice_they_should(sample_work):
    item, config = sample_work.manifest.slice_records()[0], sample_work.config
    image = to_8bit(read_image(item).pixels)
    np.testing.assert_array_equal(patch_of(item, "original", config), whole_image(image, 32))
    np.testing.assert_array_equal(
        patch_of(item, "roi", config), roi_patch(image, roi_of(item, image.shape, config), 32)
    )


def test_patches_are_made_once_and_keyed_by_what_shapes_them(sample_work, tmp_path, monkeypatch):
    manifest, config = sample_work.manifest, sample_work.config
    first = load_patches(manifest, "roi", config, tmp_path, progress=False)
    monkeypatch.setattr(dataset, "_make_patches", None)
    assert load_patches(manifest, "roi", config, tmp_path, progress=False).digest == first.digest
    monkeypatch.undo()
    wider = load_patches(manifest, "roi", replace(config, roi_factor=1.0), tmp_path, progress=False)
    assert wider.digest != first.digest
    whole = load_patches(manifest, "original", replace(config, roi_factor=1.0), tmp_path, progress=False)
    assert whole.digest == load_patches(manifest, "original", config, tmp_path, progress=False).digest


def test_slice_without_ilium_boxes_is_named(sample_work):
    item = replace(sample_work.manifest.slice_records()[0], boxes=None)
    with pytest.raises(StudyError, match=rf"{item.file.name}.*no ilium box"):
        patch_of(item, "roi", sample_work.config)
    assert patch_of(item, "original", sample_work.config).shape == (32, 32)


def test_outline_is_cut_like_the_patch(sample_work):
    item = sample_work.manifest.slice_records()[0]
    masks = sample_work.masks(item)
    ilium = mask_patch(item, masks["left ilium"] | masks["right ilium"], sample_work.config)
    sacrum = mask_patch(item, masks["sacrum"], sample_work.config)
    assert ilium.dtype == bool
    assert ilium.shape == (32, 32)
    assert ilium.any()
    assert sacrum.any()
    assert ilium[:, 0].mean() > sacrum[:, 0].mean()  # the patch's outer columns are ilium, its middle is sacrum
    assert sacrum[:, 15].mean() > ilium[:, 15].mean()
