"""The study's networks on another cohort, with oracles from scikit-learn and by hand."""

from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from dicom_samples import write_cohort
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from sijstudy.analysis import external
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions
from sijstudy.errors import StudyError
from sijstudy.images.dicom import read_slice
from sijstudy.images.outlines import read_outlines
from sijstudy.noise import add_noise
from sijstudy.notebook.workspace import Workspace
from sijstudy.training.inputs import seeded
from sijstudy.training.networks import Networks, open_networks
from sijstudy.training.patches import patch_of
from sijstudy.training.scoring import load_model

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_external_validation.ipynb"
RESAMPLES = {"samples": 60, "seed": 3}


def other_cohort(folder, **sizes):
    """A cohort of other pixels than the sample's: its images have two rows more."""
    cohort = write_cohort(folder / "dicom", rows=26, **sizes)
    return build_manifest(
        cohort.root,
        folder / "manifest",
        BuildOptions(cohort.subjects_csv, "other", votes_csv=cohort.votes_csv),
        progress=False,
    )


@pytest.fixture(scope="module")
def networks(finished_work):
    return open_networks(finished_work[0].folder.root)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two axSpA subjects and two controls; one slice lost its boxes."""
    whole = other_cohort(tmp_path_factory.mktemp("other"))
    slices = whole.slices.copy()
    slices.loc[4, [name for name in slices if name.split("_")[0] in ("left", "right")]] = np.nan
    return replace(whole, slices=slices)


@pytest.fixture(scope="module")
def cohort(manifest, networks, tmp_path_factory):
    return external.apply_networks(manifest, networks, tmp_path_factory.mktemp("cache"), device="cpu", progress=False)


def test_slices_without_a_box_are_left_out(cohort, manifest):
    assert (cohort.left_out, len(cohort.frame)) == (1, len(manifest.slices) - 1)
    assert "Slices left out for want of an ilium box: 1." in external.coverage_sentence(cohort)
    assert "the intervals are rough" in external.coverage_sentence(cohort)


def test_the_score_is_the_mean_over_the_folds(cohort):
    np.testing.assert_allclose(cohort.frame["score"], cohort.frame[["fold_1", "fold_2"]].mean(axis=1))
    assert cohort.frame["fold_1"].nunique() > 1
    assert ((cohort.frame["score"] >= 0.5) == (cohort.frame["decision"] == 1)).all()


def test_slices_are_scored_as_those_of_the_test(cohort, networks):
    """With the noise that a test slice of this UID would have, and by every network."""
    config, items = cohort.config, cohort.manifest.slice_records()
    for place, item in enumerate(items):
        patch = torch.from_numpy(patch_of(item, "roi", config))[None, None]
        noisy = add_noise(
            patch,
            gaussian_variance=config.noise_gaussian_variance,
            poisson=config.noise_poisson,
            generator=seeded(config.seed, "noise", "test", "roi", item.uid),
        )
        assert torch.equal(cohort.inputs[place : place + 1], noisy)
    for fold, run in networks.runs["roi"].items():
        with torch.inference_mode():
            scores = load_model(run)(cohort.inputs).sigmoid().numpy()
        np.testing.assert_allclose(cohort.frame[f"fold_{fold}"], scores, atol=1e-6)


def test_areas_are_scikit_learns(cohort):
    table = external.auc_table(cohort)
    frame, label = cohort.frame, cohort.frame["label"]
    for column, name in cohort.scores.items():
        assert table.loc[name, "auc"] == pytest.approx(roc_auc_score(label, frame[column]))
        assert table.loc[name, "low"] < table.loc[name, "high"]
        assert table.loc[name, "people"] == min(frame.loc[label == one, "subject_id"].nunique() for one in (0, 1)), name
    folds = [roc_auc_score(label, frame[column]) for column in ("fold_1", "fold_2")]
    assert table.loc["mean over the folds' networks", "auc"] == pytest.approx(np.mean(folds))


def test_baselines_are_measured_in_the_outlined_bone(cohort):
    item = cohort.manifest.slice_records()[0]
    outlines = read_outlines(item.segmentation)
    bones = [outlines.mask(item.uid, name) for name in ("left ilium", "right ilium", "sacrum")]
    pixels = read_slice(item.file).pixels[bones[0] | bones[1] | bones[2]]
    assert cohort.frame.loc[0, "p99_over_median"] == pytest.approx(np.percentile(pixels, 99) / np.median(pixels))
    assert set(cohort.frame["region"]) == {"bone outline"}


def test_kappas_are_scikit_learns(cohort):
    table, frame = external.reader_agreement(cohort, **RESAMPLES), cohort.frame
    names = [f"networks and reader {number}" for number in (1, 2, 3)]
    others = [f"{who} and reader {number}" for who in ("segmentation", "mean of the two") for number in (1, 2, 3)]
    assert list(table.index[:12]) == [
        *names,
        *others,
        "reader 1 and reader 2",
        "reader 1 and reader 3",
        "reader 2 and reader 3",
    ]
    for name, reader in zip(names, ("reader_1", "reader_2", "reader_3"), strict=True):
        decision, votes = frame["decision"], frame[reader].astype(int)
        if len(set(decision) | set(votes)) > 1:
            assert table.loc[name, "kappa"] == pytest.approx(cohen_kappa_score(decision, votes))


def test_the_answer_names_the_area_the_rival_and_the_kappas(cohort):
    areas, kappas = external.auc_table(cohort), external.reader_agreement(cohort, **RESAMPLES)
    answer = external.answer_sentence(cohort, areas, kappas)
    assert answer.startswith("On 11 slices of 4 subjects of other the networks reach an AUC of ")
    assert "the segmentation's edema reaches" in answer and "the best threshold on bright bone" in answer
    assert "among the readers" in answer
    row = external.headline(cohort, areas)
    assert (row.paper, row.value) == (None, areas.iloc[0]["auc"])


def test_one_group_alone_has_no_area_but_an_answer(networks, tmp_path):
    manifest = other_cohort(tmp_path, axspa=1, controls=0)
    manifest = replace(manifest, slices=manifest.slices.assign(reader_1=pd.NA, reader_2=pd.NA, reader_3=pd.NA))
    cohort = external.apply_networks(manifest, networks, tmp_path / "cache", device="cpu", progress=False)
    areas, kappas = external.auc_table(cohort), external.reader_agreement(cohort, **RESAMPLES)
    assert areas["auc"].isna().all()
    assert kappas.empty
    assert "no AUC is defined" in external.answer_sentence(cohort, areas, kappas)
    assert external.headline(cohort, areas).value is None
    assert len(external.decision_table(cohort)) == 6
    assert "All slices are of one class" in external.coverage_sentence(cohort)
    assert len(external.examples(cohort, right=True)) == 2


def test_what_cannot_be_tested_is_refused(manifest, networks, tmp_path):
    no_box = manifest.slices.assign(**{name: np.nan for name in manifest.slices if "_x" in name or "_y" in name})
    with pytest.raises(StudyError, match="no slice has an ilium box"):
        external.apply_networks(replace(manifest, slices=no_box), networks, tmp_path, device="cpu")
    original = Networks(networks.config, {"original": networks.runs["original"]})
    with pytest.raises(StudyError, match="no network for ROI patches"):
        external.apply_networks(manifest, original, tmp_path, device="cpu")


def test_the_studys_own_files_are_no_other_cohort(finished_work):
    work, _ = finished_work
    config = replace(work.config, external_manifest=str(work.manifest.folder))
    with pytest.raises(StudyError, match="36 of its files are the study's own"):
        Workspace(config, work.root).external_cohort()


def test_the_notebook_runs_on_another_cohort(finished_work, tmp_path, monkeypatch, capsys):
    work, _ = finished_work
    manifest = other_cohort(tmp_path)
    own = str(work.folder.root)  # another run may well be the same
    config = replace(work.config, external_manifest=str(manifest.folder), external_also=own)
    monkeypatch.setattr("sijstudy.notebook.opening.open_workspace", lambda _: Workspace(config, work.root))
    namespace = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), namespace)
    result = work.folder.root / "results" / "07_external_validation.json"
    assert '"answer": "On 12 slices of 4 subjects of other' in result.read_text()
    assert namespace["headline"][0].name == "Slice AUC on other"
    assert f'"## {namespace["headline"][0].section}"' in NOTEBOOK.read_text()
    frame = namespace["cohort"].frame
    assert frame["also"].tolist() == frame["score"].tolist()
    assert namespace["compared"]["column"].tolist()[:4] == ["score", "also", "segmentation", "both"]
    assert len(namespace["amounts"]) == 4
