"""A fragment of an examination is told, and not decided by a rule that was chosen on whole ones."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import highdicom as hd
import numpy as np
import pytest

from sijstudy import cli
from sijstudy.analysis.coverage import coverage_of
from sijstudy.analysis.diagnosis import diagnose
from sijstudy.cohort.stack_depth import stack_depth
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.study.diagnosis_page import summary
from sijstudy.training.networks import open_networks
from sijstudy.training.rule_choice import RuleChoice, save_choice
from sijstudy.training.store import StudyFolder

CHOICE = RuleChoice("mean", 0.3, recall=0.9, specificity=0.9, active=18, others=8)
DEEP = replace(CHOICE, depth_mm=80.0)


def subject_of(indices, step=4.0):
    return SimpleNamespace(
        slices=tuple(SimpleNamespace(index=index) for index in indices), seen=SimpleNamespace(step_mm=step)
    )


@pytest.mark.parametrize(
    ("indices", "scored", "choice", "step", "withheld"),
    [
        (range(20), 20, CHOICE, 4.0, False),  # a whole series, of a run that does not know how deep others are
        (range(20), 10, CHOICE, 4.0, False),
        (range(20), 9, CHOICE, 4.0, True),  # the others have no box
        ([0, 1, 10, 11], 4, CHOICE, 4.0, True),  # eight are missing
        ([0], 1, CHOICE, 4.0, True),
        ([0, 1], 2, CHOICE, 4.0, False),  # nothing tells that there were more
        ([0, 1], 2, DEEP, 4.0, True),
        (range(10), 10, DEEP, 4.0, False),  # 40 of 80 mm
        (range(10), 10, DEEP, 3.9, True),
        (range(40), 18, DEEP, 4.0, False),  # a stack deeper than the joints
        (range(12), 12, DEEP, 5.0, False),  # thick slices are few
        ([0, 1], 2, None, 4.0, False),  # a rule for selections
        ([0], 1, None, 4.0, False),
    ],
)
def test_what_is_enough_of_an_examination(indices, scored, choice, step, withheld):
    subject = subject_of(indices, step)
    covered = coverage_of(subject, subject.slices[:scored], choice)
    assert covered.withholds is withheld is bool(covered.reason)
    forced = coverage_of(subject, subject.slices[:scored], choice, forced=True)
    assert not forced.withholds and ("Decided by --force. The rule was chosen" in forced.sentence) is withheld


def test_what_is_missing_is_counted_and_told():
    subject = subject_of([*range(5, 12), *range(22, 30)])
    said = coverage_of(subject, subject.slices, None).sentence
    assert said == (
        "15 of 15 slices of the series scored; 10 more are missing between them (a gap in positions). What the others "
        "show is not known; a decision on a part does not stand for the whole."
    )
    one = coverage_of(subject_of([0, 2]), [0, 2], CHOICE)
    assert "; 1 more is missing between them" in one.sentence and one.partial
    assert coverage_of(subject_of(range(3)), range(3), CHOICE).sentence == "3 of 3 slices of the series scored."


def test_the_depth_of_a_cohorts_examinations(finished_work):
    """Slices times slice distance, from the images' positions."""
    work, _ = finished_work
    items = [item for item in work.manifest.slice_records() if item.subject_id == "S00"]
    subject = read_subject(work.manifest.root / "S00")
    depth = stack_depth(work.manifest)
    choice = replace(CHOICE, depth_mm=2 * depth)
    assert coverage_of(subject, subject.slices, choice).expected == 2 * len(items)
    gone = replace(work.manifest, root=work.manifest.root / "gone")
    assert stack_depth(gone) is None


@pytest.fixture
def run(finished_work, tmp_path):
    """A copy of the profile's folder, the networks beside it, in which notebook 09 has chosen."""
    work, _ = finished_work
    (tmp_path / "fits").symlink_to(work.store.root / "fits")
    (tmp_path / "custom").mkdir()
    shutil.copy(work.folder.root / "fits.json", tmp_path / "custom")
    save_choice(StudyFolder(tmp_path / "custom"), CHOICE, work.config)
    return tmp_path / "custom"


def test_one_slice_of_an_examination_is_not_decided(finished_work, run, tmp_path, capsys):
    """In no output; by force it is, and all say so."""
    work, _ = finished_work
    folder = shutil.copytree(work.manifest.root / "S00", tmp_path / "S00")
    out = tmp_path / "out"
    command = ["diagnose", str(folder), "--run", str(run), "--device", "cpu", "--output", str(out)]
    series = read_subject(folder)
    (folder / "SEG.dcm").unlink()
    box = series.slices[1].boxes
    edges = [*vars(box.left).values(), *vars(box.right).values()]
    names = [f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1")]
    row = ",".join([series.slices[1].uid, *map(str, edges)])
    (tmp_path / "boxes.csv").write_text(f"sop_instance_uid,{','.join(names)}\n{row}\n")
    command += ["--boxes", str(tmp_path / "boxes.csv")]
    assert cli.main(command) == 0
    shown, page = capsys.readouterr().out, (out / "diagnosis.html").read_text()
    content = json.loads((out / "diagnosis.json").read_text())
    said = "The rule was chosen on whole examinations, and a single slice is none."
    for text in (shown, page):
        assert f"No decision: {said}" in text and "1 of 3 slices of the series scored." in text
        assert "Active sacroiliitis" not in text and "with --force it is decided all the same" in text
    assert content["decision"]["positive"] is None and content["decision"]["withheld"].startswith(said)
    assert content["coverage"] == {
        "scored": 1, "slices": 3, "missing": 0, "expected": None, "whole": True, "forced": False,
        "share": pytest.approx(1 / 3), "withheld": True, "sentence": f"1 of 3 slices of the series scored. {said}",
    }  # fmt: skip
    remarks = hd.sr.srread(out / "results_SR.dcm").to_json()
    assert said in remarks and "No decision" in remarks

    assert cli.main([*command, "--force"]) == 0
    content = json.loads((out / "diagnosis.json").read_text())
    forced = f"1 of 3 slices of the series scored. Decided by --force. {said}"
    remarks = hd.sr.srread(out / "results_SR.dcm").to_json()
    for text in (
        capsys.readouterr().out,
        (out / "diagnosis.html").read_text(),
        content["coverage"]["sentence"],
        remarks,
    ):
        assert forced in text
    assert content["decision"]["positive"] in (True, False)


def test_the_papers_rule_decides_on_a_selection_and_warns_of_a_part(finished_work):
    work, _ = finished_work
    networks, subject = open_networks(work.folder.root), read_subject(work.manifest.root / "S00")
    part = replace(subject, slices=(subject.slices[0], replace(subject.slices[1], boxes=None), subject.slices[2]))
    result = diagnose(part, networks, "mean", device="cpu", progress=False)
    assert not result.withheld and np.isfinite(result.opinion.decided.score)
    assert "2 of 3 slices of the series scored. What the others show is not known" in summary(result)
