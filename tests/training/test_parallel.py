"""Many fits at once, each with parameters of its own."""

from dataclasses import replace

import pytest
from toy_fits import CONFIG, assert_same_run, toy_fits

from sijstudy.training import parallel
from sijstudy.training.parallel import fit_all, fit_each
from sijstudy.training.store import RunStore


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_variants_in_one_pool_are_the_networks_of_each_alone(tmp_path, side_by_side):
    first, second = toy_fits(tmp_path / "patches", 1)
    config = replace(CONFIG, parallel_fits=side_by_side)
    other = replace(config, loss="cross_entropy")
    runs = fit_each([(first, config), (first, other), (second, config)], RunStore(tmp_path), progress=False)
    assert [run.config()["loss"] for run in runs] == ["focal", "cross_entropy", "focal"]
    alone = RunStore(tmp_path / "alone")
    for run, (fit, own) in zip(runs, [(first, config), (first, other), (second, config)], strict=True):
        (single,) = fit_all([fit], own, alone, progress=False)
        assert_same_run(run, single)


def test_a_network_asked_for_twice_is_trained_once_and_never_again(tmp_path, monkeypatch):
    trained = []

    def counted(fit, config, store):
        trained.append((fit.fold.number, config.median_size))
        return original(fit, config, store)

    original = parallel.train
    monkeypatch.setattr(parallel, "train", counted)
    first, second = toy_fits(tmp_path / "patches", 1)
    filtered = replace(CONFIG, median_size=5)  # no network depends on the filter
    asked = [(first, CONFIG), (first, filtered), (second, filtered)]
    runs = fit_each(asked, RunStore(tmp_path), progress=False)
    assert runs[0] == runs[1]
    assert sorted(fold for fold, _ in trained) == [1, 2]
    assert fit_each(asked, RunStore(tmp_path), progress=False) == runs
    assert len(trained) == 2


def test_nothing_asked_is_nothing_trained(tmp_path):
    assert fit_each([], RunStore(tmp_path)) == []
