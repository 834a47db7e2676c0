"""What a diagnosis tells -> files that a viewer or archive of a hospital can show: DICOM SEG and DICOM SR."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes

from sijstudy import __version__
from sijstudy.dicom_write import KINDS, Kind, write_dataset
from sijstudy.errors import StudyError
from sijstudy.files import digest, write_atomic
from sijstudy.images.dicom_file import brief, open_file, reading
from sijstudy.images.nifti import is_volume
from sijstudy.images.seg import RESULT_MODEL, is_result
from sijstudy.images.seg_write import Drawn, Identity, Source, read_sources, segmentation
from sijstudy.records import Slice
from sijstudy.study.dicom_report import coding_scheme, own, report
from sijstudy.study.dicom_told import MASKS, NOTICE, DicomResults, Told

SEG, SR = "results_SEG.dcm", "results_SR.dcm"
ROI_KINDS = {
    f"{name} ROI": Kind(codes.SCT.SpatialAndRelationalConcept, own("ROI"), side, codes.SCT.SacroiliacJoint)
    for name, side in (("left", codes.SCT.Left), ("right", codes.SCT.Right))
}


def write_dicom_results(told: Told, folder: Path) -> DicomResults:
    """Write ``results_SEG.dcm`` (ROI and masks) and ``results_SR.dcm`` (scores and decision) into ``folder``.

    A file of an earlier diagnosis there is replaced or, when there is nothing to write, removed; a file that is none
    of ours stays. StudyError when the folder cannot be written; whatever else stands in the way becomes a note.
    """
    if any(is_volume(item.file) for item in told.slices):
        return _kept(folder, {}, "No DICOM results: the images are NIfTI volumes, there is no study to refer to.")
    notes: list[str] = []
    made: dict[str, Dataset] = {}
    try:
        sources = read_sources(told.slices)
        drawn = _drawn(told, sources)
        if drawn and (apart := _turned_apart(sources, told.slices)):
            notes.append(f"No DICOM SEG: {apart}.")
        elif drawn:
            made[SEG] = segmentation(sources, drawn, _identity(told, sources, "SEG"))
        else:
            notes.append("No DICOM SEG: there is no ROI and no mask to show.")
        used = [source for source, own_row in zip(sources, told.used, strict=True) if own_row]
        made[SR] = report(told, used, _identity(told, sources, "SR"))
    except StudyError as error:
        notes.append(f"No DICOM {'SR' if made else 'results'}: {str(error).rstrip('.')}.")
    except Exception as error:  # highdicom's, on headers it finds unlawful; the page and its JSON are not lost for that
        why = f"highdicom finds fault with the headers of these images ({brief(error).rstrip('.')})"
        notes.append(f"No DICOM {'SR' if made else 'results'}: {why}. Page and JSON hold all that was found.")
    return _kept(folder, made, *notes)


def _turned_apart(sources: Sequence[Source], slices: Sequence[Slice]) -> str:
    """Which two images are stored turned or mirrored against each other, of which no SEG can be made; else empty."""
    for source, item in zip(sources, slices, strict=True):
        if source.turn != sources[0].turn:
            return (
                f"{item.file.name} is stored turned or mirrored against {slices[0].file.name} "
                "(ImageOrientationPatient), and a SEG has one orientation; export the series again with all images "
                "stored alike"
            )
    return ""


def _identity(told: Told, sources: Sequence[Source], kind: str) -> Identity:
    """UIDs are made of all that the file says, as an instance's content must never change under its UID."""
    masks = None if told.masks is None else hashlib.sha256(np.packbits(told.masks).tobytes()).hexdigest()
    boxes, (parameters, opinion) = [repr(item.boxes) for item in told.slices], told.basis
    table = told.table.to_json(double_precision=15)
    said = [list(told.remarks), told.decided, table, opinion, told.networks, told.rule]
    said += [told.found, told.used, repr(told.windows)]
    content = digest([[source.key for source in sources], masks, boxes, parameters, said])
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


def _drawn(told: Told, sources: Sequence[Source]) -> list[Drawn]:
    """The segments that have a pixel: ROI as the networks were shown them, and masks."""
    planes = {name: np.zeros((len(sources), *sources[0].upright_shape), bool) for name in ROI_KINDS}
    for number, windows in enumerate(told.windows):
        for name, window in windows.items():
            planes[name][number][window] = True
    made = "AUTOMATIC" if told.found else "SEMIAUTOMATIC"
    found = [Drawn(name, ROI_KINDS[name], mask, made, own("ROI_RULE")) for name, mask in planes.items()]
    if told.masks is not None:
        network = codes.DCM.ArtificialIntelligence
        found += [
            Drawn(name, KINDS[name], mask, "AUTOMATIC", network)
            for name, mask in zip(MASKS, np.moveaxis(told.masks, -1, 0), strict=True)
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
