"""Files that are gone, changed or there twice."""

from audit_samples import sentences
from dicom_samples import mr_dataset

from sijstudy.audit import files
from sijstudy.audit.cohort import audit_cohort
from sijstudy.audit.inspection import Inspection, SliceFacts, inspect_cohort


def test_the_same_pixels_in_two_subjects_are_grave_and_in_one_a_warning():
    same = [SliceFacts("A", 1, 0, pixels="x"), SliceFacts("B", 4, 0, pixels="x"), SliceFacts("B", 5, 0, pixels="y")]
    twice = [
        SliceFacts("C", 1, 0, pixels="z"),
        SliceFacts("C", 2, 0, pixels="z"),
        SliceFacts("C", 3, 0, problem="gone"),
    ]
    twins = files.pixel_twins([*same, *twice])
    found = files.duplicate_findings(twins)
    assert [(one.grade, one.where) for one in found] == [
        ("grave", "A slice 1, B slice 4"), ("warning", "C slice 1, C slice 2"),
    ]  # fmt: skip


def test_one_image_in_two_subjects_is_found_in_the_files(faulty):
    def copy_pixels(subject, step, dataset):
        if (subject, step) == (7, 1):
            dataset.PixelData = mr_dataset(0, 2).PixelData

    audit = audit_cohort(faulty(copy_pixels), samples=20, progress=False)
    (found,) = sentences(audit, "duplicates")
    assert found.startswith("grave: 2 slices of different subjects have identical pixels.")
    assert "S00 slice 2" in found
    assert "S07 slice 1" in found


def test_missing_changed_and_unreadable_files_are_grave(faulty):
    manifest = faulty(lambda *_: None)
    first, second, third = (manifest.root / name for name in manifest.slices["file"].iloc[:3])
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\0")
    third.write_bytes(b"no image")
    audit = audit_cohort(manifest, samples=20, progress=False)
    found = [one for one in audit.findings if one.topic == "files"]
    assert {one.grade for one in found} == {"grave"}
    text = " ".join(one.line() for one in found)
    assert all(f"S00/{path.name}" in text for path in (first, second, third))
    assert "no such file" in text
    assert "its SHA-256 is not the manifest's. " in " ".join(one.sentence + " " for one in found)
    assert str(manifest.root) not in text


def test_a_whole_cohort_has_no_file_finding(sample_manifest):
    inspection = inspect_cohort(sample_manifest, progress=False)
    assert files.file_findings(inspection) == []
    assert len(inspection.files) == 36 + 12 + 12
    assert len({fact.pixels for fact in inspection.slices}) == 36
    assert (
        files.file_findings(Inspection((), (SliceFacts("A", 3, 0, problem="what; do this"),)))[0].where
        == "slice 3 of A"
    )
