"""Masks on upright slices -> a DICOM SEG on the pixels that their files store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import MRImageStorage
from pydicom.valuerep import DA, TM

from sijstudy.dicom_write import Kind, derived_uid, described_segment, set_dimensions
from sijstudy.errors import StudyError
from sijstudy.images.dicom_attributes import FRAME_TAGS, Attributes, attributes_of
from sijstudy.images.dicom_file import open_file, quiet, reading
from sijstudy.images.upright import Turn, turn_of
from sijstudy.records import Slice

Mask = np.ndarray[Any, np.dtype[np.bool_]]
UNKNOWN = ("19000101", "000000")  # for files without dates, as those of many archives: a SEG and an SR must have one
SEXES = ("M", "F", "O", "")
DATES = ("PatientBirthDate", "StudyDate", "StudyTime", "SeriesDate", "SeriesTime")
EMPTY = ("PatientID", "PatientName", "PatientSex", "AccessionNumber", "StudyID", "ReferringPhysicianName", *DATES[:3])
PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")


@dataclass(frozen=True)
class Source:
    """A slice's image as its DICOM file stores it, pixels not read. turn: stored -> upright."""

    values: Attributes
    turn: Turn

    @property
    def dataset(self) -> Dataset:
        """The file's data set, the same for all frames of a file."""
        return self.values.dataset

    @property
    def frames(self) -> list[int] | None:
        """The frame's number, as a reference to a multi-frame image has it."""
        return None if self.values.frame is None else [self.values.frame]

    @property
    def upright_shape(self) -> tuple[int, int]:
        """(rows, columns) of the upright slice."""
        rows, columns = int(self.dataset.Rows), int(self.dataset.Columns)
        return (columns, rows) if self.turn.exchange else (rows, columns)

    @property
    def key(self) -> str:
        """SOP Instance UID and frame."""
        return f"{self.dataset.SOPInstanceUID} {self.values.frame or ''}"


@dataclass(frozen=True)
class Drawn:
    """A segment to be written. mask ``(N, H, W)``: upright, a plane per source.

    algorithm: AUTOMATIC, or SEMIAUTOMATIC when a person had a hand in it. family: what the algorithm is.
    """

    label: str
    kind: Kind
    mask: Mask
    algorithm: str
    family: Code


@dataclass(frozen=True)
class Identity:
    """What is said of a series of results and its one instance. names: what their UIDs are made of.

    maker: keyword arguments by which highdicom names who made it, and how it may be used.
    """

    names: tuple[object, ...]
    number: int
    description: str
    maker: dict[str, Any]

    def arguments(self, source: Dataset) -> dict[str, Any]:
        """Keyword arguments for highdicom. Dates are the ``source``'s: the same input gives the same bytes."""
        date, time = dates_of(source)
        return {
            "series_instance_uid": derived_uid("series", *self.names),
            "sop_instance_uid": derived_uid("instance", *self.names),
            "series_number": self.number,
            "instance_number": 1,
            "series_description": self.description,
            "content_date": date,
            "content_time": time,
            "series_date": date,
            "series_time": time,
            **self.maker,
        }


def read_sources(items: Sequence[Slice]) -> tuple[Source, ...]:
    """The stored images of slices that are DICOM files; what highdicom insists on and a file lacks is put in, empty.

    StudyError when a file cannot be read, or names no study, series or frame of reference.
    """
    files: dict[Path, Dataset] = {}
    sources = []
    for item in items:
        with reading(item.file):
            if item.file not in files:
                files[item.file] = _completed(open_file(item.file, pixels=False))
            values = attributes_of(files[item.file], item.file, item.frame)
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
                values.required(keyword)
            sources.append(Source(values, turn_of(values.vector("ImageOrientationPatient", 6))))
    return tuple(sources)


def dates_of(dataset: Dataset) -> tuple[str, str]:
    """Date and time of an image's series, else of its study, as the file says; UNKNOWN when it says neither."""
    for kind in ("Series", "Study"):
        if date := str(dataset.get(f"{kind}Date") or ""):
            return date, str(dataset.get(f"{kind}Time") or "") or UNKNOWN[1]
    return UNKNOWN


