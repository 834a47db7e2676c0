"""Outlines on a grid of their own, laid onto the slices they were drawn on: exact, or refused; never resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.slice_order import normal_of
from sijstudy.images.upright import Plane

Array = np.ndarray[Any, Any]
TOLERANCE = 0.1  # of a pixel: how far pixel centres may lie beside each other (ASSUMED; rounded headers, not grids)


@dataclass(frozen=True)
class Grid:
    """Layers of outlines. name: how messages call it, its file first.

    layers ``(L, I, J, K)`` whole numbers, 0 outside. affine ``(4, 4)``: index (i, j, k) -> LPS mm.
    """

    name: str
    layers: Array
    affine: Array


def grid_of_plane(name: str, pixels: Array, plane: Plane) -> Grid:
    """The grid of one image ``(H, W)`` that lies at ``plane``; its third axis is the normal, in mm."""
    affine = np.eye(4)
    affine[:3, 0] = np.array(plane.orientation[:3]) * plane.spacing[1]
    affine[:3, 1] = np.array(plane.orientation[3:]) * plane.spacing[0]
    affine[:3, 2] = np.cross(plane.orientation[:3], plane.orientation[3:])
    affine[:3, 3] = plane.position
    return Grid(name, pixels.T[None, ..., None], affine)


def on_slices(grid: Grid, headers: Sequence[DicomHeader]) -> dict[str, Array]:
    """UID -> ``(L, H, W)``: the layers on each slice that the map covers; axes are exchanged and turned as needed.

    A map may cover some slices, and of these a part only. StudyError says what differs when its pixel centres do not
    coincide with the slices' within TOLERANCE, its planes lie closer or wider than the slices, it marks pixels
    outside the image, or it covers no slice. Nothing is resampled.
    """
    placed, steps = {}, []
    for header in headers:
        corner, across, down = _snapped(grid, header, headers)
        slice_axis = 3 - int(np.abs(across).argmax()) - int(np.abs(down).argmax())
        steps.append(int(corner[slice_axis]))
        if 0 <= corner[slice_axis] < grid.layers.shape[1 + slice_axis]:
            placed[header.uid] = _plane(grid, header, corner, across, down)
    _check_distance(grid, headers, steps)
    if not placed:
        raise _refusal(grid, headers, "it covers none of them")
    return placed


def on_slice(grid: Grid, header: DicomHeader) -> Array:
    """``(L, H, W)``: a grid that lies in one slice's plane on that slice; turned, refused as in ``on_slices``."""
    return _plane(grid, header, *_snapped(grid, header, [header]))


def _snapped(grid: Grid, header: DicomHeader, headers: Sequence[DicomHeader]) -> tuple[Array, Array, Array]:
    """Index ``(3,)`` of a slice's first pixel in the map, and the signed unit steps along a row and along a column."""
    into = np.linalg.inv(grid.affine)
    across = into[:3, :3] @ np.array(header.orientation[:3]) * header.spacing[1]
    down = into[:3, :3] @ np.array(header.orientation[3:]) * header.spacing[0]
    start = (into @ np.array([*header.position, 1.0]))[:3]
    unit_across, unit_down = np.round(across), np.round(down)
    if np.abs(unit_across).sum() != 1 or np.abs(unit_down).sum() != 1 or unit_across @ unit_down != 0:
        raise _refusal(grid, headers, _difference(grid, header))
    rows, columns = header.shape
    corners = np.array([(r, c) for r in (0, rows - 1) for c in (0, columns - 1)], float)
    exact = start + corners[:, 1:] * across + corners[:, :1] * down
    unit = corners[:, 1:] * unit_across + corners[:, :1] * unit_down
    corner = np.round((exact - unit).mean(axis=0))
    aside = np.linalg.norm((exact - unit - corner) @ grid.affine[:3, :3].T, axis=1).max()
    if aside > TOLERANCE * min(header.spacing):
        turned = _difference(grid, header)
        raise _refusal(grid, headers, turned or f"its pixel centres lie up to {aside:.2f} mm beside theirs")
    return corner.astype(int), unit_across.astype(int), unit_down.astype(int)


