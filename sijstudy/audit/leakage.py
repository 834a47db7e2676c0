"""Can the same person be in training and test data?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sijstudy.audit.findings import Finding, listed
from sijstudy.audit.inspection import FileFacts
from sijstudy.errors import StudyError
from sijstudy.files import read_json


@dataclass(frozen=True)
class Sides:
    """The two sides of a split as they stand in a file, not checked yet."""

    number: int
    train: frozenset[str]
    test: frozenset[str]


def read_sides(path: Path) -> tuple[Sides, ...]:
    """The splits of a folds file, leaks and all (``load_folds`` refuses them). StudyError when it is no such file."""
    try:
        rows = read_json(path)
        return tuple(Sides(int(row["number"]), frozenset(row["train"]), frozenset(row["test"])) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"folds file {path} is broken ({error}); delete it and run notebook 02 again") from None


def shared_keys(files: Sequence[FileFacts], subjects: int) -> dict[str, list[tuple[str, ...]]]:
    """Sets of subjects that share a PatientID or a study: kind -> sets. ``subjects``: number in the cohort.

    ASSUMED: a PatientID that all subjects share is a placeholder of the pseudonymisation and says nothing.
    """
    owners: dict[str, dict[str, set[str]]] = {"PatientID": defaultdict(set), "StudyInstanceUID": defaultdict(set)}
    for fact in files:
        for kind, value in (("PatientID", fact.patient_id), ("StudyInstanceUID", fact.study_uid)):
            if value:
                owners[kind][value].add(fact.subject_id)
    return {
        kind: [
            tuple(sorted(own)) for own in by_value.values() if len(own) > 1 and (len(own) < subjects or subjects == 2)
        ]
        for kind, by_value in owners.items()
    }


def person_findings(shared: Mapping[str, list[tuple[str, ...]]]) -> list[Finding]:
    """One person under several pseudonyms, by what the headers say."""
    return [
        Finding(
            "grave",
            "leakage",
            f"Different subjects share one {kind}: a person may be in training and test data at once.",
            "Make them one subject, or give each person an identifier of its own.",
            listed([" and ".join(own) for own in sets], 3),
        )
        for kind, sets in shared.items()
        if sets
    ]


def fold_findings(sides: Iterable[Sides], subjects: set[str], same: Iterable[tuple[str, ...]]) -> list[Finding]:
    """Leaks in splits that were saved. same: sets of subjects that are one person or share an image."""
    findings, same, strangers = [], list(same), set[str]()
    for fold in sides:
        both = sorted(fold.train & fold.test)
        if both:
            findings.append(_leak(fold, "the same subject is in training and test data", both))
        split = [own for own in same if set(own) & fold.train and set(own) & fold.test]
        if split:
            sentence = "subjects that share a person or an image are on both sides"
            findings.append(_leak(fold, sentence, [" and ".join(own) for own in split]))
        strangers |= (fold.train | fold.test) ^ subjects
    if strangers:
        sentence = f"The saved folds were made for another cohort: {len(strangers)} subjects are not in both."
        findings.append(Finding("note", "leakage", sentence, "Run notebook 02 again."))
    return findings


def _leak(fold: Sides, sentence: str, places: list[str]) -> Finding:
    advice = "Make the folds again with `sijstudy run --only 02`, then train again."
    return Finding("grave", "leakage", f"Fold {fold.number}: {sentence}.", advice, listed(places, 3))
