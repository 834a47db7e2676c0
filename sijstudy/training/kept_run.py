"""A run's predictions kept beside its reports: small tables, from which its numbers come without images and networks.

The folder holds ``kept.json`` (what the predictions came from, and the SHA-256 of every other file), ``folds.json``,
``cohort`` and ``whole`` (the manifests' tables, no pixels), ``tables`` and ``fits`` (of each network its predictions
and its training's course, no weights).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sijstudy import __version__
from sijstudy.cohort.manifest import Manifest, cohort_hash, load_manifest
from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import file_hash, read_csv, write_atomic, write_json
from sijstudy.given_json import read_given_json
from sijstudy.records import Arm
from sijstudy.training.rule_choice import COURSE
from sijstudy.training.store import FitRun, StudyFolder

ABOUT = "kept.json"
FORMAT = 1  # of the folder; raised when the same files would be read otherwise
COHORT, WHOLE = "cohort", "whole"  # folders of the study's manifest, and of its whole examinations'
OF_A_MANIFEST = ("cohort.json", "slices.csv", "subjects.csv")
OF_A_FIT = ("predictions.csv", "history.csv", "done.json")
RESTORE = "restore it (git checkout brings back what a repository keeps) or keep the run again (sijstudy run --keep)"
AFTER_SCORES = (*COURSE, "subject_rule", "subject_threshold")  # what scores of slices become diagnoses by
# What predictions do not depend on, so that tables are made of kept ones by other values, too.
FREE = ("profile", "kept", *WHERE_ONLY, *AFTER_SCORES, "bootstrap_samples")


@dataclass(frozen=True)
class KeptContent:
    """What a run keeps.

    config: its parameters. folder: where its notebooks left folds and tables. manifests: by ``COHORT`` and ``WHOLE``.
    fits: finished networks by arm and fold. tables: names of those to keep. origin: where the predictions come from,
    name -> text, for readers.
    """

    config: StudyConfig
    folder: StudyFolder
    manifests: Mapping[str, Manifest]
    fits: Mapping[Arm, Mapping[int, FitRun]]
    tables: tuple[str, ...]
    origin: Mapping[str, str]


@dataclass(frozen=True)
class KeptRun:
    """A folder of kept predictions whose files are as they were kept: see ``open_kept``."""

    folder: Path
    config: StudyConfig
    origin: Mapping[str, str]

    def manifest(self, name: str = COHORT) -> Manifest:
        """The study's manifest, or that of its whole examinations; its images are not there."""
        if not (self.folder / name).is_dir():
            raise StudyError(f"{self.folder}: no {name} examinations were kept; run notebook 09 and keep again")
        return load_manifest(self.folder / name)

    def has_table(self, name: str) -> bool:
        """Whether a table was kept."""
        return self._table(name).exists()

    def table(self, name: str) -> pd.DataFrame:
        """A table as the run's notebook left it. StudyError where it was not kept."""
        if not self.has_table(name):
            raise StudyError(f"{self.folder}: table {name} was not kept; the run that kept it lacked its notebook")
        return read_csv(self._table(name))

    def fit(self, arm: Arm, fold: int) -> FitRun:
        """Predictions and course of training of a network; its weights are not there."""
        return FitRun(self.folder / "fits" / f"{arm}_{fold}")

    @property
    def folds_file(self) -> Path:
        """The folds."""
        return self.folder / "folds.json"

    def _table(self, name: str) -> Path:
        return self.folder / "tables" / f"{name}.csv"


def write_kept(folder: Path, content: KeptContent) -> Path:
    """Write ``folder`` anew; nothing else may be in it. Returns its ``kept.json``, which comes last.

    StudyError when a file to keep is missing; what was kept before then stays as it is.
    """
    sources = _sources(content)
    for source in sources.values():
        if not source.is_file():
            raise StudyError(f"{source} is missing, so no predictions are kept; run notebooks 02 and 04 again")
    shutil.rmtree(folder, ignore_errors=True)
    for name, source in sources.items():
        _copy(source, folder / name)
    about = {
        "format": FORMAT,
        "sijstudy": __version__,
        "parameters": {name: value for name, value in asdict(content.config).items() if name not in WHERE_ONLY},
        "cohorts": {name: _named(manifest) for name, manifest in content.manifests.items()},
        "networks": {
            arm: {str(fold): run.folder.name for fold, run in own.items()} for arm, own in content.fits.items()
        },
        "origin": dict(content.origin),
        "files": {name: file_hash(folder / name) for name in _names(folder)},
    }  # fmt: skip
    write_json(folder / ABOUT, about)
    return folder / ABOUT


