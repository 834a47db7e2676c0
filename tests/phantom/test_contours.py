"""Outlines and distances against circles, squares and lines."""

from __future__ import annotations

import numpy as np

from sijstudy.phantom.contours import REACH, Outline, distance_to_line, signed_distance, spline

X, V = np.meshgrid(np.linspace(-9, 9, 40, dtype=np.float32), np.linspace(-9, 9, 37, dtype=np.float32))


def test_signed_distance_to_a_circle() -> None:
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = (5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)
    assert np.allclose(signed_distance(X, V, ring), np.hypot(X, V) - 5, atol=2e-3)


def test_signed_distance_to_a_square() -> None:
    ring = np.array([[-3, -3], [3, -3], [3, 3], [-3, 3]], np.float32)
    outside = np.hypot(np.clip(np.abs(X) - 3, 0, None), np.clip(np.abs(V) - 3, 0, None))
    inside = np.minimum(np.maximum(np.abs(X), np.abs(V)) - 3, 0)
    assert np.allclose(signed_distance(X, V, ring), outside + inside, atol=1e-4)


def test_signed_distance_is_exact_near_an_outline_and_never_too_short_far_from_it() -> None:
    ring = np.array([[-3, -3], [3, -3], [3, 3], [-3, 3]], np.float32)
    true = np.hypot(np.clip(np.abs(8 * X) - 3, 0, None), np.clip(np.abs(8 * V) - 3, 0, None))
    distance = signed_distance(8 * X, 8 * V, ring)
    near = (true > 0) & (true < REACH - 0.1)
    assert near.any() and np.allclose(distance[near], true[near], atol=1e-4)
    assert (distance[true > REACH] >= REACH).all() and (distance[true == 0] <= 0).all()


def test_distance_and_arc_length_along_an_open_line() -> None:
    line = np.array([[-4, 0], [0, 0], [4, 0]], np.float32)
    distance, along = distance_to_line(X, V, line)
    assert np.allclose(distance, np.hypot(np.clip(np.abs(X) - 4, 0, None), V), atol=1e-4)
    assert np.allclose(along, np.clip((X + 4) / 8, 0, 1), atol=1e-4)


def test_the_spline_passes_through_its_control_points() -> None:
    points = np.array([[0, 0], [4, 1], [5, 5], [1, 6]], np.float32)
    for closed in (True, False):
        line = spline(points, closed)
        assert np.abs(line[:, None] - points[None]).sum(axis=2).min(axis=0).max() < 1e-5
    assert np.allclose(spline(points, closed=False)[[0, -1]], points[[0, -1]])


def test_an_outline_moves_between_its_keyframes_and_stays_beyond_them() -> None:
    frames = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    outline = Outline(np.array([-10, 10], np.float32), frames)
    assert np.allclose(outline.at(0), frames.mean(axis=0))
    assert np.allclose(outline.at(-99), frames[0]) and np.allclose(outline.at(99), frames[1])
