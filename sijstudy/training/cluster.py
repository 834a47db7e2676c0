"""Fits on other machines: handed to the workers of a Dask cluster that see the same run store (docs/SCALING.md)."""

from __future__ import annotations

import contextlib
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import digest
from sijstudy.training.device import resolve_device, threads_of
from sijstudy.training.loop import Fit, train
from sijstudy.training.store import FitRun, RunStore

if TYPE_CHECKING:
    from distributed import Client

# Dask is imported inside the functions: a study on one machine does not need it.

CONNECT_SECONDS = 5
SEEN_SECONDS = 90.0  # a network file system may show a new file as late as that
ADDRESS = re.compile(r"[a-z]+://\S+:\d+")
SAME = ("python", "dask", "distributed", "cloudpickle", "msgpack", "numpy", "pandas", "torch")


@contextlib.contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of the scheduler at ``address`` (tcp://HOST:PORT), with all workers of our versions.

    StudyError when nothing answers there within a few seconds, or when versions differ.
    """
    if not ADDRESS.fullmatch(address):
        raise StudyError(f"parameter scheduler={address!r} must be an address such as tcp://HOST:8786")
    from distributed import Client

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask warns of versions that differ; below they are an error
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).split("\n", 1)[0].rstrip(".")[:120] or type(error).__name__
            raise StudyError(
                f"no Dask scheduler answers at {address} ({reason}); start one with `dask scheduler`, or leave "
                "--scheduler out"
            ) from None
    with client:
        _require_same_versions(client)
        yield client


def require_cluster(address: str) -> None:
    """Connect once, so that what is wrong is said before a study begins. StudyError as ``connect``."""
    with connect(address):
        pass


def settled(config: StudyConfig, client: Client) -> StudyConfig:
    """The configuration with device and threads fixed, so that every worker trains what was asked for.

    ``auto`` means what it means on a worker; waits for the first worker when there is none yet.
    """
    device = config.device
    if not client.nthreads():
        print(f"waiting for a worker at {config.scheduler}", file=sys.stderr, flush=True)
    if device == "auto":
        with _translated(config.scheduler):
            device = client.submit(resolve_device, device, pure=False).result().type
    return replace(config, device=device, threads_per_fit=threads_of(config))


def train_on(client: Client, pairs: Sequence[tuple[Fit, StudyConfig]], store: RunStore) -> None:
    """Train every fit, with its settled configuration, on the workers, the first of them first.

    A fit whose worker is lost is taken up by another one, from its last checkpoint. Raises StudyError as
    ``train`` does, and when a worker has other code or another store, or the scheduler is lost.
    """
    from distributed import as_completed

    store = RunStore(store.root.resolve())
    jobs = [_Job.of(fit, config, store) for fit, config in pairs]
    with _translated(pairs[0][1].scheduler):
        futures = [client.submit(_Job.train, job, pure=False) for job in jobs]
        for future in as_completed(futures, loop=client.loop):
            future.result()
    for job in jobs:
        _await_seen(job.run)


@dataclass(frozen=True)
class _Job:
    """A fit as it travels to a worker.

    patches_file: the memory-mapped patches, which the worker opens itself; None for patches held in memory,
    which travel with the fit. identity: what the run was hashed from. folder: where the study was started;
    relative paths among the parameters begin there.
    """

    fit: Fit
    patches_file: Path | None
    config: StudyConfig
    store: RunStore
    identity: dict[str, Any]
    folder: Path

    @classmethod
    def of(cls, fit: Fit, config: StudyConfig, store: RunStore) -> _Job:
        identity = fit.identity(config, resolve_device(config.device))
        patches, file = fit.patches, getattr(fit.patches.patches, "filename", None)
        if file is not None:
            file = Path(file).resolve()
            patches = replace(patches, patches=np.empty(0, np.float32))
        return cls(replace(fit, patches=patches), file, config, store, identity, Path.cwd())

    @property
    def run(self) -> FitRun:
        return self.store.fit_run(self.identity)

    def train(self) -> None:
        """Called on the worker."""
        from distributed import get_worker

        worker = get_worker()
        if worker.state.nthreads != 1:
            raise StudyError(
                f"worker {worker.address} takes {worker.state.nthreads} fits at a time into one process; start it with "
                "--nthreads 1 (and --nworkers for several)"
            )
        self._require_store(worker.address)
        with contextlib.chdir(self.folder):
            fit = self._opened()
            self._require_same(fit, worker.address)
            train(fit, self.config, self.store)

    def _require_store(self, address: str) -> None:
        for path in (self.store.named(digest(self.identity)).folder / "config.json", self.patches_file, self.folder):
            if path is not None and not path.exists():
                raise StudyError(
                    f"worker {address} does not see {path}; project folder and run store must lie on a file system "
                    "that all machines share under the same path"
                )

    def _opened(self) -> Fit:
        if self.patches_file is None:
            return self.fit
        patches = np.load(self.patches_file, mmap_mode="r")
        return replace(self.fit, patches=replace(self.fit.patches, patches=patches))

    def _require_same(self, fit: Fit, address: str) -> None:
        """Other code, weights or torch would give another network than the one asked for."""
        here = fit.identity(self.config, resolve_device(self.config.device))
        other = [name for name, value in self.identity.items() if here.get(name) != value]
        if other or here.keys() != self.identity.keys():
            raise StudyError(
                f"worker {address} would train another network (its {', '.join(other) or 'code'} differs); install the "
                "same sijstudy and the same lock on every machine and start its workers again"
            )


@contextlib.contextmanager
def _translated(address: str) -> Iterator[None]:
    """Dask's ways of failing, as one line each."""
    from concurrent.futures import CancelledError

    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    again = "start the same command again, the fits go on from their last epochs"
    try:
        yield
    except KilledWorker as error:
        last = getattr(error.last_worker, "address", "?")
        raise StudyError(
            f"a fit's worker died {error.allowed_failures + 1} times (last {last}), most often because memory ran out; "
            f"see that worker's log, then {again}"
        ) from None
    except ModuleNotFoundError as error:
        raise StudyError(f"a worker lacks the module {error.name}; install the same lock on every machine") from None
    except (CancelledError, CommClosedError):
        raise StudyError(f"the Dask scheduler at {address} was lost; {again}") from None


def _require_same_versions(client: Client) -> None:
    found: Any = client.get_versions(packages=["torch"])
    ours = _comparable(found["client"])
    for address, versions in {address: _comparable(info) for address, info in found["workers"].items()}.items():
        differing = [
            f"{name} {versions[name]} instead of {ours[name]}" for name in SAME if versions[name] != ours[name]
        ]
        if differing:
            raise StudyError(f"worker {address} has {', '.join(differing)}; install the same lock on every machine")
    scheduler = _comparable(found["scheduler"])["distributed"]
    if scheduler != ours["distributed"]:
        raise StudyError(
            f"the Dask scheduler has distributed {scheduler} instead of {ours['distributed']}; install the same lock "
            "on every machine"
        )


def _comparable(info: dict[str, Any]) -> dict[str, str]:
    """Version by package; of Python only what decides whether objects can travel, such as 3.11."""
    packages = {name: str(info["packages"].get(name)) for name in SAME}
    return {**packages, "python": ".".join(packages["python"].split(".")[:2])}


def _await_seen(run: FitRun) -> None:
    """Wait until this machine sees that ``run`` is done, too. StudyError when it never does."""
    deadline = time.monotonic() + SEEN_SECONDS
    while not run.is_done:
        if time.monotonic() > deadline:
            raise StudyError(f"{run.folder}: a worker finished this network, but it is not seen here; is it shared?")
        time.sleep(0.2)
        list(run.folder.iterdir())  # makes NFS ask the server instead of its memory
