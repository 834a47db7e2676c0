"""Manifest -> patches: right pixels, right rows, made once."""

import errno
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image
from sijstudy.intensity import to_8bit
from sijstudy.roi import roi_patch, whole_image
from sijstudy.training import patches as patches_module
from sijstudy.training.patches import load_patches, mask_patch, patch_of, roi_of


def test_patches_follow_the_manifests_rows(sample_work, tmp_path):
    manifest, config = sample_work.manifest, sample_work.config
    patches = load_patches(manifest, "roi", config, tmp_path, progress=False)
    assert patches.patches.shape == (36, 1, 32, 32)
    assert patches.patches.dtype == np.float32
    assert patches.slices["subject_id"].tolist() == manifest.slices["subject_id"].tolist()
    item = manifest.slice_records()[7]
    np.testing.assert_array_equal(patches.patches[7, 0], patch_of(item, "roi", config))
    assert patches.rows_of(("S01",)).tolist() == [3, 4, 5]
    assert patches.rows_of(("S03", "S01", "stranger")).tolist() == [3, 4, 5, 9, 10, 11]


def test_both_arms_show_the_slice_they_should(sample_work):
    item, config = sample_work.manifest.slice_records()[0], sample_work.config
    image = to_8bit(read_image(item).pixels)
    np.testing.assert_array_equal(patch_of(item, "original", config), whole_image(image, 32))
    np.testing.assert_array_equal(
        patch_of(item, "roi", config), roi_patch(image, roi_of(item, image.shape, config), 32)
    )
    assert [patch_of(item, arm, replace(config, patch_size=40)).shape for arm in ("roi", "original")] == [(40, 40)] * 2


def test_patches_are_made_once_and_keyed_by_what_shapes_them(sample_work, tmp_path, monkeypatch):
    manifest, config = sample_work.manifest, sample_work.config
    first = load_patches(manifest, "roi", config, tmp_path, progress=False)
    monkeypatch.setattr(patches_module, "_make_patches", None)
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
    masks = sample_work.outlines.masks(item)
    ilium = mask_patch(item, masks["left ilium"] | masks["right ilium"], sample_work.config)
    sacrum = mask_patch(item, masks["sacrum"], sample_work.config)
    assert ilium.dtype == bool
    assert ilium.shape == (32, 32)
    assert ilium.any()
    assert sacrum.any()
    assert ilium[:, 0].mean() > sacrum[:, 0].mean()  # the patch's outer columns are ilium, its middle is sacrum
    assert sacrum[:, 15].mean() > ilium[:, 15].mean()


