"""What Grad-CAM must beat: a map that never saw the image, and the maps of a network that learned nothing [3.2].

A map can point near the edema only because edema lies where it always lies. So each measure is also taken of a blind
map, one for a fold: the mean outline of its training subjects. And it is taken of the same network with its weights
drawn anew (the model parameter randomisation test of Adebayo et al. 2018): a map that stays the same tells nothing of
what was learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from sijstudy.gradcam import energy_in, peak_in
from sijstudy.intervals import interval, subject_weights
from sijstudy.model import EdemaNet

Array = np.ndarray[Any, Any]
NETWORK, BLIND, REDRAWN = "", "blind ", "redrawn "  # whose map a column is of, in front of the measure's name
COMPARED = ("peak_in", "peak_near", "energy")
STEP = 8  # every 8th pixel of a map is compared with another's: a cell of a ResNet's last map has 32
NAMES = {  # of COMPARED in a sentence
    "peak_in": "peak in the edema",
    "peak_near": "peak in it or within half a cell of it",
    "energy": "share of the map in it",
}
MARGIN = 1e-9  # of a difference of shares that is none


def blind_map(outlines: Sequence[Array]) -> Array:
    """``(S, S)`` float32 in [0, 1]: the mean of outlines ``(S, S)`` bool, its maximum 1; 0 without an outline."""
    mean = np.mean(np.stack(outlines), axis=0, dtype=np.float32)
    return np.asarray(mean / mean.max() if mean.any() else mean, dtype=np.float32)


def redrawn(model: EdemaNet, seed: int) -> EdemaNet:
    """The model itself with all its weights drawn anew, as torch draws those of a new layer; batch norm starts anew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in model.modules():
            if reset := getattr(layer, "reset_parameters", None):
                reset()
    return model


def measured(maps: Array, outlines: Array, widened: Array, whose: str) -> dict[str, list[Any]]:
    """COMPARED of n maps ``(n, S, S)`` against outlines ``(n, S, S)`` bool, in columns named ``whose`` + measure."""
    return {
        f"{whose}peak_in": [peak_in(cam, mask) for cam, mask in zip(maps, outlines, strict=True)],
        f"{whose}peak_near": [peak_in(cam, mask) for cam, mask in zip(maps, widened, strict=True)],
        f"{whose}energy": [energy_in(cam, mask) for cam, mask in zip(maps, outlines, strict=True)],
    }


def likeness(maps: Array, others: Array) -> list[float]:
    """Spearman's correlation of each map ``(S, S)`` with the other of its slice; 0 where one is the same everywhere."""
    found = []
    for one, other in zip(maps[:, ::STEP, ::STEP], others[:, ::STEP, ::STEP], strict=True):
        flat = np.ptp(one) == 0 or np.ptp(other) == 0
        found.append(0.0 if flat else float(spearmanr(one.ravel(), other.ravel()).statistic))
    return found


def comparison(measures: pd.DataFrame, *, samples: int, seed: int) -> pd.DataFrame:
    """Network, blind map and redrawn weights on the same slices, percent; index COMPARED.

    measures: as ``explain.Explained``. Columns network, blind, redrawn (means over slices), difference (network minus
    blind), low and high: its 95% CI, paired, given these networks (subjects resampled).
    """
    people = measures.groupby("subject_id")
    counts = people.size().to_numpy(float)
    weights = subject_weights(len(counts), samples, seed)
    rows = {}
    for name in COMPARED:
        sums = {whose: people[f"{whose}{name}"].sum().to_numpy(float) for whose in (NETWORK, BLIND, REDRAWN)}
        means = [sums[whose].sum() / counts.sum() for whose in (NETWORK, BLIND, REDRAWN)]
        gaps = (weights @ (sums[NETWORK] - sums[BLIND])) / (weights @ counts)
        rows[name] = [*means, means[0] - means[1], *interval(gaps)]
    columns = ["network", "blind", "redrawn", "difference", "low", "high"]
    return 100 * pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")


def verdict(table: pd.DataFrame, similarity: float) -> str:
    """What the comparison says of the maps, every measure of it. similarity: mean Spearman's correlation, -1 to 1."""
    found = {name: _side(row) for name, row in table.iterrows()}
    said = [f"{NAMES[str(name)]} {_against(row)}" for name, row in table.iterrows()]
    return (
        "Against a map which never saw the image, the mean outline of the training subjects, the maps reach: "
        f"{'; '.join(said)} (95% CI given these networks). {_conclusion(found)} With weights drawn anew the peak lies "
        f"near the edema on {table.loc['peak_near', 'redrawn']:.0f}%, and those maps correlate with the network's by "
        f"{similarity:.2f} (Spearman)."
    )


def _side(row: pd.Series[Any]) -> str:
    return "better" if row["low"] > MARGIN else "worse" if row["high"] < -MARGIN else "open"


def _against(row: pd.Series[Any]) -> str:
    return (
        f"{row['network']:.0f}% against {row['blind']:.0f}% ({row['difference']:+.1f}, {row['low']:+.1f} to "
        f"{row['high']:+.1f})"
    ).replace("-", "\N{MINUS SIGN}")


def _conclusion(found: Mapping[Any, str]) -> str:
    """Which measures speak for the maps, which against them."""
    sides = {side: [NAMES[str(name)] for name, own in found.items() if own == side] for side in ("better", "worse")}
    if len(sides["better"]) == len(found):
        return "So they follow the image beyond where edema usually lies."
    if not sides["better"] and not sides["worse"]:
        return "So it is not shown that they follow the image beyond where edema usually lies."
    words = [f"better in {' and '.join(own)}" if side == "better" else f"worse in {' and '.join(own)}"
             for side, own in sides.items() if own]  # fmt: skip
    return f"So, beside the place where edema usually lies, they are {', '.join(words)}; nothing is shown for the rest."
