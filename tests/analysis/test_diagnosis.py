"""One subject through trained networks, from DICOM to HTML and JSON."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import highdicom as hd
import numpy as np
import pandas as pd
import pytest

from sijstudy import cli
from sijstudy.aggregation import RULES
from sijstudy.analysis.diagnosis import Ruling, diagnose
from sijstudy.analysis.slice_courses import collect_predictions, subject_predictions
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.errors import StudyError
from sijstudy.study.diagnosis_decision import decision_sentence, others_sentence, rule_sentence, selection_warning
from sijstudy.training.networks import open_networks
from sijstudy.training.rule_choice import RuleChoice, save_choice
from sijstudy.training.store import StudyFolder

CHOICE = RuleChoice("run", 0.0, recall=0.9444, specificity=0.875, active=18, others=8)


@pytest.fixture(scope="module")
def networks(finished_work):
    return open_networks(finished_work[0].folder.root)


@pytest.fixture(scope="module")
def by_rule(finished_work, networks):
    """Diagnoses of a test subject of fold 1 by its network: by the study's rule, by name, by two choices."""
    work, _ = finished_work
    subject = read_subject(folder_of(work, work.folds[0].test[0]))

    def by(rule):
        return diagnose(subject, networks.of_fold("1"), rule, device="cpu", progress=False)

    score = (study := by(None)).opinion.by_rule["highest"].score
    reached = replace(CHOICE, rule="highest", threshold=score)
    missed = replace(reached, threshold=float(np.nextafter(score, 2)))
    return {"study": study, "mean": by("mean"), "asas": by("asas"), "reached": by(reached), "missed": by(missed)}


def folder_of(work, subject):
    return work.manifest.root / subject


def profile_with(work, folder, choice):
    """A copy of the profile's folder, the networks beside it, in which notebook 09 has chosen."""
    (folder / "fits").symlink_to(work.store.root / "fits")
    (folder / "custom").mkdir()
    shutil.copy(work.folder.root / "fits.json", folder / "custom")
    save_choice(StudyFolder(folder / "custom"), choice, work.config)
    return folder / "custom"


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
    assert both.networks["score"].tolist() == [one.opinion.decided.score for one in each]
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
    result = diagnose(subject, networks, CHOICE, device="cpu", progress=False)
    assert (result.arm, len(result.slices), result.left_out) == ("original", 3, ())
    assert (result.ruling.rule, result.ruling.choice, result.opinion.decided.threshold) == ("mean", None, 0.5)
    assert rule_sentence(result) == (
        "The rule is the study's own (subject_rule: mean): what notebook 09 chooses on whole examinations holds for "
        "ROI patches, not for whole images."
    )
    assert "to be positive it needs edema on 2 of the 3 slices" in selection_warning(result)
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
    files = {"Report": "diagnosis.html", "JSON": "diagnosis.json", "DICOM SEG": "results_SEG.dcm",
             "DICOM SR": "results_SR.dcm"}  # fmt: skip
    assert shown.out.splitlines()[-4:] == [f"{name}: {out / file}" for name, file in files.items()]
    assert {path.name for path in out.iterdir()} == set(files.values())
    assert "Research only, not for diagnosis." in shown.out
    assert "network" in shown.err  # progress

    content = json.loads((out / "diagnosis.json").read_text())
    assert content["decision"]["positive"] == (content["decision"]["score"] >= content["decision"]["threshold"])
    assert (content["decision"]["rule"], content["decision"]["chosen"]) == ("mean", None)
    assert "notebook 09 has chosen none" in content["decision"]["reason"]
    assert content["decision"]["reason"] in shown.out
    assert [row["slice_index"] for row in content["slices"]] == [0, 1, 2]
    assert all(row["score_low"] <= row["score"] <= row["score_high"] for row in content["slices"])
    assert content["decision"]["score"] == pytest.approx(
        np.mean([row["filtered_decision"] for row in content["slices"]])
    )
    assert content["input"] == {
        "arm": "roi", "series": "1", "series_rule": "the only MR series", "boxes_from": "the DICOM SEG in its folder",
        "one_sided": {"left": 0, "right": 0}, "slices_left_out": [],
        "broken": {},
    }  # fmt: skip

    assert content["dicom"] == {"seg": "results_SEG.dcm", "sr": "results_SR.dcm", "notes": []}
    _, *groups = hd.sr.srread(out / "results_SR.dcm").content.get_image_measurement_groups()
    scores = [group.get_measurements()[0].value for group in groups]
    assert scores == [row["score"] for row in content["slices"]]

    page = (out / "diagnosis.html").read_text()
    assert "The results as DICOM: results_SEG.dcm and results_SR.dcm." in page
    assert "<b>S00" not in page
    assert "&lt;b&gt;S00" in page
    assert "RESEARCH ONLY, NOT FOR DIAGNOSIS" in page
    assert "Content-Security-Policy" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", page))
    assert str(tmp_path) not in page


