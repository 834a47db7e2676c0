"""The window around what is asked for."""

import numpy as np
import pytest

from sijstudy.windows import around


@pytest.mark.parametrize("reach", [(0, 0), (1, 1), (2, 0), (3, 4), (30, 30)])
def test_it_holds_all_pixels_and_as_much_around_them_as_there_is(reach):
    mask = np.zeros((9, 12), bool)
    mask[2, 7] = mask[5, 3] = True
    rows, columns = np.nonzero(mask)
    expected = np.zeros_like(mask)
    expected[max(0, rows.min() - reach[0]) : rows.max() + reach[0] + 1,
             max(0, columns.min() - reach[1]) : columns.max() + reach[1] + 1] = True  # fmt: skip
    window, found = around(mask, reach), np.zeros_like(mask)
    found[window] = True
    assert (found == expected).all()
    assert all(own.stop <= size for own, size in zip(window, mask.shape, strict=True))
