"""What a run store no longer needs: networks that no study uses and that this version would not use again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from sijstudy.code import code_digest
from sijstudy.errors import StudyError
from sijstudy.training.loop import train
from sijstudy.training.networks import FITS, noted_fits
from sijstudy.training.store import FitRun, RunStore

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Prunable:
    """What may go. networks: fits of the store. patches: cached patches (``.npy``) that no kept network saw."""

    networks: Sequence[FitRun]
    patches: Sequence[Path]

    @property
    def size(self) -> int:
        """Bytes on disk, all together."""
        return sum(size_of(run.folder) for run in self.networks) + sum(size_of(file) for file in self.patches)


def find_prunable(store: RunStore, *, days: float) -> Prunable:
    """Networks and patches of ``store`` that can go.

    Kept are the networks that notebook 04 noted for a study beside the store (``runs/PROFILE/fits.json``), those
    that this version of the package would use again (same training code, same torch), and the patches these
    were trained on; and whatever was written in the last ``days`` days, since it may belong to a study that is
    still running, or to another version's. Synthetic cohorts and Grad-CAM maps are not looked at. StudyError
    names a ``fits.json`` or ``config.json`` that cannot be read: it is not known then what to keep.
    """
    before = time.time() - days * DAY
    used, here = _used(store), {"code": code_digest(train), "torch": torch.__version__}
    kept_patches, networks = set(), []
    for folder in sorted(path for path in (store.root / "fits").glob("*") if path.is_dir()):
        asked = _asked(folder)
        again = all(asked.get(name) == value for name, value in here.items())
        if folder.name in used or again or _written(folder) > before:
            kept_patches.add(asked.get("patches"))
        else:
            networks.append(FitRun(folder))
    patches = [file for file in sorted(store.patches.glob("*.npy")) if file.stem not in kept_patches]
    return Prunable(networks, [file for file in patches if _written(file) <= before])


def prune(prunable: Prunable) -> int:
    """Remove what ``find_prunable`` found; returns the bytes that became free.

    What another process has locked, since it trains or makes it, stays. StudyError when a file cannot be removed.
    """
    locks = {run.folder: run.lock_file for run in prunable.networks}
    locks |= {file: file.with_suffix(".lock") for file in prunable.patches}
    freed = 0
    for path, lock in locks.items():
        try:
            with FileLock(lock, timeout=0):
                size = size_of(path)
                if path.is_dir():
                    (path / "done.json").unlink(missing_ok=True)  # first: half a network must not pass for a whole one
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        except Timeout:
            continue
        except OSError as error:
            raise StudyError(f"cannot remove {path} ({error.strerror}); {freed} bytes were freed before it") from None
        freed += size
    return freed


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in _files(path))


def _used(store: RunStore) -> set[str]:
    """Names of the networks that some study's fits.json lists."""
    return {name for path in store.root.glob(f"*/{FITS}") for name in noted_fits(path)}


def _asked(folder: Path) -> dict[str, Any]:
    """The network's config.json; empty for a folder that was left without one."""
    run = FitRun(folder)
    return run.config() if (folder / "config.json").exists() else {}


def _written(path: Path) -> float:
    """When a file, or the newest one of a folder, was last written, in seconds since the epoch."""
    return max((file.stat().st_mtime for file in _files(path)), default=path.stat().st_mtime)


def _files(path: Path) -> Iterator[Path]:
    return (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else iter([path])
