import dataclasses

import pytest
from toy_study import notebook, write_project

from sijstudy.notebook.cohort import synthetic_name
from sijstudy.study.expected_work import DRAWN, expected_work
from sijstudy.study.plan import make_plan

NAMES = (
    *("01_data_audit", "02_roi_comparison", "03_resnet_selection", "04_five_fold_training"),
    *("08_ablations", "09_whole_examinations"),
)


@pytest.fixture
def study(tmp_path):
    write_project(tmp_path, **{f"n{name}": notebook("T") for name in NAMES})

    def work(only=(), **overrides):
        plan = make_plan("toy", root=tmp_path, overrides=overrides, only=only)
        return plan, expected_work(plan)

    return work


def test_epochs_are_those_of_the_networks_that_the_notebooks_train(study):
    _, works = study(epochs=3, folds=5, selection_epochs=2)
    assert {name: work.epochs for name, work in works.items()} == {
        "01_data_audit": 0, "02_roi_comparison": 6, "03_resnet_selection": 4, "04_five_fold_training": 24,
        "08_ablations": 0, "09_whole_examinations": 0,
    }  # fmt: skip


def test_the_first_fold_is_trained_by_whichever_notebook_comes_first(study):
    _, works = study(only=("04",), epochs=3, folds=5)
    assert works["04_five_fold_training"].epochs == 30


def test_an_epoch_grows_with_slices_patches_and_network(study):
    small, large = (study(**each)[1]["04_five_fold_training"].epoch for each in ({}, {"positive_slices": 1237}))
    assert large / small == pytest.approx((1237 + 393) / (422 + 393))
    large = study(patch_size=448)[1]["04_five_fold_training"].epoch
    assert large / small == pytest.approx(4)
    assert study(backbone="resnet50")[1]["04_five_fold_training"].epoch > 2 * small


def test_ablations_count_those_that_need_networks(study):
    _, works = study(ablations="filter,loss", epochs=3, folds=5)
    assert works["08_ablations"].epochs == 3 * 5  # another loss; filters are tried on the study's own scores


def test_cohorts_are_drawn_once(study):
    plan, before = study()
    whole = (60 + 19 + plan.config.inactive_subjects) * 37
    for slices in ("selected", "whole"):
        folder = plan.root / "data_manifest" / synthetic_name(dataclasses.replace(plan.config, slices=slices))
        folder.mkdir(parents=True)
        (folder / "cohort.json").write_text("{}")
    _, after = study()
    drawn = {name: before[name].other - after[name].other for name in before}
    assert drawn["01_data_audit"] == pytest.approx((422 + 393) * DRAWN)
    assert drawn["09_whole_examinations"] == pytest.approx(whole * DRAWN)
    assert sum(drawn.values()) == pytest.approx(drawn["01_data_audit"] + drawn["09_whole_examinations"])


def test_a_notebook_that_nobody_knows_takes_some_time(tmp_path):
    write_project(tmp_path, n01_new=notebook("T"))
    assert expected_work(make_plan("toy", root=tmp_path))["01_new"].other > 0
