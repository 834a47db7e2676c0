"""Series that hold a place more than once, and files that do not say which series they are of."""

import re

import numpy as np
import pytest
from dicom_samples import UID, enhanced_mr, made, mr_dataset, write, write_csv
from hospital_samples import T1_GD, series_of_slices

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import load_manifest, read_account
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.cohort.subject_folder import read_subject
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image

M, P, R = (["ORIGINAL", "PRIMARY", kind, "ND"] for kind in "MPR")
NAME = f"1 {T1_GD['SeriesDescription']}"


def repeated(*images, slices=3):
    """One series with an image of each place for each of ``images``, the attributes that the image has."""
    return [
        mr_dataset(1, step, **{**T1_GD, "SOPInstanceUID": f"{UID}.1.{50 + number}.{step}", **changes})
        for number, changes in enumerate(images)
        for step in range(slices)
    ]


@pytest.fixture
def chosen(tmp_path):
    """What is chosen of DICOM images written as the files 0, 1 ...: the series, and the files of its slices."""

    def choose(images, series="", contrast="gd_t1"):
        for number, ds in enumerate(images):
            write(ds, tmp_path / "S1" / str(number))
        subject = read_subject(tmp_path / "S1", wanted=Wanted(contrast, series))
        return subject.series, [int(item.file.name) if len(images) > 1 else item.frame for item in subject.slices]

    return choose


def refused(choose, images, words, **wanted):
    with pytest.raises(StudyError, match=words) as caught:
        choose(images, **wanted)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    assert said.endswith("keep one of the two")
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


def with_uids(count, **changes):
    return [
        mr_dataset(1, step, **{**T1_GD, "SeriesInstanceUID": f"{UID}.1.6{step}", **changes}) for step in range(count)
    ]


@pytest.mark.parametrize("uid", [{}, {"SeriesInstanceUID": ""}])
def test_files_without_a_series_uid_or_with_one_each_are_joined_by_number(chosen, uid):
    t1, stir = with_uids(4, **uid), with_uids(3, SeriesNumber=2, SeriesDescription="stir", ScanningSequence="IR", **uid)
    for step, ds in enumerate(stir):
        ds.SOPInstanceUID, ds.SeriesInstanceUID = f"{UID}.1.8.{step}", uid.get("SeriesInstanceUID", f"{UID}.1.7{step}")
    assert chosen([*t1, *stir]) == (NAME, [0, 1, 2, 3])
    assert chosen([*t1, *stir], contrast="stir") == ("2 stir", [4, 5, 6])


def test_joined_files_have_phases_too(chosen):
    images = repeated({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})
    for number, ds in enumerate(images):
        ds.SeriesInstanceUID = f"{UID}.1.6{number}"
    refused(chosen, images, "2 series fit equally: .* acquisition 1' .* acquisition 2' ")
    assert chosen(images, series="acquisition 2$") == (f"{NAME}, acquisition 2", [3, 4, 5])


def test_files_that_nothing_joins_are_refused_even_beside_a_good_series(chosen):
    numbered = with_uids(3)
    for step, ds in enumerate(numbered):
        ds.StudyInstanceUID = f"{UID}.1.3{step}"
    for images in (with_uids(3, SeriesNumber=None), numbered):
        for beside in ([], series_of_slices(1, 2, SeriesDescription="pd")):
            refused(
                chosen, images + beside, r"3 files '.*', such as .*/0, are series of one slice: .*; export or anonym"
            )
        refused(chosen, images, "series of one slice", series="t1")


def test_one_uid_on_two_series_tells_them_by_number(chosen):
    other = repeated({"SeriesNumber": 2, "SeriesDescription": "pd", "RepetitionTime": 3000})
    for step, ds in enumerate(other):
        ds.SOPInstanceUID = f"{UID}.1.88.{step}"
        ds.ImagePositionPatient = list(np.add(ds.ImagePositionPatient, (0, 40, 20)))
    assert chosen(repeated({}) + other) == (NAME, [0, 1, 2])


