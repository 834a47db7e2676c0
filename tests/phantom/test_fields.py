"""Smooth random fields and interpolation against what they must reproduce."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom.fields import (
    COARSE_MM,
    Grid,
    bspline_matrix,
    bspline_weights,
    cover,
    cubic_matrix,
    interpolate,
    random_field,
    smoothstep,
)

GRID = Grid(128)


def test_bspline_weights_are_a_partition_of_unity() -> None:
    points = np.linspace(-120, 120, 77).astype(np.float32)
    assert np.allclose(bspline_weights(points, 5.0, 140.0).sum(axis=1), 1, atol=1e-5)


def test_a_field_has_zero_mean_and_unit_sd() -> None:
    field = random_field(np.random.default_rng(1), 5.0)
    values = np.stack([field.plane(w, GRID) for w in (-30.0, -10.0, 10.0, 30.0)])
    assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.05


def test_neighbouring_slices_are_slices_of_one_body() -> None:
    field = random_field(np.random.default_rng(2), 28.0)

    def likeness(gap: float) -> float:
        return float(np.corrcoef(field.plane(0.0, GRID).ravel(), field.plane(gap, GRID).ravel())[0, 1])

    assert likeness(2.2) > 0.9
    assert abs(likeness(56.0)) < 0.4


def test_a_window_of_a_field_is_that_part_of_the_plane() -> None:
    field = random_field(np.random.default_rng(3), 9.0)
    rows, columns = GRID.window(-30, 20, 10, 50)
    assert np.allclose(field.window(4.0, GRID, rows, columns), field.plane(4.0, GRID)[rows, columns], atol=1e-5)


def test_upsampling_keeps_straight_lines_straight() -> None:
    ramp = 0.5 * COARSE_MM[:, None] - 2 * COARSE_MM[None, :]
    assert np.allclose(GRID.upsample(ramp), 0.5 * GRID.mm[:, None] - 2 * GRID.mm[None, :], atol=1e-3)


def test_the_window_holds_the_rectangle_and_is_clipped_to_the_image() -> None:
    rows, columns = GRID.window(-10, 10, 100, 300)
    assert GRID.mm[columns.start] <= -10 and GRID.mm[columns.stop - 1] >= 10
    assert GRID.mm[rows.start] <= 100 and rows.stop == GRID.size


def test_steps_and_covers_are_monotone_between_0_and_1() -> None:
    x = np.linspace(-2, 2, 41).astype(np.float32)
    assert (np.diff(smoothstep(x)) >= 0).all() and smoothstep(x)[0] == 0 and smoothstep(x)[-1] == 1
    assert (np.diff(cover(x)) <= 0).all() and cover(np.float32([0.0]))[0] == 0.5


def test_interpolation_by_bands_is_the_product_with_the_whole_basis() -> None:
    grid = Grid(200)
    for basis in (cubic_matrix(grid.size, grid.fov), bspline_matrix(grid.size, grid.fov, 9.0)):
        nodes = basis.weights.shape[1]
        values = np.random.default_rng(4).standard_normal((nodes, nodes), dtype=np.float32)
        whole = basis.weights @ values @ basis.weights.T
        for rows, columns in ((slice(None), slice(None)), (slice(37, 171), slice(60, 64)), (slice(9, 9), slice(5))):
            assert np.allclose(interpolate(basis, values, rows, columns), whole[rows, columns], atol=1e-4)
