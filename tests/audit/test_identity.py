"""What of a header can identify a person is named, graded and never quoted."""

import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from dicom_samples import mr_dataset, write, write_cohort
from nibabel.nifti1 import Nifti1Extension, Nifti1Header
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from sijstudy.audit.identity import (
    dicom_attributes,
    looks_like_a_name,
    nifti_attributes,
    path_attributes,
    profile_action,
)
from sijstudy.audit.identity_findings import attributes_table, identity_findings
from sijstudy.audit.inspection import FileFacts, inspect_cohort
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions

SECRETS = ["Doe", "Jane", "19800317", "ACC-4711", "Main Street", "20210506", "Dr. Who said so", "secret bytes"]


def jane():
    """A header as it comes from a scanner."""
    ds = mr_dataset(0, 0, PatientName="Doe^Jane", PatientBirthDate="19800317", AccessionNumber="ACC-4711")
    ds.PatientAddress, ds.StudyDate, ds.ImageComments = "1 Main Street", "20210506", "Dr. Who said so"
    ds.InstitutionName, ds.PatientAge, ds.PatientWeight = "Clinic", "091Y", "70"
    block = ds.private_block(0x0029, "MAKER", create=True)
    block.add_new(0x01, "LO", "secret bytes")
    request = Dataset()
    request.RequestingPhysician = "House^Gregory"
    ds.RequestAttributesSequence = [request]
    return ds


def by_name(dataset, subject_id="S00"):
    return {attribute.name: attribute for attribute in dicom_attributes(dataset, subject_id)}


def fact(*attributes, subject_id="S00", kind="image", anonymised=False):
    return FileFacts(subject_id, f"{subject_id}/1.dcm", kind, attributes=tuple(attributes), anonymised=anonymised)


def test_a_scanners_header_is_seen_through():
    found = by_name(jane())
    assert {name: (one.category, one.grade) for name, one in found.items() if one.grade != "note"} == {
        "PatientName": ("name", "grave"),
        "RequestingPhysician": ("name", "grave"),
        "PatientBirthDate": ("birth", "grave"),
        "AccessionNumber": ("number", "grave"),
        "PatientAddress": ("number", "grave"),
        "PatientID": ("id", "warning"),
        "StudyDate": ("date", "warning"),
        "ImageComments": ("text", "warning"),
        "InstitutionName": ("place", "warning"),
        "PatientAge": ("age", "warning"),
        "private": ("private", "warning"),
        "RequestAttributesSequence": ("other", "warning"),
    }
    assert found["PatientName"].tag == "(0010,0010)"
    assert found["PatientName"].action == "empty or replace"
    assert found["private"].tag == "(0029,xxxx)"


def test_no_value_leaves_the_audit():
    files = [fact(*dicom_attributes(jane(), "S00"), *path_attributes("S00/doe_jane.dcm", jane(), "S00"))]
    findings = identity_findings(files, "hospital")
    said = " ".join(one.line() for one in findings) + attributes_table(files, "hospital").to_string() + repr(files)
    assert not [secret for secret in [*SECRETS, "MAKER", "House", "Clinic"] if secret.casefold() in said.casefold()]
    assert {one.sentence.split(":")[0] for one in findings if one.grade == "grave"} == {
        "Names of persons", "A birth date", "Hospital numbers or addresses",
        "Paths that repeat a name, date or number of the header",
    }  # fmt: skip


