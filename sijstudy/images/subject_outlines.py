"""What all of a subject's outline files say of its slices: masks, and by edema each slice's label and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule, slice_label
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.label_maps import Outline, is_label_map_name, outlines_on_slices, read_label_map
from sijstudy.images.outlines import Segmentation, read_seg
from sijstudy.images.outlines_file import SUFFIX, combined, packed
from sijstudy.images.segment_names import SegmentTable, meaning_of


@dataclass(frozen=True)
class DrawnSubject:
    """labels: UID -> 1, 0, or None where readings disagree, for slices on which edema was read. votes: UID -> votes.

    content: of the file that the manifest keeps as the subject's outlines; None where the one DICOM SEG is kept.
    """

    segmentation: Segmentation
    labels: Mapping[str, int | None]
    votes: Mapping[str, tuple[int | None, ...]]
    content: bytes | None


def must_be_combined(files: Sequence[Path], table: SegmentTable) -> bool:
    """True when a cohort's outlines cannot stay in its DICOM SEG files: there are label maps, or several readers."""
    return any(is_label_map_name(path) for path in files) or any(row.meaning.reader for row in table.rows)


def read_subject_outlines(
    files: Sequence[Path],
    headers: Sequence[DicomHeader],
    table: SegmentTable,
    rule: EdemaRule,
    *,
    combine: bool,
    subject_id: str,
) -> DrawnSubject | None:
    """Read one subject's outlines; None without any file. combine: whatever they are, make one file of them.

    Raises StudyError naming the file as ``read_seg`` and ``read_label_map``, and for a second SEG.
    """
    segs = [path for path in files if not is_label_map_name(path)]
    if len(segs) > 1:
        raise StudyError(f"{segs[1]}: a second segmentation beside {segs[0].name}; keep one per subject")
    if not files:
        return None
    if not combine:
        return _of_seg(read_seg(segs[0], table), headers, rule)
    drawn = [outline for path in segs for outline in _outlines(read_seg(path, table), headers)]
    for path in files:
        if path not in segs:
            drawn += outlines_on_slices(read_label_map(path), headers, table)
    whole = combined(drawn, headers, rule, f"subject {subject_id}")
    segmentation = Segmentation(Path(f"{subject_id}{SUFFIX}"), whole.masks, whole.segments, whole.slices)
    return DrawnSubject(segmentation, whole.labels, whole.votes, packed(whole, headers))


def _of_seg(segmentation: Segmentation, headers: Sequence[DicomHeader], rule: EdemaRule) -> DrawnSubject:
    """A SEG as it stands: one reading, its edema not cut to the bone, as the file that is kept is not."""
    labels: dict[str, int | None] = {}
    for header in headers:
        if "edema" in segmentation.segments and segmentation.covers(header.uid):
            mask = segmentation.mask(header.uid, "edema")
            labels[header.uid] = 0 if mask is None else slice_label([mask], None, rule)
    return DrawnSubject(segmentation, labels, {}, None)


def _outlines(segmentation: Segmentation, headers: Sequence[DicomHeader]) -> list[Outline]:
    """The segments of a SEG one by one."""
    drawn = frozenset(header.uid for header in headers if segmentation.covers(header.uid))
    found = []
    for name in sorted(segmentation.segments):
        masks = {uid: own[name] for uid, own in segmentation.masks.items() if uid in drawn and name in own}
        found.append(Outline(meaning_of(name), masks, drawn))
    return found
