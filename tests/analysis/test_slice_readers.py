"""What is read on another cohort's slices, with a network that sees what the test says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dicom_samples import write_cohort

from sijstudy.analysis import bright_bone, slice_readers
from sijstudy.analysis.bright_bone import BASELINES, intensity_baselines, patch_baselines
from sijstudy.analysis.slice_readers import read_slices
from sijstudy.cohort import readings
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.readings import Readings
from sijstudy.cohort.seen_joints import Seen
from sijstudy.images.outlines import Segmentation, read_outlines
from sijstudy.images.read import read_image
from sijstudy.marrow import marrow_levels
from sijstudy.segmentation.classes import BONES
from sijstudy.segmentation.outline import Outlined

SPACING = (0.558, 0.558)
SACRUM, LESION = (slice(4, 20), slice(10, 22)), (slice(6, 10), slice(12, 20))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    cohort = write_cohort(folder / "dicom", rows=26)
    options = BuildOptions(cohort.subjects_csv, "other", votes_csv=cohort.votes_csv)
    return build_manifest(cohort.root, folder / "manifest", options, progress=False)


@pytest.fixture(autouse=True)
def sees_a_sacrum(monkeypatch):
    """On every slice a sacrum with edema; counts how often it is asked."""
    asked = []

    def see(items):
        asked.append(items[0].subject_id)
        images = tuple(read_image(item).pixels for item in items)
        classes, edema = np.zeros((len(items), *images[0].shape), np.uint8), np.zeros((len(items), *images[0].shape))
        classes[:, *SACRUM] = BONES.index("sacrum") + 1
        edema[:, *LESION] = 0.8
        return Seen(Outlined(classes, classes.astype(np.float32), edema.astype(np.float32)), images, SPACING, 2.2)

    monkeypatch.setattr(slice_readers, "see", see)
    return asked


def without_outlines(manifest):
    return replace(manifest, slices=manifest.slices.assign(segmentation=None, segmentation_sha256=None))


def test_segmented_edema_is_scored_and_measured_as_seen(manifest, tmp_path):
    table = read_slices(manifest, tmp_path, progress=False)
    keys = ["subject_id", "slice_index"]
    assert table[keys].to_numpy().tolist() == manifest.slices[keys].to_numpy().tolist()
    own = [item for item in manifest.slice_records() if item.subject_id == table["subject_id"][0]]
    expected = slice_readers.see(own).edema().scores
    np.testing.assert_allclose(table["segmentation"][: len(own)], expected)
    volume = 4 * 8 * 0.558**2 * 2.2 / 1000
    np.testing.assert_allclose(table["ml segmentation"], volume, rtol=1e-5)


def test_agreed_edema_is_a_volume_too(manifest, tmp_path):
    table = read_slices(manifest, tmp_path, progress=False)
    masks = [read_outlines(item.segmentation).mask(item.uid, "edema") for item in manifest.slice_records()]
    pixels = [0 if mask is None else mask.sum() for mask in masks]
    assert sum(pixels) > 0
    np.testing.assert_allclose(table["ml edema"], np.array(pixels) * 0.558**2 * 2.2 / 1000)


def test_baselines_are_measured_in_outlined_bone(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(bright_bone, "TIMES_VOLUME", 1.1)  # these images are noise alone
    monkeypatch.setattr(bright_bone, "TIMES_LOCAL", 1.1)
    table = read_slices(manifest, tmp_path, progress=False)
    items = [item for item in manifest.slice_records() if item.subject_id == table["subject_id"][0]]
    images = [read_image(item).pixels for item in items]
    bones = [read_outlines(item.segmentation).bone(item.uid) for item in items]
    level = marrow_levels(images, bones, SPACING).stack
    for place, (image, bone) in enumerate(zip(images, bones, strict=True)):
        expected = intensity_baselines(image[bone]) | patch_baselines(image, bone, bone, level, SPACING)
        assert table.loc[place, list(BASELINES)].tolist() == pytest.approx([expected[name] for name in BASELINES])
    assert set(table["region"]) == {"bone outline"}
    assert table[["patch_local", "patch_volume"]].to_numpy().max(axis=0).min() > 0


def test_the_networks_bone_stands_in_where_none_is_outlined(manifest, tmp_path):
    bare = without_outlines(manifest)
    table = read_slices(bare, tmp_path, progress=False)
    image = read_image(bare.slice_records()[0]).pixels[SACRUM]
    assert table.loc[0, "p99_over_median"] == pytest.approx(np.percentile(image, 99) / np.median(image))
    assert set(table["region"]) == {"network's outline of bone"}
    assert not any(name.startswith("ml ") for name in table)


def test_without_any_bone_nothing_is_bright(manifest, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SACRUM", (slice(0, 0), slice(0, 0)))
    table = read_slices(without_outlines(manifest), tmp_path, progress=False)
    assert (table[list(BASELINES)] == 0).all(axis=None)
    assert set(table["region"]) == {"empty outline, as no bone is seen,"}


def test_padding_counts_for_no_baseline(manifest, tmp_path, monkeypatch):
    item = without_outlines(manifest).slice_records()[0]
    tissue = read_image(item).pixels[SACRUM][:, :6].ravel()
    see = slice_readers.see

    def padded(items):
        seen = see(items)
        return replace(seen, images=tuple(np.where(np.arange(32) >= 16, np.nan, image) for image in seen.images))

    monkeypatch.setattr(slice_readers, "see", padded)
    table = read_slices(without_outlines(manifest), tmp_path, progress=False)
    assert table.loc[0, "bright_share"] == pytest.approx(intensity_baselines(tissue)["bright_share"])


def test_what_was_read_is_kept(manifest, tmp_path, sees_a_sacrum):
    first = read_slices(manifest, tmp_path, progress=False)
    times = len(sees_a_sacrum)
    assert times == manifest.slices["subject_id"].nunique()
    pd.testing.assert_frame_equal(read_slices(manifest, tmp_path, progress=False), first)
    assert len(sees_a_sacrum) == times
    read_slices(without_outlines(manifest), tmp_path, progress=False)
    assert len(sees_a_sacrum) == 2 * times


def test_single_readings_are_told_apart(manifest, monkeypatch):
    item, mask = manifest.slice_records()[0], np.eye(4, dtype=bool)
    segments = frozenset({"edema", "edema reader 1", "edema reader 2", "edema elsewhere", "bone"})
    masks = {item.uid: {"edema": mask, "edema reader 2": mask, "bone": mask}}
    stored = Segmentation(item.segmentation, masks, segments, frozenset({item.uid}))
    monkeypatch.setattr(readings, "read_outlines", lambda path: stored)
    found = Readings().of(item)
    assert list(found) == ["edema", "edema reader 1", "edema reader 2"]
    assert found["edema reader 1"] is None and found["edema reader 2"] is mask
    assert Readings().of(replace(item, uid="unread")) is None
    assert Readings().of(replace(item, segmentation=None)) is None
