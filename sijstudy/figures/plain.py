"""The one theme of all figures: no matplotlibrc of the user's or of the folder changes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.rcsetup import cycler

from sijstudy.figures.colours import GREY, PALETTE

#: over matplotlib's defaults, whose font is among the pages' and comes with matplotlib: the same everywhere.
THEME: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "grid.alpha": 0.25,
}
DOTS_PER_INCH = 192  # two pixels for each of a report's, so sharp on a high-density screen


@contextmanager
def plain_style() -> Iterator[None]:
    """matplotlib's own defaults and THEME, the settings of before put back afterwards; a decorator, too.

    A figure takes some settings when it is made and others when it is written: both happen inside.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(THEME)
        yield
