"""Trained networks as a study left them on disk: of one fit, or of all folds of a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import read_json, write_json
from sijstudy.records import ARMS, Arm
from sijstudy.training.store import FitRun, RunStore, StudyFolder

SETTINGS = "study.json"  # in a fit's folder: every parameter of the study that trained it; not part of its hash
FITS = "fits.json"  # in a profile's folder: which fit belongs to which arm and fold


@dataclass(frozen=True)
class Networks:
    """Finished networks by arm and fold, and the parameters they are to be used with.

    cohort: what the study that noted them calls its cohort, "" where none did.
    """

    config: StudyConfig
    runs: Mapping[Arm, Mapping[int, FitRun]]
    cohort: str = ""

    @property
    def trained_on(self) -> str:
        """The cohort, in words."""
        return f"the cohort {Path(self.config.manifest).name}" if self.config.manifest else "the synthetic cohort"

    def of_fold(self, fold: str) -> Networks:
        """Those of one fold ("1", "2", ...), or all for "all". StudyError when there is no such fold."""
        if fold == "all":
            return self
        chosen: dict[Arm, dict[int, FitRun]] = {
            arm: {number: run for number, run in runs.items() if str(number) == fold} for arm, runs in self.runs.items()
        }
        kept: dict[Arm, dict[int, FitRun]] = {arm: runs for arm, runs in chosen.items() if runs}
        if not kept:
            known = sorted({number for runs in self.runs.values() for number in runs})
            raise StudyError(f"--fold {fold}: no such network; there are {', '.join(map(str, known))} and all")
        return replace(self, runs=kept)


def save_settings(run: FitRun, config: StudyConfig) -> None:
    """Note beside a fit with which parameters it was trained, those that only its patches' hash holds included."""
    if not (run.folder / SETTINGS).exists():
        write_json(run.folder / SETTINGS, _parameters(config))


def save_fits(
    folder: StudyFolder, config: StudyConfig, runs: Mapping[Arm, Mapping[int, FitRun]], *, cohort: str = ""
) -> None:
    """Note in a profile's folder which fit belongs to which arm and fold, the profile's parameters and its cohort."""
    fits = {arm: {str(fold): run.folder.name for fold, run in by_fold.items()} for arm, by_fold in runs.items()}
    write_json(folder.root / FITS, {"config": _parameters(config), "cohort": cohort, "fits": fits})


def noted_fits(path: Path) -> set[str]:
    """Addresses of all fits that a profile's ``fits.json`` lists. StudyError for a broken file."""
    content = read_json(path)
    with _noted_by_04(path):
        return {name for by_fold in _addresses(content).values() for name in by_fold.values()}


def open_networks(run: Path) -> Networks:
    """The networks of a fit's folder (``runs/fits/HASH``) or of a profile's (``runs/PROFILE``).

    StudyError when it is neither, was not trained to its end, or does not say with which parameters.
    """
    if (run / "config.json").is_file():
        return _of_fit(run)
    if (run / FITS).is_file():
        return _of_profile(run)
    if (run / "folds.json").is_file():
        raise StudyError(
            f"{run}: its networks are not all trained; finish it with `sijstudy run --profile {run.resolve().name} "
            "--only 04`"
        )
    raise StudyError(f"{run}: no trained networks; give runs/PROFILE or runs/fits/HASH of a finished study")


def _parameters(config: StudyConfig) -> dict[str, Any]:
    """Name -> value, without those that a later use of the networks has nothing to do with."""
    return {name: value for name, value in asdict(config).items() if name not in WHERE_ONLY}


def _of_fit(folder: Path) -> Networks:
    run = FitRun(folder)
    _require_done(run)
    if not (folder / SETTINGS).is_file():
        raise StudyError(
            f"{folder}: has no {SETTINGS}, which says how its patches were made; run the study again (nothing is "
            "trained twice)"
        )
    asked = run.config()
    config = StudyConfig.from_mapping(read_json(folder / SETTINGS), source=str(folder / SETTINGS))
    return Networks(config, {_arm(asked.get("arm"), folder): {int(asked["fold"]): run}})


@contextmanager
def _noted_by_04(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong in reading the content of ``path`` into a StudyError that names it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StudyError(f"{path}: is not what notebook 04 writes; run it again") from None


def _addresses(content: Any) -> dict[str, dict[int, str]]:
    """Arm -> fold -> address of its fit, as ``save_fits`` wrote them."""
    return {arm: {int(fold): str(name) for fold, name in by_fold.items()} for arm, by_fold in content["fits"].items()}


def _of_profile(folder: Path) -> Networks:
    path = folder / FITS
    content, store = read_json(path), RunStore(folder.resolve().parent)
    with _noted_by_04(path):
        fits = {
            _arm(arm, path): {fold: store.named(name) for fold, name in by_fold.items()}
            for arm, by_fold in _addresses(content).items()
        }
        config = StudyConfig.from_mapping(content["config"], source=str(path))
    for by_fold in fits.values():
        for run in by_fold.values():
            _require_done(run)
    return Networks(config, fits, str(content.get("cohort", "")))


def _arm(name: object, path: Path) -> Arm:
    for arm in ARMS:
        if arm == name:
            return arm
    raise StudyError(f"{path}: arm '{name}' is none of {', '.join(ARMS)}; run notebook 04 again")


def _require_done(run: FitRun) -> None:
    if not run.is_done:
        raise StudyError(
            f"{run.folder}: was not trained to its end; start its study again, it goes on where it stopped"
        )
