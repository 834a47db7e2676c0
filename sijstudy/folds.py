"""Repeated 70/30 splits by subject, in which no subject can be on both sides [2.5, Table 1]."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedShuffleSplit

from sijstudy.errors import StudyError
from sijstudy.files import write_json


@dataclass(frozen=True)
class Fold:
    """One split: subject ids for training and for testing. Raises StudyError when a subject is in both."""

    number: int
    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise StudyError(
                f"fold {self.number}: subject {both[0]} is in training and test data; make the folds again"
            )
        for side, subjects in (("training", self.train), ("test", self.test)):
            if not subjects:
                raise StudyError(f"fold {self.number}: no subject in the {side} data; the cohort is too small")


def make_folds(subjects: pd.DataFrame, *, folds: int, test_fraction: float, seed: int) -> tuple[Fold, ...]:
    """``folds`` independent random splits of subjects (columns subject_id, group), stratified by group.

    As in the paper the splits are drawn anew each time ("repeated five times"), so a subject may be tested
    in several of them. Numbers start at 1. Raises StudyError when a group is too small to be on both sides, or all
    subjects are of one group.
    """
    ordered = subjects.sort_values("subject_id")
    ids, groups = ordered["subject_id"].to_numpy(), ordered["group"].to_numpy()
    if len(set(groups)) == 1:
        raise StudyError(
            f"cannot split {len(ids)} subjects by group: all are {groups[0]}; add the other group, or only test such a "
            "cohort, which needs no folds"
        )
    splitter = StratifiedShuffleSplit(n_splits=folds, test_size=test_fraction, random_state=seed)
    try:
        splits = list(splitter.split(ids, groups))
    except ValueError as error:
        raise StudyError(f"cannot split {len(ids)} subjects ({error}); bring more subjects of each group") from None
    made = tuple(Fold(k, _names(ids[train]), _names(ids[test])) for k, (train, test) in enumerate(splits, 1))
    for fold in made:
        _check_groups(fold, dict(zip(ids, groups, strict=True)))
    return made


def split_validation(fold: Fold, subjects: pd.DataFrame, fraction: float, seed: int) -> Fold:
    """The training subjects of ``fold`` split again, stratified: ``train`` and, as ``test``, validation [Fig. 5]."""
    inside = subjects[subjects["subject_id"].isin(fold.train)]
    (split,) = make_folds(inside, folds=1, test_fraction=fraction, seed=seed)
    return Fold(fold.number, split.train, split.test)


def with_others(folds: Sequence[Fold], subjects: Iterable[str], *, test_fraction: float, seed: int) -> tuple[Fold, ...]:
    """The folds with those of ``subjects`` who are in none of them: each fold tests a share of them, at least one.

    Who was in a fold stays on the same side of it, so that what was trained on the folds is tested on the same people.
    """
    known = {name for fold in folds for name in (*fold.train, *fold.test)}
    others = sorted(set(subjects) - known)
    if not others:
        return tuple(folds)
    tested, made = max(1, round(test_fraction * len(others))), []
    for fold in folds:
        order = [str(name) for name in np.random.default_rng((seed, fold.number)).permutation(others)]
        train, test = (*fold.train, *order[tested:]), (*fold.test, *order[:tested])
        made.append(Fold(fold.number, tuple(sorted(train)), tuple(sorted(test))))
    return tuple(made)


def save_folds(path: Path, folds: Sequence[Fold]) -> None:
    """Write folds as JSON, in one step."""
    write_json(path, [asdict(fold) for fold in folds])


def load_folds(path: Path) -> tuple[Fold, ...]:
    """Read folds; each is checked again. StudyError names a missing or broken file, or the leaked subject."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Fold(int(row["number"]), tuple(row["train"]), tuple(row["test"])) for row in rows)
    except FileNotFoundError:
        raise StudyError(f"folds file {path} does not exist; run notebook 02 first") from None
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise StudyError(f"folds file {path} is broken ({error}); delete it and run notebook 02 again") from None
    except StudyError as error:
        raise StudyError(f"folds file {path}: {error}") from None


def fold_composition(folds: Sequence[Fold], slices: pd.DataFrame) -> pd.DataFrame:
    """Table 1: slices and subjects by fold, side and label; slices has subject_id and label. Index fold."""
    rows = {}
    for fold in folds:
        row = {}
        for side, subjects in (("train", fold.train), ("test", fold.test)):
            part = slices[slices["subject_id"].isin(subjects)]
            for name, label in (("positive", 1), ("negative", 0)):
                own = part[part["label"] == label]
                row[f"{side}_{name}_slices"] = len(own)
                row[f"{side}_{name}_subjects"] = own["subject_id"].nunique()
        rows[fold.number] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")


def _names(ids: np.ndarray[Any, Any]) -> tuple[str, ...]:
    return tuple(sorted(str(name) for name in ids))


def _check_groups(fold: Fold, groups: dict[str, str]) -> None:
    wanted = set(groups.values())
    for side, subjects in (("training", fold.train), ("test", fold.test)):
        missing = wanted - {groups[subject] for subject in subjects}
        if missing:
            raise StudyError(
                f"fold {fold.number}: no {min(missing)} subject in the {side} data; bring more subjects of this group"
            )
