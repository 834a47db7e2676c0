"""Many fits: networks trained side by side in processes of their own, with one progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from sijstudy.artifacts import FitRun, RunStore
from sijstudy.cluster import connect, settled, train_on
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.networks import save_settings
from sijstudy.numerics import resolve_device
from sijstudy.training import Fit, train

POLL_SECONDS = 1.0


def fit_all(fits: Sequence[Fit], config: StudyConfig, store: RunStore, *, progress: bool = True) -> list[FitRun]:
    """The finished runs of ``fits``, in their order; those already in the store are not trained again.

    ``config.parallel_fits`` of them are trained at a time, or as many as the workers of ``config.scheduler``
    take. Raises StudyError as ``train`` does, and when a process or the cluster is lost.
    """
    with ExitStack() as stack:
        trainer, asked = _train_here, config
        if config.scheduler:
            client = stack.enter_context(connect(config.scheduler))
            trainer, asked = partial(train_on, client), settled(config, client)
        runs = [store.fit_run(fit.identity(asked, resolve_device(asked.device))) for fit in fits]
        for run in runs:
            save_settings(run, config)
            if run.is_done:
                run.remove_leftovers()
        missing = [(fit, run) for fit, run in zip(fits, runs, strict=True) if not run.is_done]
        # Longest first, so that no process is left alone with a long fit at the end.
        missing.sort(key=lambda pair: (pair[0].backbone, pair[0].epochs), reverse=True)
        if missing:
            with _progress([run for _, run in missing], sum(fit.epochs for fit, _ in missing), progress):
                trainer([fit for fit, _ in missing], asked, store)
    return runs


def _train_here(fits: Sequence[Fit], config: StudyConfig, store: RunStore) -> None:
    if config.parallel_fits == 1 or len(fits) == 1:
        for fit in fits:
            train(fit, config, store)
        return
    try:
        Parallel(n_jobs=config.parallel_fits)(delayed(train)(fit, config, store) for fit in fits)
    except TerminatedWorkerError:
        raise StudyError(
            "a training process was killed, most often because memory ran out; lower parallel_fits, and start the "
            "same command again: the fits go on from their last epochs"
        ) from None


@contextmanager
def _progress(runs: Sequence[FitRun], epochs: int, shown: bool) -> Iterator[None]:
    """A bar of finished epochs, read from the runs' folders, as the fits live in other processes."""
    stop = threading.Event()
    with tqdm(total=epochs, desc=f"training {len(runs)} networks", unit="epoch", disable=not shown) as bar:

        def update() -> None:
            bar.update(sum(run.epochs_done() for run in runs) - bar.n)

        def watch() -> None:
            while not stop.wait(POLL_SECONDS):
                update()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            update()
