"""Label maps (NIfTI, NRRD, Slicer's .seg.nrrd) laid onto the slices they were drawn on, never resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import nibabel as nib
import nrrd
import numpy as np

from sijstudy.errors import StudyError
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.dicom_file import brief
from sijstudy.images.nifti import is_volume, lps_affine, reading_volume
from sijstudy.images.nrrd_header import nrrd_affine, slicer_segments
from sijstudy.images.segment_names import Meaning, SegmentTable
from sijstudy.images.slice_order import normal_of

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

NRRD_SUFFIXES = (".nrrd", ".nhdr")
SLICER_SUFFIX = ".seg.nrrd"
MAX_VALUES = 128  # ASSUMED: what holds more different values is an image (TotalSegmentator writes 117)
TOLERANCE = 0.1  # of a pixel: how far pixel centres may lie beside each other (ASSUMED; rounded headers, not grids)


@dataclass(frozen=True)
class LabelMap:
    """A label map as stored.

    layers ``(L, I, J, K)`` whole numbers, 0 outside. affine ``(4, 4)``: index (i, j, k) -> LPS mm. labels: segment
    label of (layer, value), for files that hold labels. cropped: the file holds only the part with outlines, as
    Slicer writes it; beyond it there are none.
    """

    file: Path
    layers: Array
    affine: Array
    labels: Mapping[tuple[int, int], str] = field(default_factory=dict)
    cropped: bool = False


@dataclass(frozen=True)
class Outline:
    """One segment by one reading. masks: UID -> ``(H, W)`` bool, slices with pixels only. slices: UIDs drawn on."""

    meaning: Meaning
    masks: dict[str, Mask]
    slices: frozenset[str]


def is_label_map_name(path: Path) -> bool:
    """True when the file's name is that of a NIfTI or NRRD file."""
    return is_volume(path) or path.name.lower().endswith(NRRD_SUFFIXES)


def read_label_map(path: Path) -> LabelMap:
    """Read a NIfTI or NRRD label map. Raises StudyError naming the file when it is none, or states no orientation."""
    return _read_nifti(path) if is_volume(path) else _read_nrrd(path)


def outlines_on_slices(label_map: LabelMap, headers: Sequence[DicomHeader], table: SegmentTable) -> list[Outline]:
    """What a label map outlines on a subject's slices, by the rows of ``table``.

    Raises StudyError naming the file when it is an image, a value or label has no row, or the grids differ
    (``on_slices``).
    """
    declared, values = _declared(label_map, table), _values(label_map)
    if len(values) > MAX_VALUES and not label_map.labels:
        if declared and all(meaning.segment is None for meaning in declared):
            return []
        raise StudyError(
            f"{label_map.file}: holds {len(values)} different values, so it is an image, no label map; take it out of "
            "the folder, or give its name a row with an empty segment in a segments table (--segments)"
        )
    planes = {} if _nothing_drawn(label_map, declared) else on_slices(label_map, headers)
    drawn = frozenset(planes) if planes and not label_map.cropped else frozenset(header.uid for header in headers)
    found: dict[Meaning, dict[str, Mask]] = {meaning: {} for meaning in declared}
    for layer, value in values:
        meaning = _meaning(label_map, layer, value, table)
        masks = found.setdefault(meaning, {})
        for uid, plane in planes.items():
            mask = plane[layer] == value
            if mask.any():
                masks[uid] = masks[uid] | mask if uid in masks else mask
    return [Outline(meaning, masks, drawn) for meaning, masks in found.items() if meaning.segment is not None]


def _nothing_drawn(label_map: LabelMap, declared: Sequence[Meaning]) -> bool:
    """True for what 3D Slicer writes when nothing was drawn: one voxel of 0, which has no grid to compare.

    StudyError when it has no segment either: then nobody said that there is nothing to see.
    """
    if label_map.layers.shape[1:] != (1, 1, 1) or label_map.layers.any():
        return False
    if not label_map.cropped and not label_map.file.name.lower().endswith(SLICER_SUFFIX):
        return False
    if not declared:
        raise StudyError(
            f"{label_map.file}: holds no segment; add the segments that were looked for, empty ones too, or remove it"
        )
    return True


