"""Manifest -> patches: every slice of the cohort as the network sees it before noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sijstudy.artifacts import code_digest, digest, write_atomic
from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.images import read_image
from sijstudy.manifest import Manifest, cohort_hash, verify_files
from sijstudy.noise import to_8bit
from sijstudy.records import Arm, Slice
from sijstudy.roi import RoiBoxes, roi_boxes, roi_patch, whole_image

PATCH_CODE = ("roi", "noise", "dicom", "dicom_attributes", "dicom_pixels", "volumes", "images", "dataset")


@dataclass(frozen=True)
class PatchSet:
    """The patches of one arm of the study, a row per slice of the manifest.

    patches: ``(N, 1, S, S)`` float32 on the 8-bit scale [0, 255], without noise; memory-mapped, read-only.
    slices: N rows in the same order: subject_id, slice_index, label.
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


def roi_of(item: Slice, image_shape: tuple[int, int], config: StudyConfig) -> RoiBoxes:
    """The ROI boxes of a slice under the configured reading [2.2]. StudyError when it has no ilium box."""
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


def patch_of(item: Slice, arm: Arm, config: StudyConfig) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One slice as ``(S, S)`` float32 in [0, 255]: read, brought to the 8-bit scale, cropped, resized [2.2, 2.3]."""
    image = to_8bit(read_image(item).pixels)
    if arm == "original":
        return whole_image(image, config.patch_size)
    return roi_patch(image, roi_of(item, image.shape, config), config.patch_size)


def mask_patch(item: Slice, mask: np.ndarray[Any, Any], config: StudyConfig) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """An outline ``(H, W)`` bool of the slice as its ROI patch shows it: ``(S, S)`` bool."""
    rois = roi_of(item, mask.shape, config)
    return roi_patch(mask.astype(np.float32), rois, config.patch_size, order="nearest") > 0.5


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
            "code": code_digest(*PATCH_CODE),
            **config.subset("patch_size"),
            **(config.subset("roi_reading", "roi_factor", "roi_height") if arm == "roi" else {}),
        }
    )
    file = cache / f"{key}.npy"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            verify_files(manifest, progress=progress)  # the key is made of the hashes that the manifest gives
            stack = _make_patches(manifest.slice_records(), arm, config, workers, progress)
            write_atomic(file, lambda stream: np.save(stream, stack))
    slices = manifest.slices[["subject_id", "slice_index", "label"]].reset_index(drop=True)
    return PatchSet(np.load(file, mmap_mode="r"), slices, arm, key)


def _make_patches(
    items: list[Slice], arm: Arm, config: StudyConfig, workers: int, progress: bool
) -> np.ndarray[Any, np.dtype[np.float32]]:
    jobs: list[Callable[[], Any]] = [delayed(patch_of)(item, arm, config) for item in items]
    patches = Parallel(n_jobs=workers, return_as="generator", batch_size=16)(jobs)
    shown = tqdm(patches, total=len(items), desc=f"patches ({arm})", unit="slice", disable=not progress)
    return np.stack(list(shown))[:, None].astype(np.float32)
