"""Attributes that can tell who was examined: those of the DICOM basic confidentiality profile (PS3.15, Table E.1-1).

Values are looked at here and never handed on: what leaves this module is the name of an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as profile
from nibabel.nifti1 import Nifti1Header
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from sijstudy.audit.findings import GRADES, Grade

# The profile's action codes in words, by the lists of the package that carries the table (edition 2026c).
ACTIONS = {
    "D_TAGS": "replace",
    "Z_TAGS": "empty or replace",
    "X_TAGS": "remove",
    "U_TAGS": "replace, the same everywhere",
    "Z_D_TAGS": "empty or replace",
    "X_Z_TAGS": "remove or empty",
    "X_D_TAGS": "remove or replace",
    "X_Z_D_TAGS": "remove, empty or replace",
    "X_Z_U_STAR_TAGS": "remove, or replace its UIDs",
}
PRIVATE_ACTION = "remove, unless known to be safe"

# Hospital numbers and addresses, which lead to one person. Names are known by their type (PN).
DIRECT = frozenset(
    {
        "AccessionNumber", "AdmissionID", "InsurancePlanIdentification", "MedicalRecordLocator",
        "OtherPatientIDs", "OtherPatientIDsSequence", "PatientAddress", "PatientInstitutionResidence",
        "PatientTelecomInformation", "PatientTelephoneNumbers", "PersonAddress", "PersonTelecomInformation",
        "PersonTelephoneNumbers", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
        "ServiceEpisodeID"
    }
)  # fmt: skip
# What anonymisers write in the place of a name.
PLACEHOLDERS = frozenset(
    {
        "anon", "anonym", "anonymised", "anonymized", "anonymous", "case", "control", "deidentified",
        "healthy", "name", "no", "none", "patient", "phantom", "pseudonym", "removed", "sijstudy", "study",
        "sub", "subj", "subject", "synthetic", "test", "unknown", "volunteer"
    }
)  # fmt: skip
TEXT = frozenset({"AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
PLACE = re.compile("Institution|Station|Department|Device|Detector|SerialNumber|AETitle")
SPECIAL = frozenset({"PatientID", "PatientBirthDate", "PatientAge"})
OLDEST = 89  # ASSUMED: years; ages above are rare enough to identify (US HIPAA safe harbor)


# Value representation -> category and grade, of attributes that nothing more special is known of.
BY_TYPE: dict[str, tuple[str, Grade]] = {
    "DA": ("date", "warning"),
    "DT": ("date", "warning"),
    "TM": ("time", "note"),
    "UI": ("uid", "note"),
    "AS": ("person", "note"),
    "CS": ("person", "note"),
    "DS": ("person", "note"),
}


@dataclass(frozen=True)
class Attribute:
    """An attribute that a file fills in.

    tag: ``(gggg,eeee)``. category: a key of ``identity_findings.CATEGORIES``. action: what the profile does with it.
    """

    tag: str
    name: str
    category: str
    grade: Grade
    action: str


def dicom_attributes(dataset: Dataset, subject_id: str) -> tuple[Attribute, ...]:
    """Every filled-in attribute of a DICOM header that the basic profile would change, nested ones included.

    One entry per tag, the gravest one. A PatientName or PatientID that is the pseudonym is left out.
    """
    found: dict[str, Attribute] = {}
    own = frozenset({subject_id.casefold(), _text(dataset, "PatientID").casefold()})
    for element in _elements(dataset):
        judged = _judge(element, own, subject_id)
        if judged and (judged.tag not in found or _rank(judged) < _rank(found[judged.tag])):
            found[judged.tag] = judged
    return (*found.values(), *_burned_in(dataset))


def nifti_attributes(header: Nifti1Header) -> tuple[Attribute, ...]:
    """The free texts of a NIfTI header that are filled in, and its extensions, which can hold a whole DICOM header."""
    texts = ("descrip", "aux_file", "intent_name", "db_name")
    filled = [name for name in texts if bytes(header[name].tobytes()).strip(b"\0 ")]
    filled += ["extensions"] if len(header.extensions) else []
    return tuple(Attribute("NIfTI", name, "text", "warning", "empty") for name in filled)


def path_attributes(file: str, dataset: Dataset, subject_id: str) -> tuple[Attribute, ...]:
    """Does the path of a file repeat what its header says of the person? At most one attribute."""
    words = set(_words(PurePosixPath(file).with_suffix("").as_posix()))
    secret = {word for word in _words(_text(dataset, "PatientName")) if _is_name(word) and len(word) > 2}
    numbers = {_text(dataset, name).casefold() for name in ("PatientBirthDate", "AccessionNumber")}
    patient_id = _text(dataset, "PatientID").casefold()
    if words & (secret | {number for number in numbers if len(number) > 3}):
        return (Attribute("path", "file name", "path", "grave", "rename"),)
    if len(patient_id) > 3 and patient_id != subject_id.casefold() and patient_id in words - PLACEHOLDERS:
        return (Attribute("path", "file name", "path", "warning", "rename"),)
    return ()


def looks_like_a_name(text: str) -> bool:
    """True when a text holds a word of letters only that no anonymiser would have written; with a number, two words."""
    words = _words(text)
    return sum(map(_is_name, words)) > any(map(str.isdigit, words))


@cache
def profile_action(tag: BaseTag) -> str:
    """What the basic profile does with an attribute, in words; empty when it keeps it."""
    for name, action in ACTIONS.items():
        for entry in getattr(profile, name):
            group, number, group_mask, number_mask = entry if len(entry) == 4 else (*entry, 0xFFFF, 0xFFFF)
            if (tag.group & group_mask, tag.element & number_mask) == (group & group_mask, number & number_mask):
                return action
    return ""


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """All elements that hold something, nested ones too; what cannot be decoded comes as unknown bytes."""
    for part in (getattr(dataset, "file_meta", None) or Dataset(), dataset):
        for tag in list(part.keys()):
            try:
                element = part[tag]
            except Exception:  # damaged bytes raise almost anything; the attribute is there all the same
                element = DataElement(tag, "OB", b"?")
            if element.is_empty or not str(element.value).strip(" ^="):
                continue
            yield element
            for item in element.value if element.VR == "SQ" else ():
                yield from _elements(item)


def _judge(element: DataElement, own: frozenset[str], subject_id: str) -> Attribute | None:
    tag, keyword = element.tag, element.keyword
    if tag.is_private:
        shown = f"({tag.group:04X},xxxx)"
        return None if tag.is_private_creator else Attribute(shown, "private", "private", "warning", PRIVATE_ACTION)
    action = profile_action(tag)
    if not action:
        return None
    judged = (
        _special(element, own, subject_id) if keyword in SPECIAL or element.VR == "PN" else _by_kind(element, action)
    )
    return Attribute(f"({tag.group:04X},{tag.element:04X})", keyword or "unknown", *judged, action) if judged else None


def _special(element: DataElement, own: frozenset[str], subject_id: str) -> tuple[str, Grade] | None:
    """Attributes whose value decides: names, PatientID, birth date, age."""
    value = str(element.value).strip(" ^=")
    if element.keyword == "PatientBirthDate":
        return ("birth", "warning" if len(value) < 8 or value.endswith("0101") else "grave")
    if element.keyword == "PatientAge":
        years = re.fullmatch(r"(\d{3})Y", value)
        return ("age", "warning") if years and int(years[1]) > OLDEST else ("person", "note")
    allowed = own if element.keyword == "PatientName" else {subject_id.casefold()}
    if value.casefold() in allowed and re.search(r"\d", value):
        return None  # a pseudonym with a number in it
    if looks_like_a_name(value):
        return ("name", "grave")
    if all(word in PLACEHOLDERS or (word.isdigit() and len(word) < 4) for word in _words(value)):
        return None
    return ("id", "warning") if element.keyword == "PatientID" else ("code", "warning")


def _by_kind(element: DataElement, action: str) -> tuple[str, Grade]:
    """Attributes whose type decides."""
    if element.keyword in DIRECT:
        return ("number", "grave")
    if element.tag.group & 0xFF00 == 0x6000:
        return ("burned", "warning")
    if PLACE.search(element.keyword):
        return ("place", "warning")
    if element.VR in TEXT:
        return ("text", "warning")
    if element.VR == "SQ" and "UIDs" in action:
        return ("uid", "note")
    return BY_TYPE.get(element.VR, ("other", "warning"))


def _burned_in(dataset: Dataset) -> Iterator[Attribute]:
    """Hints that a name may stand in the pixels themselves, where no header tool finds it."""
    if _text(dataset, "BurnedInAnnotation").upper() == "YES":
        yield Attribute("(0028,0301)", "BurnedInAnnotation", "burned", "grave", "clean the pixels")
    if _text(dataset, "RecognizableVisualFeatures").upper() == "YES":
        yield Attribute("(0028,0302)", "RecognizableVisualFeatures", "burned", "warning", "clean the pixels")
    if "ConversionType" in dataset or "SCREEN" in _text(dataset, "ImageType").upper():
        yield Attribute("(0008,0064)", "ConversionType", "burned", "warning", "look at the image")


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return str(dataset.get(keyword) or "").strip()
    except Exception:  # damaged bytes; ``_elements`` reports the attribute
        return ""


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


def _is_name(word: str) -> bool:
    return word.isalpha() and word not in PLACEHOLDERS and (len(word) > 1 or not word.isascii())


def _rank(attribute: Attribute) -> int:
    return GRADES.index(attribute.grade)