def segmentation(sources: Sequence[Source], drawn: Sequence[Drawn], identity: Identity) -> Dataset:
    """A binary DICOM SEG of ``drawn`` segments, each of which must have a pixel; frames without one are left out.

    StudyError when the slices differ in size; else what highdicom raises when they do not fit each other.
    """
    if len({each.upright_shape for each in sources}) > 1:
        raise StudyError("the slices differ in size")
    planes = zip(sources, np.stack([one.mask for one in drawn], axis=1), strict=True)
    stored = np.stack([source.turn.back.pixels(plane) for source, plane in planes])
    with quiet("highdicom"):
        seg = hd.seg.Segmentation(
            source_images=[_stand_in(each) for each in sources],
            pixel_array=np.moveaxis(stored, 1, -1).astype(np.uint8),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                described_segment(number, one.label, one.kind, one.algorithm, _algorithm(one, identity))
                for number, one in enumerate(drawn, 1)
            ],
            content_label="RESEARCH_ONLY",
            content_description=identity.description,
            omit_empty_frames=True,
            **identity.arguments(sources[0].dataset),
        )
    set_dimensions(seg, derived_uid("dimensions", *identity.names))
    forget_clock(seg)
    _name_sources(seg, sources)
    return seg


def _algorithm(drawn: Drawn, identity: Identity) -> Any:
    return hd.AlgorithmIdentificationSequence(
        "sijstudy", hd.sr.CodedConcept.from_code(drawn.family), identity.maker["software_versions"]
    )


def forget_clock(made: Dataset) -> None:
    """Take out when highdicom was called."""
    del made.InstanceCreationDate, made.InstanceCreationTime
    for item in made.get("ContributingEquipmentSequence") or ():
        if item.get("ManufacturerModelName") == "highdicom":
            item.pop("ContributionDateTime", None)


def _completed(dataset: Dataset) -> Dataset:
    """The data set with an empty value for what must be there and may be empty, where it is missing or unlawful."""
    for keyword in EMPTY:
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, "")
    if dataset.PatientSex not in SEXES:
        dataset.PatientSex = ""
    for keyword in DATES:
        try:
            (DA if keyword.endswith("Date") else TM)(dataset.get(keyword) or "")
        except ValueError:
            setattr(dataset, keyword, "")
    return dataset


def _stand_in(source: Source) -> Dataset:
    """A slice as a single-frame image, with a UID of its own.

    highdicom takes one multi-frame file or many single images. Slices may be some of a file's frames, or of several
    files; ``_name_sources`` puts the real names back.
    """
    image = Dataset()
    image.update(source.dataset)
    own: dict[str, Any] = {keyword: list(source.values.get(keyword)) for keyword in PLACE}
    own |= {keyword: source.values.get(keyword) for keyword in ("SliceThickness", "SpacingBetweenSlices")}
    own |= {"SOPClassUID": MRImageStorage, "SOPInstanceUID": derived_uid("stand-in", source.key)}
    for keyword in (*FRAME_TAGS, *own):
        image.pop(keyword, None)  # not changed in place: the elements are the file's
    for keyword, value in own.items():
        setattr(image, keyword, value)
    return image


def _name_sources(seg: Dataset, sources: Sequence[Source]) -> None:
    """Let references lead to the files instead of the stand-ins."""
    known = {derived_uid("stand-in", source.key): source for source in sources}

    def mend(item: Dataset, *, framed: bool) -> None:
        source = known.get(item.ReferencedSOPInstanceUID)
        if source is None:  # done: frames of several segments share their items
            return
        item.ReferencedSOPClassUID = source.dataset.SOPClassUID
        item.ReferencedSOPInstanceUID = source.dataset.SOPInstanceUID
        if framed and source.frames:
            item.ReferencedFrameNumber = source.frames

    for group in seg.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence") or ():
            for item in derivation.SourceImageSequence:
                mend(item, framed=True)
    for series in seg.ReferencedSeriesSequence:
        for item in series.ReferencedInstanceSequence:
            mend(item, framed=False)
        once = {item.ReferencedSOPInstanceUID: item for item in series.ReferencedInstanceSequence}
        series.ReferencedInstanceSequence = list(once.values())