def on_slices(label_map: LabelMap, headers: Sequence[DicomHeader]) -> dict[str, Array]:
    """UID -> ``(L, H, W)``: the layers on each slice that the map covers; axes are exchanged and turned as needed.

    A map may cover some slices, and of these a part only. StudyError says what differs when its pixel centres do not
    coincide with the slices' within TOLERANCE, its planes lie closer or wider than the slices, it marks pixels
    outside the image, or it covers no slice. Nothing is resampled.
    """
    placed, steps = {}, []
    for header in headers:
        corner, across, down = _snapped(label_map, header, headers)
        slice_axis = 3 - int(np.abs(across).argmax()) - int(np.abs(down).argmax())
        steps.append(int(corner[slice_axis]))
        if 0 <= corner[slice_axis] < label_map.layers.shape[1 + slice_axis]:
            placed[header.uid] = _plane(label_map, header, corner, across, down)
    _check_distance(label_map, headers, steps)
    if not placed:
        raise _refusal(label_map, headers, "it covers none of them")
    return placed


def _read_nifti(path: Path) -> LabelMap:
    with reading_volume(path):
        image: Any = nib.load(path)
        affine = lps_affine(image, path)
        values = np.asarray(image.dataobj)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    return LabelMap(path, _whole(values[None], path), affine)


def _read_nrrd(path: Path) -> LabelMap:
    try:
        header: Mapping[str, Any] = nrrd.read_header(str(path))
        data_file = str(header.get("data file", header.get("datafile", "")))
        if PurePath(data_file).is_absolute() or ".." in PurePath(data_file).parts:
            raise StudyError(f"{path}: its data file {data_file} leads out of its folder; put it beside the header")
        values, _ = nrrd.read(str(path))
    except StudyError:
        raise
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file ({Path(error.filename or path).name}); restore it") from None
    except Exception as error:  # pynrrd, gzip and numpy have one each
        raise StudyError(f"{path}: cannot be read as NRRD ({brief(error)}); export it again") from None
    affine, layered = nrrd_affine(header, values.ndim, path)
    segments = slicer_segments(header)
    layers = _whole(values if layered else values[None], path)
    return LabelMap(path, layers, affine, segments, cropped=bool(segments))


def _whole(layers: Array, path: Path) -> Array:
    """Layers as whole numbers. StudyError when they are not, or not ``(L, I, J, K)``."""
    if layers.ndim != 4 or 0 in layers.shape:
        raise StudyError(f"{path}: has shape {layers.shape[1:]}, not that of one label map; give one map in a file")
    if layers.dtype == bool:
        return layers.astype(np.uint8)
    if layers.dtype.kind not in "iuf":
        raise StudyError(f"{path}: holds no whole numbers; give a label map, not an image")
    if layers.dtype.kind == "f" and not (np.isfinite(layers).all() and (layers % 1 == 0).all()):
        raise StudyError(f"{path}: holds values that are no whole numbers; give a label map, not an image")
    if layers.min() < 0:
        raise StudyError(f"{path}: holds the value {layers.min():g}; labels of a map are 0 and above")
    return layers.astype(np.int32) if layers.dtype.kind == "f" else layers


def _values(label_map: LabelMap) -> list[tuple[int, int]]:
    return [
        (layer, int(value)) for layer, plane in enumerate(label_map.layers) for value in np.unique(plane[plane > 0])
    ]


def _declared(label_map: LabelMap, table: SegmentTable) -> list[Meaning]:
    """Segments that the map speaks of even where it has no pixel: an empty map is a reading, too."""
    named = [_meaning(label_map, layer, value, table) for layer, value in label_map.labels]
    return named or list(table.declared(label_map.file))


def _meaning(label_map: LabelMap, layer: int, value: int, table: SegmentTable) -> Meaning:
    label = label_map.labels.get((layer, value))
    meaning = table.meaning(label_map.file, label=label, value=value)
    if meaning is None:
        what = f"value {value}" if label is None else f"segment '{label}'"
        where = table.path or "a segments table (--segments)"
        raise StudyError(f"{label_map.file}: {what} has no meaning; give it a row in {where}")
    return meaning


