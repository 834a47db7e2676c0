"""Draws docs/images/phantom.png: synthetic slices of both contrasts from the lower to the upper pelvis, anatomy named.

Run from the project's folder: ``python benchmarks/phantom_sheet.py``.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from sijstudy.phantom.fields import Grid
from sijstudy.phantom.protocol import Protocol, draw_protocol
from sijstudy.phantom.render import SEGMENTS, Rendered, draw_body, render_slice

OUT = Path("docs/images/phantom.png")
PLANES = (-30.0, -14.0, 0.0, 14.0, 28.0)  # mm from the middle slice, growing upwards
RUN = [(-34.0, 2.0)]  # edema on the first three columns
ROWS = (("Gd FS T1", "gd_fs_t1", False, 3), ("STIR", "stir", False, 3), ("STIR, randomised", "stir", True, 8))
SIZE = 320
NAMED = {(0, 2): {"sacral foramen": (28.0, -9.0), "psoas": (47.0, -73.0)}, (1, 3): {"spinal canal": (0.0, -25.0)}}


def main() -> None:
    """Render and save the sheet."""
    figure = Figure(figsize=(12.5, 7.6), dpi=76, facecolor="black", layout="constrained")
    axes: Any = figure.subplots(len(ROWS), len(PLANES))
    for row, (name, sequence, randomised, number) in enumerate(ROWS):
        protocol = draw_protocol(np.random.default_rng(number), sequence, SIZE, randomised)
        body, grid = draw_body((2021, number), RUN, protocol), Grid(protocol.size, protocol.fov)
        for column, z in enumerate(PLANES):
            rendered = render_slice(body, grid, z, np.random.default_rng((number, column)))
            _show(axes[row, column], rendered, grid, name if column == 0 else "")
            if row == 0 and column == 1:
                _name_segments(axes[row, column], rendered)
            for label, place in NAMED.get((row, column), {}).items():
                _name(axes[row, column], label, place, grid, protocol)
    drawn = io.BytesIO()
    figure.savefig(drawn, facecolor="black")
    Image.open(drawn).convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size // 1024} KB")


def _palette() -> Image.Image:
    """64 greys, and the two colours of outlines and names in eight shades each: a small file without a tint."""
    greys = [(4 * k, 4 * k, 4 * k) for k in range(64)]
    shades = [
        tuple(int(part * k / 8) for part in colour) for colour in ((255, 213, 74), (127, 214, 255)) for k in range(1, 9)
    ]
    image = Image.new("P", (1, 1))
    image.putpalette([part for colour in greys + shades for part in colour])
    return image


def _show(axis: Axes, rendered: Rendered, grid: Grid, name: str) -> None:
    axis.imshow(rendered.pixels, cmap="gray", vmin=0, vmax=np.percentile(rendered.pixels, 99.5))
    if rendered.masks[..., 3].any():
        axis.contour(rendered.masks[..., 3], [0.5], colors="#ffd54a", linewidths=0.6)
    axis.set_axis_off()
    if name:
        axis.text(0.02, 0.96, name, color="white", fontsize=10, va="top", transform=axis.transAxes)


def _name_segments(axis: Axes, rendered: Rendered) -> None:
    for k, label in enumerate(SEGMENTS):
        rows, columns = np.nonzero(rendered.masks[..., k])
        if rows.size:
            middle = int(np.argsort(columns)[columns.size // 2])
            below = 0.14 * rendered.pixels.shape[0] if label == "edema" else 0
            axis.text(columns[middle], rows.mean() + below, label, color="#7fd6ff", fontsize=7, ha="center")


def _name(axis: Axes, label: str, place: tuple[float, float], grid: Grid, protocol: Protocol) -> None:
    column, row = (value * protocol.zoom / grid.pixel + grid.size / 2 for value in place)
    inwards = -1 if place[0] > 0 else 1
    axis.annotate(
        label,
        (column, row),
        (column + inwards * 0.25 * grid.size, row - 0.12 * grid.size),
        color="#7fd6ff",
        fontsize=7,
        arrowprops={"arrowstyle": "->", "color": "#7fd6ff", "linewidth": 0.7},
    )


if __name__ == "__main__":
    main()
