"""The rule that notebook 09 chose on whole examinations, kept beside a profile's networks for those who use them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sijstudy.aggregation import RULES
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import read_json, write_json
from sijstudy.training.networks import FITS
from sijstudy.training.store import StudyFolder

CHOICE = "whole_choice.json"  # in a profile's folder, beside its networks' fits.json
COURSE = ("median_size", "median_input", "slice_threshold")  # what scores of slices become a course by
AUTO = "auto"


@dataclass(frozen=True)
class RuleChoice:
    """A rule chosen on whole examinations, seen by the networks of the ROI arm.

    rule: a name in ``aggregation.RULES``. threshold: from which score on a subject is positive, in [0, 1], or just
    above 1 where none is. recall, specificity: fractions, at that threshold, of the subjects on whom it was chosen.
    active, others: how many different people these were, with active disease and without. depth_mm: how deep their
    examinations are where they show the joints (``cohort.stack_depth``), None where nobody knows. ValueError for
    anything else.
    """

    rule: str
    threshold: float
    recall: float
    specificity: float
    active: int
    others: int
    depth_mm: float | None = None

    def __post_init__(self) -> None:
        numbers = all(type(value) in (int, float) for value in (self.threshold, self.recall, self.specificity))
        people = type(self.active) is type(self.others) is int and min(self.active, self.others) >= 1
        fractions = numbers and all(0 <= value <= 1 for value in (self.recall, self.specificity))  # NaN is in no range
        deep = self.depth_mm is None or (type(self.depth_mm) in (int, float) and self.depth_mm > 0)
        if not (deep and self.rule in RULES and fractions and people and 0 <= self.threshold < 1 + 1e-9):
            raise ValueError(f"{self} is no choice of a rule")


def save_choice(folder: StudyFolder, choice: RuleChoice, config: StudyConfig) -> None:
    """Note in a profile's folder which rule was chosen, for the networks that its ``fits.json`` lists.

    config: the parameters it was chosen with. StudyError when there are no networks or the folder cannot be written.
    """
    noted = read_json(folder.root / FITS)
    write_json(folder.root / CHOICE, {"choice": asdict(choice), "made_with": _made_with(noted, asdict(config))})


def load_choice(folder: Path, config: StudyConfig | None = None) -> RuleChoice | None:
    """The choice of notebook 09 for the networks in ``folder`` (``runs/PROFILE``).

    config: how scores become a course, where that is not as the networks' own parameters say. None when notebook 09
    has chosen nothing, or for other networks or another way from scores to a course. StudyError for a file that is not
    as ``save_choice`` writes it.
    """
    path = folder / CHOICE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        choice, made_with = RuleChoice(**content["choice"]), content["made_with"]
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError):
        raise StudyError(
            f"{path}: is not what notebook 09 writes; run it again (`sijstudy run --profile {folder.resolve().name} "
            "--only 09`), or name a rule with --rule"
        ) from None
    noted = read_json(folder / FITS)
    return choice if made_with == _made_with(noted, asdict(config) if config else noted["config"]) else None


def asked_rule(name: str, folder: Path) -> RuleChoice | str | None:
    """What ``--rule`` asks for: ``auto`` what ``load_choice`` finds, else a rule's name (StudyError if unknown)."""
    if name == AUTO:
        return load_choice(folder)
    if name not in RULES:
        raise StudyError(f"--rule {name}: must be one of {', '.join((AUTO, *RULES))}")
    return name


def _made_with(noted: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice holds for. noted: the content of ``fits.json``."""
    return {"networks": noted["fits"].get("roi"), **{name: parameters[name] for name in COURSE}}
