"""The run store sheds what nobody uses, and nothing else."""

import json
import os
import shutil
import time

import pytest
from toy_fits import CONFIG, toy_fits

from sijstudy import cli
from sijstudy.errors import StudyError
from sijstudy.training import pruning
from sijstudy.training.networks import save_fits
from sijstudy.training.parallel import fit_all
from sijstudy.training.pruning import find_prunable, prune
from sijstudy.training.store import RunStore, StudyFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with two networks, trained once for all tests."""
    folder = tmp_path_factory.mktemp("trained")
    fit_all(toy_fits(folder / "patches", 1), CONFIG, RunStore(folder / "runs"), progress=False)
    return folder / "runs"


@pytest.fixture
def store(trained, tmp_path):
    """Two networks ten days old, and patches: those they saw, and others."""
    store = RunStore(shutil.copytree(trained, tmp_path / "runs"))
    store.patches.mkdir()
    for name in ("patches-of-the-test", "others"):
        (store.patches / f"{name}.npy").write_bytes(b"x" * 100)
    past = time.time() - 10 * pruning.DAY
    for path in (*store.patches.iterdir(), *(file for folder in networks(store) for file in folder.iterdir())):
        os.utime(path, (past, past))
    return store


def networks(store):
    return sorted(path for path in (store.root / "fits").iterdir() if path.is_dir())


def outdated(store, *folders, name="code"):
    """Let these networks be the work of another version, of the package or (name: torch) of what it stands on."""
    for folder in folders or networks(store):
        path = folder / "config.json"
        stamp = path.stat().st_mtime
        path.write_text(json.dumps({**json.loads(path.read_text()), name: "earlier"}))
        os.utime(path, (stamp, stamp))


def test_what_this_version_would_use_again_stays(store):
    found = find_prunable(store, days=7)
    assert found.networks == []
    assert [file.stem for file in found.patches] == ["others"]
    assert found.size == 100


def test_networks_of_another_version_go_with_their_patches(store):
    one, other = networks(store)
    outdated(store, one)
    found = find_prunable(store, days=7)
    assert [run.folder for run in found.networks] == [one]
    assert [file.stem for file in found.patches] == ["others"]  # the other network saw the same patches
    outdated(store, other)
    found = find_prunable(store, days=7)
    size = found.size
    assert size > sum((folder / "weights.pt").stat().st_size for folder in (one, other))
    assert prune(found) == size
    assert networks(store) == []
    assert not list(store.patches.glob("*.npy"))
    assert find_prunable(store, days=0).size == 0


@pytest.mark.parametrize("name", ["code", "torch"])
def test_code_and_torch_make_a_version(store, name):
    one = networks(store)[0]
    outdated(store, one, name=name)
    assert [run.folder for run in find_prunable(store, days=0).networks] == [one]


def test_a_network_that_a_study_lists_stays(store):
    one, other = networks(store)
    outdated(store)
    save_fits(StudyFolder(store.root / "mine"), CONFIG, {"roi": {1: store.named(one.name)}})
    assert [run.folder for run in find_prunable(store, days=7).networks] == [other]


def test_what_is_young_stays(store):
    outdated(store)
    assert len(find_prunable(store, days=9).networks) == 2
    assert len(find_prunable(store, days=11).networks) == 0
    (networks(store)[0] / "epoch.txt").write_text("1")  # trained a moment ago
    assert [run.folder for run in find_prunable(store, days=9).networks] == networks(store)[1:]


def test_what_another_process_holds_stays(store):
    outdated(store)
    found, one = find_prunable(store, days=7), networks(store)[0]
    with store.named(one.name).locked():
        prune(found)
    assert networks(store) == [one]
    assert (one / "done.json").exists()


def test_an_interrupted_removal_leaves_no_whole_network(store, monkeypatch):
    outdated(store)
    monkeypatch.setattr(pruning.shutil, "rmtree", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(StudyError, match=r"cannot remove .*fits.* \(denied\); 0 bytes were freed"):
        prune(find_prunable(store, days=7))
    assert not store.named(networks(store)[0].name).is_done


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"fits": [1]}'])
def test_a_broken_list_of_networks_stops_it(store, content):
    outdated(store)
    broken = store.root / "mine" / "fits.json"
    broken.parent.mkdir()
    broken.write_text(content)
    with pytest.raises(StudyError, match=r"mine.fits\.json"):
        find_prunable(store, days=7)


def test_the_command_tells_first_and_removes_when_told(store, tmp_path, capsys):
    outdated(store)
    (store.patches / "others.npy").unlink()
    (store.patches / "patches-of-the-test.npy").unlink()
    assert cli.main(["prune", "--root", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "2 networks and 0 files of patches" in shown
    assert "add --yes" in shown
    assert len(networks(store)) == 2
    assert cli.main(["prune", "--root", str(tmp_path), "--yes"]) == 0
    assert "freed" in capsys.readouterr().out
    assert networks(store) == []
    assert cli.main(["prune", "--root", str(tmp_path), "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_the_command_refuses_a_folder_without_a_store(tmp_path, capsys):
    assert cli.main(["prune", "--root", str(tmp_path)]) == 2
    assert "runs does not exist" in capsys.readouterr().err
