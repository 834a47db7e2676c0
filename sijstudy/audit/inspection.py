"""One pass over the cohort's files: all that the audit needs to know of each."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
from joblib import Parallel, delayed
from tqdm import tqdm

from sijstudy.audit.identity import Attribute, dicom_attributes, nifti_attributes, path_attributes
from sijstudy.cohort.account import USED
from sijstudy.cohort.manifest import Manifest, inside, read_account
from sijstudy.errors import StudyError
from sijstudy.files import file_hash
from sijstudy.images.dicom import reading
from sijstudy.images.read import read_image
from sijstudy.images.slice_order import normal_of
from sijstudy.images.upright import Plane
from sijstudy.records import Slice

NIFTI = (".nii", ".nii.gz")
CHANGED = "its SHA-256 is not the manifest's; restore the file or build the manifest again"


@dataclass(frozen=True)
class FileFacts:
    """What a file of the cohort says. No value that could name a person leaves this record: they are not shown.

    file: as in the manifest. kind: image, outlines (the manifest's), or drawn: a DICOM SEG that these were made of, of
    which the manifest keeps no hash and only the header is read. problem: why it must not be used, empty when it can.
    hashed: it was held against a hash of the manifest. anonymised: PatientIdentityRemoved is YES.
    """

    subject_id: str
    file: str
    kind: str
    problem: str = ""
    hashed: bool = False
    attributes: tuple[Attribute, ...] = ()
    anonymised: bool = False
    patient_id: str = field(default="", repr=False)
    study_uid: str = field(default="", repr=False)
    age: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)


@dataclass(frozen=True)
class SliceFacts:
    """What one slice says. pixels: hash of its decoded values, empty when they cannot be read.

    height: mm along the normal of its plane, upwards, in the patient's frame. plane: where the upright slice lies.
    """

    subject_id: str
    index: int
    label: int
    acquisition: dict[str, Any] = field(default_factory=dict)
    pixels: str = ""
    problem: str = ""
    height: float = math.nan
    plane: Plane | None = None


@dataclass(frozen=True)
class Inspection:
    """The cohort's files and slices, in the manifest's order."""

    files: tuple[FileFacts, ...]
    slices: tuple[SliceFacts, ...]


def inspect_cohort(manifest: Manifest, *, workers: int = 1, progress: bool = True) -> Inspection:
    """Read every file that the study uses: hash, header, pixels; of a DICOM SEG only the header.

    A missing or damaged file becomes a fact, not an error.
    """
    by_subject: dict[str, list[tuple[Slice, dict[str, Any]]]] = defaultdict(list)
    for item, row in zip(manifest.slice_records(), manifest.slices.to_dict("records"), strict=True):
        by_subject[item.subject_id].append((item, row))
    roots, drawn = {"image": manifest.root, "outlines": manifest.outlines_root}, _drawn(manifest)
    jobs: list[Callable[[], Any]] = [
        delayed(_inspect_subject)(roots, own, drawn.get(name, [])) for name, own in by_subject.items()
    ]
    done = Parallel(n_jobs=workers, return_as="generator")(jobs)
    parts = list(tqdm(done, total=len(jobs), desc="auditing files", unit="subject", disable=not progress))
    return Inspection(tuple(chain(*(files for files, _ in parts))), tuple(chain(*(slices for _, slices in parts))))


def _drawn(manifest: Manifest) -> dict[str, list[str]]:
    """Subject -> the DICOM SEG files that its outlines were made of, where they still are: names may stand in them."""
    account, drawn = read_account(manifest.folder), defaultdict(list)
    if account is not None:
        for row in account[(account["kind"] == "SEG") & (account["outcome"] == USED)].itertuples():
            if (manifest.root / row.file).is_file():
                drawn[str(row.subject_id)].append(str(row.file))
    return drawn


def _inspect_subject(
    roots: dict[str, Path], own: list[tuple[Slice, dict[str, Any]]], drawn: list[str]
) -> tuple[list[FileFacts], list[SliceFacts]]:
    """One subject's files, each once, and slices; drawn: its SEG files. pydicom's warnings quote values: silenced."""
    subject_id = own[0][0].subject_id
    files = {("image", str(row["file"])): row["sha256"] for _, row in own}
    files |= {
        ("outlines", str(row["segmentation"])): row["segmentation_sha256"] for item, row in own if item.segmentation
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts = [
            _inspect_file(FileFacts(subject_id, name, kind), roots[kind], digest)
            for (kind, name), digest in files.items()
        ]
        for name in drawn:
            with suppress(StudyError):  # it was read when the manifest was built, and is not read again
                facts.append(_header_facts(FileFacts(subject_id, name, "drawn"), roots["image"] / name))
        return facts, [_inspect_slice(item, roots["image"]) for item, _ in own]


def _inspect_file(fact: FileFacts, root: Path, digest: Any) -> FileFacts:
    """The header's facts, and what is wrong with the file. digest: of the manifest, NA when it has none."""
    path, fact = root / fact.file, replace(fact, hashed=not pd.isna(digest))
    try:
        changed = file_hash(inside(root, path)) != digest and fact.hashed
    except StudyError as error:
        return replace(fact, problem=_reason(error, path, root))
    try:
        return replace(_header_facts(fact, path), problem=CHANGED if changed else "")
    except StudyError as error:
        return replace(fact, problem=CHANGED if changed else _reason(error, path, root))


def _header_facts(fact: FileFacts, path: Path) -> FileFacts:
    if path.name.lower().endswith(NIFTI):
        with reading(path):
            return replace(fact, attributes=nifti_attributes(nibabel.Nifti1Image.from_filename(path).header))
    if path.suffix.lower() == ".npz":
        return fact
    with reading(path):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        found = (*dicom_attributes(dataset, fact.subject_id), *path_attributes(fact.file, dataset, fact.subject_id))
        return replace(
            fact,
            attributes=found,
            anonymised=str(dataset.get("PatientIdentityRemoved", "")).strip() == "YES",
            patient_id=str(dataset.get("PatientID", "")).strip(),
            study_uid=str(dataset.get("StudyInstanceUID", "")),
            age=str(dataset.get("PatientAge", "") or ""),
            sex=str(dataset.get("PatientSex", "") or ""),
        )


def _inspect_slice(item: Slice, root: Path) -> SliceFacts:
    try:
        image = read_image(item)
    except StudyError as error:
        return SliceFacts(item.subject_id, item.index, item.label, problem=_reason(error, item.file, root))
    content = hashlib.sha256(repr(image.pixels.shape).encode() + image.pixels.tobytes())
    header = image.header
    height = float(np.dot(header.position, normal_of(header.orientation)))
    facts = (item.subject_id, item.index, item.label, header.acquisition, content.hexdigest())
    return SliceFacts(*facts, height=height, plane=header.plane)


def _reason(error: StudyError, path: Path, root: Path) -> str:
    """What is wrong, without paths: reports hide where the cohort lies."""
    return str(error).replace(f"{path}: ", "", 1).replace(f" {root}", "")
