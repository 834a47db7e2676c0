"""Many fits: networks trained side by side in processes of their own, with one progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sijstudy.artifacts import FitRun, RunStore
from sijstudy.config import StudyConfig
from sijstudy.networks import save_settings
from sijstudy.numerics import resolve_device
from sijstudy.training import Fit, train

POLL_SECONDS = 1.0


def fit_all(fits: Sequence[Fit], config: StudyConfig, store: RunStore, *, progress: bool = True) -> list[FitRun]:
    """The finished runs of ``fits``, in their order; those already in the store are not trained again.

    ``config.parallel_fits`` of them are trained at a time. Raises StudyError as ``train`` does.
    """
    device = resolve_device(config.device)
    runs = [store.fit_run(fit.identity(config, device)) for fit in fits]
    for run in runs:
        save_settings(run, config)
        if run.is_done:
            run.remove_leftovers()
    missing = [(fit, run) for fit, run in zip(fits, runs, strict=True) if not run.is_done]
    if missing:
        with _progress([run for _, run in missing], sum(fit.epochs for fit, _ in missing), progress):
            _train_missing([fit for fit, _ in missing], config, store)
    return runs


def _train_missing(fits: Sequence[Fit], config: StudyConfig, store: RunStore) -> None:
    if config.parallel_fits == 1 or len(fits) == 1:
        for fit in fits:
            train(fit, config, store)
        return
    # Longest first, so that no process is left alone with a long fit at the end.
    ordered = sorted(fits, key=lambda fit: (fit.backbone, fit.epochs), reverse=True)
    Parallel(n_jobs=config.parallel_fits)(delayed(train)(fit, config, store) for fit in ordered)


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
