"""What the network sees on a subject's slices, as the page shows it: where the joints are, and how much edema."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.analysis.diagnosis import Diagnosis
from sijstudy.cohort.box_cells import cells_of
from sijstudy.cohort.slice_names import slice_name
from sijstudy.figures.joints import OUTLINES, SeenSlice
from sijstudy.files import write_csv
from sijstudy.images.read import read_image_header
from sijstudy.records import Box, Slice
from sijstudy.segmentation.joint_boxes import FoundBoxes
from sijstudy.study.dicom_told import MASKS
from sijstudy.training.patches import roi_of

BOXES = "boxes_found.csv"
SHOWN = 12  # slices at most


def found_sentence(result: Diagnosis) -> str:
    """That nobody drew the boxes, how sure they are, and how to correct them; empty where they were given."""
    sure, guessed = _by_network(result), _guessed(result)
    if not sure and not guessed:
        return ""
    count, parts = len(result.subject.slices), []
    if sure:
        lowest = min(sure, key=lambda index: sure[index])
        parts.append(
            f"a network found them on {len(sure)} of {count} slices, with a confidence of {sure[lowest]:.2f} (slice "
            f"{lowest}, look there first) to {max(sure.values()):.2f}"
        )
    if guessed:
        parts.append(
            f"on {len(guessed)} of {count} slices they are guessed from the outline of all bone, without a confidence "
            f"(slice {', '.join(map(str, guessed))}: look at each)"
        )
    whose = "some of these" if result.subject.boxes_given else "these"
    return (
        f"Nobody drew {whose} boxes: {'; '.join(parts)}. To correct one, edit a copy of {BOXES} and give it with "
        "--boxes."
    )


def one_sided(result: Diagnosis) -> dict[str, int]:
    """The subject's left and right: on how many of the scored slices only that ilium has a box."""
    boxes = [item.boxes for item in result.subject.slices if item.boxes and result.arm == "roi"]
    return {
        "left": sum(own.right is None for own in boxes),
        "right": sum(own.left is None for own in boxes),
    }


def sides_sentence(result: Diagnosis) -> str:
    """Which joint was not seen, and on how many of the scored slices; empty where every slice has both boxes."""
    scored, said = len(result.slices), []
    for side, number in one_sided(result).items():
        other = "right" if side == "left" else "left"
        if number == scored:
            said.append(
                f"Only the subject's {side} ilium has a box on {number} of {scored} slices: the {other} joint was not "
                "seen at all, and the result says nothing of it."
            )
        elif number:
            said.append(
                f"Only the subject's {side} ilium has a box on {number} of {scored} slices: there the {other} joint "
                "was not seen."
            )
    return " ".join(said)


def boxes_caption(result: Diagnosis) -> str:
    """What the boxes on the page are, and what it means that a slice has none."""
    subject = result.subject
    if subject.whole:
        return "There are no boxes round the ilia, as whole images were asked for (--roi whole)."
    if not subject.boxes_from:
        return "There are no boxes round the ilia: nobody gave any, and none was sought or found."
    if subject.boxes_given and not subject.found:
        return f"The boxes round the ilia are those of {subject.boxes_from}; a slice without a box has none there."
    kinds = "found by it, with its confidence" if _by_network(result) else ""
    kinds = " or ".join(filter(None, [kinds, "guessed from the outline of all bone" if _guessed(result) else ""]))
    others = " where nobody gave one" if subject.boxes_given else ""
    return (
        f"The boxes round the ilia are {kinds}{others}. On slices without a box no joint was found, which is not to "
        "say that there is none."
    )


def edema_sentence(result: Diagnosis) -> str:
    """What the second reader of edema outlines; empty where nothing looked."""
    if not (seen := result.subject.seen):
        why = result.subject.unseen
        return f"There is no second reader, the network that outlines bones cannot look: {why}." if why else ""
    amount = seen.all_edema
    most = int(np.argmax(amount.areas))
    volume = "an unknown volume" if math.isnan(amount.volume) else f"{amount.volume:.2f} ml"
    where = f", most of it on slice {result.subject.slices[most].index} ({amount.areas[most]:.0f} mm2)"
    return (
        f"A second reader, the network that outlines bones, sees {volume} of edema in ilia and sacrum on "
        f"{len(amount.areas)} slices{where if amount.areas[most] >= 0.5 else ''}. It was trained on drawings only, and "
        "no decision rests on it."
    )


