"""Many fits: networks trained side by side in processes of their own, with one progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.training.cluster import connect, settled, train_on
from sijstudy.training.device import resolve_device
from sijstudy.training.loop import Fit, train
from sijstudy.training.networks import save_settings
from sijstudy.training.store import FitRun, RunStore

POLL_SECONDS = 1.0


def fit_all(fits: Sequence[Fit], config: StudyConfig, store: RunStore, *, progress: bool = True) -> list[FitRun]:
    """The finished runs of ``fits``, in their order; those already in the store are not trained again.

    ``config.parallel_fits`` of them are trained at a time, or as many as the workers of ``config.scheduler``
    take. Raises StudyError as ``train`` does, and when a process or the cluster is lost.
    """
    return fit_each([(fit, config) for fit in fits], store, progress=progress)


def fit_each(asked: Sequence[tuple[Fit, StudyConfig]], store: RunStore, *, progress: bool = True) -> list[FitRun]:
    """``fit_all`` with parameters for each fit: variants of a study, all side by side.

    A network that is asked for twice is trained once. ``scheduler`` and ``parallel_fits`` are the same for all.
    """
    with ExitStack() as stack:
        trainer, settings = _train_here, [config for _, config in asked]
        if asked and settings[0].scheduler:
            client = stack.enter_context(connect(settings[0].scheduler))
            trainer, settings = partial(train_on, client), [settled(config, client) for config in settings]
        pairs = [(fit, config) for (fit, _), config in zip(asked, settings, strict=True)]
        runs = [store.fit_run(fit.identity(config, resolve_device(config.device))) for fit, config in pairs]
        for run, (_, config) in zip(runs, asked, strict=True):
            save_settings(run, config)
            if run.is_done:
                run.remove_leftovers()
        missing = {run: pair for run, pair in zip(runs, pairs, strict=True) if not run.is_done}
        # Longest first, so that no process is left alone with a long fit at the end.
        ordered = sorted(missing.values(), key=lambda pair: (pair[0].backbone, pair[0].epochs), reverse=True)
        if missing:
            with _progress(list(missing), sum(fit.epochs for fit, _ in ordered), progress):
                trainer(ordered, store)
    return runs


def _train_here(pairs: Sequence[tuple[Fit, StudyConfig]], store: RunStore) -> None:
    side_by_side = pairs[0][1].parallel_fits
    if side_by_side == 1 or len(pairs) == 1:
        for fit, config in pairs:
            train(fit, config, store)
        return
    try:
        Parallel(n_jobs=side_by_side)(delayed(train)(fit, config, store) for fit, config in pairs)
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
