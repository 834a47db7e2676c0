"""What the DICOM files written here have in common: UIDs made of names, segments with a coded meaning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import highdicom as hd
from pydicom import Dataset, dcmwrite
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, generate_uid

ROOT = UID("1.2.826.0.1.3680043.8.498.1")  # pydicom's documented root for generated identifiers


@dataclass(frozen=True)
class Kind:
    """The coded meaning of a segment: category and type; a side as the type's modifier; the region it lies in."""

    category: Code
    type: Code
    side: Code | None = None
    region: Code | None = None


#: label of a segment -> what it is, in SNOMED CT, with the side of each ilium as a modifier
KINDS = {
    "left ilium": Kind(codes.SCT.AnatomicalStructure, codes.SCT.Ilium, codes.SCT.Left),
    "right ilium": Kind(codes.SCT.AnatomicalStructure, codes.SCT.Ilium, codes.SCT.Right),
    "sacrum": Kind(codes.SCT.AnatomicalStructure, codes.SCT.Sacrum),
    "edema": Kind(codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Edema, region=codes.SCT.SacroiliacJoint),
}


def derived_uid(*names: object) -> UID:
    """A DICOM UID that depends on ``names`` only."""
    return generate_uid(prefix=f"{ROOT}.", entropy_srcs=list(map(str, names)))


def described_segment(number: int, label: str, kind: Kind, algorithm: str, identification: Any = None) -> Any:
    """highdicom's description of a segment. algorithm: MANUAL; SEMIAUTOMATIC or AUTOMATIC with an identification."""
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=kind.category,
        segmented_property_type=kind.type,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues(algorithm),
        algorithm_identification=identification,
        anatomic_regions=[kind.region] if kind.region is not None else None,
    )
    if kind.side is not None:
        modifier = [hd.sr.CodedConcept.from_code(kind.side)]
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = modifier
    return description


def set_dimensions(seg: Dataset, organization: UID) -> None:
    """Name the organization of a SEG's dimensions, for which highdicom throws dice."""
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization


def write_dataset(ds: Dataset, target: Path | IO[bytes]) -> None:
    """Save as a DICOM file with preamble and header."""
    dcmwrite(target, ds, enforce_file_format=True)
