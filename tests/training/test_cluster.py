"""Fits on a real Dask scheduler and workers on loopback: same bits, a worker's death loses nothing, clear errors."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from distributed import Client
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from patience import PATIENCE, wait_until
from toy_fits import CONFIG, assert_same_run, toy_fits

from sijstudy.cli import main
from sijstudy.errors import StudyError
from sijstudy.training import cluster
from sijstudy.training.cluster import connect, settled, train_on
from sijstudy.training.parallel import fit_all, fit_each
from sijstudy.training.store import RunStore

WORKER = ("worker", "--memory-limit", "0", "--no-dashboard", "--no-nanny")  # no nanny: it saves processes
EPOCHS = 5


def dask(*arguments, log):
    """A ``dask`` command as docs/SCALING.md gives it, in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "dask", *arguments], stdout=log, stderr=subprocess.STDOUT)


@contextlib.contextmanager
def stopped_afterwards(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class RunningCluster:
    address: str
    root: object


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A scheduler and two worker processes, started from the command line."""
    root = tmp_path_factory.mktemp("cluster")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(cluster, "CONNECT_SECONDS", PATIENCE)
        log = stack.enter_context((root / "log.txt").open("wb"))
        scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", log=log)
        stack.enter_context(stopped_afterwards(scheduler))
        for name in ("one", "two"):
            worker = dask(*WORKER, "--nthreads", "1", "--local-directory", str(root / name), address, log=log)
            stack.enter_context(stopped_afterwards(worker))
        with Client(address, timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
        yield RunningCluster(address, root)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same fits, trained in this process."""
    root = tmp_path_factory.mktemp("local")
    return fit_all(toy_fits(root / "patches", EPOCHS), CONFIG, RunStore(root), progress=False)


def on(address):
    return replace(CONFIG, scheduler=address)


def test_workers_give_the_local_result_bit_for_bit_also_when_one_is_killed(running, local, tmp_path):
    fits, killed = toy_fits(tmp_path / "patches", EPOCHS), []
    runs = [RunStore(tmp_path).named(run.folder.name) for run in local]

    def kill_one(client, processes):
        wait_until(lambda: any(run.epochs_done() >= 1 for run in runs), "the first epoch on the cluster")
        busy = min(worker for worker, tasks in client.processing().items() if tasks)
        os.kill(processes[busy], signal.SIGKILL)
        killed.append(sum(run.epochs_done() for run in runs))

    with Client(running.address, timeout=PATIENCE, set_as_default=False) as client:
        killer = threading.Thread(target=kill_one, args=(client, client.run(os.getpid)), daemon=True)
        killer.start()
        done = fit_all(fits, on(running.address), RunStore(tmp_path), progress=False)
        killer.join(PATIENCE)
    assert killed[0] < 2 * EPOCHS  # it was killed before both were finished
    for run, alone in zip(done, local, strict=True):
        assert run.folder.name == alone.folder.name  # where it was trained is no part of a network's address
        assert_same_run(run, alone)


def test_variants_with_parameters_of_their_own_go_out_together(running, tmp_path):
    fit, _ = toy_fits(tmp_path / "patches", 1)
    variants = [replace(CONFIG, loss=loss) for loss in ("focal", "cross_entropy")]
    alone = fit_each([(fit, config) for config in variants], RunStore(tmp_path / "alone"), progress=False)
    asked = [(fit, replace(config, scheduler=running.address)) for config in variants]
    done = fit_each(asked, RunStore(tmp_path), progress=False)
    assert [run.config()["loss"] for run in done] == ["focal", "cross_entropy"]
    for run, local in zip(done, alone, strict=True):
        assert run.folder.name == local.folder.name
        assert_same_run(run, local)


def test_a_finished_study_is_not_trained_again_on_the_cluster(running, local, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr("sijstudy.training.parallel.train_on", forbidden)
    store = RunStore(local[0].folder.parent.parent)
    fits = toy_fits(store.root / "patches", EPOCHS)
    assert fit_all(fits, on(running.address), store, progress=False) == local


def test_a_worker_that_would_train_something_else_says_what_differs(running, tmp_path):
    fits = toy_fits(tmp_path / "patches", 1)
    with connect(running.address) as client:
        config = settled(on(running.address), client)
        asked = cluster._Job.of(fits[0], config, RunStore(tmp_path))
        other = replace(asked, identity={**asked.identity, "torch": "1.0"})
        RunStore(tmp_path).fit_run(other.identity)
        with pytest.raises(StudyError, match=r"worker tcp://.* would train another network \(its torch differs\)"):
            client.submit(cluster._Job.train, other, pure=False).result()


def test_a_store_that_is_not_shared_is_named(running, tmp_path):
    fits = toy_fits(tmp_path / "patches", 1)  # nobody has noted in the store what is asked for: as if it were another
    with connect(running.address) as client, pytest.raises(StudyError, match=r"does not see .*config\.json.* share"):
        config = settled(on(running.address), client)
        train_on(client, [(fit, config) for fit in fits], RunStore(tmp_path))


def test_worker_with_many_threads_is_refused(running, tmp_path):
    fits = toy_fits(tmp_path / "patches", 1)
    with (
        (tmp_path / "log.txt").open("wb") as log,
        connect(running.address) as client,
    ):
        single = set(client.nthreads())
        many = dask(*WORKER, "--nthreads", "2", "--local-directory", str(tmp_path), running.address, log=log)
        with stopped_afterwards(many):
            client.wait_for_workers(len(single) + 1, timeout=PATIENCE)
            wide = next(iter(set(client.nthreads()) - single))
            job = cluster._Job.of(fits[0], settled(on(running.address), client), RunStore(tmp_path))
            with pytest.raises(StudyError, match=r"2 fits at a time .* --nthreads 1"):
                client.submit(cluster._Job.train, job, workers=[wide], pure=False).result()


def test_other_versions_are_named(running, monkeypatch):
    same, seen = cluster._comparable, []

    def older_than_ours(info):
        seen.append(info)
        return same(info) if len(seen) == 1 else {**same(info), "numpy": "1.0"}

    monkeypatch.setattr(cluster, "_comparable", older_than_ours)
    complaint = r"worker tcp://.* has numpy 1\.0 instead of .*same lock"
    with pytest.raises(StudyError, match=complaint), connect(running.address):
        pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            KilledWorker("fit", SimpleNamespace(address="tcp://10.0.0.7:1"), 3),
            r"died 4 times \(last tcp://10.0.0.7:1\)",
        ),
        (CommClosedError("in <TCP>"), "scheduler at tcp://10.0.0.1:8786 was lost; start the same command again"),
        (FutureCancelledError("fit", "scheduler-connection-lost"), "was lost"),
        (ModuleNotFoundError("No module named 'sijstudy'", name="sijstudy"), "a worker lacks the module sijstudy"),
    ],
)
def test_what_dask_raises_becomes_one_line(error, words):
    with pytest.raises(StudyError, match=words) as caught, cluster._translated("tcp://10.0.0.1:8786"):
        raise error
    assert "\n" not in str(caught.value)


def test_nobody_answers_is_one_line_and_status_2(tmp_path, capsys, monkeypatch):
    (tmp_path / "notebooks" / "profiles").mkdir(parents=True)
    (tmp_path / "notebooks" / "profiles" / "toy.yaml").write_text("weights: none\n")
    (tmp_path / "notebooks" / "01_x.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert main(["run", "--profile", "toy", "--root", str(tmp_path), "--scheduler", address]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"no Dask scheduler answers at {address}" in said
    assert "after 1 s" in said  # it asks no longer than it was told


@pytest.mark.parametrize("address", ["localhost", "8786", "tcp://host", "tcp:/host:8786"])
def test_address_that_is_none(address):
    with pytest.raises(StudyError, match="tcp://HOST:8786"), connect(address):
        pass
