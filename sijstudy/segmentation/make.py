"""Seed -> drawings -> network -> its file, with a card of how it was made and how well it outlines new drawings."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sijstudy.files import write_atomic
from sijstudy.segmentation.drawings import SIZE, SLICES, draw
from sijstudy.segmentation.learn import BATCH, Plan, learn
from sijstudy.segmentation.score import score
from sijstudy.segmentation.weights import save_network

TESTED = 30  # bodies drawn to score it, each as an examination
TESTED_SLICES, TESTED_APART = 12, 4.4  # slices of an examination, mm from one to the next
_ANOTHER = 1_000_000  # added to the seed for the bodies that it has not seen

LIMITS = (
    "Trained on drawings alone; it has learned from no patient.",
    "Oblique or strict coronal slices of an adult pelvis, bones and marrow in view; not axial, not sagittal.",
    "Edema is what is brighter than its own marrow; erosion, fat lesions and ankylosis are not known to it.",
    "Research only, not for diagnosis.",
)


@dataclass(frozen=True)
class Made:
    """The files of a network, and what its card says."""

    weights: Path
    card: Path
    facts: dict[str, Any]


def make_network(plan: Plan, out: Path, *, workers: int = 2, progress: bool = True) -> Made:
    """Draw, learn, score and write ``out`` (safetensors) and its card beside it (JSON); minutes to an hour."""
    started = time.monotonic()
    drawings = draw(plan.bodies, plan.seed, workers=workers, progress=progress)
    network = learn(drawings, plan, workers=workers, progress=progress)
    minutes = (time.monotonic() - started) / 60
    seed = plan.seed + _ANOTHER
    tests = draw(TESTED, seed, slices=TESTED_SLICES, apart=TESTED_APART, workers=workers, progress=progress)
    scores = score(network, tests)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_network(network, out)
    facts = card_of(plan, out, minutes, scores)
    card = out.with_suffix(".json")
    content = f"{json.dumps(facts, indent=2)}\n".encode()
    write_atomic(card, lambda stream: stream.write(content))
    return Made(out, card, facts)


def card_of(plan: Plan, weights: Path, minutes: float, scores: dict[str, float]) -> dict[str, Any]:
    """What the card of a network's file says. minutes: what drawing and learning took."""
    return {
        "what": "outlines left ilium, right ilium, sacrum, lumbar vertebrae and edema on a slice of the pelvis",
        "data": f"{plan.bodies} synthetic bodies, {SLICES} slices each, {SIZE} pixels of 1 mm; no patient",
        "command": f"sijstudy roi train --seed {plan.seed} --bodies {plan.bodies} --steps {plan.steps}",
        "plan": {**asdict(plan), "batch": BATCH},
        "minutes": round(minutes, 1),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "scores_on_drawings": {name: round(value, 4) for name, value in scores.items()},
        "tested": f"{TESTED} bodies that it has not seen, {TESTED_SLICES} slices {TESTED_APART} mm apart of each",
        "limits": list(LIMITS),
    }
