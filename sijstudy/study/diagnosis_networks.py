"""What a diagnosis says of the networks that it rests on, and of how it was made."""

from __future__ import annotations

import datetime
from pathlib import Path

from sijstudy import __version__
from sijstudy.analysis.diagnosis import Diagnosis
from sijstudy.notebook.provenance import commit, device_name, precision_line


def ensemble_sentence(result: Diagnosis) -> str:
    """How many networks there are and what is averaged."""
    if len(result.networks) == 1:
        return f"One network, that of fold {result.networks['fold'].iloc[0]}, trained on {result.trained_on}."
    return (
        f"A score is the mean over {len(result.networks)} networks, one per fold, trained on {result.trained_on}; "
        "its SD and range over them are given."
    )


def training_warning(result: Diagnosis) -> str:
    """Whether networks may have been trained on this very subject; empty when none was."""
    folds = result.networks.loc[result.networks["trained_on_name"], "fold"].tolist()
    if not folds:
        return ""
    numbers = ", ".join(map(str, folds))
    others = [str(fold) for fold in result.networks["fold"] if fold not in folds]
    way = (
        f"--fold {' or '.join(others)} takes a network that has not"
        if others
        else "no network asked here has not: a test of them takes another --fold, where one has not seen it, or a run "
        "that was trained without this subject"
    )
    return (
        f"A subject named {result.subject.subject_id} was among the training data of fold {numbers}. "
        f"If it is this one, these networks have seen it and the result is no test of them; {way}."
    )


def provenance(result: Diagnosis, run: Path, now: datetime.datetime) -> dict[str, str]:
    """Name -> text. run: the folder of the networks."""
    return {
        "made": now.isoformat(timespec="seconds"),
        "sijstudy": __version__,
        "commit": commit(),
        "run": f"{run.resolve().parent.name}/{run.resolve().name}",
        "networks": ", ".join(result.networks["address"]),
        "trained on": result.trained_on,
        "backbone": result.config.backbone,
        "seed": str(result.config.seed),
        "device": device_name(result.config),
        "precision": precision_line(result.config),
    }
