"""What the scanner says of files of every kind, and that nothing makes it stumble."""

import io
import struct
import time
from pathlib import Path

import pydicom
import pytest
from dicom_samples import ORIENTATION, UID, bone_masks, enhanced_mr, mr_dataset, seg_dataset, write
from hospital_samples import report, screenshot, series_of_slices, write_hospital_tree
from pydicom import Dataset
from pydicom.data import get_testdata_files
from pydicom.uid import CTImageStorage, SegmentationStorage

from sijstudy.cohort.scan import look_at, scan
from sijstudy.errors import StudyError


def looked_at(tmp_path, ds, name="x"):
    return look_at(write(ds, tmp_path / name), tmp_path)


def test_an_mr_image(tmp_path):
    ds = mr_dataset(1, 2, SeriesDescription="t1 \n cor", ScanOptions=["FS", "PFP"], ContrastBolusAgent="Gd",
                    ProtocolName="SIJ")  # fmt: skip
    found = looked_at(tmp_path, ds)
    (image,) = found.images
    assert (found.kind, found.patient_id, found.note, found.broken) == ("MR image", "P001", "", "")
    assert (image.uid, image.series_uid, image.number) == (f"{UID}.1.1.3", f"{UID}.1.1", "1")
    assert (image.description, image.contrast_agent, image.frame) == ("t1 cor", "Gd", None)
    assert image.words == "sij sequence:se option:fs option:pfp"
    assert (image.repetition_time, image.echo_time) == (544, 11)
    assert image.orientation == pytest.approx(ORIENTATION, abs=1e-5)


def test_a_multi_frame_file_is_an_image_per_frame(tmp_path):
    found = looked_at(tmp_path, enhanced_mr(1, [2, 0]))
    assert found.kind == "MR multi-frame"
    assert [image.uid for image in found.images] == [f"{UID}.1.71.1.1", f"{UID}.1.71.1.2"]
    assert {(image.repetition_time, image.echo_time) for image in found.images} == {(544, 11)}
    assert found.images[0].orientation == pytest.approx(ORIENTATION, abs=1e-5)


def test_a_segmentation_says_what_it_outlines(tmp_path):
    series = [mr_dataset(1, step) for step in range(2)]
    found = looked_at(tmp_path, seg_dataset(series, bone_masks(1)[None].repeat(2, 0)))
    assert (found.kind, [one.label for one in found.segments]) == (
        "SEG",
        ["left ilium", "right ilium", "sacrum", "edema"],
    )
    assert found.sources == {ds.SOPInstanceUID for ds in series}


