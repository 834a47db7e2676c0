"""What a diagnosis says of its own limits: images of another kind, patches unlike the training's, no decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sijstudy.analysis.diagnosis import Diagnosis


def likeness_sentence(result: Diagnosis) -> str:
    """How many slices are unlike the training patches; empty where that is why there is no decision."""
    return "" if result.withheld else result.likeness.sentence


def images_sentence(result: Diagnosis) -> str:
    """How the series stands beside the training images, whatever was forced said first."""
    forced = "Made by --force, although the series is not known to fit these networks. "
    return f"{'' if result.images.fits else forced}{result.images.sentence}"


def withheld_sentence(result: Diagnosis) -> str:
    """Why there is no decision, and what was seen."""
    scores = result.slices["score"]
    return (
        f"No decision: {result.withheld} The networks' scores, {scores.min():.3f} to {scores.max():.3f} on these "
        "slices, are shown for what they are."
    )


def limits_content(result: Diagnosis) -> dict[str, Any]:
    """The fields ``images`` and ``likeness`` of diagnosis.json."""
    return {
        "images": {**asdict(result.images), "fits": result.images.fits, "sentence": images_sentence(result)},
        "likeness": {
            "sentence": result.likeness.sentence,
            "held_out": result.likeness.held_out,
            "unlike": int(result.likeness.unlike.sum()),
        },
    }


def undecided(result: Diagnosis, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Values for diagnosis.json, decisions among them null where there is none."""
    return {k: None if result.withheld and str(k).endswith("positive") else value for k, value in values.items()}