def test_a_pseudonymised_header_has_nothing_grave():
    ds = mr_dataset(0, 0, PatientName="S00", PatientID="S00", PatientBirthDate="")
    assert not [one for one in dicom_attributes(ds, "S00") if one.grade != "note"]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("S00", None), ("ANONYMOUS", None), ("Patient^003", None), ("Doe", "name"), ("Müller^Änne", "name"),
        ("王^伟", "name"), ("X99812", "code"), ("Anonymous^Doe", "name"),
    ],
)  # fmt: skip
def test_names_are_told_from_pseudonyms(name, category):
    found = by_name(mr_dataset(0, 0, PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    assert (found["PatientName"].category if "PatientName" in found else None) == category


def test_a_folder_named_after_the_person_does_not_hide_the_name():
    ds = mr_dataset(0, 0, PatientName="Doe", PatientID="Doe")
    assert by_name(ds, "Doe")["PatientName"].grade == "grave"
    assert [one.grade for one in identity_findings([fact(subject_id="Doe")], "hospital")] == ["warning"]


@pytest.mark.parametrize(("value", "grade"), [("19800317", "grave"), ("19800101", "warning"), ("", None)])
def test_the_year_of_birth_is_less_than_the_date(value, grade):
    found = by_name(mr_dataset(0, 0, PatientBirthDate=value))
    assert (found["PatientBirthDate"].grade if "PatientBirthDate" in found else None) == grade


def test_burned_in_text_is_grave_and_its_hints_are_warnings():
    found = by_name(mr_dataset(0, 0, BurnedInAnnotation="YES", ConversionType="WSD"))
    assert found["BurnedInAnnotation"].grade == "grave"
    assert found["ConversionType"].grade == "warning"
    assert "BurnedInAnnotation" not in by_name(mr_dataset(0, 0, BurnedInAnnotation="NO"))


def test_the_profile_covers_repeating_groups_and_keeps_geometry():
    assert profile_action(Tag(0x6000, 0x3000)) == profile_action(Tag(0x6002, 0x3000)) == "remove"
    assert profile_action(Tag("ImagePositionPatient")) == ""
    assert profile_action(Tag("Manufacturer")) == ""
    assert profile_action(Tag("SOPInstanceUID")) == "replace, the same everywhere"


def test_a_damaged_attribute_is_still_there():
    stream = BytesIO()
    dcmwrite(stream, mr_dataset(0, 0, PatientWeight="70.123"), enforce_file_format=True)
    broken = stream.getvalue().replace(b"DS\x06\x0070.123", b"FD\x06\x0070.123")
    found = by_name(dcmread(BytesIO(broken), stop_before_pixels=True))
    assert found["PatientWeight"].grade == "warning"


@pytest.mark.parametrize(
    ("file", "grade"),
    [
        ("S00/IM_1.dcm", None), ("S00/Doe_Jane/1.dcm", "grave"), ("S00/19800317.dcm", "grave"),
        ("S00/acc/ACC4711.dcm", None), ("S00/HOSP0815_1.dcm", "warning"),
    ],
)  # fmt: skip
def test_paths_are_searched_for_what_the_header_says(file, grade):
    ds = mr_dataset(0, 0, PatientName="Doe^Jane", PatientBirthDate="19800317", PatientID="HOSP0815")
    assert [one.grade for one in path_attributes(file, ds, "S00")] == ([grade] if grade else [])


def test_nifti_texts_and_extensions_are_found():
    header = Nifti1Header()
    assert nifti_attributes(header) == ()
    header["descrip"] = b"TE=8;Time=173939.090"
    header.extensions.append(Nifti1Extension("comment", b"hello"))
    assert [one.name for one in nifti_attributes(header)] == ["descrip", "extensions"]


def test_a_computed_cohort_identifies_nobody_only_when_it_says_so():
    found = dicom_attributes(mr_dataset(0, 0, PatientName="Doe^Jane"), "S00")
    said, silent = fact(*found, anonymised=True), fact(*found, subject_id="S01")
    assert {one.grade for one in identity_findings([said], "synthetic")} == {"note"}
    assert "grave" in {one.grade for one in identity_findings([said, silent], "synthetic")}
    assert "grave" in {one.grade for one in identity_findings([said], "hospital")}


def test_the_table_counts_files_and_puts_the_gravest_first():
    files = [fact(*dicom_attributes(jane(), "S00")), fact(*dicom_attributes(mr_dataset(0, 1, PatientName="A1"), "S00"))]
    table = attributes_table(files, "hospital")
    assert table["grade"].tolist() == sorted(table["grade"], key=["grave", "warning", "note"].index)
    row = table.set_index("attribute").loc["PatientName"]
    assert (row["grade"], row["files"]) == ("grave", 2)


def test_words_of_letters_look_like_names():
    assert looks_like_a_name("Doe^Jane")
    assert looks_like_a_name("Doe^Jane 2")
    assert not looks_like_a_name("SIJ-003^")


def test_every_file_that_comes_with_pydicom_is_judged():
    judged = {}
    for path in sorted((Path(pydicom.__file__).parent / "data/test_files").rglob("*.dcm")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = dcmread(path, stop_before_pixels=True)
            except (InvalidDicomError, OSError, EOFError, AttributeError, NotImplementedError):
                continue  # broken on purpose; the audit reports them as files that cannot be read
            judged[path.name] = {one.name for one in dicom_attributes(dataset, "S00")}
    assert len(judged) > 50
    assert {"PatientName", "StudyDate"} <= judged["MR_small.dcm"] | judged["CT_small.dcm"]


def test_a_name_in_the_segmentation_that_outlines_were_made_of_is_found(tmp_path):
    """The manifest keeps outlines without a header; what they were made of lies beside the images."""
    cohort = write_cohort(tmp_path / "dicom")
    path = cohort.root / "S01/SEG.dcm"
    ds = dcmread(path)
    ds.PatientName = "Doe^Jane"
    write(ds, path)
    options = BuildOptions(cohort.subjects_csv, votes_csv=cohort.votes_csv)
    manifest = build_manifest(cohort.root, tmp_path / "m", options, progress=False)
    found = inspect_cohort(manifest, progress=False).files
    named = {one.file for one in found for own in one.attributes if (own.name, own.grade) == ("PatientName", "grave")}
    assert named == {"S01/SEG.dcm"}
    path.unlink()  # they are not needed any more
    assert not any(one.problem for one in inspect_cohort(manifest, progress=False).files)
