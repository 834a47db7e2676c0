"""One new subject's folder -> its slices in order, without labels, with ilium boxes where there are any."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sijstudy.cohort.files_by_uid import FileOwners, assign_segs
from sijstudy.cohort.gather import broken_files, slice_owners
from sijstudy.cohort.image_kind import ImageKind, Mixture, kind_of, mixture_of
from sijstudy.cohort.manifest import slice_record
from sijstudy.cohort.options import Wanted
from sijstudy.cohort.scan import FoundFile, scan
from sijstudy.cohort.series import MrImage
from sijstudy.cohort.side_tables import Place, SideTable, Tables, read_tables
from sijstudy.cohort.subject_rows import Settings, SubjectFiles, SubjectRows, subject_rows
from sijstudy.cohort.subject_series import choose_images
from sijstudy.errors import StudyError
from sijstudy.files import FileHashes
from sijstudy.images.consensus import EdemaRule
from sijstudy.images.outlines import Mask, Segmentation
from sijstudy.images.outlines_file import read_outlines_file
from sijstudy.images.read import Source
from sijstudy.images.segment_names import SegmentTable, read_segment_table
from sijstudy.images.subject_outlines import OutlineRules
from sijstudy.records import IliumBoxes, Slice
from sijstudy.segmentation.joint_boxes import FoundBoxes

if TYPE_CHECKING:  # for its type alone: reading a folder needs no network
    from sijstudy.cohort.seen_joints import Seen


#: where boxes come from that were guessed for want of outlined ilia
GUESS = "a guess from the outline of all bone (nobody drew them; a dark line through the bone is taken for the joint)"


@dataclass(frozen=True)
class SubjectFolder:
    """A subject as found in a folder, named as the folder is.

    slices: from the lower to the upper pelvis; label is 0 everywhere and means nothing. boxes_from: where the ilium
    boxes come from, in words, "" when no slice has one. series: number and description of the one that is used. rule:
    why it is. kind: what its images show by their headers. mixed: in what these differ from image to image. seen: what
    the network sees on the slices, None where nobody looked. found: boxes of each slice that nobody drew: the network
    found them, or, with confidence NaN, they are guessed from outlined bone; None on slices of which somebody gave
    boxes; empty where all were given or none sought. bones: a slice's UID -> where bone is outlined on it, ``(H, W)``
    bool. unseen: why the network cannot look. whole: whole images are asked for. unused: where boxes come from that are
    not used then.
    broken: what could not be read, or outlines a slice that is not there, and was left out as asked: file -> why.
    """

    subject_id: str
    slices: tuple[Slice, ...]
    boxes_from: str
    series: str
    rule: str
    broken: Mapping[str, str] = field(default_factory=dict)
    kind: ImageKind = ImageKind()  # noqa: RUF009  (frozen)
    seen: Seen | None = None
    found: tuple[FoundBoxes | None, ...] = ()
    bones: Mapping[str, Mask] = field(default_factory=dict)
    mixed: Mixture = Mixture()  # noqa: RUF009  (frozen)
    unseen: str = ""
    whole: bool = False
    unused: str = ""

    @property
    def boxes_given(self) -> bool:
        """Somebody gave boxes, for some slices at least, even if they say that there are none."""
        return None in self.found or (bool(self.boxes_from) and not self.found)


class _NoLabels(SideTable[int]):
    """Stands where a cohort has its labels: a new subject has none, and every slice is taken."""

    def of(self, place: Place) -> int:
        return 0


def read_subject(
    folder: Path, boxes_csv: Path | None = None, wanted: Wanted | None = None, segments_csv: Path | None = None
) -> SubjectFolder:
    """Read one subject's MR slices, pixels checked, and the ilium boxes: from ``boxes_csv``, else from a DICOM SEG.

    The folder may hold several series and other files; ``wanted`` and ``series_choice`` say which series is used.
    segments_csv: what the SEG's labels mean, as ``read_segment_table`` reads it. Raises StudyError naming the file at
    fault, a table without any box, or the persons when the folder holds several.
    """
    wanted, name, hashes = wanted or Wanted(), folder.resolve().name, FileHashes()
    segments = read_segment_table(segments_csv) if segments_csv else SegmentTable()
    found = scan(folder, progress=False)
    broken = broken_files(found, skip=wanted.skip_broken)
    images = _images(folder, found)
    own = choose_images(name, images, contrast=wanted.contrast, pattern=wanted.pattern(), hashes=hashes)
    seg_files = [file for file in found if file.kind == "SEG"]
    whose = FileOwners({}, {file.path: name for file in seg_files})
    segs = assign_segs(seg_files, slice_owners([own], {name: images}), segments, whose, hashes)
    given = read_tables(None, None, boxes_csv)
    unused = frozenset({image.sop_uid for image in images} - {image.sop_uid for image in own.slices})
    files = SubjectFiles(name, own.sources, tuple(segs.files.get(name, ())), hashes, unused)
    tables = Tables(labels=_NoLabels(folder, {}), boxes=given.boxes)
    rules = OutlineRules(segments, EdemaRule(), wanted.skip_broken)
    done = subject_rows(folder, files, Settings(tables, rules, wanted.skip_broken))
    rows = done.rows
    gone: dict[Source, str] = {(path, None): why for path, why in broken.items()}
    gone |= done.left_out
    if given.boxes:
        given.boxes.check_used({row[key] for row in rows for key in ("sop_instance_uid", "file")}, {})
        _check_has_boxes(given.boxes)
    slices = tuple(slice_record({**row, "segmentation": None}, folder, folder) for row in rows)  # nothing is kept
    guessed = _guessed(done, slices)
    source = boxes_csv.name if boxes_csv else "the DICOM SEG in its folder"
    chosen, left = own.choice.chosen, _named(gone, folder)
    used = replace(chosen, images=own.slices)
    about = (_boxes_from(source, slices, guessed), chosen.text, own.choice.rule, left, kind_of(used))
    return SubjectFolder(name, slices, *about, found=guessed, bones=_bones(done), mixed=mixture_of(used))


def _check_has_boxes(table: SideTable[IliumBoxes | None]) -> None:
    """StudyError where no row has a box: taken for no table at all, boxes that nobody drew would stand for its own."""
    if not any(boxes for _, boxes in table.rows.values()):
        raise StudyError(
            f"{table.path}: none of its {len(table.rows)} rows has a box, so no slice would be left; fill in the "
            "edges, or leave --boxes out: then the joints are sought, and with --roi whole whole images are used"
        )


def _guessed(read: SubjectRows, slices: Sequence[Slice]) -> tuple[FoundBoxes | None, ...]:
    """The boxes that were guessed from outlined bone, as of ``SubjectFolder.found``; empty where there are none."""
    names = {row["file"] for row in read.proposed}
    rows = zip(read.rows, slices, strict=True)
    found = tuple(FoundBoxes(item.boxes, np.nan) if _place(row) in names else None for row, item in rows)
    return found if any(own and own.boxes for own in found) else ()


def _place(row: Mapping[str, Any]) -> str:
    return str(row["file"]) if row["frame"] is None else f"{row['file']}#{row['frame']}"


def _boxes_from(source: str, slices: Sequence[Slice], guessed: Sequence[FoundBoxes | None]) -> str:
    drawn = any(item.boxes for item, own in zip(slices, guessed or [None] * len(slices), strict=True) if own is None)
    return " and ".join([source] * drawn + [GUESS] * bool(guessed))


def _bones(read: SubjectRows) -> dict[str, Mask]:
    if read.outlines is None:
        return {}
    drawn = Segmentation(Path(read.subject_id), *read_outlines_file(io.BytesIO(read.outlines)))
    return {uid: bone for uid in drawn.masks if (bone := drawn.bone(uid)) is not None}


def _named(left_out: Mapping[Source, str], folder: Path) -> dict[str, str]:
    """What was left out by its name in the folder, frames as FILE #7."""
    names = {(path, frame): path.relative_to(folder).as_posix() for path, frame in left_out}
    return {
        names[source] if source[1] is None else f"{names[source]} #{source[1]}": why for source, why in left_out.items()
    }


def _images(folder: Path, found: Sequence[FoundFile]) -> list[MrImage]:
    images = [image for file in found for image in file.images]
    if not images and any(file.kind == "SEG" for file in found):
        raise StudyError(f"{folder}: holds no MR slice, only segmentations; add the images they were drawn on")
    volumes = [file.path for file in found if file.kind == "NIfTI volume"]
    if not images and volumes:
        raise StudyError(
            f"{folder}: holds no DICOM file with an MR image, but the volume {volumes[0].relative_to(folder)}, which "
            "diagnose does not read; give DICOM, or make a manifest of volumes (`sijstudy manifest build "
            "--volumes`, docs/DATA.md) and take it as external_manifest in notebook 07"
        )
    if not images:
        raise StudyError(f"{folder}: holds no DICOM file with an MR image; give the folder with one subject's slices")
    persons = sorted({image.patient_id for image in images})
    if len(persons) > 1:
        raise StudyError(
            f"{folder}: holds {len(persons)} subjects (PatientID {', '.join(persons)}); give the folder of one of them"
        )
    return images
