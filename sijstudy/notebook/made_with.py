"""What a notebook leaves is used only by a study of the parameters and the cohort that it was made with.

Every profile has one folder, so a run with other parameters, a notebook run by hand, or a manifest that was built anew
leaves there what looks like this study's. Answers carry a mark of all parameters (``mark``), tables and networks those
that scores of slices hang on (``of_scores``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import digest, file_hash, read_json, write_json
from sijstudy.folds import Fold, load_folds, save_folds
from sijstudy.notebook.cohort import synthetic_name
from sijstudy.training.kept_run import FREE
from sijstudy.training.store import StudyFolder

READ_BY_ONE = {  # parameter -> the one notebook that reads it
    "external_manifest": "07_external_validation",
    "external_also": "07_external_validation",
    "ablations": "08_ablations",
}
OF_FOLDS = ("seed", "folds", "test_fraction", "cohort")
# Beside those that kept predictions do not depend on: what one notebook reads, and where the networks are computed.
NOT_OF_SCORES = (
    *(*FREE, *READ_BY_ONE, "cam_slices", "selection_epochs", "validation_fraction"),
    *("device", "parallel_fits", "threads_per_fit"),
)


def mark(config: StudyConfig, notebook: str) -> str:
    """What stands for the parameters that a notebook was run with; those that it does not read are left out."""
    foreign = {name for name, reader in READ_BY_ONE.items() if reader != notebook}
    return digest({name: value for name, value in asdict(config).items() if name not in {*foreign, *WHERE_ONLY}})


def of_scores(config: StudyConfig, root: Path) -> dict[str, Any]:
    """What scores of slices hang on, name -> value: parameters, and which cohort it is.

    A synthetic cohort's name tells how it was drawn; of a given one the tables are hashed.
    """
    given = {name: value for name, value in asdict(config).items() if name not in NOT_OF_SCORES}
    if not config.manifest:
        return {**given, "cohort": synthetic_name(config)}
    tables = (root / config.manifest / name for name in ("slices.csv", "subjects.csv"))
    return {**given, "cohort": digest([file_hash(table) for table in tables if table.exists()])}


def require_same(noted: Mapping[str, Any], wanted: Mapping[str, Any], where: Path) -> None:
    """StudyError where what lies in ``where`` was not made with ``wanted``, both as ``of_scores`` has them."""
    other = [name for name, value in wanted.items() if name not in noted or noted[name] != value]
    if not other:
        return
    if not noted:
        reason = "does not say with which parameters it was made"
    elif other == ["cohort"]:
        reason = "was made of another cohort, or of this one before it changed"
    else:
        name = next(name for name in other if name != "cohort")
        reason = f"was made with {name}={noted.get(name)!r}, this study has {wanted[name]!r}"
    raise StudyError(
        f"{where}: {reason}; run notebooks 02 and 04 with these parameters first (nothing is trained twice)"
    )


@dataclass(frozen=True)
class MarkedFolder(StudyFolder):
    """A profile's folder whose tables and folds say what they were made with, and are read by such a study alone."""

    made_with: Mapping[str, Any] = field(default_factory=dict)

    def save_folds(self, folds: Sequence[Fold]) -> None:
        """Write the folds of notebook 02, and behind them what they were made with."""
        self._folds_note.unlink(missing_ok=True)
        save_folds(self.folds_file, folds)
        write_json(self._folds_note, self._of_folds)

    def load_folds(self) -> tuple[Fold, ...]:
        """The folds. StudyError when notebook 02 made them with other parameters, or of another cohort.

        Folds without a note were written by hand, which is allowed.
        """
        if self._folds_note.exists():
            require_same(read_json(self._folds_note), self._of_folds, self.folds_file)
        return load_folds(self.folds_file)

    def save_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write the table and, behind it, what it was made with: a table without was not written to its end."""
        note = self._note(name)
        note.unlink(missing_ok=True)
        super().save_table(name, frame)
        write_json(note, dict(self.made_with))

    def load_table(self, name: str) -> pd.DataFrame:
        """The table. StudyError when its notebook has not run, or has with other parameters or another cohort."""
        note = self._note(name)
        if (table := note.with_suffix(".csv")).exists():
            require_same(self._noted(name), self.made_with, table)
        return super().load_table(name)

    def has_table(self, name: str) -> bool:
        """Whether a study of these parameters and this cohort left the table."""
        return self._noted(name) == self.made_with

    def _noted(self, name: str) -> Mapping[str, Any]:
        note = self._note(name)
        return dict(read_json(note)) if note.exists() else {}

    def _note(self, name: str) -> Path:
        return self.root / "tables" / f"{name}.json"

    @property
    def _of_folds(self) -> dict[str, Any]:
        return {name: self.made_with[name] for name in OF_FOLDS}

    @property
    def _folds_note(self) -> Path:
        return self.folds_file.with_name("folds.made_with.json")