def _snapped(label_map: LabelMap, header: DicomHeader, headers: Sequence[DicomHeader]) -> tuple[Array, Array, Array]:
    """Index ``(3,)`` of a slice's first pixel in the map, and the signed unit steps along a row and along a column."""
    into = np.linalg.inv(label_map.affine)
    across = into[:3, :3] @ np.array(header.orientation[:3]) * header.spacing[1]
    down = into[:3, :3] @ np.array(header.orientation[3:]) * header.spacing[0]
    start = (into @ np.array([*header.position, 1.0]))[:3]
    unit_across, unit_down = np.round(across), np.round(down)
    if np.abs(unit_across).sum() != 1 or np.abs(unit_down).sum() != 1 or unit_across @ unit_down != 0:
        raise _refusal(label_map, headers, _difference(label_map, header))
    rows, columns = header.shape
    corners = np.array([(r, c) for r in (0, rows - 1) for c in (0, columns - 1)], float)
    exact = start + corners[:, 1:] * across + corners[:, :1] * down
    unit = corners[:, 1:] * unit_across + corners[:, :1] * unit_down
    corner = np.round((exact - unit).mean(axis=0))
    aside = np.linalg.norm((exact - unit - corner) @ label_map.affine[:3, :3].T, axis=1).max()
    if aside > TOLERANCE * min(header.spacing):
        turned = _difference(label_map, header)
        raise _refusal(label_map, headers, turned or f"its pixel centres lie up to {aside:.2f} mm beside theirs")
    return corner.astype(int), unit_across.astype(int), unit_down.astype(int)


def _plane(label_map: LabelMap, header: DicomHeader, corner: Array, across: Array, down: Array) -> Array:
    """The layers ``(L, H, W)`` on one slice, 0 where the map does not reach."""
    row_axis, column_axis = int(np.abs(down).argmax()), int(np.abs(across).argmax())
    slice_axis = 3 - row_axis - column_axis
    plane = label_map.layers[(slice(None),) * (1 + slice_axis) + (corner[slice_axis],)]
    plane = plane if row_axis < column_axis else plane.transpose(0, 2, 1)
    rows = corner[row_axis] + down[row_axis] * np.arange(header.shape[0])
    columns = corner[column_axis] + across[column_axis] * np.arange(header.shape[1])
    here_r, here_c = (
        (index >= 0) & (index < size) for index, size in ((rows, plane.shape[1]), (columns, plane.shape[2]))
    )
    result = np.zeros((len(plane), *header.shape), plane.dtype)
    result[:, np.ix_(here_r, here_c)[0], np.ix_(here_r, here_c)[1]] = plane[:, rows[here_r][:, None], columns[here_c]]
    if np.count_nonzero(result) < np.count_nonzero(plane):
        raise StudyError(
            f"{label_map.file}: marks pixels outside the {header.shape[0]} x {header.shape[1]} image "
            f"{header.file.name}; draw on the original slices"
        )
    return result


def _check_distance(label_map: LabelMap, headers: Sequence[DicomHeader], steps: Sequence[int]) -> None:
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
        raise _refusal(label_map, headers, f"its planes lie {plane:.3g} mm apart, the slices {nearest:.3g} mm")


def _difference(label_map: LabelMap, header: DicomHeader) -> str:
    """What differs in direction or pixel spacing, as text; empty when neither does."""
    spacing = np.linalg.norm(label_map.affine[:3, :3], axis=0)
    cosines = np.abs(np.reshape(header.orientation, (2, 3)) @ (label_map.affine[:3, :3] / spacing))
    angle = float(np.degrees(np.arccos(min(1.0, cosines.max(axis=1).min()))))
    reach = np.radians(angle) * max(header.shape) * min(header.spacing)
    if reach > TOLERANCE * min(header.spacing) and angle > 0.01:
        return f"its axes are turned by {angle:.2f} degrees against theirs"
    own = [float(spacing[axis]) for axis in cosines.argmax(axis=1)]
    wanted = [header.spacing[1], header.spacing[0]]
    if np.allclose(own, wanted, rtol=1e-4):
        return ""
    return f"its pixels are {own[0]:.4g} x {own[1]:.4g} mm, theirs {wanted[0]:.4g} x {wanted[1]:.4g} mm"


def _refusal(label_map: LabelMap, headers: Sequence[DicomHeader], reason: str) -> StudyError:
    sizes = " x ".join(str(size) for size in label_map.layers.shape[1:])
    rows, columns = headers[0].shape
    return StudyError(
        f"{label_map.file}: lies on another grid than the slices of {headers[0].file.name}: {reason} (map {sizes}, "
        f"slices {columns} x {rows} x {len(headers)}); draw on the original slices, nothing is resampled here"
    )
