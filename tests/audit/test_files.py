"""Files that are gone, changed or there twice."""

import shutil

from audit_samples import sentences
from dicom_samples import mr_dataset

from sijstudy.audit import files
from sijstudy.audit.cohort import audit_cohort
from sijstudy.audit.inspection import FileFacts, Inspection, SliceFacts, inspect_cohort
from sijstudy.cohort.manifest import load_manifest
from sijstudy.files import read_json, write_json


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
    assert audit.checked.startswith(
        "40 files were to be read and hashed: 30 of images, 10 of outlines; of 3 the findings"
    )


def test_a_whole_cohort_has_no_file_finding(sample_manifest):
    inspection = inspect_cohort(sample_manifest, progress=False)
    assert files.file_findings(inspection) == []
    assert len(inspection.files) == 36 + 12 + 12
    assert len({fact.pixels for fact in inspection.slices}) == 36
    assert (
        files.file_findings(Inspection((), (SliceFacts("A", 3, 0, problem="what; do this"),)))[0].where
        == "slice 3 of A"
    )


def test_what_was_hashed_and_what_was_not_are_counted_apart(sample_manifest, tmp_path):
    inspection = inspect_cohort(sample_manifest, progress=False)
    assert files.checked_sentence(inspection.files).startswith(
        "48 files were read and hashed: 36 of images, 12 of outlines. Of 12 DICOM SEG files only the headers were read"
    )
    few = [FileFacts("A", "1.dcm", "image", hashed=True), FileFacts("A", "A.npz", "outlines")]
    assert files.checked_sentence(few) == (
        "2 files were read and hashed: 1 of images, 1 of outlines. The manifest keeps no SHA-256 of 1 of them."
    )


def test_changed_outlines_are_grave_and_a_changed_seg_is_not_called_unchanged(sample_manifest, tmp_path):
    """The study reads the outlines, so it is these that must be as they were."""
    copied = tmp_path / "cohort"
    shutil.copytree(sample_manifest.root, copied)
    folder = shutil.copytree(sample_manifest.folder, tmp_path / "manifest")
    about = read_json(folder / "cohort.json")
    write_json(folder / "cohort.json", {**about, "root": str(copied)})
    manifest = load_manifest(folder)
    drawn = next(one.file for one in inspect_cohort(manifest, progress=False).files if one.kind == "drawn")
    content = bytearray((copied / drawn).read_bytes())
    content[-50:] = bytes(255 - byte for byte in content[-50:])
    (copied / drawn).write_bytes(content)
    audit = audit_cohort(manifest, samples=20, progress=False)
    assert not [one for one in audit.findings if one.topic == "files"]
    assert "Of 12 DICOM SEG files only the headers were read" in audit.checked
    outlines = manifest.outlines_root / manifest.slices["segmentation"].dropna().iloc[0]
    outlines.write_bytes(outlines.read_bytes() + b"0")
    (found,) = [one for one in audit_cohort(manifest, samples=20, progress=False).findings if one.topic == "files"]
    assert (found.grade, found.where) == ("grave", outlines.name)