@pytest.mark.parametrize(
    ("make", "kind", "note"),
    [
        (
            lambda: mr_dataset(1, 0, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
            "other DICOM",
            "modality CT",
        ),
        (lambda: report(1), "other DICOM", "modality SR, not MR"),
        (lambda: screenshot(1), "other DICOM", "a screenshot"),
        (lambda: mr_dataset(1, 0, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.2"), "other DICOM", "MR spectroscopy"),
        (
            lambda: mr_dataset(1, 0, SOPClassUID="1.2.840.10008.5.1.4.1.1.66", Rows=None),
            "other DICOM",
            "without an image",
        ),
    ],
)
def test_other_dicom(tmp_path, make, kind, note):
    ds = make()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    found = looked_at(tmp_path, ds)
    assert (found.kind, found.images, found.broken) == (kind, (), "")
    assert note in found.note


@pytest.mark.parametrize(
    ("name", "content", "kind", "note"),
    [
        ("Thumbs.db", b"\xd0\xcf\x11\xe0" * 99, "not DICOM", "not a DICOM file"),
        ("notes.txt", b"", "not DICOM", "an empty file"),
        (".DS_Store", b"x", "not DICOM", "a hidden file"),
        ("._IM1.dcm", b"x", "not DICOM", "a hidden file"),
        ("votes.csv", b"a,b", "table", "a table that no option names"),
        ("mr.nii.gz", b"x", "NIfTI volume", ""),
        ("map.seg.nrrd", b"x", "label map", ""),
        ("begins like DICOM", b"\x08\x00\x05\x00CS", "not DICOM", "not a DICOM file"),
    ],
)
def test_files_that_are_no_dicom(tmp_path, name, content, kind, note):
    (tmp_path / name).write_bytes(content)
    found = look_at(tmp_path / name, tmp_path)
    assert (found.kind, found.note, found.broken) == (kind, note, "")


def test_damage_is_told_from_what_is_no_image(tmp_path):
    whole = write(mr_dataset(1, 0), tmp_path / "x").read_bytes()
    ct = mr_dataset(1, 0, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    ct.file_meta.MediaStorageSOPClassUID = ct.SOPClassUID
    other = write(ct, tmp_path / "y").read_bytes()
    start = whole.index(b"\x08\x00\x08\x00CS")
    for name, content in {"cut.dcm": whole[:700], "IM1": b"", "bare": whole[start:], "meta": whole[:140]}.items():
        (tmp_path / name).write_bytes(content)
        assert look_at(tmp_path / name, tmp_path).broken.startswith(f"{tmp_path / name}: ")
    (tmp_path / "cut ct").write_bytes(other[: other.index(b"CT", 300) + 1])
    assert look_at(tmp_path / "cut ct", tmp_path).broken == ""


def unmarked(ds, *, implicit=False, little=True):
    if implicit and not little:  # pydicom writes none
        values = {(8, 0x16): ds.SOPClassUID.encode() + b"\0", (8, 0x60): ds.Modality.encode(), (0x28, 0x10): b"\0\x18"}
        return b"".join(struct.pack(">HHL", *tag, len(value)) + value for tag, value in values.items())
    stream = io.BytesIO()
    order = {"implicit_vr": implicit, "little_endian": little}
    pydicom.dcmwrite(stream, Dataset(ds), **order)
    return stream.getvalue()


@pytest.mark.parametrize("before", [b"", bytes(128), b"II*\0" * 32, b"DICM"], ids=["bare", "zeros", "text", "DICM"])
@pytest.mark.parametrize("order", [{}, {"implicit": True}, {"little": False}, {"implicit": True, "little": False}])
def test_an_mr_image_without_the_mark_is_broken_in_either_order_of_bytes(tmp_path, order, before):
    (tmp_path / "x").write_bytes(before + unmarked(mr_dataset(1, 0), **order))
    assert look_at(tmp_path / "x", tmp_path).broken.endswith("without the DICM mark of DICOM files; export it again")
    seg = mr_dataset(1, 0, Modality="SEG", SOPClassUID=SegmentationStorage)
    (tmp_path / "x").write_bytes(before + unmarked(seg, **order))
    assert "x: a segmentation without the DICM mark" in look_at(tmp_path / "x", tmp_path).broken
    ct = mr_dataset(1, 0, Modality="CT", SOPClassUID=CTImageStorage)
    (tmp_path / "x").write_bytes(before + unmarked(ct, **order))
    found = look_at(tmp_path / "x", tmp_path)
    assert (found.kind, found.note, found.broken) == ("not DICOM", "not a DICOM file", "")


@pytest.mark.parametrize("little", [True, False])
def test_an_image_without_the_mark_that_is_cut_off_is_broken(tmp_path, little):
    (tmp_path / "x").write_bytes(unmarked(mr_dataset(1, 0), little=little)[:40])
    assert "without the DICM mark" in look_at(tmp_path / "x", tmp_path).broken


@pytest.mark.parametrize("head", [b"\x00\x08", b"\x08\x00", b"\x00\x02", b"\x02\x00"])
def test_other_files_with_such_a_beginning_are_no_dicom(tmp_path, head):
    for rest in (b"", b"Thumbs" * 40, bytes(200), b"\x05\x00\xff\xff\xff\xff" * 30):
        for before in (b"", bytes(128), b"DICM"):
            (tmp_path / "x").write_bytes(before + head + rest)
            found = look_at(tmp_path / "x", tmp_path)
            assert (found.kind, found.broken) == ("not DICOM", "")


def test_the_whole_tree_in_the_order_of_paths(tmp_path):
    root = write_hospital_tree(tmp_path / "export").root
    found = scan(root, progress=False)
    assert [file.path for file in found] == sorted(path for path in root.rglob("*") if path.is_file())
    kinds = [file.kind for file in found]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "MR image": 18, "other DICOM": 4, "DICOMDIR": 1, "not DICOM": 1,
    }  # fmt: skip
    assert not [file.path for file in scan(root, without=root / "A0", progress=False) if "A0" in file.path.parts]


def test_processes_do_not_change_what_is_found(tmp_path, monkeypatch):
    root = write_hospital_tree(tmp_path / "export").root
    monkeypatch.setattr("sijstudy.cohort.scan.FEW", 3)
    monkeypatch.setattr("sijstudy.cohort.scan.BATCH", 5)
    assert scan(root, workers=2, progress=False) == scan(root, progress=False)


def test_links_out_of_the_folder(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StudyError, match=r"root/link: leads out of the cohort's folder"):
        scan(tmp_path / "root", progress=False)
    with pytest.raises(StudyError, match="no such folder"):
        scan(tmp_path / "nowhere", progress=False)


def test_all_bundled_files_of_pydicom_are_looked_at():
    folder = Path(pydicom.__file__).parent / "data"
    bundled = {path for path in map(Path, get_testdata_files()) if path.is_file() and path.is_relative_to(folder)}
    found = scan(folder, progress=False)
    assert len(bundled) > 150 and {file.path for file in found} >= bundled
    assert sum(file.kind == "MR image" for file in found) > 20
    assert all("\n" not in file.broken for file in found)


def test_headers_of_many_small_files_take_seconds(tmp_path):
    for number in range(3, 103):
        for ds in series_of_slices(1, number, 3):
            write(ds, tmp_path / f"{number}/{ds.InstanceNumber}")
    began = time.perf_counter()
    assert len(scan(tmp_path, progress=False)) == 300
    assert time.perf_counter() - began < 9  # 30 ms a file on a busy machine; minutes for 10,000 would be a fault
