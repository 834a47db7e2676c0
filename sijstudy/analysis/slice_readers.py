"""What is seen on another cohort's slices without the study's networks: segmented edema, bright bone, the readings.

All of it is looked for where the cohort's edema counts (``region_pixels``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from sijstudy.analysis.bright_bone import BASELINES, intensity_baselines, patch_baselines
from sijstudy.analysis.region_pixels import CountedBone, RegionPixels
from sijstudy.code import code_digest
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.cohort.readings import Readings
from sijstudy.cohort.seen_joints import Seen, see
from sijstudy.files import file_hash
from sijstudy.images.outlines import BONES
from sijstudy.intensity import tissue_of
from sijstudy.kept import kept_table
from sijstudy.marrow import marrow_levels
from sijstudy.records import Slice
from sijstudy.segmentation.weights import SHIPPED

Array = np.ndarray[Any, Any]
SEGMENTATION = "segmentation"
VOLUME = "ml "  # begins the columns of volumes


def read_slices(manifest: Manifest, cache: Path, *, progress: bool = True) -> pd.DataFrame:
    """A row per slice of the manifest, in its order; kept in ``cache`` for the next time.

    Columns: subject_id, slice_index; SEGMENTATION, the score of the edema that the network outlines, in [0, 1); those
    of BASELINES, 0 where nothing is bright or no bone is seen; region, in which bone these were measured; "ml
    segmentation", and "ml edema", "ml edema reader 1" ...: the slice's share of the volume of outlined edema, NaN where
    nobody looked for edema, or where it counts or how far slices lie apart is unknown, and for all slices when nobody
    outlined edema on any.
    StudyError as ``see``.
    """
    return kept_table(cache, _identity(manifest), lambda: _read(manifest, progress))


def _identity(manifest: Manifest) -> dict[str, Any]:
    outlines = sorted(set(manifest.slices["segmentation_sha256"].dropna()))
    region = asdict(RegionPixels(manifest).region)
    own = {"cohort": cohort_hash(manifest), "outlines": outlines, "region": region}
    return {**own, "code": code_digest(read_slices), "weights": file_hash(SHIPPED)}


def _read(manifest: Manifest, progress: bool) -> pd.DataFrame:
    items, regions, readings = manifest.slice_records(), RegionPixels(manifest), Readings()
    subjects = manifest.slices.groupby("subject_id", sort=False).indices
    rows = []
    for places in tqdm(subjects.values(), desc="reading edema", unit="subject", disable=not progress):
        rows += _of_subject([items[place] for place in places], regions, readings)
    return pd.DataFrame(rows)


def _of_subject(items: Sequence[Slice], regions: RegionPixels, readings: Readings) -> list[dict[str, Any]]:
    seen = see(items)
    counted = counted_bones(items, regions, seen)
    marrow = marrow_levels(seen.images, [each.bone for each in counted], seen.spacing).stack
    amount, rows = seen.edema(np.stack([each.region for each in counted])), []
    for place, (item, where) in enumerate(zip(items, counted, strict=True)):
        image = seen.images[place]
        bright = intensity_baselines(tissue_of(image, where.inside))
        patches = patch_baselines(image, where.bone, where.inside, marrow, seen.spacing)
        row: dict[str, Any] = {"subject_id": item.subject_id, "slice_index": item.index}
        row |= {SEGMENTATION: amount.scores[place], **_numbers({**bright, **patches}), "region": where.name}
        drawn = readings.of(item)
        if drawn and where.known:
            outlined = item.segmentation is not None and regions.outlines.bone(item) is not None
            inside = where.bone & where.region if outlined else where.region
            areas = {name: 0 if mask is None else np.count_nonzero(mask & inside) for name, mask in drawn.items()}
            ml = seen.step_mm / 1000
            row[VOLUME + SEGMENTATION] = amount.areas[place] * ml
            row |= {VOLUME + name: pixels * np.prod(seen.spacing) * ml for name, pixels in areas.items()}
        rows.append(row)
    return rows


def counted_bones(items: Sequence[Slice], regions: RegionPixels, seen: Seen) -> list[CountedBone]:
    """Where on each of a subject's slices edema counts, by its outlines, or else by the network's."""
    return [
        regions.of(item, seen.spacing, {name: masks[..., at] for at, name in enumerate(BONES)})
        for item, masks in zip(items, seen.masks, strict=True)
    ]


def _numbers(found: dict[str, float]) -> dict[str, float]:
    """The BASELINES; where one is undefined, as marrow has no level above 0, nothing is bright: 0."""
    return {name: 0.0 if np.isnan(found[name]) else found[name] for name in BASELINES}