def _plane(grid: Grid, header: DicomHeader, corner: Array, across: Array, down: Array) -> Array:
    """The layers ``(L, H, W)`` on one slice, 0 where the map does not reach."""
    row_axis, column_axis = int(np.abs(down).argmax()), int(np.abs(across).argmax())
    slice_axis = 3 - row_axis - column_axis
    plane = grid.layers[(slice(None),) * (1 + slice_axis) + (corner[slice_axis],)]
    plane = plane if row_axis < column_axis else plane.transpose(0, 2, 1)
    rows = corner[row_axis] + down[row_axis] * np.arange(header.shape[0])
    columns = corner[column_axis] + across[column_axis] * np.arange(header.shape[1])
    (to_rows, from_rows), (to_columns, from_columns) = _shared(rows, plane.shape[1]), _shared(columns, plane.shape[2])
    result = np.zeros((len(plane), *header.shape), plane.dtype)
    result[:, to_rows, to_columns] = plane[:, from_rows, from_columns]
    if np.count_nonzero(result) < np.count_nonzero(plane):
        raise StudyError(
            f"{grid.name}: marks pixels outside the {header.shape[0]} x {header.shape[1]} image "
            f"{header.file.name}; draw on the original slices"
        )
    return result


def _shared(index: Array, size: int) -> tuple[slice, slice]:
    """Which of ``index``, whole numbers one apart that grow or fall, lie in an axis of ``size``, and where there."""
    here = np.flatnonzero((index >= 0) & (index < size))
    if not here.size:
        return slice(0, 0), slice(0, 0)
    first, last = int(index[here[0]]), int(index[here[-1]])
    there = slice(first, last + 1) if first <= last else slice(first, last - 1 if last else None, -1)
    return slice(int(here[0]), int(here[-1]) + 1), there


def _check_distance(grid: Grid, headers: Sequence[DicomHeader], steps: Sequence[int]) -> None:
    """The map's planes must follow each other as the slices do: one plane, or none, to a slice."""
    if len(headers) < 2:
        return
    gap = int(np.diff(sorted(steps)).min())
    normal = normal_of(headers[0].orientation)
    heights = np.sort([float(np.dot(header.position, normal)) for header in headers])
    nearest = float(np.diff(heights).min())
    declared = headers[0].acquisition.get("spacing_between_slices_mm")
    plane = nearest / max(gap, 1)
    if gap != 1 and not (isinstance(declared, (int, float)) and abs(plane - declared) < 0.05 * declared):
        raise _refusal(grid, headers, f"its planes lie {plane:.3g} mm apart, the slices {nearest:.3g} mm")


def _difference(grid: Grid, header: DicomHeader) -> str:
    """What differs in direction or pixel spacing, as text; empty when neither does."""
    spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)
    cosines = np.abs(np.reshape(header.orientation, (2, 3)) @ (grid.affine[:3, :3] / spacing))
    angle = float(np.degrees(np.arccos(min(1.0, cosines.max(axis=1).min()))))
    reach = np.radians(angle) * max(header.shape) * min(header.spacing)
    if reach > TOLERANCE * min(header.spacing) and angle > 0.01:
        return f"its axes are turned by {angle:.2f} degrees against theirs"
    own = [float(spacing[axis]) for axis in cosines.argmax(axis=1)]
    wanted = [header.spacing[1], header.spacing[0]]
    if np.allclose(own, wanted, rtol=1e-4):
        return ""
    return f"its pixels are {own[0]:.4g} x {own[1]:.4g} mm, theirs {wanted[0]:.4g} x {wanted[1]:.4g} mm"


def _refusal(grid: Grid, headers: Sequence[DicomHeader], reason: str) -> StudyError:
    sizes = " x ".join(str(size) for size in grid.layers.shape[1:])
    rows, columns = headers[0].shape
    return StudyError(
        f"{grid.name}: lies on another grid than the slices of {headers[0].file.name}: {reason} (map {sizes}, "
        f"slices {columns} x {rows} x {len(headers)}); draw on the original slices, nothing is resampled here"
    )
