"""Series that hold a place more than once: what tells their phases apart, and which images are maps."""

import re

import pytest
from hospital_samples import T1_GD, series_of_slices
from phase_samples import NAME, M, P, R, refused, repeated


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        (
            {"TemporalPositionIdentifier": 1},
            {"TemporalPositionIdentifier": 2},
            "temporal position 1|temporal position 2",
        ),
        ({"AcquisitionNumber": 9}, {"AcquisitionNumber": 10}, "acquisition 9|acquisition 10"),
        ({"AcquisitionNumber": 1}, {}, "acquisition 1|acquisition not stated"),
        ({"ImageType": M}, {"ImageType": R}, "image type ORIGINAL/PRIMARY/M/ND|image type ORIGINAL/PRIMARY/R/ND"),
        ({"EchoTime": 11}, {"EchoTime": 22.5}, "echo time 11|echo time 22.5"),
        ({"EchoNumbers": 1}, {"EchoNumbers": 2}, "echo 1|echo 2"),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}, "b-value 0|b-value 800"),
        ({"TriggerTime": 0}, {"TriggerTime": 350}, "trigger time 0|trigger time 350"),
        ({"ContentTime": "101112"}, {"ContentTime": "101512.5"}, "content time 101112|content time 101512.5"),
        (
            {"TemporalPositionIdentifier": 1, "AcquisitionNumber": 4},  # the first that tells them apart
            {"TemporalPositionIdentifier": 2, "AcquisitionNumber": 3},
            "temporal position 1|temporal position 2",
        ),
    ],
)  # fmt: skip
def test_what_tells_images_of_a_place_apart_names_its_phases(chosen, one, two, names):
    images, phases = repeated(one, two), names.split("|")
    listed = ", ".join(f"'{NAME}, {phase}' (3 slices)" for phase in phases)
    said = refused(chosen, images, f"2 series fit equally: {re.escape(listed)}, as one series holds several images of")
    assert said.endswith(f"by its whole name or a regular expression such as '{phases[0]}$'")
    for phase, files in zip(phases, ([0, 1, 2], [3, 4, 5]), strict=True):
        expected = (f"{NAME}, {phase}", files)
        assert chosen(images, series=f"{phase}$") == chosen(images, series=f"{NAME.upper()}, {phase}") == expected


def test_phases_of_parts_and_a_phase_that_is_another_ones_beginning(chosen):
    marks = [
        {"TemporalPositionIdentifier": n, "AcquisitionNumber": 1, "EchoTime": te} for n in (1, 10) for te in (9, 8)
    ]
    images = repeated(*marks)
    refused(
        chosen, images, r"4 series fit equally: '.*, temporal position 1, echo time 8' \(3 slices\), '.*, echo time 9'"
    )
    name = f"{NAME}, temporal position 1, echo time 9"
    assert chosen(images, series=name) == (name, [0, 1, 2])
    assert chosen(repeated(*({"AcquisitionNumber": n} for n in (1, 10, 2))), series="acquisition 1$")[1] == [0, 1, 2]


def test_a_way_that_is_shown_settles_it_among_all_parts(chosen):
    parts = [
        {"ImageType": ["DERIVED", "PRIMARY", part], "TemporalPositionIdentifier": n} for n in (1, 2) for part in "WF"
    ]
    said = refused(chosen, repeated(*parts), r"2 series fit equally: '1 t1_.* \(water\), temporal position 1'")
    assert said.endswith("by its whole name or a regular expression on number and description")
    assert chosen(repeated(*parts), series=f"{NAME} (water), temporal position 2")[1] == [6, 7, 8]


def test_many_phases_are_not_all_listed(chosen):
    images = repeated(*({"TemporalPositionIdentifier": n} for n in range(1, 13)))
    refused(chosen, images, r"12 series fit equally: .*position 8' \(3 slices\), and 4 more, as one series")


def test_a_slice_that_was_repeated_is_no_series_too_short_to_ask(chosen):
    images = repeated({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})[:4]
    refused(chosen, images, r"acquisition 1' \(3 slices\), '.*, acquisition 2' \(1 slice\)")
    assert chosen(images, series="acquisition 1$")[1] == [0, 1, 2]


def test_a_single_slice_seen_in_many_phases_is_too_short(chosen):
    images = repeated(*({"TemporalPositionIdentifier": n} for n in range(4)), slices=1)
    other = series_of_slices(1, 2, **{**T1_GD, "ContrastBolusAgent": ""})
    assert chosen([*other, *images]) == (f"2 {T1_GD['SeriesDescription']}", [0, 1, 2])


