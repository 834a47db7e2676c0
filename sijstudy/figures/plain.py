"""Figures as matplotlib draws them by itself: no matplotlibrc of the user's or of the folder changes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

DOTS_PER_INCH = 192  # two pixels for each of a report's, so sharp on a high-density screen


@contextmanager
def plain_style() -> Iterator[None]:
    """matplotlib's own defaults, the settings of before put back afterwards; a decorator, too.

    A figure takes some settings when it is made and others when it is written: both happen inside.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield
