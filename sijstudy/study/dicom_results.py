"""A diagnosis as files that a viewer or archive of a hospital can show: DICOM SEG and DICOM SR (docs/DIAGNOSE.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes

from sijstudy import __version__
from sijstudy.analysis.diagnosis import Diagnosis
from sijstudy.dicom_write import KINDS, RESULT_MODEL, Kind, is_result, write_dataset
from sijstudy.errors import StudyError
from sijstudy.files import digest, write_atomic
from sijstudy.images.dicom_file import brief, open_file, reading
from sijstudy.images.nifti import is_volume
from sijstudy.images.seg_write import Drawn, Identity, Source, read_sources, segmentation
from sijstudy.roi import pixels_of
from sijstudy.study.dicom_report import coding_scheme, own, report
from sijstudy.training.patches import roi_of

NOTICE = "Research only, not for diagnosis."
SEG, SR = "results_SEG.dcm", "results_SR.dcm"
#: what the planes of ``Said.masks`` mean, in this order
MASKS = ("left ilium", "right ilium", "sacrum", "edema")
ROI_PARAMETERS = ("roi_reading", "roi_factor", "roi_height")
ROIS = {
    f"{name} ROI": Kind(codes.SCT.SpatialAndRelationalConcept, own("ROI"), side, codes.SCT.SacroiliacJoint)
    for name, side in (("left", codes.SCT.Left), ("right", codes.SCT.Right))
}


@dataclass(frozen=True)
class Said:
    """What the files say besides the diagnosis. remarks: sentences for the SR.

    decided: False when no decision may be told: then nothing is called positive or negative.
    masks ``(N, H, W, 4)`` bool: found by itself, upright, on ``result.subject.slices`` in the order of MASKS.
    """

    remarks: Sequence[str] = ()
    decided: bool = True
    masks: np.ndarray[Any, np.dtype[np.bool_]] | None = None


@dataclass(frozen=True)
class DicomResults:
    """The files that were written; None for one that was not, and notes why."""

    seg: Path | None = None
    sr: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """For JSON: names of the files, None for one that is not there."""
        return {"seg": self.seg and self.seg.name, "sr": self.sr and self.sr.name, "notes": list(self.notes)}

    @property
    def sentence(self) -> str:
        """Which files there are, and why one is not."""
        names = [path.name for path in (self.seg, self.sr) if path]
        return " ".join([f"The results as DICOM: {' and '.join(names)}."] * bool(names) + list(self.notes))


def said_of(result: Diagnosis, remarks: Sequence[str]) -> Said:
    """What the files say of a diagnosis, with what the network sees on its slices."""
    seen = result.subject.seen
    return Said(remarks, decided=not result.withheld, masks=seen.masks if seen else None)


def write_dicom_results(result: Diagnosis, folder: Path, said: Said) -> DicomResults:
    """Write ``results_SEG.dcm`` (ROI and masks) and ``results_SR.dcm`` (scores and decision) into ``folder``.

    A file of an earlier diagnosis there is replaced or, when there is nothing to write, removed; a file that is none
    of ours stays. StudyError when the folder cannot be written; whatever else stands in the way becomes a note.
    """
    if any(is_volume(item.file) for item in result.subject.slices):
        return _kept(folder, {}, "No DICOM results: the images are NIfTI volumes, there is no study to refer to.")
    notes: list[str] = []
    made: dict[str, Dataset] = {}
    try:
        sources = read_sources(result.subject.slices)
        drawn = _drawn(result, said, sources)
        if drawn:
            made[SEG] = segmentation(sources, drawn, _identity(result, said, sources, "SEG"))
        else:
            notes.append("No DICOM SEG: there is no ROI and no mask to show.")
        pairs = zip(result.subject.slices, sources, strict=True)
        used = [source for item, source in pairs if item not in result.left_out]
        made[SR] = report(result, used, said.remarks, _identity(result, said, sources, "SR"), decided=said.decided)
    except StudyError as error:
        notes.append(f"No DICOM {'SR' if made else 'results'}: {error}.")
    except Exception as error:  # highdicom's, on headers it finds unlawful; the page and its JSON are not lost for that
        notes.append(f"No DICOM {'SR' if made else 'results'}: {brief(error)}.")
    return _kept(folder, made, *notes)


def _identity(result: Diagnosis, said: Said, sources: Sequence[Source], kind: str) -> Identity:
    """UIDs are made of all that the file says, as an instance's content must never change under its UID."""
    masks = None if said.masks is None else hashlib.sha256(np.packbits(said.masks).tobytes()).hexdigest()
    boxes = [repr(item.boxes) for item in result.subject.slices]
    said_of = [list(said.remarks), said.decided, result.slices.to_json(double_precision=15), repr(result.opinion)]
    content = digest([[source.key for source in sources], masks, boxes, result.config.subset(*ROI_PARAMETERS), said_of])
    maker = {
        "manufacturer": "sijstudy",
        "manufacturer_model_name": RESULT_MODEL,
        "software_versions": __version__,
        "device_serial_number": "0",
        "content_qualification": "RESEARCH",
        "coding_schemes": [coding_scheme()],
    }
    number, what = {"SEG": (9001, "ROI and masks"), "SR": (9002, "scores")}[kind]
    return Identity(("sijstudy results", __version__, kind, content), number, f"sijstudy {what}. {NOTICE}", maker)


def _drawn(result: Diagnosis, said: Said, sources: Sequence[Source]) -> list[Drawn]:
    """The segments that have a pixel: ROI as the networks were shown them, and masks."""
    items, shape = result.subject.slices, sources[0].upright_shape
    planes = {name: np.zeros((len(items), *shape), bool) for name in ROIS}
    for number, item in enumerate(items):
        if result.arm == "roi" and item.boxes is not None:
            rois = roi_of(item, shape, result.config)
            for name, box in (("right ROI", rois.image_left), ("left ROI", rois.image_right)):
                if box is not None:
                    planes[name][number][pixels_of(box)] = True
    made = "AUTOMATIC" if result.subject.found else "SEMIAUTOMATIC"
    found = [Drawn(name, ROIS[name], mask, made, own("ROI_RULE")) for name, mask in planes.items()]
    if said.masks is not None:
        network = codes.DCM.ArtificialIntelligence
        found += [
            Drawn(name, KINDS[name], mask, "AUTOMATIC", network)
            for name, mask in zip(MASKS, np.moveaxis(said.masks, -1, 0), strict=True)
        ]
    return [one for one in found if one.mask.any()]


def _kept(folder: Path, made: Mapping[str, Dataset], *notes: str) -> DicomResults:
    """Put the files into place; none of an earlier diagnosis stays beside them, and none of the user's is lost."""
    kept, said = {}, list(notes)
    for name in (SEG, SR):
        path, ds = folder / name, made.get(name)
        if path.exists() and not _ours(path):
            said.append(f"{name} is a file of yours, it was left as it is." if ds else "")
        elif ds:
            write_atomic(path, partial(write_dataset, ds))
            kept[name] = path
        else:
            path.unlink(missing_ok=True)
    return DicomResults(kept.get(SEG), kept.get(SR), tuple(filter(None, said)))


def _ours(path: Path) -> bool:
    try:
        with reading(path):
            return is_result(open_file(path, pixels=False, tags=("ManufacturerModelName",)))
    except StudyError:
        return False
