"""``sijstudy check``: what is identical, within, off and missing, and which runs are not compared at all."""

import re
import subprocess
import sys

import pytest
from number_samples import content, entry, written

from sijstudy import cli
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import write_json
from sijstudy.notebook.made_with import READ_BY_ONE
from sijstudy.study.comparison import FREE, IDENTICAL, MISSING, OFF, WITHIN, compare, verdict_of

BASE = entry("x", 90.0, 80.0, 95.0)
UNKNOWN = entry("x", None)


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (BASE, IDENTICAL),
        (entry("x", 90.0, 80.0, 95.000001), WITHIN),
        (entry("x", 95.0, 94.0, 99.0), WITHIN),  # on the end
        (entry("x", 97.0, 89.0, 99.0), WITHIN),  # ours in theirs
        (entry("x", 97.0, 91.0, 99.0), OFF),  # intervals overlap, neither value lies in the other's
        (entry("x", 94.0), WITHIN),  # one interval decides
        (entry("x", 96.0), OFF),
        (UNKNOWN, OFF),
    ],
)
def test_a_verdict_does_not_depend_on_who_is_named_first(other, verdict):
    assert verdict_of(BASE, other) == verdict_of(other, BASE) == verdict


def test_without_any_interval_only_the_same_will_do():
    assert verdict_of(entry("x", 1.0), entry("x", 1.0)) == IDENTICAL
    assert verdict_of(entry("x", 1.0), entry("x", 1.000001)) == OFF
    assert verdict_of(UNKNOWN, UNKNOWN) == IDENTICAL


def test_every_number_of_both_sides_has_a_row():
    found = compare(content(BASE, entry("mine", 1.0)), content(entry("theirs", 2.0), BASE))
    assert [(row.name, row.verdict) for row in found.rows] == [("x", IDENTICAL), ("mine", MISSING), ("theirs", MISSING)]
    assert [(row.one, row.other) for row in found.rows[1:]] == [("1.00%", "missing"), ("missing", "2.00%")]
    assert not found.agrees
    assert found.counts == "1 identical, 2 on one side only"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"profile": "big", "epochs": 9, "folds": 3}, "profiles toy and big have other parameters (epochs 50 and 9, "),
        ({"epochs": 9}, "other parameters (epochs 50 and 9)"),
        ({"source": "given"}, "their cohorts differ (synthetic beef and given"),
    ],
)
def test_runs_of_different_studies_are_refused_unless_forced(other, said):
    one, other = content(BASE), content(BASE, **other, **({"cohort": "other"} if "source" in other else {}))
    with pytest.raises(StudyError, match=r"; --force compares them anyway$") as raised:
        compare(one, other)
    assert said in str(raised.value)
    forced = compare(one, other, force=True)
    assert forced.agrees
    assert said in forced.notes[0]


def test_another_name_seed_device_or_drawn_cohort_is_told_and_compared():
    other = content(BASE, profile="again", device="cpu", precision="native", parallel_fits=4, ablations="all")
    assert compare(content(BASE), other).notes == ()
    assert compare(content(BASE), content(BASE, seed=7, cohort="x")).notes == (
        "seeds 1 and 7: about one number in six may be off by chance alone",
    )
    assert compare(content(BASE), content(BASE, cohort="x")).notes == (
        "the synthetic cohort was drawn with other pixels or outlines",
    )
    older = {**content(BASE), "made_with": {"sijstudy": "0.0.9"}, "unanswered": ["06_grad_cam"]}
    assert compare(content(BASE), older).notes == (
        "sijstudy: 0.1.0 and 0.0.9",
        "torch: 2 and unknown",
        "profile toy: not run to the end: 06_grad_cam",
    )


def test_a_number_in_another_unit_is_off():
    assert verdict_of(entry("x", 0.9, unit="1"), entry("x", 0.9)) == OFF


SAID = {"value": 93.55, "sd": 2.19, "where": "Table 2"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "another measure"}, "another name"),
        ({"paper": {**SAID, "value": 93.5}}, "another number of the paper"),
        ({"paper": None}, "another number of the paper"),
        ({"given_networks": True}, "another kind of interval"),
        ({"unit": "points", "name": "y"}, "another unit, another name"),
    ],
)
def test_what_says_which_number_it_is_has_to_be_the_same(change, why):
    mine = {**BASE, "paper": SAID}
    found = compare(content(mine), content({**mine, **change}))
    assert [(row.verdict, row.why) for row in found.rows] == [(OFF, why)]
    assert verdict_of({**mine, **change}, mine) == OFF


def test_other_people_are_within_and_nobody_is_behind_what_is_undefined():
    many, few = {**BASE, "people": 50}, {**BASE, "people": 49}
    assert verdict_of(many, {**BASE, "people": 50}) == IDENTICAL
    assert [(row.verdict, row.why) for row in compare(content(many), content(few)).rows] == [
        (WITHIN, "50 and 49 people")
    ]
    assert verdict_of({**UNKNOWN, "people": 3}, UNKNOWN) == IDENTICAL


def test_a_file_is_not_compared_with_itself(tmp_path, capsys):
    mine = written(tmp_path / "reports/toy", BASE)
    kept = tmp_path / "reports/kept/toy-seed1.json"
    write_json(kept, content(BASE))
    (tmp_path / "linked").symlink_to(mine)
    for words in ([mine, "--against", mine / "numbers.json"], [mine, "--against", tmp_path / "linked"],
                  [kept, "--root", tmp_path]):  # fmt: skip
        assert cli.main(["check", *map(str, words)]) == 2
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)
        assert "are one file, which agrees with itself" in shown.err
    assert cli.main(["check", str(mine), "--against", str(kept)]) == 0


