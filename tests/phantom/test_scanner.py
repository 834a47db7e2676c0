"""The receiver: k-space that is not measured blurs and rings, and leaves the noise's SD as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sijstudy.phantom.fields import Grid
from sijstudy.phantom.protocol import Protocol
from sijstudy.phantom.scanner import Scanner, acquire, draw_scanner

GRID = Grid(448)
PLAIN = replace(draw_scanner(np.random.default_rng(0), Protocol()), blur=0.0, noise=0.0, scale=1000.0)


def pixels(scanner: Scanner, signal: np.ndarray) -> np.ndarray:
    return acquire(GRID, signal.astype(np.float32), scanner, np.random.default_rng(1)).astype(float)


def test_noise_keeps_its_sd_and_becomes_grainy() -> None:
    flat = np.ones((448, 448), np.float32)
    full = pixels(replace(PLAIN, noise=0.03), flat)
    part = pixels(replace(PLAIN, noise=0.03, acquired=(0.7, 0.5)), flat)
    assert abs(part.std() / full.std() - 1) < 0.05 and abs(full.std() - 30) < 1
    neighbours = [np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1] for image in (full, part)]
    assert abs(neighbours[0]) < 0.02 and neighbours[1] > 0.4


def test_missing_lines_ring_at_an_edge_and_full_ones_do_not() -> None:
    edge = np.zeros((448, 448), np.float32)
    edge[:, 150:300] = 1
    assert pixels(PLAIN, edge).max() == 1000
    ringing = pixels(replace(PLAIN, acquired=(1.0, 0.5)), edge)
    assert 1050 < ringing.max() < 1095  # Gibbs: at most 9% of the step, and the peak may lie between two pixels
    assert np.ptp(ringing[:, 225]) < 2  # nothing along the edge


def test_sharpening_overshoots_at_an_edge() -> None:
    edge = np.full((448, 448), 0.5, np.float32)
    edge[:, 224:] = 1
    sharpened = pixels(replace(PLAIN, sharpening=1.0), edge)
    assert sharpened.max() > 1050 and sharpened.min() < 450
    assert sharpened[0, 100] == 500 and sharpened[0, 400] == 1000