def test_an_attribute_that_changes_from_slice_to_slice_tells_no_phases(chosen):
    images = repeated({}, {}, slices=4)
    for number, ds in enumerate(images):
        ds.AcquisitionTime, ds.AcquisitionNumber = f"10{number:02d}00", 1 + number % 2  # odd and even slices in turn
    said = refused(chosen, images, "/4: lies in the same place as .*/0, and neither temporal position, acquisition")
    assert said.endswith("keep one of the two, and likewise for 3 further slices of the series")
    for ds, temporal in zip(images, [1] * 4 + [2] * 4, strict=True):
        ds.TemporalPositionIdentifier = temporal
    assert chosen(images, series="position 2$")[1] == [4, 5, 6, 7]


def test_odd_and_even_slices_of_a_single_phase_stay_together(chosen):
    images = repeated({}, slices=4)
    for number, ds in enumerate(images):
        ds.AcquisitionNumber, ds.TemporalPositionIdentifier = 1 + number % 2, 1
    assert chosen(images) == (NAME, [0, 1, 2, 3])


def test_positions_that_were_rounded_are_one_place(chosen):
    images = repeated({}, {})
    for ds in images[3:]:
        ds.ImagePositionPatient = [value + 0.04 for value in ds.ImagePositionPatient]
    refused(chosen, images, "lies in the same place as")
    for ds in images[3:]:
        ds.AcquisitionNumber = 2
    assert chosen(images, series="acquisition 2$")[1] == [3, 4, 5]


def test_temporal_positions_are_phases_even_where_the_patient_moved(chosen):
    images = repeated({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2})
    for ds in images[3:]:
        ds.ImagePositionPatient = [value + 0.4 for value in ds.ImagePositionPatient]
    refused(chosen, images, "2 series fit equally: .*temporal position 1.*temporal position 2")
    assert chosen(images, series="position 2$")[1] == [3, 4, 5]
    for ds in images[3:]:  # further than a slice is thick
        ds.ImagePositionPatient = [value + 6.4 for value in ds.ImagePositionPatient]
    refused(
        chosen,
        images,
        "2 series fit equally: .*position 2' .* as one series holds several temporal positions or sequences",
    )
    for number, ds in enumerate(images):  # one for each slice: no phases
        ds.TemporalPositionIdentifier = number + 1
    assert len(chosen(images)[1]) == 6


def test_the_rules_choose_among_phases_as_among_series(chosen):
    assert chosen(repeated({"EchoTime": 11}, {"EchoTime": 80})) == (f"{NAME}, echo time 11", [0, 1, 2])
    assert chosen(repeated({"ContrastBolusAgent": "", "SeriesDescription": "t1 fs", "AcquisitionNumber": 1},
                           {"SeriesDescription": "t1 fs", "AcquisitionNumber": 2})) == (
        "1 t1 fs, acquisition 2", [3, 4, 5]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("image_type", "part"),
    [
        (P, "phase image"),
        (["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "SE"], "phase image"),
        (["DERIVED", "PRIMARY", "DIXON", "FAT_FRACTION"], "fat fraction"),
        (["ORIGINAL", "PRIMARY", "FF", "FF", "DERIVED"], "fat fraction"),
        (["DERIVED", "PRIMARY", "FAT FRACTION"], "fat fraction"),
        (["DERIVED", "PRIMARY", "M", "PERCENT_FAT"], "fat fraction"),
        (["DERIVED", "PRIMARY", "R2_STAR"], "map"),
        (["DERIVED", "PRIMARY", "T2_STAR"], "map"),
        (["DERIVED", "PRIMARY", "T1 MAP"], "map"),
    ],
)
def test_maps_and_phase_images_are_never_taken_for_the_image(chosen, image_type, part):
    dixon = {"SeriesDescription": "t1_dixon_cor", "ScanOptions": "FS"}
    water, other = {**dixon, "ImageType": ["DERIVED", "PRIMARY", "W", "W"]}, {**dixon, "ImageType": image_type}
    assert chosen(repeated(other, water)) == ("1 t1_dixon_cor (water)", [3, 4, 5])
    assert chosen(repeated(other, {**dixon, "ImageType": M})) == ("1 t1_dixon_cor", [3, 4, 5])
    assert chosen(repeated(other, water), series=f"1 t1_dixon_cor ({part})")[1] == [0, 1, 2]


def test_a_map_alone_is_refused_unless_it_is_named(chosen):
    images = repeated({"SeriesDescription": "t1_vibe_q-dixon_FF"})
    for contrast in ("gd_t1", "stir", "any"):
        refused(
            chosen, images, r"none of its 1 series .* \(fat fraction\)' \(a map or phase image, not", contrast=contrast
        )
    assert chosen(images, series="_FF")[1] == [0, 1, 2]
