"""Repetitions between which the patient moved, and sequences that an export put into one series."""

import numpy as np
from dicom_samples import NORMAL, STEP
from hospital_samples import STIR, T1_GD
from phase_samples import NAME, refused, repeated


def moved(images, by, first):
    """The images from ``first`` on, moved by ``by`` mm along the normal."""
    for ds in images[first:]:
        ds.ImagePositionPatient = (np.array(ds.ImagePositionPatient, float) + by * NORMAL).round(6).tolist()
    return images


def test_a_mark_tells_repetitions_apart_that_moved(chosen):
    for mark in ("AcquisitionNumber", "TemporalPositionIdentifier"):
        images = moved(repeated({mark: 1}, {mark: 2}, slices=6)[:11], 0.4, 6)
        said = refused(chosen, images, r"2 series fit equally: .* 1' \(6 slices\), .* 2' \(5 slices\)")
        assert "as one series holds several images of a place" in said
        assert chosen(images, series=" 2$")[1] == [6, 7, 8, 9, 10]


def test_repetitions_that_moved_and_that_nothing_tells_apart_are_refused(chosen):
    images = moved(repeated({}, {}, slices=6), 0.4, 6)
    said = refused(chosen, images, r"/6: lies in the same place as .*/0 \(0\.4 mm apart, slices 2 mm thick\), and nei")
    assert said.endswith("keep one of the two, and likewise for 5 further slices of the series")
    for ds in images:
        del ds.SliceThickness
    refused(chosen, images, r"/6: lies in the same place as .*/0 \(0\.4 mm apart\), and neither")


def test_interleaved_packages_are_one_stack(chosen):
    images = repeated({}, slices=6)
    for step, ds in enumerate(images):
        ds.AcquisitionNumber = 1 + step % 2
    assert chosen(images)[1] == [0, 1, 2, 3, 4, 5]
    for step, ds in enumerate(images):
        ds.TemporalPositionIdentifier = 1 + step % 2
    said = refused(chosen, images, "2 series fit equally: ")
    assert "as one series holds several temporal positions or sequences; name one" in said


def test_slices_that_overlap_by_half_are_one_stack(chosen):
    images = repeated({"SliceThickness": 2 * STEP}, slices=6)
    for step, ds in enumerate(images):
        ds.AcquisitionNumber = 1 + step % 2
    assert chosen(images)[1] == [0, 1, 2, 3, 4, 5]


def test_sequences_of_one_series_uid_and_number_are_told_by_their_descriptions(chosen):
    for by in (0.0, 1.1, 20.0):  # in the same places, halfway between them, elsewhere
        images = moved(repeated({}, {**STIR, "ScanOptions": "", "ContrastBolusAgent": ""}), by, 3)
        assert chosen(images) == (NAME, [0, 1, 2])
        assert chosen(images, contrast="stir") == (f"1 {STIR['SeriesDescription']}", [3, 4, 5])


def test_descriptions_alone_do_not_part_a_series(chosen):
    images = repeated({})
    for step, ds in enumerate(images):
        ds.SeriesDescription = f"{T1_GD['SeriesDescription']} slice {step}"
    assert chosen(images)[1] == [0, 1, 2]


def test_sequences_without_descriptions_are_told_by_their_times(chosen):
    words = {"SeriesDescription": "", "ScanOptions": "FS"}
    images = moved(repeated(words, {**words, "EchoTime": 60, "RepetitionTime": 4000}), 20.0, 3)
    assert chosen(images) == ("1, echo time 11", [0, 1, 2])
    refused(chosen, images, "2 series fit equally: .* several temporal positions or sequences;", contrast="any")
    for ds in images[3:]:  # echo times alone
        ds.RepetitionTime = 600
    assert len(chosen(images)[1]) == 6
