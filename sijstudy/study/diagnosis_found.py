"""What the network sees on a subject's slices, as the page shows it: where the joints are, and how much edema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.analysis.diagnosis import Diagnosis
from sijstudy.cohort.box_cells import cells_of
from sijstudy.figures.joints import OUTLINES, SeenSlice
from sijstudy.files import write_csv
from sijstudy.images.read import read_image_header
from sijstudy.records import Box
from sijstudy.study.dicom_told import MASKS
from sijstudy.training.patches import roi_of

BOXES = "boxes_found.csv"
SHOWN = 12  # slices at most


def found_sentence(result: Diagnosis) -> str:
    """That nobody drew the boxes, how sure they are, and how to correct them; empty where they were given."""
    sure = {item.index: own.confidence for item, own in _found(result) if own.boxes}
    if not sure:
        return ""
    lowest = min(sure, key=lambda index: sure[index])
    return (
        f"Nobody drew these boxes: a network found them on {len(sure)} of {len(result.subject.slices)} slices, with a "
        f"confidence of {sure[lowest]:.2f} (slice {lowest}, look there first) to {max(sure.values()):.2f}. To correct "
        f"one, edit a copy of {BOXES} and give it with --boxes."
    )


def edema_sentence(result: Diagnosis) -> str:
    """What the second reader of edema outlines; empty where nothing looked."""
    if not (seen := result.subject.seen):
        return ""
    amount = seen.all_edema
    most = int(np.argmax(amount.areas))
    where = f", most of it on slice {result.subject.slices[most].index} ({amount.areas[most]:.0f} mm2)"
    return (
        f"A second reader, the network that outlines bones, sees {amount.volume:.2f} ml of edema in ilia and sacrum on "
        f"{len(amount.areas)} slices{where if amount.areas[most] >= 0.5 else ''}. It was trained on drawings only, and "
        "no decision rests on it."
    )


def seen_columns(result: Diagnosis) -> pd.DataFrame:
    """A row for each of ``result.slices``: edema_mm2, box_confidence; NaN where nothing looked, or boxes were given."""
    places = {item.index: place for place, item in enumerate(result.subject.slices)}
    own = [places[index] for index in result.slices["slice_index"]]
    seen, found = result.subject.seen, result.subject.found
    areas = seen.all_edema.areas if seen else np.full(len(places), np.nan)
    sure = np.array([one.confidence if one.boxes else np.nan for one in found] or [np.nan] * len(places))
    return pd.DataFrame({"edema_mm2": areas[own], "box_confidence": sure[own]})


def found_content(result: Diagnosis) -> dict[str, Any]:
    """The fields ``joints`` and ``edema`` of diagnosis.json; null where boxes were given, or nothing looked."""
    seen, sure = result.subject.seen, [own.confidence for _, own in _found(result) if own.boxes]
    joints = {"boxes": BOXES, "slices": len(sure), "lowest_confidence": min(sure, default=0.0),
              "sentence": found_sentence(result)}  # fmt: skip
    return {
        "joints": joints if sure else None,
        "edema": {"volume_ml": seen.all_edema.volume, "sentence": edema_sentence(result)} if seen else None,
    }


def write_boxes(result: Diagnosis, folder: Path) -> Path | None:
    """Write the boxes that were found as a table for ``--boxes``: pixels of the images as they are stored.

    An empty row says that a slice has none. None, and no file, where boxes were given.
    """
    rows = []
    for item, own in _found(result):
        header = read_image_header(item)
        cells = cells_of(header.turn.back.boxes(own.boxes, header.shape))
        name = item.file.name if item.frame is None else f"{item.file.name}#{item.frame}"
        rows.append({"sop_instance_uid": item.uid, "file": name, **cells, "confidence": round(own.confidence, 3)})
    if not rows:
        return None
    write_csv(folder / BOXES, pd.DataFrame(rows))
    return folder / BOXES


def shown_slices(result: Diagnosis) -> list[SeenSlice]:
    """At most SHOWN slices, evenly spread over all, for ``figures.joints``; none where nothing looked."""
    subject, seen = result.subject, result.subject.seen
    if seen is None:
        return []
    masks, shown = seen.masks, []
    for place in np.unique(np.linspace(0, len(subject.slices) - 1, SHOWN).round().astype(int)):
        item, image = subject.slices[place], seen.images[place]
        boxes = [box for box in (item.boxes.left, item.boxes.right) if box] if item.boxes else []
        found = subject.found[place].confidence if subject.found and boxes else None
        told = f"found {found:.2f}" if found is not None else "boxes given" if boxes else "no box"
        own = {name: masks[place, ..., number] for number, name in enumerate(MASKS) if name in OUTLINES}
        rois = _rois(result, place) if boxes else []
        shown.append(SeenSlice(f"slice {item.index}, {told}", image, own, boxes, rois))
    return shown


def _rois(result: Diagnosis, place: int) -> Sequence[Box]:
    if result.arm != "roi" or result.subject.seen is None:
        return []
    item, shape = result.subject.slices[place], result.subject.seen.images[place].shape
    rois = roi_of(item, (shape[0], shape[1]), result.config)
    return [box for box in (rois.image_left, rois.image_right) if box]


def _found(result: Diagnosis) -> list[Any]:
    """Each slice with the boxes that were found on it; empty where boxes were given."""
    return list(zip(result.subject.slices, result.subject.found, strict=True)) if result.subject.found else []
