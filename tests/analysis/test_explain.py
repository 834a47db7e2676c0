"""Grad-CAM of test slices: each map beside the outline it is measured in."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from dicom_samples import bone_masks, mr_dataset, seg_dataset, write, write_cohort

from sijstudy.analysis import explain
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash
from sijstudy.cohort.options import BuildOptions
from sijstudy.cohort.slice_outlines import outlines_identity
from sijstudy.training.inputs import noisy_patches


def test_rows_are_explained_in_the_order_asked_for(finished_work):
    work, runs = finished_work
    options = (runs["roi"], work.patches("roi"), work.manifest)
    chosen = [(2, 5), (1, 0), (2, 1)]
    there = explain.explain_rows(*options, chosen, work.config)
    back = explain.explain_rows(*options, chosen[::-1], work.config)
    for one, other in zip(there, back, strict=True):
        assert one == pytest.approx(other[::-1], abs=1e-4)


def built(cohort, folder):
    options = BuildOptions(cohort.subjects_csv, "sample", votes_csv=cohort.votes_csv)
    return build_manifest(cohort.root, folder, options, progress=False)


def test_redrawn_edema_is_shown_and_measured_anew(finished_work, tmp_path, monkeypatch):
    work, runs = finished_work
    ramp = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)  # a map that no two outlines share alike
    monkeypatch.setattr(explain, "cam_maps", lambda model, inputs: np.stack([ramp] * len(inputs)))
    cohort = write_cohort(tmp_path / "dicom", axspa=6, controls=6)

    def explained(manifest):
        return explain.load_explained(runs["roi"], work.patches("roi"), manifest, work.folds, work.config, cache)

    first, cache = built(cohort, tmp_path / "first"), tmp_path / "cache"
    before = explained(first)
    for number in range(6):  # the lesions of every axSpA subject, at another place
        masks = np.stack([bone_masks(2)] * 3)
        masks[..., 3] = np.roll(masks[..., 3], (3, -4), axis=(1, 2))
        series = [mr_dataset(number, step) for step in range(3)]
        write(seg_dataset(series, masks), cohort.root / f"S{number:02d}" / "SEG.dcm")
    second = built(cohort, tmp_path / "second")
    assert cohort_hash(first) == cohort_hash(second) == cohort_hash(work.manifest)  # labels, boxes, pixels as before
    after = explained(second)
    np.testing.assert_array_equal(before.maps, after.maps)
    assert (before.masks != after.masks).any(axis=(1, 2)).all()
    assert (before.measures["energy"] != after.measures["energy"]).all()
    unbuilt = explained(first)  # a manifest keeps the outlines it was built with
    np.testing.assert_array_equal(unbuilt.masks, before.masks)
    shutil.copytree(second.outlines_root, first.outlines_root, dirs_exist_ok=True)
    changed = explained(first)  # what its files hold now is shown, whatever it says of them
    np.testing.assert_array_equal(changed.masks, after.masks)
    pd.testing.assert_frame_equal(changed.measures, after.measures)
    assert len(list(cache.glob("*.npz"))) == 2


def test_what_fixes_the_outlines_of_some_slices(sample_manifest):
    slices = sample_manifest.slices
    known = outlines_identity(sample_manifest, [0, 1, 4])
    hashes = slices.set_index("segmentation")["segmentation_sha256"]
    assert known == {"files": hashes[slices["segmentation"].iloc[[0, 4]]].to_dict()}
    claimed = replace(sample_manifest, slices=slices.assign(segmentation_sha256="0" * 64))
    assert outlines_identity(claimed, [0, 1, 4]) == known  # what the files hold counts, not what is said of them
    bare = replace(sample_manifest, slices=slices.assign(segmentation=None))
    assert outlines_identity(bare, [0])["files"] == {}


def test_explained_slices_are_the_positive_test_slices(finished_work):
    work, runs = finished_work
    explained = explain.explain_folds(
        runs["roi"], work.patches("roi"), work.manifest, work.folds, work.config,
        progress=False,
    )  # fmt: skip
    positive = work.manifest.slices.query("label == 1")["subject_id"].value_counts()
    expected = sum(int(positive.get(subject, 0)) for fold in work.folds for subject in fold.test)
    assert len(explained.measures) == expected > 0
    assert explained.masks.any(axis=(1, 2)).all()
    np.testing.assert_allclose(explained.measures["area"], explained.masks.mean(axis=(1, 2)))
    assert explained.measures["energy"].between(0, 1).all()
    best, worst = explained.examples(best=True, count=1), explained.examples(best=False, count=1)
    assert best[0][3].shape == (32, 32)
    assert len(worst) == 1


class Network:
    """Stands in for the trained network of a run."""

    def __init__(self, run):
        self.run = run

    def to(self, device):
        return self


def noting(monkeypatch):
    """A list of (run, patches) that fills as maps are made."""
    asked = []

    def maps(network, inputs):
        if network.run is not None:
            asked.append((network.run, inputs))
        return np.ones((len(inputs), *inputs.shape[2:]), np.float32)

    monkeypatch.setattr(explain, "load_model", Network)
    monkeypatch.setattr(explain, "cam_maps", maps)
    monkeypatch.setattr(explain, "redrawn", lambda model, seed: Network(None))
    return asked


def test_each_slice_is_explained_by_the_network_that_has_not_seen_its_subject(finished_work, monkeypatch):
    work, runs = finished_work
    asked, patches = noting(monkeypatch), work.patches("roi")
    explained = explain.explain_folds(runs["roi"], patches, work.manifest, work.folds, work.config, progress=False)
    table, inputs = patches.slices, noisy_patches(patches, work.config, "test")
    place = 0
    for fold, (run, given) in zip(work.folds, asked, strict=True):
        rows = [row for row in patches.rows_of(fold.test) if table["label"][row] == 1]
        assert set(table["subject_id"][rows]).isdisjoint(run.config()["train"])
        assert run == runs["roi"][fold.number]
        assert torch.equal(given, inputs[rows])  # with the noise of the test
        measured = explained.measures.iloc[place : place + len(rows)]
        assert measured["subject_id"].tolist() == table["subject_id"][rows].tolist()
        assert set(measured["fold"]) == {fold.number}
        known = run.predictions().set_index(["subject_id", "slice_index"])["score"]
        assert measured.set_index(["subject_id", "slice_index"])["score"].to_dict().items() <= known.to_dict().items()
        place += len(rows)
    assert place == len(explained.measures)


def test_rows_are_explained_by_the_network_of_the_fold_that_is_named(finished_work, monkeypatch):
    work, runs = finished_work
    asked, patches = noting(monkeypatch), work.patches("roi")
    chosen = [(fold.number, int(patches.rows_of(fold.test)[0])) for fold in work.folds]
    explain.explain_rows(runs["roi"], patches, work.manifest, chosen, work.config)
    inputs = noisy_patches(patches, work.config, "test")
    for fold, row in chosen:
        (given,) = [given for run, given in asked if run == runs["roi"][fold]]
        assert torch.equal(given, inputs[[row]])


def test_maps_made_once_are_read_back_the_same(finished_work, tmp_path, monkeypatch):
    work, runs = finished_work
    asked = (runs["roi"], work.patches("roi"), work.manifest, work.folds, work.config)
    made = explain.load_explained(*asked, tmp_path)

    def forbidden(*arguments, **options):
        raise AssertionError("explained again")

    with monkeypatch.context() as patch:
        patch.setattr(explain, "explain_folds", forbidden)
        again = explain.load_explained(*asked, tmp_path)
        with pytest.raises(AssertionError, match="explained again"):  # other slices are other maps
            explain.load_explained(*asked[:-1], replace(work.config, cam_slices=1), tmp_path)
    pd.testing.assert_frame_equal(made.measures, again.measures)
    for name in ("patches", "masks", "maps"):
        assert np.array_equal(getattr(made, name), getattr(again, name))
        assert getattr(made, name).dtype == getattr(again, name).dtype


def test_cam_summary_weighs_slices_alike():
    measures = pd.DataFrame(
        {"subject_id": ["a", "a", "a", "b"], "peak_in": [1, 1, 1, 0], "peak_near": 1, "energy": 0.5, "area": 0.1,
         "area_near": 0.2}
    )  # fmt: skip
    table = explain.cam_summary(measures, samples=200, seed=0)
    assert table.loc["peak_in", "mean"] == 75
    assert table.loc["peak_in", "low"] == 0
    assert table.loc["peak_in", "high"] == 100
    assert table.loc["energy"].tolist() == [50, 50, 50]
