"""``sijstudy roi``: the network that finds the joints by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

roi_app = typer.Typer(help="The network that finds the joints by itself.", no_args_is_help=True)


@roi_app.command("train")
def roi_train(
    output: Annotated[Path, typer.Option(help="File for the weights; its card goes beside it.")] = Path(
        "runs/roi/pelvis.safetensors"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of drawings, first weights and samples.")] = 1,
    bodies: Annotated[int, typer.Option(min=1, help="Synthetic bodies that are drawn.")] = 1200,
    steps: Annotated[int, typer.Option(min=1, help="Batches that each of the two networks learns from.")] = 5500,
) -> None:
    """Train the two networks that outline bones and edema, on drawings alone; about an hour on two cores."""
    from sijstudy.segmentation.learn import Plan
    from sijstudy.segmentation.make import make_network

    made = make_network(Plan(seed, bodies, steps), output, workers=os.cpu_count() or 1)
    for name, value in made.facts["scores_on_drawings"].items():
        print(f"{name}: {value:.3f}")
    print(f"Weights: {made.weights}")
    print(f"Card: {made.card}")
