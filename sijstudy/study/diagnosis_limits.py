"""What a diagnosis says of its own limits: images of another kind, patches unlike the training's, no decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sijstudy.analysis.diagnosis import Diagnosis, Verdict


def likeness_sentence(result: Diagnosis) -> str:
    """How many slices are unlike the training patches; empty where that is why there is no decision."""
    return "" if result.likeness.withholds else result.likeness.sentence


def images_sentence(result: Diagnosis) -> str:
    """How the series stands beside the training images, whatever was forced said first."""
    forced = "Made by --force, although the series is not known to fit these networks. "
    return f"{'' if result.images.fits else forced}{result.images.sentence}"


def withheld_words(result: Diagnosis) -> str:
    """Why there is no decision, what was seen, and the way on; empty where there is one."""
    if not result.withheld:
        return ""
    scores = result.slices["score"]
    seen = (
        f"The networks' scores, {scores.min():.3f} to {scores.max():.3f} on these slices, are shown for what they are."
    )
    if not result.likeness.withholds:
        return (
            f"{result.withheld} On so few nothing is decided. {seen} To go on, give all slices of the series, and "
            "ilium boxes for those without one (--boxes); --rule mean decides on a selection of slices as the paper's; "
            "with --force it is decided all the same, and the result says so."
        )
    look = "give ilium boxes (--boxes, --roi find), and look at the series (--series)"
    if result.arm == "roi":
        look = (
            "look at the boxes (a ROI beside the joint is unlike any; --boxes takes corrected ones) and at the series "
            "(--series)"
        )
    return (
        f"{result.withheld} Where more than half are, nothing is decided. {seen} To go on, {look}; images like these "
        "may need networks that were trained on such (--run)."
    )


def limits_content(result: Diagnosis) -> dict[str, Any]:
    """The fields ``images``, ``likeness`` and ``coverage`` of diagnosis.json."""
    coverage = result.coverage
    return {
        "images": {**asdict(result.images), "fits": result.images.fits, "sentence": images_sentence(result)},
        "likeness": {
            "sentence": result.likeness.sentence,
            "held_out": result.likeness.held_out,
            "unlike": int(result.likeness.unlike.sum()),
        },
        "coverage": {
            **asdict(coverage),
            "share": coverage.share,
            "withheld": coverage.withholds,
            "sentence": " ".join(filter(None, (coverage.sentence, coverage.reason if coverage.withholds else ""))),
        },
    }


def undecided(result: Diagnosis, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """A slice's values for diagnosis.json: its decisions null where nothing is decided, its scores as seen."""
    return _without(result, values, "decision")


def undecided_verdict(result: Diagnosis, verdict: Verdict | Mapping[Any, Any]) -> dict[Any, Any]:
    """A rule's or network's verdict for diagnosis.json: its score, too, is made of decisions on slices."""
    values = asdict(verdict) if isinstance(verdict, Verdict) else verdict
    return _without(result, values, "positive", "score")


def _without(result: Diagnosis, values: Mapping[Any, Any], *endings: str) -> dict[Any, Any]:
    return {k: None if result.withheld and str(k).endswith(endings) else value for k, value in values.items()}
