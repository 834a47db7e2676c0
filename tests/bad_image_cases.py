"""Bad images and outlines: what other programs write where this study would otherwise go wrong in silence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bad_input_cases import Case, Place
from dicom_samples import ORIENTATION, bone_masks, mr_dataset, seg_dataset, write
from pydicom import Dataset, dcmread


def seg(change: Callable[[Dataset], None]) -> Callable[[Place], list[str]]:
    """The segmentation of one subject, changed."""

    def spoil(place: Place) -> list[str]:
        path = place.dicom / "S01/SEG.dcm"
        ds = dcmread(path)
        change(ds)
        write(ds, path)
        return place.build()

    return spoil


def image(**changes: object) -> Callable[[Place], list[str]]:
    """One slice, its tags changed."""

    def spoil(place: Place) -> list[str]:
        write(mr_dataset(1, 1, **changes), place.dicom / "S01/002.dcm")
        return place.build()

    return spoil


def uncited(ds: Dataset) -> None:
    for item in ds.PerFrameFunctionalGroupsSequence:
        del item.DerivationImageSequence


def cites_another_image(ds: Dataset) -> None:
    uncited(ds)
    ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient = [0, 0, 0]


def first_frame_of_an_image(ds: Dataset) -> None:
    for item in ds.PerFrameFunctionalGroupsSequence:
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber = 1


def turned(ds: Dataset) -> None:
    """Rows stored from below: said of the direction, not of the position."""
    shared = ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    shared.ImageOrientationPatient = [*ORIENTATION[:3], *(-value for value in ORIENTATION[3:])]


def all_tissue(ds: Dataset) -> None:
    for item in ds.SegmentSequence:
        item.SegmentLabel = "Tissue"


def names_an_unknown_segment(ds: Dataset) -> None:
    """Numbers of segments in the frames one too high, as some count from 0 and others from 1."""
    for item in ds.PerFrameFunctionalGroupsSequence:
        item.SegmentIdentificationSequence[0].ReferencedSegmentNumber += 1


def drawn_on_another_series(place: Place) -> list[str]:
    """Edema drawn on a series that is found and not used, bones on the one that is."""
    stir = [
        mr_dataset(1, step, SeriesInstanceUID="1.2.3", SeriesNumber=2, SeriesDescription="stir") for step in range(3)
    ]
    for step, ds in enumerate(stir):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{step + 1}"
        write(ds, place.dicom / f"S01/stir{step}.dcm")
    path = place.dicom / "S01/SEG.dcm"
    ds = dcmread(path)
    for number, item in enumerate(ds.PerFrameFunctionalGroupsSequence):
        if item.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 4:
            item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = f"1.2.3.{number % 3 + 1}"
    write(ds, path)
    return place.build("--contrast", "any", "--series", "^1")


def particular_row_below(place: Place) -> list[str]:
    table = place.csv("segments.csv", "property,segment\nIlium,left ilium\nIlium Right,right ilium\n")
    return place.build("--segments", table)


def image_as_edema(place: Place) -> list[str]:
    path = place.dicom / "S01/SEG.dcm"
    series = [mr_dataset(1, step) for step in range(3)]
    write(seg_dataset(series, np.ones((3, 24, 32, 1), bool), names=["edema"]), path)
    return place.build()


def earlier_manifest(place: Place) -> list[str]:
    folder = place.project / "data_manifest/old"
    folder.mkdir(parents=True)
    (folder / "cohort.json").write_text('{"name": "old", "source": "hospital", "root": "../dicom"}')
    return place.run("-p", "manifest", "data_manifest/old")


def sacrum_only(place: Place) -> list[str]:
    masks = np.stack([bone_masks(1)] * 3)[..., 2:3]
    write(seg_dataset([mr_dataset(1, step) for step in range(3)], masks, names=["sacrum"]), place.dicom / "S01/SEG.dcm")
    return place.build()


def second_version(place: Place) -> list[str]:
    series = [mr_dataset(1, step) for step in range(3)]
    write(seg_dataset(series, np.stack([bone_masks(1)] * 3), uid="1.2.3"), place.dicom / "S01/SEG corrected.dcm")
    return place.build()


def upside_down(place: Place) -> list[str]:
    """All slices and the segmentation of a subject stored from below."""
    for path in sorted((place.dicom / "S01").glob("0*.dcm")):
        ds = dcmread(path)
        place_of = np.array(ds.ImagePositionPatient, float) + np.array(ORIENTATION[3:]) * 0.558 * (ds.Rows - 1)
        ds.ImagePositionPatient = place_of.round(6).tolist()
        ds.ImageOrientationPatient = [*ORIENTATION[:3], *(-value for value in ORIENTATION[3:])]
        ds.PixelData = np.ascontiguousarray(ds.pixel_array[::-1]).tobytes()
        write(ds, path)
    return place.build()


USED = r"slices used  12 .*Manifest: "
CASES = [
    Case("a segmentation that names frame 1 of single-frame images", seg(first_frame_of_an_image), USED, status=0),
    Case("a segmentation that names no slice, placed by position", seg(uncited), USED, status=0),
    Case("a segmentation's frame on no slice", seg(cites_another_image), r"frame 1 .* lies on no slice of its subject"),
    Case("a segmentation whose rows run the other way at no such place", seg(turned), r"frame 1: marks pixels outside"),
    Case("segments that are all called Tissue", seg(all_tissue), r"unknown segment 'Tissue' \(number 1, property "),
    Case(
        "a segment that the segmentation does not describe",
        seg(names_an_unknown_segment),
        r"frame \d+ is of segment 5, which the file does not describe",
    ),
    Case(
        "edema drawn on a series that is not used",
        drawn_on_another_series,
        r"names image 1\.2\.3\..*, which is not used",
    ),
    Case("a row of segments below a more general one", particular_row_below, r"segments\.csv: row 3 never applies"),
    Case("an image, or an inverted map, as edema", image_as_edema, r"'edema' is outlined on 100% of the slice"),
    Case(
        "a manifest of an earlier version",
        earlier_manifest,
        r"cohort\.json: is of another version .* build the manifest",
    ),
    Case("a segmentation that gives neither label nor box", sacrum_only, r"neither a label nor a box"),
    Case("a segmentation in two versions", second_version, r"SEG\.dcm: outlines '.*', as SEG corrected\.dcm does"),
    Case("images stored upside down", upside_down, USED, status=0),
    Case(
        "pixels of centimetres",
        image(PixelSpacing=[5.58, 5.58]),
        r"002\.dcm: .* field of view of .* correct PixelSpacing",
    ),
    Case("a sagittal image", image(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), r"S01/002\.dcm"),
    Case(
        "an overlay in the bits below the pixels", image(HighBit=15), r"002\.dcm: its pixels lie in the bits up to 15"
    ),
    Case(
        "an image that is all padding",
        image(PixelData=bytes(24 * 32 * 2), PixelPaddingValue=0),
        r"002\.dcm: all pixels are padding",
    ),
    Case(
        "padding that was compressed with loss",
        image(PixelPaddingValue=0, LossyImageCompression="01"),
        r"002\.dcm: compressed with loss, and .*% of its pixels have about the value .* as padding \(0\)",
    ),
]
