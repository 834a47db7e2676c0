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
from sijstudy.images.grids import Grid, on_slices
from sijstudy.images.label_names import value_names
from sijstudy.images.nifti import is_volume, lps_affine, reading_volume
from sijstudy.images.nrrd_header import nrrd_affine, slicer_segments
from sijstudy.images.segment_names import Described, Meaning, SegmentTable

Array = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

NRRD_SUFFIXES = (".nrrd", ".nhdr")
SLICER_SUFFIX = ".seg.nrrd"
MAX_VALUES = 128  # ASSUMED: what holds more different values is an image (TotalSegmentator writes 117)


@dataclass(frozen=True)
class LabelMap:
    """A label map as stored.

    layers, affine: as in ``Grid``. labels: segment label of (layer, value), for files that hold labels. cropped: the
    file holds only the part with outlines, as Slicer writes it; beyond it there are none.
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
    (``grids.on_slices``).
    """
    declared, values = _declared(label_map, table), _values(label_map)
    if len(values) > MAX_VALUES and not label_map.labels:
        raise StudyError(
            f"{label_map.file}: holds {len(values)} different values, so it is an image, no label map; take it out of "
            "the folder, or give its name a row with an empty segment in a segments table (--segments)"
        )
    planes = {} if _nothing_drawn(label_map, declared) else placed_label_map(label_map, headers)
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


def placed_label_map(label_map: LabelMap, headers: Sequence[DicomHeader]) -> dict[str, Array]:
    """UID -> ``(L, H, W)``: the layers on each slice that the map covers. StudyError as ``grids.on_slices``."""
    return on_slices(Grid(str(label_map.file), label_map.layers, label_map.affine), headers)


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


def _read_nifti(path: Path) -> LabelMap:
    with reading_volume(path):
        image: Any = nib.load(path)
        affine = lps_affine(image, path)
        values = np.asarray(image.dataobj)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    labels = {(0, value): name for value, name in value_names(path).items()}
    return LabelMap(path, _whole(values[None], path), affine, labels)


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
    outline = Described(label_map.labels.get((layer, value)), value)
    meaning = table.meaning(label_map.file, outline)
    if meaning is None:
        where = table.path or "a segments table (--segments)"
        raise StudyError(f"{label_map.file}: {outline.text} has no meaning; give it a row in {where}")
    return meaning
