"""What three readers would say about a slice (paper 2.1: agreement of at least two counts)."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom.render import Rendered

READERS = ("reader_1", "reader_2", "reader_3")
DISSENT_NEGATIVE = 0.08  # ASSUMED: a reader takes a bright look-alike for edema on about one negative slice in twelve
DISSENT_POSITIVE = (0.03, 0.45)  # ASSUMED: a gross lesion is hardly ever missed, a faint and small one often
GROSS = 60.0  # signal x mm2 at which a lesion counts as gross


def read_slice_votes(rng: np.random.Generator, rendered: Rendered) -> dict[str, int]:
    """0/1 per reader. At most one reader dissents, so that the majority is always the truth."""
    truth = int(rendered.area > 0)
    low, high = DISSENT_POSITIVE
    conspicuity = min(rendered.contrast * rendered.area / GROSS, 1.0)
    chance = high + (low - high) * conspicuity if truth else DISSENT_NEGATIVE
    dissenter = int(rng.integers(len(READERS))) if rng.random() < chance else None
    return {name: 1 - truth if k == dissenter else truth for k, name in enumerate(READERS)}
