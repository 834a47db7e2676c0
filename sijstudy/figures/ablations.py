"""Data -> matplotlib Figure: how far each variant of the study lies from it. Reads no file, keeps no state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sijstudy.analysis.ablation_tables import label
from sijstudy.analysis.ablations import REFERENCE
from sijstudy.figures.colours import BLUE, GREY, SMALL
from sijstudy.figures.plain import plain_style

# Told apart by shape and filling, too.
STYLES: Mapping[bool, dict[str, Any]] = {
    True: {"marker": "D", "color": BLUE, "markersize": 6, "linewidth": 2.0},
    False: {"marker": "o", "color": GREY, "markersize": 5, "linewidth": 1.2, "markerfacecolor": "white"},
}
LEAST = 1.0  # percentage points that a panel shows on either side, so that nothing looks like much
NAMES = {True: "CI excludes 0", False: "CI holds 0"}


@plain_style()
def forest(table: pd.DataFrame) -> Figure:
    """A panel per measure, a line per variant: its difference from the study with 95% CI, groups on bands.

    table: ``ablations.ablation_table``; variants that were not run are left out.
    """
    shown = table[(table["variant"] != REFERENCE) & (table["missing"] == "")]
    variants = shown.drop_duplicates("variant")
    measures = list(dict.fromkeys(shown["measure"]))
    figure = Figure(figsize=(10.4, 1.5 + 0.34 * len(variants)), layout="constrained")
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axis, measure in zip(axes, measures, strict=True):
        _bands(axis, variants["group"].tolist())
        _intervals(axis, shown[shown["measure"] == measure])
        axis.set_title(measure.replace(" ", "\n", 1) if len(measure) < 20 else measure.replace(" slice ", "\nslice "),
                       fontsize=SMALL)  # fmt: skip
    names = [label(row.group, row.variant) for row in variants.itertuples()]
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel("difference from this study, percentage points", fontsize=SMALL)
    handles = {label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), frameon=False, loc="outside upper right", ncols=2)
    return figure


def _bands(axis: Axes, groups: list[str]) -> None:
    """Every other group on grey."""
    order = list(dict.fromkeys(groups))
    for row, group in enumerate(groups):
        if order.index(group) % 2 == 0:
            axis.axhspan(row - 0.5, row + 0.5, color=GREY, alpha=0.09, linewidth=0)


def _intervals(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axvline(0, color="black", linewidth=0.9)
    for place, row in enumerate(rows.itertuples()):
        clear = bool(row.excludes_zero)
        style = STYLES[clear]
        axis.plot(
            [row.difference_low, row.difference_high], [place, place], color=style["color"],
            linewidth=style["linewidth"], solid_capstyle="butt",
        )  # fmt: skip
        axis.plot([row.difference], [place], linestyle="none", label=NAMES[clear],
                  **{name: value for name, value in style.items() if name != "linewidth"})  # fmt: skip
    low, high = axis.get_xlim()
    margin = max(LEAST, 0.06 * (high - low))
    axis.set_xlim(min(low, -margin), max(high, margin))
    axis.grid(True, axis="x")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=4))
