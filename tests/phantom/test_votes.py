"""The three readers: the majority is the truth, faint lesions split them more often."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom.render import Rendered
from sijstudy.phantom.votes import read_slice_votes


def dissent(contrast: float, area: float) -> float:
    rng = np.random.default_rng(0)
    rendered = Rendered(np.zeros((2, 2), np.uint16), np.zeros((2, 2, 4), bool), contrast, area)
    votes = np.array([list(read_slice_votes(rng, rendered).values()) for _ in range(2000)])
    assert ((votes.sum(axis=1) >= 2) == (area > 0)).all()
    return float((votes != int(area > 0)).any(axis=1).mean())


def test_faint_lesions_split_the_readers_more_often_than_gross_ones() -> None:
    faint, gross, none = dissent(0.15, 90), dissent(0.5, 900), dissent(0.0, 0)
    assert faint > 0.3 > 0.1 > gross > 0
    assert 0.05 < none < 0.12
