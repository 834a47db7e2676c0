"""What a study keeps on disk: trained runs, each addressed by the hash of all that determines it, and its tables."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock

from sijstudy.errors import StudyError
from sijstudy.files import digest, read_csv, read_json, remove_temporaries, write_atomic, write_csv, write_json

if TYPE_CHECKING:
    import torch

# torch is imported where tensors are read or written: what only passes tables on need not wait for it.

LOCKED_FILES = ("checkpoint.pt", "epoch.txt", "history.csv", "predictions.csv", "weights.pt", "done.json")


@dataclass(frozen=True)
class FitRun:
    """The folder of one trained network.

    ``config.json`` what was asked for, ``history.csv`` a row per epoch, ``predictions.csv`` a row per
    held-out slice, ``weights.pt`` the state_dict; ``done.json`` comes last and marks the run as whole.
    ``checkpoint.pt`` and ``epoch.txt`` are kept while the run is unfinished. All but ``config.json`` are written
    by the holder of ``lock_file`` alone.
    """

    folder: Path

    @property
    def is_done(self) -> bool:
        """True when the run was finished and every part of it written."""
        return (self.folder / "done.json").exists()

    @property
    def lock_file(self) -> Path:
        """Held while the run is trained, so that two studies on one store do not train it twice."""
        return self.folder.with_suffix(".lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold ``lock_file``, waiting for whoever holds it. StudyError when the file system cannot lock it."""
        lock = FileLock(self.lock_file)
        try:
            lock.acquire()
        except OSError as error:
            raise StudyError(
                f"cannot lock {self.lock_file} ({error.strerror}); the run store needs a folder that you may write to, "
                "on a file system with locks (docs/SCALING.md)"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def config(self) -> dict[str, Any]:
        """What the run was asked for, as hashed."""
        return dict(read_json(self.folder / "config.json"))

    def seconds(self) -> float:
        """Training time in seconds, all resumed parts summed."""
        return float(read_json(self.folder / "done.json")["seconds"])

    def history(self) -> pd.DataFrame:
        """A row per epoch: epoch, learning_rate, train_loss, train_accuracy, held_out_accuracy (may be NaN)."""
        return read_csv(self.folder / "history.csv")

    def predictions(self) -> pd.DataFrame:
        """A row per held-out slice: subject_id, slice_index, label, score in [0, 1]."""
        return read_csv(self.folder / "predictions.csv")

    def weights(self) -> dict[str, torch.Tensor]:
        """The trained network's state_dict, on the CPU. StudyError for a missing file or any other pickle."""
        import torch

        path = self.folder / "weights.pt"
        try:
            state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
            reason = str(error).split("\n", 1)[0][:120]
            raise StudyError(
                f"{path}: holds no plain tensors ({reason}); delete {self.folder} and run the study again"
            ) from None
        return state

    def note_epoch(self, epoch: int) -> None:
        """Leave the number of finished epochs where a watching process can read it."""
        write_atomic(self.folder / "epoch.txt", lambda stream: stream.write(str(epoch).encode()))

    def epochs_done(self) -> int:
        """Epochs finished so far, 0 before the first."""
        try:
            return int((self.folder / "epoch.txt").read_text())
        except (OSError, ValueError):  # not written yet; over a network, replaced while it was read
            return 0

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint of the unfinished run."""
        import torch
        from torch.serialization import get_crc32_options, set_crc32_options

        checked = get_crc32_options()
        set_crc32_options(False)  # its sums take half of the time, and torch.load does not look at them
        try:
            write_atomic(self.folder / "checkpoint.pt", lambda stream: torch.save(dict(state), stream))
        finally:
            set_crc32_options(checked)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint; None when there is none, or, with a warning, when the disk has damaged it.

        Without it the run starts from its beginning and ends with the same numbers.
        """
        import torch

        path = self.folder / "checkpoint.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
            reason = str(error).split("\n", 1)[0][:120]
            warnings.warn(f"{path} is damaged ({reason}): this network is trained from its beginning", stacklevel=2)
            return None
        return state

    def remove_leftovers(self) -> None:
        """Remove what a killed process left, which nothing reads: for the holder of the lock, or of a finished run."""
        for name in LOCKED_FILES:
            remove_temporaries(self.folder / name)
        if self.is_done:
            (self.folder / "checkpoint.pt").unlink(missing_ok=True)

    def finish(
        self, history: pd.DataFrame, predictions: pd.DataFrame, weights: Mapping[str, Any], seconds: float
    ) -> None:
        """Write the results, mark the run as done, drop its checkpoint."""
        write_csv(self.folder / "history.csv", history)
        write_csv(self.folder / "predictions.csv", predictions)
        import torch

        write_atomic(self.folder / "weights.pt", lambda stream: torch.save(dict(weights), stream))
        _sync_folder(self.folder)  # after a power cut, too, done.json must not be there without them
        write_json(self.folder / "done.json", {"seconds": seconds})
        (self.folder / "checkpoint.pt").unlink(missing_ok=True)


@dataclass(frozen=True)
class RunStore:
    """All trained runs and cached patches under one folder, shared by every profile."""

    root: Path

    @property
    def patches(self) -> Path:
        """Folder of the cached patches."""
        return self.root / "patches"

    @property
    def maps(self) -> Path:
        """Folder of the cached Grad-CAM maps."""
        return self.root / "maps"

    def fit_run(self, config: Mapping[str, Any]) -> FitRun:
        """The run that ``config`` (all that determines it, data and code hashes included) is addressed by."""
        run = self.named(digest(config))
        if not (run.folder / "config.json").exists():
            write_json(run.folder / "config.json", dict(config))
        return run

    def named(self, name: str) -> FitRun:
        """The run of that address."""
        return FitRun(self.root / "fits" / name)


@dataclass(frozen=True)
class StudyFolder:
    """What the notebooks of one profile pass on to each other: ``runs/<profile>``."""

    root: Path

    def save_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write ``tables/<name>.csv``."""
        write_csv(self.root / "tables" / f"{name}.csv", frame)

    def load_table(self, name: str) -> pd.DataFrame:
        """Read ``tables/<name>.csv``; StudyError when the notebook that writes it has not run."""
        return read_csv(self.root / "tables" / f"{name}.csv")

    def save_result(self, notebook: str, result: Mapping[str, Any]) -> None:
        """Write ``results/<notebook>.json``, the notebook's answer on the index page."""
        write_json(self.root / "results" / f"{notebook}.json", dict(result))

    @property
    def folds_file(self) -> Path:
        """Where notebook 02 saves the folds that every later notebook uses."""
        return self.root / "folds.json"


def _sync_folder(folder: Path) -> None:
    """Wait until the names of the files in ``folder`` are on the disk, where the system can do that."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
