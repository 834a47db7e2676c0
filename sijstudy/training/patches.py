"""Manifest -> patches: every slice of the cohort as the network sees it before noise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock
from joblib import Parallel, delayed
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from tqdm import tqdm

from sijstudy.aggregation import neighbours
from sijstudy.code import code_digest
from sijstudy.cohort.manifest import Manifest, cohort_hash, verify_files
from sijstudy.cohort.normal_marrow import LEVELS, bone_lacks, level_of, require_bone
from sijstudy.cohort.slice_outlines import SliceOutlines, outlines_identity
from sijstudy.errors import StudyError
from sijstudy.files import digest, remove_temporaries, write_atomic
from sijstudy.fresh_torch import environment_identity
from sijstudy.images.read import read_image_pixels
from sijstudy.intensity import in_marrow_units, to_8bit
from sijstudy.records import Arm, Slice
from sijstudy.roi import RoiBoxes, roi_boxes, roi_patch, whole_image

if TYPE_CHECKING:
    from sijstudy.config import StudyConfig  # for its type alone, see code.py


TRIED = 32  # slices read at first, to see how long the others will take
WORTH_PROCESSES = 10.0  # seconds; four times what a process takes to start
Image = np.ndarray[Any, np.dtype[np.float32]]
Bones = Callable[[Slice], np.ndarray[Any, np.dtype[np.bool_]] | None]  # a slice -> where bone is on it, (H, W)
SLICE_COLUMNS = ["subject_id", "slice_index", "label", "sop_instance_uid"]


@dataclass(frozen=True)
class PatchSet:
    """The patches of one arm of the study, a row per slice of the manifest.

    patches: ``(N, 1, S, S)`` float32 on the 8-bit scale [0, 255], without noise; memory-mapped, read-only. With
    ``config.bone_channel`` ``(N, 2, S, S)``: then the mask of bone, 0 or 1.
    slices: N rows in the same order: subject_id, slice_index, label, sop_instance_uid (of a frame or a plane with its
    number, unique), which seeds the noise.
    digest: hash of all that determines them, the cohort included.
    """

    patches: np.ndarray[Any, np.dtype[np.float32]]
    slices: pd.DataFrame
    arm: Arm
    digest: str

    def rows_of(self, subjects: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Row numbers ``(n,)`` of the subjects' slices, ascending."""
        rows: np.ndarray[Any, np.dtype[np.int64]] = np.flatnonzero(self.slices["subject_id"].isin(subjects))
        return rows

    def neighbours(self, rows: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows of the ``count`` (odd) slices round each of ``rows``, itself in the middle: ``(n, count)``.

        As ``aggregation.neighbours``: of one subject, and never across a gap.
        """
        if count == 1:
            return np.asarray(rows, np.int64)[:, None]
        found = np.empty((len(self.slices), count), np.int64)
        places = self.slices["slice_index"].to_numpy()
        for own in self.slices.groupby("subject_id").indices.values():
            ordered = own[np.argsort(places[own])]
            found[ordered] = ordered[neighbours(places[ordered], count)]
        return found[rows]


def roi_of(item: Slice, image_shape: tuple[int, int], config: StudyConfig) -> RoiBoxes:
    """The ROI boxes of a slice under the configured interpretation [2.2]. StudyError when it has no ilium box."""
    if item.boxes is None:
        raise StudyError(
            f"{item.file}: slice {item.index} of subject {item.subject_id} has no ilium box; "
            "outline an ilium, give a box, or leave the slice out of the manifest"
        )
    try:
        return roi_boxes(
            item.boxes, image_shape, reading=config.roi_reading, factor=config.roi_factor, height=config.roi_height
        )
    except StudyError as error:
        raise StudyError(f"{item.file}: {error}") from None


def grey_image(item: Slice, config: StudyConfig) -> Image:
    """The slice ``(H, W)`` float32 in [0, 255] in the unit that ``config.intensity`` names.

    Raises StudyError when it cannot be read, or its level of normal marrow is asked for and not known.
    """
    pixels = read_image_pixels(item)
    if config.intensity in LEVELS:
        return in_marrow_units(pixels, level_of(item, config.intensity))
    return to_8bit(pixels)


def patch_of(item: Slice, arm: Arm, config: StudyConfig) -> Image:
    """One slice as ``(S, S)`` float32 in [0, 255]: read, brought to the 8-bit scale, cropped, resized [2.2, 2.3]."""
    image = grey_image(item, config)
    if arm == "original":
        return whole_image(image, config.patch_size)
    return roi_patch(image, roi_of(item, image.shape, config), config.patch_size)


def mask_patch(item: Slice, mask: np.ndarray[Any, Any], config: StudyConfig) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """An outline ``(H, W)`` bool of the slice as its ROI patch shows it: ``(S, S)`` bool."""
    rois = roi_of(item, mask.shape, config)
    return roi_patch(mask.astype(np.float32), rois, config.patch_size, order="nearest") > 0.5


def channels_of(item: Slice, arm: Arm, config: StudyConfig, bone: np.ndarray[Any, Any] | None) -> Image:
    """A slice's row of ``PatchSet.patches``: its patch and, with ``config.bone_channel``, the same cut of ``bone``.

    bone: ``(H, W)`` bool, looked at with that parameter only; StudyError where it is None then.
    """
    patch = patch_of(item, arm, config)
    if not config.bone_channel:
        return patch[None]
    if bone is None:
        raise bone_lacks(item)
    if arm == "roi":
        return np.stack([patch, mask_patch(item, bone, config)])
    return np.stack([patch, whole_image(bone.astype(np.float32), config.patch_size, order="nearest")])


def load_patches(
    manifest: Manifest, arm: Arm, config: StudyConfig, cache: Path, *, workers: int = 1, progress: bool = True
) -> PatchSet:
    """All slices of the manifest as patches, from ``cache`` when they were made before.

    Raises StudyError naming the first file that changed since the manifest was built, or the first slice that
    cannot be read or has no ilium box (ROI arm).
    """
    key = digest(
        {
            "cohort": cohort_hash(manifest),
            "arm": arm,
            "code": code_digest(patch_of),
            **environment_identity(),
            **config.subset("patch_size"),
            **(config.subset("roi_reading", "roi_factor", "roi_height") if arm == "roi" else {}),
            **_bone_identity(manifest, config),
        }
    )
    file = cache / f"{key}.npy"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            remove_temporaries(file)
            _make_patches(manifest, arm, config, file, workers, progress)
    slices = manifest.slices[SLICE_COLUMNS].reset_index(drop=True)
    return PatchSet(np.load(file, mmap_mode="r"), slices, arm, key)


def _bone_identity(manifest: Manifest, config: StudyConfig) -> dict[str, Any]:
    """What patches hang on with other parameters than the defaults; StudyError where the cohort does not have it."""
    require_bone(manifest, config)
    asked: dict[str, Any] = {}
    if config.intensity in LEVELS:
        asked["marrow"] = [level_of(item, config.intensity) for item in manifest.slice_records()]
    if config.bone_channel:
        asked["bone"] = outlines_identity(manifest, range(len(manifest.slices)))
    return asked


def _make_patches(manifest: Manifest, arm: Arm, config: StudyConfig, file: Path, workers: int, progress: bool) -> None:
    """Write all patches to ``file``, one after the other, so that memory holds a few of them whatever their number.

    The key is made of the hashes that the manifest gives, so the files are hashed again meanwhile, in a thread; what
    it finds goes before any other error, and before the file appears.
    """
    items = manifest.slice_records()
    shape = (len(items), 1 + config.bone_channel, config.patch_size, config.patch_size)
    with ThreadPoolExecutor(1) as pool:
        verified = pool.submit(verify_files, manifest, progress=False)

        def write(stream: IO[bytes]) -> None:
            header = {"descr": dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
            write_array_header_1_0(stream, header)
            patches = _patches(items, arm, config, workers, SliceOutlines(manifest).bone)
            try:
                for patch in tqdm(
                    patches, total=len(items), desc=f"patches ({arm})", unit="slice", disable=not progress
                ):
                    stream.write(patch.data)
                    if verified.done():
                        verified.result()
            finally:
                verified.result()

        write_atomic(file, write)


def _patches(items: list[Slice], arm: Arm, config: StudyConfig, workers: int, bones: Bones) -> Iterator[Image]:
    """The patches in order. Other processes take seconds to start, so they are asked only when that is won back."""

    def given(item: Slice) -> tuple[Slice, Arm, StudyConfig, np.ndarray[Any, Any] | None]:
        return item, arm, config, bones(item) if config.bone_channel else None

    began = time.perf_counter()
    for item in items[:TRIED]:
        yield channels_of(*given(item))
    rest = items[TRIED:]
    expected = (time.perf_counter() - began) / TRIED * len(rest)
    jobs = (delayed(channels_of)(*given(item)) for item in rest)
    yield from Parallel(
        n_jobs=workers if expected > WORTH_PROCESSES else 1,
        return_as="generator",
        batch_size=16,
        pre_dispatch="2*n_jobs",
    )(jobs)