@pytest.mark.parametrize(
    ("asked", "left", "right"),
    [  # the sample's ilium boxes span the columns 2 to 10 and 22 to 30: 8 wide, their centres at 6 and 26
        ("roi_factor: 1.0", (6, 14), (18, 26)),
        ("roi_factor: 0.5", (6, 10), (22, 26)),
        ("roi_factor: 0.5\nroi_reading: shifted_box", (6, 14), (18, 26)),
        ("roi_factor: 0.25\nroi_reading: beyond_edge", (6, 12), (20, 26)),
    ],
)
def test_a_profiles_roi_is_what_is_cut_out(sample_work, tmp_path, asked, left, right):
    profile = tmp_path / "own.yaml"
    profile.write_text(f"patch_size: 32\n{asked}\n")
    config, item = StudyConfig.from_yaml(profile), sample_work.manifest.slice_records()[0]
    image = to_8bit(read_image(item).pixels)
    rows = {"left": (4, 20), "right": (5, 21)}
    sides = [image[slice(*rows[side]), slice(*columns)] for side, columns in (("left", left), ("right", right))]
    expected = np.concatenate([whole_side(side) for side in sides], axis=1)
    found = load_patches(sample_work.manifest, "roi", config, tmp_path, progress=False).patches[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    mask = np.zeros(image.shape, bool)
    mask[:, slice(*left)] = True
    assert mask_patch(item, mask, config)[:, :16].all()
    assert not mask_patch(item, mask, config)[:, 16:].any()


def test_an_outline_keeps_its_pixels(sample_work):
    """Each of the 16 x 8 pixels of a side becomes four of the patch, none a mixture."""
    item = sample_work.manifest.slice_records()[0]
    mask = np.random.default_rng(2).random(read_image(item).pixels.shape) > 0.5
    sides = [mask[4:20, 6:14], mask[5:21, 18:26]]
    expected = np.concatenate([side.repeat(2, axis=0).repeat(2, axis=1) for side in sides], axis=1)
    found = mask_patch(item, mask, replace(sample_work.config, patch_size=32, roi_factor=1.0))
    np.testing.assert_array_equal(found, expected)


def whole_side(image):
    """One side of a patch of 32: ``(32, 16)``."""
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    return torch.nn.functional.interpolate(tensor, (32, 16), mode="bilinear", antialias=True)[0, 0].numpy()


def test_a_profiles_height_is_what_is_cut_out(sample_work, tmp_path):
    """``extend`` grows the lower box to the height of the higher; ``stretch`` leaves it."""
    item = sample_work.manifest.slice_records()[0]
    lower = replace(item, boxes=replace(item.boxes, left=replace(item.boxes.left, y0=9.0, y1=17.0)))
    config = replace(sample_work.config, patch_size=32, roi_factor=0.5)
    image = to_8bit(read_image(item).pixels)
    for height, rows in (("extend", (5, 21)), ("stretch", (9, 17))):
        patch = patch_of(lower, "roi", replace(config, roi_height=height))
        np.testing.assert_allclose(patch[:, 16:], whole_side(image[slice(*rows), 22:26]), atol=1e-3)


def test_other_processes_make_the_same_file(sample_work, tmp_path, monkeypatch):
    manifest, config = sample_work.manifest, sample_work.config
    own = load_patches(manifest, "roi", config, tmp_path / "own", progress=False)
    monkeypatch.setattr(patches_module, "TRIED", 3)
    monkeypatch.setattr(patches_module, "WORTH_PROCESSES", 0.0)
    others = load_patches(manifest, "roi", config, tmp_path / "others", workers=2, progress=False)
    name = f"{own.digest}.npy"
    assert (tmp_path / "others" / name).read_bytes() == (tmp_path / "own" / name).read_bytes()
    np.testing.assert_array_equal(others.patches, own.patches)


def test_a_changed_file_is_told_as_such_whatever_it_did_to_the_reading(sample_work, tmp_path):
    manifest = sample_work.manifest
    changed = manifest.slices.assign(sha256=manifest.slices["sha256"].where(manifest.slices.index != 35, "0" * 64))
    with pytest.raises(StudyError, match="SHA-256 is not the manifest's"):
        load_patches(replace(manifest, slices=changed), "roi", sample_work.config, tmp_path, progress=False)
    without_boxes = changed.assign(**{name: np.nan for name in changed.columns if name.startswith(("left_", "right_"))})
    with pytest.raises(StudyError, match="SHA-256 is not the manifest's"):
        load_patches(replace(manifest, slices=without_boxes), "roi", sample_work.config, tmp_path, progress=False)
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_full_disk_is_one_line_and_leaves_nothing(sample_work, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(patches_module, "write_array_header_1_0", full)
    with pytest.raises(StudyError, match=r"cannot write .*No space left on device"):
        load_patches(sample_work.manifest, "roi", sample_work.config, tmp_path, progress=False)
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_memory_does_not_hold_the_cohort(sample_work, tmp_path, monkeypatch):
    monkeypatch.setattr(
        patches_module, "patch_of", lambda item, arm, config: np.full((512, 512), item.index, np.float32)
    )
    tracemalloc.start()
    config = replace(sample_work.config, patch_size=512)
    patches = load_patches(sample_work.manifest, "roi", config, tmp_path, progress=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert patches.patches.nbytes == 36 * 2**20
    assert peak < 12 * 2**20
    assert patches.patches[:, 0, 5, 7].tolist() == sample_work.manifest.slices["slice_index"].tolist()