def seen_columns(result: Diagnosis) -> pd.DataFrame:
    """A row for each of ``result.slices``: edema_mm2, edema_score, box_confidence; NaN where nothing looked, and for
    boxes that the network did not find.
    """
    places = {item.index: place for place, item in enumerate(result.subject.slices)}
    own = [places[index] for index in result.slices["slice_index"]]
    seen, found = result.subject.seen, result.subject.found
    areas, scores = (seen.all_edema.areas, seen.all_edema.scores) if seen else np.full((2, len(places)), np.nan)
    sure = np.array([one.confidence if one and one.boxes else np.nan for one in found] or [np.nan] * len(places))
    return pd.DataFrame({"edema_mm2": areas[own], "edema_score": scores[own], "box_confidence": sure[own]})


def found_content(result: Diagnosis) -> dict[str, Any]:
    """The fields ``joints`` and ``edema`` of diagnosis.json; null where boxes were given, or nothing looked."""
    seen, sure, guessed = result.subject.seen, _by_network(result), _guessed(result)
    joints = {"boxes": BOXES, "slices": len(sure) + len(guessed), "guessed": guessed,
              "lowest_confidence": min(sure.values(), default=None), "sentence": found_sentence(result)}  # fmt: skip
    if not seen:
        unseen = {"volume_ml": None, "sentence": edema_sentence(result)} if result.subject.unseen else None
        return {"joints": joints if sure or guessed else None, "edema": unseen}
    volume = None if math.isnan(seen.all_edema.volume) else seen.all_edema.volume
    return {
        "joints": joints if sure or guessed else None,
        "edema": {"volume_ml": volume, "sentence": edema_sentence(result)},
    }


def write_boxes(result: Diagnosis, folder: Path) -> Path | None:
    """Write the boxes as a table for ``--boxes``, given ones among them: pixels of the images as they are stored.

    An empty row says that a slice has none. None, and no file, where all boxes were given. Files are named by their
    path below the subject's folder, which bears its name.
    """
    rows = []
    for item, own in _found(result):
        header = read_image_header(item)
        cells = cells_of(header.turn.back.boxes(item.boxes, header.shape))
        file = item.file.absolute()
        root = next((one for one in file.parents if one.name == item.subject_id), file.parent)
        name = slice_name(file.relative_to(root).as_posix(), item.frame)
        sure = round(own.confidence, 3) if own else np.nan
        rows.append({"sop_instance_uid": item.uid, "file": name, **cells, "confidence": sure})
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
        told = _told(subject.found[place] if subject.found else None) if boxes else "no box"
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


def _told(found: FoundBoxes | None) -> str:
    """How the boxes of a slice came about."""
    if found is None:
        return "boxes given"
    return "guessed from bone" if math.isnan(found.confidence) else f"found {found.confidence:.2f}"


def _by_network(result: Diagnosis) -> dict[int, float]:
    """Index of a slice -> how sure the network is of the boxes that it found there."""
    return {
        item.index: own.confidence
        for item, own in _found(result)
        if own and own.boxes and not math.isnan(own.confidence)
    }


def _guessed(result: Diagnosis) -> list[int]:
    """Indices of the slices whose boxes are guessed from outlined bone."""
    return [item.index for item, own in _found(result) if own and own.boxes and math.isnan(own.confidence)]


def _found(result: Diagnosis) -> list[tuple[Slice, FoundBoxes | None]]:
    """Each slice with the boxes that nobody drew, None where somebody did; empty where all were given."""
    return list(zip(result.subject.slices, result.subject.found, strict=True)) if result.subject.found else []