@pytest.mark.parametrize("name", ["study", "mean"])
def test_the_studys_rule_is_that_of_its_table(finished_work, by_rule, name):
    """Unasked without a choice, and by name: scores and decisions of every rule as notebook 05 has them."""
    work, runs = finished_work
    result, subject = by_rule[name], work.folds[0].test[0]
    table = subject_predictions(collect_predictions({1: runs["roi"][1]}, work.groups), work.config)
    row = table.set_index("subject_id").loc[subject]
    assert result.opinion.decided == result.opinion.by_rule["mean"]
    for rule in RULES:
        verdict = result.opinion.by_rule[rule]
        assert (verdict.score, verdict.threshold) == (pytest.approx(row[f"{rule}_score"], abs=1e-5), 0.5)
        assert (verdict.positive, result.networks[f"{rule}_positive"][0]) == (row[f"{rule}_decision"],) * 2


def test_a_choice_decides_by_its_own_threshold(by_rule):
    """For the mean of the networks and for each of them; the other rules keep the study's."""
    for name, positive in (("reached", True), ("missed", False)):
        result = by_rule[name]
        assert result.opinion.decided.positive is positive
        assert result.networks[["positive", "highest_positive"]].to_numpy().tolist() == [[positive, positive]]
        assert result.networks["score"].tolist() == [result.opinion.decided.score]
        for rule in ("mean", "asas", "run"):
            assert result.opinion.by_rule[rule] == by_rule["study"].opinion.by_rule[rule]
        pd.testing.assert_frame_equal(result.slices, by_rule["study"].slices, check_exact=True)


def test_a_result_says_which_rule_decided_and_why(by_rule):
    assert rule_sentence(by_rule["reached"]) == (
        "Notebook 09 chose this rule and threshold on whole examinations of 18 people with active disease and 8 "
        "without, seen by networks that were not trained on them; among them it finds 94.4% of the active ones at a "
        "specificity of 87.5%. For a selection of slices, as the paper's, give --rule mean."
    )
    assert rule_sentence(by_rule["asas"]) == "The rule is the one that --rule names (asas)."
    assert rule_sentence(by_rule["study"]) == (
        "The rule is the study's own (subject_rule: mean), as notebook 09 has chosen none on whole examinations with "
        "these networks: `sijstudy run --profile custom --only 09`, with the parameters of that run, chooses one, and "
        "--run runs/custom uses it."
    )
    for name, title in (("reached", "highest filtered score"), ("asas", "ASAS two-slice rule")):
        decided, said = by_rule[name].opinion.decided, decision_sentence(by_rule[name])
        assert f"The subject score, {title} (3 slices), is {decided.score:.3f}; the threshold is " in said
        assert f"sacroiliitis: {'positive' if decided.positive else 'negative'}." in said
        assert title not in others_sentence(by_rule[name])
    mean = by_rule["asas"].opinion.by_rule["mean"]
    word = "positive" if mean.positive else "negative"
    assert f"mean of the filtered slices {word} ({mean.score:.3f}, threshold 0.5);" in others_sentence(by_rule["asas"])


