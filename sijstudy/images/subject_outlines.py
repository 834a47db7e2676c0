"""What all of a subject's outline files say of its slices: masks, and by edema each slice's label and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.counted_edema import Counted
from sijstudy.images.dicom import DicomHeader
from sijstudy.images.label_maps import Outline, is_label_map_name, outlines_on_slices, read_label_map
from sijstudy.images.outlines import Segmentation
from sijstudy.images.outlines_file import SUFFIX, combined, packed
from sijstudy.images.read import Source
from sijstudy.images.seg import read_seg
from sijstudy.images.seg_frames import Slices
from sijstudy.images.segment_names import Meaning, SegmentTable

GIVES_BOX = ("left ilium", "right ilium", "bone")


@dataclass(frozen=True)
class DrawnSubject:
    """labels: UID -> 1, 0, or None where readings disagree, for slices on which edema was read. votes: UID -> votes.

    content: of the file that the manifest keeps as the subject's outlines. seg: the DICOM SEG that says on which
    slices edema was read, None where label maps do. left_out: frames of a SEG that lie on no slice -> why. drawn: all
    outlines as they are in the files. counted: where edema counts, None for all bone. ruled_out: UIDs without a label
    since their edema does not lie there.
    """

    segmentation: Segmentation
    labels: Mapping[str, int | None]
    votes: Mapping[str, tuple[int | None, ...]]
    content: bytes
    seg: Path | None
    left_out: Mapping[Source, str]
    drawn: tuple[Outline, ...] = field(default=(), repr=False)
    counted: Counted | None = None
    ruled_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OutlineRules:
    """How outlines are read. segments: what they mean. edema: how readings become one.

    skip_elsewhere: leave out frames of a SEG that lie on no slice, instead of stopping.
    """

    segments: SegmentTable
    edema: EdemaRule
    skip_elsewhere: bool = False


def read_subject_outlines(
    files: Sequence[Path], slices: Slices, rules: OutlineRules, subject_id: str
) -> DrawnSubject | None:
    """Read one subject's outlines; None without any file.

    Raises StudyError naming the file as ``read_seg`` and ``outlines_on_slices``; when a DICOM SEG and another file
    outline the same, as nobody says which of the two counts; and when SEG files give neither a label nor a box.
    """
    if not files:
        return None
    drawn: list[Outline] = []
    left_out: dict[Source, str] = {}
    owners: dict[Meaning, Path] = {}
    for path in sorted(files, key=is_label_map_name):
        if is_label_map_name(path):
            own = _of_label_map(path, slices.headers, rules.segments)
        else:
            seg = read_seg(path, slices, rules.segments, skip_elsewhere=rules.skip_elsewhere)
            own = list(seg.outlines)
            left_out |= {(path, frame): why for frame, why in seg.elsewhere.items()}
        for outline in own:
            other = owners.setdefault(outline.meaning, path)
            if other != path and not is_label_map_name(other):
                raise StudyError(
                    f"{path}: outlines '{outline.meaning.name}', as {other.name} does; keep the one that counts, or "
                    "number the readings of edema in a table given as --segments (pattern, reader)"
                )
        drawn += own
    _check_use(files, drawn)
    readings = [path for meaning, path in owners.items() if meaning.segment == "edema"]
    seg_of_edema = next((path for path in readings if not is_label_map_name(path)), None)
    known = DrawnSubject(_nothing(subject_id), {}, {}, b"", seg_of_edema, left_out, tuple(drawn))
    return settled(known, slices.headers, rules.edema)


def settled(
    subject: DrawnSubject, headers: Sequence[DicomHeader], rule: EdemaRule, counted: Counted | None = None
) -> DrawnSubject:
    """The subject with the edema of its outlines settled (again), where it counts; counted None: in all bone.

    Raises StudyError as ``outlines_file.combined``.
    """
    name = subject.segmentation.file.name
    whole = combined(subject.drawn, headers, rule, f"subject {name.removesuffix(SUFFIX)}", counted)
    segmentation = Segmentation(Path(name), whole.masks, whole.segments, whole.slices)
    return replace(
        subject,
        segmentation=segmentation,
        labels=whole.labels,
        votes=whole.votes,
        content=packed(whole, headers),
        counted=counted,
        ruled_out=whole.ruled_out,
    )


def _nothing(subject_id: str) -> Segmentation:
    return Segmentation(Path(f"{subject_id}{SUFFIX}"), {}, frozenset(), frozenset())


def _of_label_map(path: Path, headers: Sequence[DicomHeader], table: SegmentTable) -> list[Outline]:
    """A label map's outlines; a file that the table leaves out is not looked into: it may be an image."""
    return [] if table.leaves_out(path) else outlines_on_slices(read_label_map(path), headers, table)


def _check_use(files: Sequence[Path], drawn: Sequence[Outline]) -> None:
    """StudyError when there is a DICOM SEG, and neither edema was looked for nor ilium or bone outlined on a slice."""
    segs = [path for path in files if not is_label_map_name(path)]
    told = {outline.meaning.segment for outline in drawn if outline.masks} & set(GIVES_BOX)
    if segs and not told and not any(outline.meaning.segment == "edema" for outline in drawn):
        raise StudyError(
            f"{segs[0]}: gives its subject neither a label nor a box, as it has no segment 'edema' and outlines "
            "neither ilium nor bone on a slice; draw on the series that is used, or remove the file"
        )
