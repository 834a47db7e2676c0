"""Bad cohorts, further ways: tables that other programs wrote, files that contradict each other."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable

import nibabel
import nrrd
import numpy as np
from bad_input_cases import Case, Place
from dicom_samples import NORMAL, UID, mr_dataset, write
from hospital_samples import STIR, T1_GD
from pydicom import Dataset, dcmwrite


def rewritten(name: str, change: Callable[[str], str], encoding: str = "utf-8") -> Callable[[Place], list[str]]:
    """A table of the cohort saved by another program."""

    def spoil(place: Place) -> list[str]:
        path = place.dicom / name
        path.write_bytes(change(path.read_text()).encode(encoding))
        return place.build()

    return spoil


def spreadsheet_took_id_for_number(place: Place) -> list[str]:
    (place.dicom / "S01").rename(place.dicom / "007")
    place.change_csv("subjects.csv", 1, subject_id="7")
    return place.build()


def decimal_comma_in_boxes(place: Place) -> list[str]:
    edges = ",".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
    return place.build("--boxes", place.csv("boxes.csv", f"file,{edges}\nS00/003.dcm,20,5,2,30,20,2,2,9,20\n"))


def comma_of_two_meanings(place: Place) -> list[str]:
    edges = ";".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
    return place.build("--boxes", place.csv("boxes.csv", f"file;{edges}\nS00/003.dcm;20;2;1,234;20;2;2;9;20\n"))


def exchanged_folders(place: Place) -> list[str]:
    """Folders named as the PatientIDs are, two of them exchanged."""
    for name in ("subjects.csv", "votes.csv"):
        path = place.dicom / name
        path.write_text(re.sub(r"\bS0", "P00", path.read_text()))
    for number, name in enumerate(("P000", "P002", "P001", "P003")):
        (place.dicom / f"S0{number}").rename(place.dicom / name)
    return place.build()


def two_orientations(place: Place) -> list[str]:
    outline = nibabel.Nifti1Image(np.ones((32, 24, 3), np.uint8), np.diag([0.6, 0.6, 2.2, 1]))
    outline.set_sform(np.diag([-0.6, -0.6, 2.2, 1]), code=1)
    outline.set_qform(np.diag([0.6, 0.6, 2.2, 1]), code=1)
    place.csv("segments.csv", "pattern,value,segment,reader\n*.nii.gz,1,edema,\n")
    (place.root / "outlines").mkdir()
    nibabel.save(outline, place.root / "outlines/S01_edema.nii.gz")
    return place.build("--annotations", str(place.root / "outlines"), "--segments", str(place.root / "segments.csv"))


def image_among_outlines(place: Place) -> list[str]:
    (place.root / "outlines").mkdir()
    pixels = np.arange(32 * 24 * 3, dtype=np.int16).reshape(32, 24, 3)
    header = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": np.zeros(3)}
    nrrd.write(str(place.root / "outlines/S01 t1.nrrd"), pixels, header)
    return place.build("--annotations", str(place.root / "outlines"))


def without_mark(before: bytes, *, little: bool) -> Callable[[Place], list[str]]:
    """A further slice of S01 whose elements begin right after ``before``."""

    def spoil(place: Place) -> list[str]:
        stream = io.BytesIO()
        dcmwrite(stream, Dataset(mr_dataset(1, 7)), implicit_vr=False, little_endian=little)
        (place.dicom / "S01/old.dcm").write_bytes(before + stream.getvalue())
        return place.build()

    return spoil


def patient_of_another_subject(name: str) -> Callable[[Place], list[str]]:
    def spoil(place: Place) -> list[str]:
        write(mr_dataset(1, 0, PatientID=name), place.dicom / "S01/003.dcm")
        return place.build()

    return spoil


def folder_inside_a_subject(place: Place) -> list[str]:
    (place.dicom / "S01").rename(place.dicom / "S02/S01")
    return place.build()


def accents(*on_disk: str) -> Callable[[Place], list[str]]:
    """Files named with accents in these Unicode forms, and a table of boxes that has the composed one."""

    def spoil(place: Place) -> list[str]:
        for form, old in zip(on_disk, ("003", "002"), strict=False):
            (place.dicom / f"S00/{old}.dcm").rename(place.dicom / "S00" / unicodedata.normalize(form, "kräftig.dcm"))
        edges = ",".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
        (place.root / "boxes.csv").write_text(f"file,{edges}\nS00/kräftig.dcm,20,2,30,20,2,2,9,20\n", encoding="utf-8")
        return place.build("--boxes", str(place.root / "boxes.csv"))

    return spoil


def nothing_drawn(place: Place) -> list[str]:
    (place.dicom / "S02/SEG.dcm").unlink()
    (place.root / "outlines").mkdir()
    header = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": np.zeros(3)}
    segment = {"Segment0_Name": "edema", "Segment0_LabelValue": "1"}
    nrrd.write(str(place.root / "outlines/S02.seg.nrrd"), np.zeros((1, 1, 1), np.uint8), header | segment)
    return place.build("--annotations", str(place.root / "outlines"))


def series_of_s01(place: Place, changes: Callable[[int], dict], copy: dict | None = None) -> None:
    """The three slices of S01 written anew with ``changes`` for a step; a second image of each place with ``copy``."""
    for step in range(3):
        write(mr_dataset(1, step, **changes(step)), place.dicom / f"S01/{3 - step:03d}.dcm")
        if copy is not None:
            uid = {"SOPInstanceUID": f"{UID}.1.5.{step + 1}"}
            write(mr_dataset(1, step, **uid, **copy), place.dicom / f"S01/again/{3 - step:03d}.dcm")


def repeated(first: dict, second: dict | None, *options: str) -> Callable[[Place], list[str]]:
    def spoil(place: Place) -> list[str]:
        series_of_s01(place, lambda _: first, second)
        return place.build(*options)

    return spoil


def moved(first: dict, second: dict, by: float) -> Callable[[Place], list[str]]:
    """S01 measured twice, the second time ``by`` mm further along the normal."""

    def spoil(place: Place) -> list[str]:
        series_of_s01(place, lambda _: first, second)
        for step in range(3):
            ds = mr_dataset(1, step, SOPInstanceUID=f"{UID}.1.5.{step + 1}", **second)
            ds.ImagePositionPatient = (np.array(ds.ImagePositionPatient, float) + by * NORMAL).round(6).tolist()
            write(ds, place.dicom / f"S01/again/{3 - step:03d}.dcm")
        return place.build()

    return spoil


def uid_per_file(*names: str, **changes: object) -> Callable[[Place], list[str]]:
    """The attributes of these names hold another UID in each file of S01."""

    def spoil(place: Place) -> list[str]:
        series_of_s01(place, lambda step: {**changes, **dict.fromkeys(names, f"{UID}.1.6{step}")})
        return place.build()

    return spoil


CASES = [
    Case("a file name in macOS's Unicode form", accents("NFD"), r"slices used  12 .*Manifest: ", status=0),
    Case("two file names alike but for Unicode", accents("NFC", "NFD"), r"boxes\.csv: .* fits two files"),
    Case("a Slicer segmentation without a stroke", nothing_drawn, r"slices used  12 .*Manifest: ", status=0),
    Case(
        "an MR image in big endian without the DICM mark", without_mark(b"", little=False), r"S01/old\.dcm: .*DICM mark"
    ),
    Case(
        "an MR image after 128 zeros without the DICM mark",
        without_mark(bytes(128), little=True),
        r"S01/old\.dcm: .*DICM mark",
    ),
    Case(
        "a PatientID of another subject but for its case",
        patient_of_another_subject("s02"),
        r"003\.dcm: lies in the folder of subject S01, its PatientID 's02' is subject S02",
    ),
    Case(
        "a subject's folder in another subject's",
        folder_inside_a_subject,
        r"subject S01 has no MR slice .*: files in a folder S01, such as dicom/S02/S01/.*, lie in that of subject S02;",
    ),
    Case("a folder and a PatientID of two subjects", exchanged_folders, r"folder of subject P001, .* is subject P002"),
    Case("two orientations in a NIfTI file", two_orientations, r"S01_edema\.nii\.gz: its sform .* and its qform "),
    Case("an image among the label maps", image_among_outlines, r"S01 t1\.nrrd: .* is an image, no label map"),
    Case(
        "semicolons and 1,0 in a table",
        rewritten("votes.csv", lambda text: re.sub(r";1(?=[;\n])", ";1,0", text.replace(",", ";"))),
        r"slices used  12 .*Manifest: ",
        status=0,
    ),
    Case(
        "a table saved as Unicode text (UTF-16, tabs)",
        rewritten("subjects.csv", lambda text: text.replace(",", "\t"), "utf-16"),
        r"slices used  12 .*Manifest: ",
        status=0,
    ),
    Case(
        "a table in another encoding",
        rewritten("votes.csv", lambda text: text.replace("S02", "Sé2"), "latin-1"),
        r"votes\.csv: row 8: holds a letter that is not UTF-8",
    ),
    Case(
        "two separators in a table",
        rewritten("votes.csv", lambda text: text.replace(",", ";", 1)),
        r"votes\.csv: its first line holds commas and semicolons",
    ),
    Case("a decimal comma between commas", decimal_comma_in_boxes, r"boxes\.csv: row 2: has 10 cells, .*decimal comma"),
    Case("a comma that may be decimal or not", comma_of_two_meanings, r"row 2: left_x1='1,234' may be 1\.234 or 1234"),
    Case(
        "an id that a spreadsheet made a number", spreadsheet_took_id_for_number, r"has '7', as a spreadsheet .*'007'"
    ),
    Case(
        "two phases in one series",
        repeated({**T1_GD, "TemporalPositionIdentifier": 1}, {**T1_GD, "TemporalPositionIdentifier": 2}),
        r"S01: 2 series fit equally: '1 t1_\w*, temporal position 1' \(3 slices\), .* 'temporal position 1\$'",
    ),
    Case(
        "two repetitions in one series, one of them named",
        repeated({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, "--series", "^1$|acquisition 1$"),
        r"slices used  12 .*3 not named by --series",
        status=0,
    ),
    Case(
        "two images of a place that nothing tells apart",
        repeated({}, {}),
        r"S01/again/003\.dcm: lies in the same place as dicom/S01/003\.dcm, and neither temporal position",
    ),
    Case(
        "positions of two phases that differ by rounding",
        repeated({}, {"ImagePositionPatient": [-125.0, 0.04, 90.0]}),
        r"S01/again/00.\.dcm: lies in the same place as",
    ),
    Case(
        "two repetitions between which the patient moved",
        moved({}, {}, 0.4),
        r"003\.dcm: lies in the same place as .* \(0\.4 mm apart, slices 2 mm thick\), .* for 2 further slices",
    ),
    Case(
        "two repetitions between which the patient moved, numbered",
        moved({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, 0.4),
        r"none of its 2 series .*: '1, acquisition 1' \(3 slices\) .*, '1, acquisition 2' .* images of a place;",
    ),
    Case(
        "two sequences under one series UID and number, their slices between each other",
        moved(T1_GD, STIR, 1.1),
        r"slices used  12 .*3 not T1-weighted and fat-suppressed",
        status=0,
    ),
    Case(
        "a fat fraction map beside the water image",
        repeated({"ImageType": ["DERIVED", "PRIMARY", "W"]}, {"ImageType": ["DERIVED", "PRIMARY", "FF"]}),
        r"slices used  12 .*3 a map or phase image",
        status=0,
    ),
    Case(
        "a fat fraction map without its images",
        repeated({"ImageType": ["DERIVED", "PRIMARY", "FF"]}, None),
        r"S01: none of its 1 series .*'1 \(fat fraction\)' \(a map or phase image",
    ),
    Case(
        "a fat fraction map that its description alone tells, without its images",
        repeated({"SeriesDescription": "t1_vibe_dixon_FF_cor"}, None),
        r"S01: none of its 1 series .*'1 t1_vibe_dixon_FF_cor \(fat fraction\)' \(a map or phase image",
    ),
    Case(
        "a series UID for each file",
        uid_per_file("SeriesInstanceUID"),
        r"series       4, of them 4 chosen .*slices used  12 ",
        status=0,
    ),
    Case(
        "a series UID and a study UID for each file",
        uid_per_file("SeriesInstanceUID", "StudyInstanceUID"),
        r"S01: 3 files '1', such as .*, are series of one slice: .*; export or anonymise them again",
    ),
    Case(
        "two series of one number and description",
        repeated({}, {"SeriesInstanceUID": f"{UID}.1.7", "StudyInstanceUID": f"{UID}.8"}),
        r"S01: none of its 2 series .*: '[\d.]*\.1\.1' \(UID of '1'\) .*, '[\d.]*\.1\.7' \(UID of '1'\) .*; name one",
    ),
]
