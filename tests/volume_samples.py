"""Small NIfTI and NRRD files for tests, in any axis order; no part of the package is used here."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import nrrd
import numpy as np
from skimage.draw import polygon2mask

ROWS, COLUMNS, PLANES = 24, 32, 5
PIXEL, STEP = 0.6, 3.3
DRAWN_SIZE, DRAWN_PIXEL = 200, 1.0  # a drawn pelvis: 1 mm pixels, midline at column 100
TILT = np.deg2rad(35.0)  # oblique coronal: rows run downwards and back, slices back and up
Axes = tuple[tuple[int, ...], tuple[bool, ...]]  # order of an array's axes, whether each runs backwards
STRAIGHT: Axes = (0, 1, 2), (False, False, False)
#: every way to order and turn three axes
AXIS_ORDERS: list[Axes] = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3))
)


def upright_affine(tilt: float = TILT, pixel: float = PIXEL, step: float = STEP) -> np.ndarray:
    """(column, row, plane) -> LPS mm: columns to the left, rows down (and back), planes back and up."""
    affine = np.eye(4)
    affine[:3, 0] = np.array([1.0, 0.0, 0.0]) * pixel
    affine[:3, 1] = np.array([0.0, np.sin(tilt), -np.cos(tilt)]) * pixel
    affine[:3, 2] = np.array([0.0, np.cos(tilt), np.sin(tilt)]) * step
    affine[:3, 3] = -9.5, -40.25, 30.0
    return affine


def turned(stack: np.ndarray, affine: np.ndarray, axes: Axes) -> tuple[np.ndarray, np.ndarray]:
    """A stack ``(planes, rows, columns)`` as an array of other axes, with its LPS affine."""
    order, flips = axes
    array = np.transpose(stack, (2, 1, 0)).transpose(order)
    back = np.zeros((4, 4))
    back[3, 3] = 1
    for new, old in enumerate(order):
        back[old, new] = -1 if flips[new] else 1
        back[old, 3] = array.shape[new] - 1 if flips[new] else 0
    places = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    return array[places], affine @ back


def write_nifti(
    path: Path,
    stack: np.ndarray,
    affine: np.ndarray | None = None,
    *,
    axes: Axes = STRAIGHT,
    code: int = 1,
) -> Path:
    """The stack as NIfTI (RAS); ``code`` is that of sform and qform."""
    array, lps = turned(stack, upright_affine() if affine is None else affine, axes)
    image = nib.Nifti1Image(np.ascontiguousarray(array), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=code)
    image.set_qform(None if code == 0 else image.affine, code=code)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def write_nrrd(
    path: Path,
    layers: np.ndarray,
    affine: np.ndarray | None = None,
    *,
    axes: Axes = STRAIGHT,
    space: str = "left-posterior-superior",
    fields: dict[str, Any] | None = None,
) -> Path:
    """Stack ``(planes, rows, columns)``, or layers of stacks, as NRRD; ``fields`` are added to the header."""
    stacks = layers if layers.ndim == 4 else layers[None]
    pairs = [turned(stack, upright_affine() if affine is None else affine, axes) for stack in stacks]
    lps = np.diag([-1.0 if space[0] == "r" else 1.0, -1.0 if "anterior" in space else 1.0, 1.0, 1.0]) @ pairs[0][1]
    directions = lps[:3, :3].T.tolist()
    layered = layers.ndim == 4
    header = {
        "space": space,
        "space directions": np.array(([[np.nan] * 3] if layered else []) + directions),
        "space origin": lps[:3, 3],
        "kinds": (["list"] if layered else []) + ["domain"] * 3,
        **(fields or {}),
    }
    data = np.stack([array for array, _ in pairs]) if layered else pairs[0][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    nrrd.write(str(path), np.ascontiguousarray(data), header)
    return path


def drawn(kind, seed=0):
    """(image, bone) of a slice; ``joint``: ilia and sacrum are one bone, only a dark line parts them."""
    rng = np.random.default_rng(seed)
    bone = np.zeros((DRAWN_SIZE, DRAWN_SIZE), bool)
    image = rng.normal(40, 6, (DRAWN_SIZE, DRAWN_SIZE)).astype(np.float32)
    if kind in ("apart", "joint"):
        for side in (-1, 1):
            corners = [(60, 90), (60, 48), (130, 32), (122, 60)]  # row, distance from the midline
            bone |= polygon2mask((DRAWN_SIZE, DRAWN_SIZE), [(row, 100 + side * away) for row, away in corners])
    if kind == "joint":
        bone |= polygon2mask((DRAWN_SIZE, DRAWN_SIZE), [(60, 40), (60, 160), (120, 130), (120, 70)])
    if kind == "spine":
        bone[40:70, 75:125] = True
    image[bone] = rng.normal(100, 6, int(bone.sum()))
    if kind == "joint":
        for side in (-1, 1):
            for row in range(60, 131):
                column = round(100 + side * (48 - 16 * (row - 60) / 70))
                image[row, column - 1 : column + 2] *= 0.5
    return image, bone