def test_series_of_one_name_are_named_by_their_uids(chosen):
    again = {"SeriesInstanceUID": f"{UID}.1.78", "StudyInstanceUID": f"{UID}.8"}
    images = repeated({}, again)
    refused(chosen, images, rf"2 series fit equally: '{UID}\.1\.1' \(UID of '{NAME}'\), '{UID}\.1\.78' \(UID of")
    assert chosen(images, series=f"{UID}.1.78")[1] == [3, 4, 5]
    assert chosen(images, series=f"{UID}.1.78|^1 ")[1] == [3, 4, 5]  # ^1 for other subjects of the cohort


def frames(**phases):
    """Three slices twice in one enhanced file; ``phases``: sequence of a frame -> its item in each phase."""
    ds = enhanced_mr(1, [0, 1, 2, 0, 1, 2], **T1_GD)
    for number, item in enumerate(ds.PerFrameFunctionalGroupsSequence):
        for name, values in phases.items():
            setattr(item, name, [made(**values[number // 3])])
    return [ds]


@pytest.mark.parametrize(
    ("phases", "word"),
    [
        ({"FrameContentSequence": [{"TemporalPositionIndex": 1}, {"TemporalPositionIndex": 2}]}, "temporal position 2"),
        ({"FrameContentSequence": [{"FrameAcquisitionNumber": 1}, {"FrameAcquisitionNumber": 2}]}, "acquisition 2"),
        ({"FrameContentSequence": [{"StackID": "1"}, {"StackID": "2"}]}, "stack 2"),
        ({"MREchoSequence": [{"EffectiveEchoTime": 11.0}, {"EffectiveEchoTime": 14.0}]}, "echo time 14"),
        ({"MRImageFrameTypeSequence": [{"ComplexImageComponent": kind} for kind in ("MAGNITUDE", "REAL")]}, "REAL"),
    ],
)
def test_frames_of_an_enhanced_file(chosen, phases, word):
    refused(chosen, frames(**phases), f"2 series fit equally: .*{word}' .*3 slices")
    assert chosen(frames(**phases), series=f"{word}$")[1] == [4, 5, 6]


def test_frames_that_nothing_tells_apart_are_named(chosen):
    refused(chosen, frames(), "/0 #4: lies in the same place as .*/0 #1, and neither")
    phase = {"MRImageFrameTypeSequence": [{"ComplexImageComponent": kind} for kind in ("PHASE", "MAGNITUDE")]}
    assert chosen(frames(**phase))[1] == [4, 5, 6]


def test_a_build_accounts_for_frames_of_other_phases(tmp_path):
    content = {"FrameContentSequence": [{"TemporalPositionIndex": 1}, {"TemporalPositionIndex": 2}]}
    write(frames(**content)[0], tmp_path / "dicom/S1/dynamic")
    row = {"subject_id": "S1", "group": "axSpA", "age_years": 30, "sex": "F"}
    labels = [{"file": f"S1/dynamic#{frame}", "label": 1} for frame in (4, 5, 6)]
    options = {
        "subjects_csv": write_csv(tmp_path / "s.csv", [row]),
        "labels_csv": write_csv(tmp_path / "l.csv", labels),
        "wanted": Wanted(series="position 2$"),
    }
    manifest = build_manifest(tmp_path / "dicom", tmp_path / "m", BuildOptions(**options), progress=False)
    assert manifest.slices["frame"].tolist() == [4, 5, 6]
    pixels = read_image(load_manifest(manifest.folder).slice_records()[0]).pixels
    np.testing.assert_array_equal(pixels.astype(int).ravel()[:9], np.frombuffer(mr_dataset(1, 0).PixelData, "<u2")[:9])
    account = read_account(manifest.folder).set_index("file")
    assert account["outcome"].to_dict() == {
        "S1/dynamic": "used", **{f"S1/dynamic #{frame}": "left out" for frame in (1, 2, 3)},
    }  # fmt: skip
    assert account.loc["S1/dynamic #1", "reason"] == "not named by --series"
    write_csv(tmp_path / "l.csv", [*labels, {"file": "S1/dynamic#1", "label": 0}])
    with pytest.raises(StudyError, match=r"dynamic#1 has a row, its image is left out \(not named by --series\)"):
        build_manifest(tmp_path / "dicom", tmp_path / "m", BuildOptions(**options), progress=False)
