"""What is refused before the first notebook runs."""

import pytest
from toy_study import notebook, write_project

from sijstudy.errors import StudyError
from sijstudy.study.plan import chosen_names, make_plan


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epochz": 3}, "unknown parameter 'epochz'; did you mean 'epochs'"),
        ({"epochs": "three"}, "epochs='three' must be a whole number"),
        ({"median_size": 2}, "must be odd"),
        ({"profile": "../up"}, "names folders"),
        ({"profile": "fits"}, "this name is reserved"),
        ({"profile": "kept"}, "this name is reserved"),
    ],
)
def test_a_bad_parameter_stops_everything_before_it_begins(project, overrides, message):
    with pytest.raises(StudyError, match=message.replace("(", r"\(")) as caught:
        make_plan("toy", root=project, overrides=overrides)
    assert "\n" not in str(caught.value)
    assert not (project / "runs").exists()
    assert not (project / "reports").exists()


def test_a_bad_profile_names_its_file(project):
    (project / "notebooks/profiles/toy.yaml").write_text("epochs: many\n")
    with pytest.raises(StudyError, match=r"toy.yaml: parameter epochs='many'"):
        make_plan("toy", root=project)


def test_an_unknown_profile_or_notebook_lists_the_known(project):
    with pytest.raises(StudyError, match="known here: toy"):
        make_plan("nix", root=project)
    with pytest.raises(StudyError, match="there are 01_first, 02_second, 03_third"):
        make_plan("toy", root=project, only=["09"])


def test_blanks_between_chosen_notebooks_do_not_count_and_none_is_no_choice(project):
    assert chosen_names(None) == ()
    plan = make_plan("toy", root=project, only=chosen_names(" 01, 03_third ,"))
    assert [path.stem for path in plan.chosen] == ["01_first", "03_third"]
    for text in (",", "", " , "):
        with pytest.raises(StudyError, match=r"names no notebook; give .* such as --only 01,02"):
            chosen_names(text)


def test_a_broken_notebook_is_found_before_the_first_one_runs(project):
    (project / "notebooks/03_third.ipynb").write_text("oops")
    with pytest.raises(StudyError, match="03_third"):
        make_plan("toy", root=project)
    assert not (project / "reports/toy").exists()


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"no folder 'notebooks' in .*--root"):
        make_plan("toy", root=tmp_path)
    write_project(tmp_path)
    with pytest.raises(StudyError, match=r"no notebook in .*--root"):
        make_plan("toy", root=tmp_path)


@pytest.mark.parametrize("name", ["reports", "runs"])
def test_an_unwritable_folder_is_found_before_the_run(project, name):
    (project / name).write_text("a file is in the way")
    with pytest.raises(StudyError, match=f"cannot write into .*{name}"):
        make_plan("toy", root=project)


def test_another_cohort_is_checked_before_anything_runs(project):
    with pytest.raises(StudyError, match=r"nowhere is no manifest"):
        make_plan("toy", root=project, overrides={"external_manifest": "nowhere"})


def test_weights_are_asked_for_only_by_notebooks_that_train(tmp_path):
    root = write_project(
        tmp_path, n01_data_audit=notebook("Audit"), n04_five_fold_training=notebook("Training", "1 + 1")
    )
    missing = {"weights": "nowhere.pth"}
    plan = make_plan("toy", root=root, overrides=missing, only=["01"])
    assert [path.stem for path in plan.chosen] == ["01_data_audit"]
    with pytest.raises(StudyError, match=r"nowhere\.pth does not exist"):
        make_plan("toy", root=root, overrides=missing)
