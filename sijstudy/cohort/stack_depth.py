"""How deep the whole examinations of a cohort are where they show the joints."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from sijstudy.cohort.manifest import Manifest
from sijstudy.cohort.slice_steps import stack_steps
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image_header
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
    ends = items[0], items[-1]
    return stack_steps([read_image_header(item) for item in ends], [item.index for item in ends]).mm
