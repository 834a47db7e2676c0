"""How deep the whole examinations of a cohort are where they show the joints."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from sijstudy.cohort.manifest import Manifest
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image_header
from sijstudy.images.slice_order import normal_of
from sijstudy.records import Slice


def stack_depth(manifest: Manifest) -> float | None:
    """Median over the subjects of number of slices times slice distance, mm.

    manifest: whole examinations, slices with an ilium box. None where the files are gone, or nobody has two slices.
    """
    by_subject: dict[str, list[Slice]] = defaultdict(list)
    for item in manifest.slice_records():
        by_subject[item.subject_id].append(item)
    try:
        depths = [len(own) * _distance(own) for own in by_subject.values() if len(own) > 1]
    except StudyError:
        return None
    return float(np.median(depths)) if depths else None


def _distance(items: list[Slice]) -> float:
    """From slice to slice, mm; indices count in such steps."""
    first, last = (read_image_header(item) for item in (items[0], items[-1]))
    way = np.dot(np.subtract(last.position, first.position), normal_of(first.orientation))
    return float(abs(way) / abs(items[-1].index - items[0].index))