def test_a_given_cohort_of_unknown_content_is_not_taken_for_the_same():
    with pytest.raises(StudyError, match="given of unknown content and given of unknown content"):
        compare(content(BASE, source="given", cohort=""), content(BASE, source="given", cohort=""))


def test_what_neither_run_answered_is_said_with_the_verdict():
    lacking = {**content(BASE), "unanswered": ["06_grad_cam", "09_whole_examinations"]}
    assert (
        compare(lacking, {**lacking, "unanswered": ["06_grad_cam"]}).counts
        == "1 identical, nothing known of 06_grad_cam"
    )


def test_kept_predictions_are_compared_in_what_they_can_make():
    tables, maps = entry("x", 90.0, 80.0, 95.0), {**entry("peak", 17.0), "id": "06_grad_cam/peak"}
    tables["id"] = "05_subject_diagnosis/x"
    again = content(tables, kept="reports/toy/kept")
    found = compare(again, content(tables, maps))
    assert (found.agrees, [row.verdict for row in found.rows]) == (True, [IDENTICAL])
    assert found.notes[0] == "1 numbers take images or networks and are not compared with kept predictions"
    assert not compare(content(tables), content(tables, maps)).agrees


def test_what_one_notebook_alone_reads_may_differ():
    assert set(READ_BY_ONE) < set(FREE) < set(StudyConfig.names())


def test_checking_needs_neither_networks_nor_figures():
    code = (
        "import sys, sijstudy.study.comparison, sijstudy.study.numbers_file;"
        "sys.exit(str({'torch', 'matplotlib', 'scipy'} & set(sys.modules) or ''))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.strip() == ""


def test_a_parameter_that_an_earlier_version_did_not_have_was_as_it_is_by_default():
    one, other = content(BASE), content(BASE)
    del other["parameters"]["bone_channel"]
    assert compare(one, other).agrees
    one["parameters"]["bone_channel"] = True
    with pytest.raises(StudyError, match="bone_channel True and False"):
        compare(one, other)


def test_runs_without_a_number_do_not_agree():
    with pytest.raises(StudyError, match="neither run has a number"):
        compare(content(), content())


def test_the_command_prints_a_row_a_number_and_a_verdict(tmp_path, capsys):
    mine = written(tmp_path / "mine", BASE, entry("a longer name", 50.0, 40.0, 60.0))
    theirs = written(tmp_path / "theirs", BASE, entry("a longer name", 55.0, 45.0, 65.0))
    assert cli.main(["check", str(mine), "--against", str(theirs / "numbers.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"\s{2,}", line) for line in lines[1:3]] == [
        ["x", "90.00% (80.00 to 95.00)", "90.00% (80.00 to 95.00)", "identical"],
        ["a longer name", "50.00% (40.00 to 60.00)", "55.00% (45.00 to 65.00)", "within"],
    ]
    assert lines[3:] == [f"{mine} agrees with {theirs}/numbers.json: 1 identical, 1 within the other's interval"]


def test_the_command_fails_where_a_number_is_off_or_missing(tmp_path, capsys):
    mine = written(tmp_path / "mine", BASE)
    for name, numbers in (("off", [entry("x", 99.0)]), ("missing", [BASE, entry("y", 1.0)])):
        assert cli.main(["check", str(mine), "--against", str(written(tmp_path / name, *numbers))]) == 1
        assert "mine does not agree with" in capsys.readouterr().out.splitlines()[-1]


def test_without_another_run_the_kept_numbers_are_taken(tmp_path, capsys):
    mine = written(tmp_path / "reports/toy", BASE, seed=7)
    write_json(tmp_path / "reports/kept/toy-seed7.json", content(BASE, seed=7))
    assert cli.main(["check", str(mine), "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("toy-seed7.json: 1 identical\n")
    assert cli.main(["check", str(written(tmp_path / "reports/toy", BASE, seed=8)), "--root", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("sijstudy: error: no numbers are kept for profile toy and seed 8")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("bad", ["gone", "empty", "broken"])
def test_what_is_no_run_is_refused_in_one_line(tmp_path, capsys, bad):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").write_text("{")
    assert cli.main(["check", str(tmp_path / bad)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert str(tmp_path / bad) in shown.err


def test_a_run_to_come_is_held_against_the_kept_parameters(tmp_path, capsys):
    (tmp_path / "notebooks/profiles").mkdir(parents=True)
    (tmp_path / "notebooks/profiles/toy.yaml").write_text("profile: toy\nepochs: 7\nmode: fast\n")
    kept = tmp_path / "reports/kept/toy-seed3.json"
    write_json(kept, content(BASE, seed=3, epochs=7, weights="none", bone_channel=True))
    asked = ["check", "--root", str(tmp_path), "--planned", "toy", "-p", "seed", "3"]
    assert cli.main(asked) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    needed = shown.err[shown.err.index("give it ") + 8 :].partition(" (with make")[0].split()
    assert needed == ["-p", "bone_channel", "True", "-p", "weights", "none"]
    assert cli.main([*asked, *needed]) == 0
    assert capsys.readouterr().out.endswith(f"can be compared with {kept}\n")
    for words in (["check"], ["check", "-p", "seed", "3", str(kept)], ["check", str(kept), "--planned", "toy"]):
        assert cli.main(words) == 2
        assert "name a run's folder of reports, or a run to come with --planned" in capsys.readouterr().err
