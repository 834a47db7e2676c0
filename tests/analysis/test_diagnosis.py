"""One subject through trained networks, from DICOM to HTML and JSON."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sijstudy import cli
from sijstudy.analysis.diagnosis import diagnose
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.study.diagnosis_page import selection_warning
from sijstudy.training.networks import open_networks


@pytest.fixture(scope="module")
def networks(finished_work):
    return open_networks(finished_work[0].folder.root)


def folder_of(work, subject):
    return work.manifest.root / subject


def test_scores_are_those_of_the_test(finished_work, networks):
    """The same slices, patches, noise and network give the scores of the test."""
    work, runs = finished_work
    subject = work.folds[0].test[0]
    result = diagnose(read_subject(folder_of(work, subject)), networks.of_fold("1"), device="cpu", progress=False)
    known = runs["roi"][1].predictions().query("subject_id == @subject").sort_values("slice_index")
    assert result.arm == "roi"
    assert result.slices["slice_index"].tolist() == known["slice_index"].tolist()
    np.testing.assert_allclose(result.slices["score"], known["score"], atol=1e-5)
    assert result.networks["trained_on_name"].tolist() == [False]


def test_the_name_of_the_folder_changes_no_bit(finished_work, networks, tmp_path):
    """Nor do the files' names: the noise hangs on the images' UIDs."""
    renamed = shutil.copytree(folder_of(finished_work[0], "S00"), tmp_path / "somebody")
    for number, file in enumerate(sorted(renamed.glob("*.dcm"))):
        file.rename(file.with_name(f"{file.stem}-{number}.dcm"))
    folders = (folder_of(finished_work[0], "S00"), renamed)
    one, other = (diagnose(read_subject(folder), networks, device="cpu", progress=False) for folder in folders)
    assert (one.subject.subject_id, other.subject.subject_id) == ("S00", "somebody")
    pd.testing.assert_frame_equal(one.slices.drop(columns="file"), other.slices.drop(columns="file"), check_exact=True)
    assert one.opinion == other.opinion
    for ours, theirs in zip(one.explained, other.explained, strict=True):
        assert (ours.patch.tobytes(), ours.cam.tobytes()) == (theirs.patch.tobytes(), theirs.cam.tobytes())


def test_an_ensemble_is_the_mean_of_its_networks(finished_work, networks):
    subject = read_subject(folder_of(finished_work[0], "S00"))
    both, *each = (
        diagnose(subject, networks.of_fold(fold), device="cpu", progress=False) for fold in ("all", "1", "2")
    )
    scores = np.stack([one.slices["score"] for one in each])
    np.testing.assert_allclose(both.slices["score"], scores.mean(axis=0))
    np.testing.assert_allclose(both.slices["score_sd"], scores.std(axis=0, ddof=1))
    assert both.networks["score"].tolist() == [one.opinion.score for one in each]
    assert np.isnan(each[0].slices["score_sd"]).all()
    np.testing.assert_allclose(
        both.explained[0].cam,
        np.mean([next(x.cam for x in one.explained if x.item == both.explained[0].item) for one in each], axis=0),
        atol=1e-6,
    )
    assert [one.score for one in both.explained] == sorted(both.slices["score"], reverse=True)


def test_without_boxes_whole_images_are_used(finished_work, networks, tmp_path):
    shutil.copytree(folder_of(finished_work[0], "S00"), tmp_path / "S00")
    (tmp_path / "S00" / "SEG.dcm").unlink()
    subject = read_subject(tmp_path / "S00")
    result = diagnose(subject, networks, device="cpu", progress=False)
    assert (result.arm, len(result.slices), result.left_out) == ("original", 3, ())
    only_roi = open_networks(networks.runs["roi"][1].folder)
    with pytest.raises(StudyError, match="no network for whole slices"):
        diagnose(subject, only_roi, device="cpu", progress=False)


def test_the_command_writes_a_page_and_json(finished_work, tmp_path, capsys):
    work, _ = finished_work
    shutil.copytree(folder_of(work, "S00"), tmp_path / "<b>S00")
    out = tmp_path / "out"
    arguments = ["diagnose", str(tmp_path / "<b>S00"), "--run", str(work.folder.root), "--output", str(out)]
    assert cli.main([*arguments, "--device", "cpu"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-2:] == [f"Report: {out / 'diagnosis.html'}", f"JSON: {out / 'diagnosis.json'}"]
    assert "Research only, not for diagnosis." in shown.out
    assert "network" in shown.err  # progress

    content = json.loads((out / "diagnosis.json").read_text())
    assert content["decision"]["positive"] == (content["decision"]["score"] >= content["decision"]["threshold"])
    assert [row["slice_index"] for row in content["slices"]] == [0, 1, 2]
    assert all(row["score_low"] <= row["score"] <= row["score_high"] for row in content["slices"])
    assert content["decision"]["score"] == pytest.approx(
        np.mean([row["filtered_decision"] for row in content["slices"]])
    )
    assert content["input"] == {
        "arm": "roi", "series": "1", "series_rule": "the only MR series", "boxes_from": "the DICOM SEG in its folder",
        "slices_left_out": [],
        "broken": {},
    }  # fmt: skip

    page = (out / "diagnosis.html").read_text()
    assert "<b>S00" not in page
    assert "&lt;b&gt;S00" in page
    assert "RESEARCH ONLY, NOT FOR DIAGNOSIS" in page
    assert "Content-Security-Policy" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", page))
    assert str(tmp_path) not in page


@pytest.mark.parametrize(("rule", "threshold", "needed"), [("mean", 0.5, 10), ("run", 0.3, 6), ("mean", 0.0, 1)])
def test_a_rule_made_for_selections_says_what_it_needs_of_a_whole_series(rule, threshold, needed):
    config = StudyConfig(subject_rule=rule, subject_threshold=threshold)
    said = selection_warning(SimpleNamespace(config=config, slices=range(20)))
    assert f"it needs edema on {needed} of the 20 slices" in said
    for other in ("asas", "highest"):
        assert not selection_warning(SimpleNamespace(config=replace(config, subject_rule=other), slices=range(20)))


def test_a_subject_of_the_training_data_is_pointed_out(finished_work, tmp_path, capsys):
    work, _ = finished_work
    subject = work.folds[0].train[0]
    run = work.folder.root
    assert cli.main(["diagnose", str(folder_of(work, subject)), "--run", str(run), "--fold", "1", "--output",
                     str(tmp_path), "--device", "cpu"]) == 0  # fmt: skip
    assert f"A subject named {subject} was among the training data of fold 1" in capsys.readouterr().out


def test_weights_of_another_network_are_refused(finished_work, networks, tmp_path):
    work, runs = finished_work
    shutil.copytree(runs["roi"][1].folder, tmp_path / "fit")
    config = json.loads((tmp_path / "fit" / "config.json").read_text())
    (tmp_path / "fit" / "config.json").write_text(json.dumps({**config, "hidden_units": 5}))
    subject = read_subject(folder_of(work, "S00"))
    with pytest.raises(StudyError, match="do not fit together"):
        diagnose(subject, open_networks(tmp_path / "fit"), device="cpu", progress=False)
    (tmp_path / "fit" / "weights.pt").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(StudyError, match="holds no plain tensors"):
        diagnose(subject, open_networks(tmp_path / "fit"), device="cpu", progress=False)


@pytest.mark.parametrize("arguments", [["--run", "nowhere"], ["--run", "{run}", "--fold", "9"]])
def test_bad_input_is_one_line(finished_work, tmp_path, capsys, arguments):
    work, _ = finished_work
    given = [argument.format(run=work.folder.root) for argument in arguments]
    assert cli.main(["diagnose", str(folder_of(work, "S00")), *given, "--output", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("sijstudy: error: ")
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