def open_kept(folder: Path) -> KeptRun:
    """Kept predictions, every file checked. StudyError names the file that is missing, or is not as it was kept."""
    if not (folder / ABOUT).is_file():
        raise StudyError(f"no predictions are kept in {folder}; keep a run's with `sijstudy run --keep`")
    about = read_given_json(folder / ABOUT, RESTORE)
    try:
        if about["format"] != FORMAT:
            raise StudyError(f"{folder / ABOUT}: was kept by another version of this package; keep the run again")
        files, cohorts, origin = dict(about["files"]), dict(about["cohorts"]), dict(about["origin"])
        config = StudyConfig.from_mapping(about["parameters"], source=str(folder / ABOUT))
        hashes = {name: str(cohort["hash"]) for name, cohort in cohorts.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StudyError(f"{folder / ABOUT}: is not what a run writes; {RESTORE}") from None
    _require_files(folder, files)
    run = KeptRun(folder, config, origin)
    for name, expected in hashes.items():
        if cohort_hash(run.manifest(name)) != expected:
            raise StudyError(f"{folder / name}: is not the cohort that was predicted; keep the run again")
    return run


def require_same(run: KeptRun, config: StudyConfig, root: Path) -> None:
    """StudyError where ``config`` asks for other predictions than were kept, or ``root`` has another cohort."""
    for name, value in asdict(config).items():
        kept = getattr(run.config, name)
        if name not in FREE and value != kept:
            raise StudyError(
                f"{run.folder}: its predictions were made with {name}={kept!r}, not {value!r}; leave that parameter "
                "out, or run without kept predictions"
            )
    own = run.manifest()
    here = root / (config.manifest or f"data_manifest/{own.name}")
    if (here / "cohort.json").is_file() and cohort_hash(load_manifest(here)) != cohort_hash(own):
        raise StudyError(f"{run.folder}: its predictions are of another cohort than {here}; run without them")


def _require_files(folder: Path, files: Mapping[str, Any]) -> None:
    """StudyError where a kept folder holds less or more than these, path in it -> SHA-256, or one is another."""
    for name, expected in files.items():
        if not (folder / name).is_file():
            raise StudyError(f"{folder / name}: no such file, though it was kept; {RESTORE}")
        if file_hash(folder / name) != expected:
            raise StudyError(f"{folder / name}: is not as the run kept it; {RESTORE}")
    for name in _names(folder):
        if name not in files:
            raise StudyError(f"{folder / name}: was not kept by the run; remove it or keep the run again")


def _names(folder: Path) -> list[str]:
    """The files of a kept folder but ``kept.json``, as paths in it; hidden ones are the system's."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.as_posix() != ABOUT and not path.name.startswith("."))


def _copy(source: Path, path: Path) -> None:
    text = source.read_bytes()
    write_atomic(path, lambda stream: stream.write(text))


def _sources(content: KeptContent) -> dict[str, Path]:
    """Path in the kept folder -> the file it is copied from."""
    tables = {f"tables/{name}.csv": content.folder.root / "tables" / f"{name}.csv" for name in content.tables}
    manifests = {f"{name}/{own}": manifest.folder / own
                 for name, manifest in content.manifests.items() for own in OF_A_MANIFEST}  # fmt: skip
    fits = {f"fits/{arm}_{fold}/{own}": run.folder / own
            for arm, runs in content.fits.items() for fold, run in runs.items() for own in OF_A_FIT}  # fmt: skip
    return {"folds.json": content.folder.folds_file, **tables, **manifests, **fits}


def _named(manifest: Manifest) -> dict[str, Any]:
    return {"name": manifest.name, "source": manifest.source, "hash": cohort_hash(manifest)}