def test_a_threshold_that_no_score_reaches_is_told(by_rule):
    never = replace(by_rule["missed"].opinion.decided, threshold=float(np.nextafter(1, 2)))
    result = replace(by_rule["missed"], opinion=replace(by_rule["missed"].opinion, decided=never))
    assert "the threshold is above 1, which no score reaches." in decision_sentence(result)


@pytest.mark.parametrize(("rule", "threshold", "needed"), [("mean", 0.5, 10), ("run", 0.3, 6), ("mean", 0.0, 1)])
def test_a_rule_made_for_selections_says_what_it_needs_of_a_whole_series(rule, threshold, needed):
    limits = dict.fromkeys(RULES, threshold)
    said = selection_warning(SimpleNamespace(ruling=Ruling(rule, limits), slices=range(20)))
    assert f"it needs edema on {needed} of the 20 slices" in said
    for other in (Ruling("asas", limits), Ruling("highest", limits), Ruling(rule, limits, CHOICE)):
        assert not selection_warning(SimpleNamespace(ruling=other, slices=range(20)))


def test_the_command_takes_the_choice_of_notebook_09(finished_work, tmp_path, capsys):
    work, _ = finished_work
    run = profile_with(work, tmp_path, CHOICE)
    command = ["diagnose", str(folder_of(work, "S00")), "--fold", "1", "--device", "cpu", "--output", str(tmp_path),
               "--run", str(run)]  # fmt: skip
    assert cli.main(command) == 0
    shown = capsys.readouterr().out
    decision = json.loads((tmp_path / "diagnosis.json").read_text())["decision"]
    assert (decision["rule"], decision["threshold"], decision["positive"]) == ("run", 0.0, True)
    assert decision["chosen"] == {"rule": "run", "threshold": 0.0, "recall": 0.9444, "specificity": 0.875,
                                  "active": 18, "others": 8, "depth_mm": None}  # fmt: skip
    assert decision["by_rule"]["run"] == {name: decision[name] for name in ("positive", "score", "threshold")}
    assert {name: each["threshold"] for name, each in decision["by_rule"].items()} == {
        "mean": 0.5, "asas": 0.5, "run": 0.0, "highest": 0.5
    }  # fmt: skip
    page = (tmp_path / "diagnosis.html").read_text()
    assert "Notebook 09 chose this rule and threshold" in decision["reason"]
    assert decision["reason"] in shown
    assert decision["reason"].split(", as the paper")[0] in page
    row = r"Longest run of positive slices \(decides\)</th><td>[01]\.\d{3}</td><td>0</td><td>positive"
    assert re.search(row, page)

    (run / "whole_choice.json").write_text("{")
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert (error.count("\n"), "whole_choice.json: is not what notebook 09 writes" in error) == (1, True)


def test_a_subject_of_the_training_data_is_pointed_out(finished_work, tmp_path, capsys):
    work, _ = finished_work
    subject = work.folds[0].train[0]
    run = work.folder.root
    assert cli.main(["diagnose", str(folder_of(work, subject)), "--run", str(run), "--fold", "1", "--output",
                     str(tmp_path), "--device", "cpu"]) == 0  # fmt: skip
    assert f"A subject named {subject} was among the training data of fold 1" in (out := capsys.readouterr().out)
    assert "no network asked here has not: a test of them takes another --fold" in out and "trained without" in out


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["--run", "nowhere"],
        ["--run", "{run}", "--fold", "9"],
        ["--run", "{run}", "--rule", "best"],
        ["--run", "{run}", "--roi", "all"],
    ],
)
def test_bad_input_is_one_line(finished_work, tmp_path, capsys, arguments):
    work, _ = finished_work
    given = [argument.format(run=work.folder.root) for argument in arguments]
    assert cli.main(["diagnose", str(folder_of(work, "S00")), *given, "--output", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("sijstudy: error: ")
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
