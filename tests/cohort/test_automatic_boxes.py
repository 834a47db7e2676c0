"""Boxes found without outlines: for a study, for a manifest, for one subject."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sijstudy.cohort.automatic_boxes import automatic_rois, confidences
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash, load_manifest
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.seen_joints import see, see_planes
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image
from sijstudy.notebook.cohort import prepare_cohort
from sijstudy.segmentation.score import box_iou


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A small synthetic cohort, with a pelvis on its slices."""
    config = StudyConfig(
        axspa_subjects=5, control_subjects=5, positive_slices=20, negative_slices=90, matrix_size=128, weights="none"
    )
    return prepare_cohort(config, tmp_path_factory.mktemp("drawn"), workers=2, progress=False)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("joints")


@pytest.fixture(scope="module")
def found(drawn, kept):
    return automatic_rois(drawn, kept, progress=False)


def test_boxes_lie_where_the_outlines_have_them(drawn, found):
    shares = []
    for own, other in zip(drawn.slice_records(), found.manifest.slice_records(), strict=True):
        assert own.uid == other.uid
        shares += [box_iou(own.boxes.left, other.boxes.left), box_iou(own.boxes.right, other.boxes.right)]
    assert np.mean(shares) > 0.85
    assert min(shares) > 0.58  # the right ones of a subject reach too far to the flank on four slices, 0.60


def test_they_are_another_cohort_and_are_drafts(drawn, found):
    assert found.manifest.boxes_proposed
    assert cohort_hash(found.manifest) != cohort_hash(drawn)
    assert found.without.empty
    assert (found.found["confidence"] > 0.5).all()


def test_they_are_kept_for_the_next_time(drawn, found, kept, monkeypatch):
    monkeypatch.setattr("sijstudy.cohort.automatic_boxes._search", lambda *_: pytest.fail("sought again"))
    again = automatic_rois(drawn, kept, progress=False)
    pd.testing.assert_frame_equal(found.manifest.slices, again.manifest.slices)


def test_slices_without_a_joint_are_left_out_and_counted(drawn, found, kept, tmp_path):
    file = Path(shutil.copy(next(kept.glob("*.csv")), tmp_path))
    table = pd.read_csv(file, dtype={"subject_id": str})
    table.loc[0, [name for name in table if name.startswith(("left_", "right_"))]] = np.nan
    table.loc[0, "confidence"] = 0.0
    table.to_csv(file, index=False)
    fewer = automatic_rois(drawn, tmp_path, progress=False)
    assert len(fewer.without) == 1
    assert len(fewer.manifest.slices) == len(found.manifest.slices) - 1
    table["confidence"] = 0.0
    table.to_csv(file, index=False)
    with pytest.raises(StudyError, match="no sacroiliac joint was found"):
        automatic_rois(drawn, tmp_path, progress=False)


def test_a_manifest_without_outlines_is_given_proposals(drawn, tmp_path):
    images = tmp_path / "images"
    shutil.copytree(drawn.root, images)
    for seg in images.rglob("SEG.dcm"):
        seg.unlink()
    tables = {"subjects_csv": images / "subjects.csv", "votes_csv": images / "votes.csv"}
    options = BuildOptions(name="p", source="hospital", **tables)
    plain = build_manifest(images, tmp_path / "plain", options, progress=False)
    assert all(item.boxes is None for item in plain.slice_records())
    options = dataclasses.replace(options, propose_boxes=True)
    manifest = build_manifest(images, tmp_path / "boxed", options, progress=False)
    assert manifest.boxes_proposed
    assert all(item.boxes for item in manifest.slice_records())
    sure = confidences(manifest)
    assert set(sure) == {item.uid for item in manifest.slice_records()}
    assert min(sure.values()) > 0.5
    corrected = pd.read_csv(manifest.folder / "boxes_proposed.csv", dtype=str)
    corrected.loc[0, "left_x0"] = "1.0"
    corrected.to_csv(tmp_path / "boxes.csv", index=False)
    again = build_manifest(
        images,
        tmp_path / "again",
        dataclasses.replace(options, propose_boxes=False, boxes_csv=tmp_path / "boxes.csv"),
        progress=False,
    )
    assert not again.boxes_proposed
    assert 1.0 in set(load_manifest(again.folder).slices["left_x0"])


def test_slices_of_several_sizes_are_refused_by_name(drawn):
    planes = [read_image(item) for item in drawn.slice_records()[:2]]
    other = dataclasses.replace(planes[1].header, shape=(9, 9))
    with pytest.raises(StudyError, match="2 sizes or spacings"):
        see_planes([planes[0], dataclasses.replace(planes[1], header=other)])


def test_what_is_seen_of_a_subject_lies_on_its_outlines(drawn):
    subject = [item for item in drawn.slice_records() if item.subject_id == drawn.slice_records()[0].subject_id]
    seen = see(subject)
    assert seen.masks.shape == (len(subject), *seen.images[0].shape, 4)
    assert (seen.edema().areas >= 0).all()
    assert seen.step_mm == pytest.approx(2.2, abs=0.01)
    assert seen.marrow().stack > 0
