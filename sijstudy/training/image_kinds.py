"""Which kinds of images a network was trained on, kept beside it, so that this is known without the cohort's files.

Only kinds and numbers of subjects are kept. No module that trains imports this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sijstudy.cohort.cohort_kinds import kinds_of
from sijstudy.cohort.image_kind import NEEDED, SYNTHETIC, ImageKind, telling
from sijstudy.cohort.manifest import Manifest, load_manifest
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.files import read_json, write_json
from sijstudy.records import Arm
from sijstudy.training.networks import FITS, Networks, open_networks
from sijstudy.training.store import FitRun

KINDS = "image_kinds.json"  # in a fit's folder; not part of its hash
USUAL = 0.1  # ASSUMED: what fewer of a cohort's subjects have may be a mistake of its and is not what networks know


def save_kinds(runs: Mapping[Arm, Mapping[int, FitRun]], manifest: Manifest) -> None:
    """Note beside each fit what kinds of images its cohort holds; kept where that is noted already."""
    every = (run for by_fold in runs.values() for run in by_fold.values())
    missing = [run for run in every if not (run.folder / KINDS).exists()]
    if missing:
        rows = [{**asdict(kind), "subjects": number} for kind, number in kinds_of(manifest).items()]
        for run in missing:
            write_json(run.folder / KINDS, {"kinds": rows})


def kinds_known_to(networks: Networks) -> tuple[ImageKind, ...]:
    """The usual kinds of the networks' training cohort that tell, the most frequent first; empty where nobody can tell.

    As kept; for networks of earlier versions as the cohort's files, or a synthetic cohort's parameters, say.
    """
    run = next(iter(next(iter(networks.runs.values())).values()))
    path = run.folder / KINDS
    return _usual(_read(path) if path.is_file() else _anew(networks.config, run))


def runs_that_know(kind: ImageKind, runs: Path) -> list[str]:
    """Names of the profiles in a folder ``runs`` whose networks were trained on images of this kind."""
    found = []
    for path in sorted(runs.glob(f"*/{FITS}")):
        try:
            kinds = kinds_known_to(open_networks(path.parent))
        except StudyError:
            continue  # unfinished, or of another version
        if any(not (kind.differs(own) or own.lacks(kind) or set(kind.lacks(own)) & set(NEEDED)) for own in kinds):
            found.append(path.parent.name)
    return found


def _read(path: Path) -> Mapping[ImageKind, int]:
    content = read_json(path)
    try:
        return {ImageKind(**{k: str(v) for k, v in row.items() if k != "subjects"}): int(row["subjects"])
                for row in content["kinds"]}  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StudyError(f"{path}: is not what notebook 04 writes; delete it and run that again") from None


def _anew(config: StudyConfig, run: FitRun) -> Mapping[ImageKind, int]:
    if not config.manifest:
        return {SYNTHETIC[config.phantom_contrast]: 1}
    try:
        return kinds_of(load_manifest(run.folder.resolve().parents[2] / config.manifest))
    except StudyError:
        return {}


def _usual(kinds: Mapping[ImageKind, int]) -> tuple[ImageKind, ...]:
    known: Sequence[tuple[ImageKind, int]] = [(kind, number) for kind, number in kinds.items() if kind != ImageKind()]
    least = USUAL * sum(number for _, number in known)
    return telling([kind for kind, number in sorted(known, key=lambda one: -one[1]) if number >= least])
