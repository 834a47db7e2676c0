"""What a series is, by its headers: words and values as vendors and hospitals write them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import ORIENTATION
from hospital_samples import AXIAL, CORONAL, SAGITTAL

from sijstudy.cohort.phases import series_of
from sijstudy.cohort.series import MrImage, Series

IMAGE = MrImage(
    file=Path("a"), frame=None, sop_uid="1.2", patient_id="P", series_uid="1", number="5", description="",
    image_type=("ORIGINAL", "PRIMARY", "M"), orientation=tuple(ORIENTATION), repetition_time=544.0, echo_time=11.0,
    words="", contrast_agent="",
)  # fmt: skip


def one(**changes):
    return Series((replace(IMAGE, **changes),))


@pytest.mark.parametrize(
    "changes",
    [
        {"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")},
        *({"description": text} for text in ("localizer", "3-plane loc", "SURVEY", "Scout cor", "t1_loc", "Pilot")),
    ],
)
def test_localizers(changes):
    assert one(**changes).is_localizer


@pytest.mark.parametrize("description", ["t1 block", "local shim t1", "allocated", "cor t1 pilots"])
def test_words_inside_words_make_no_localizer(description):
    assert not one(description=description).is_localizer


def test_planes_of_several_directions_make_a_localizer_and_one_odd_plane_does_not():
    planes = [tuple(map(float, plane)) for plane in (AXIAL, SAGITTAL, CORONAL)]
    images = tuple(replace(IMAGE, orientation=plane) for plane in planes)
    assert Series(images).is_localizer and Series(images * 3).is_localizer
    assert not Series((*[IMAGE] * 3, images[0])).is_localizer


@pytest.mark.parametrize(
    ("image_type", "expected"),
    [
        (("DERIVED", "SECONDARY", "OTHER"), True),
        (("DERIVED", "PRIMARY", "M", "NORM"), False),
        (("DERIVED", "PRIMARY", "MPR"), True),
        (("DERIVED", "SECONDARY", "DIXON", "WATER"), False),
        (("DERIVED", "SECONDARY", "DIXON", "FAT"), True),
        (("ORIGINAL", "PRIMARY", "SUBTRACTION"), True),
    ],
)
def test_derived(image_type, expected):
    assert one(image_type=image_type).is_derived == expected


def test_images_without_a_plane_are_derived_unless_only_some_lost_it():
    lost = replace(IMAGE, orientation=None)
    assert Series((lost, lost)).is_derived and not Series((IMAGE, lost)).is_derived


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, False)),
        ({"repetition_time": 3000.0, "echo_time": 40.0, "description": "t1"}, (False, False)),
        ({"repetition_time": None, "description": "T1W tse"}, (True, False)),
        ({"repetition_time": None, "description": "t2 tse"}, (False, False)),
        ({"description": "cor STIR"}, (False, True)),
        ({"description": "t2_tirm_cor"}, (False, True)),
        ({"words": "tse2d sequence:se sequence:ir"}, (False, True)),
        ({"words": "mprage sequence:gr sequence:ir"}, (True, False)),
        ({"description": "stirrup t1"}, (True, False)),
    ],
)
def test_weighting(changes, expected):
    series = one(**changes)
    assert (series.is_t1, series.is_stir) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"words": "sequence:se option:fs"}, True),
        *(({"description": text}, True) for text in ("t1_fs_cor", "T1 FatSat", "t1 fat sup", "T1 SPAIR", "t1 spir gd")),
        ({"description": "t1 tse offset"}, False),
        *(({"description": text}, False) for text in ("t1_no_fs", "t1 ohne FS KM", "t1 non-FS +C", "t1 w/o FATSAT gd")),
        ({"image_type": ("DERIVED", "PRIMARY", "DIXON", "WATER")}, True),
        ({"image_type": ("DERIVED", "PRIMARY", "DIXON", "IN_PHASE"), "description": "t1 dixon"}, False),
    ],
)
def test_fat_suppression(changes, expected):
    assert one(**changes).is_fat_suppressed == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"contrast_agent": "Gadovist"}, True),
        *(({"contrast_agent": agent}, False) for agent in ("NONE", "N/A", "no contrast", "ohne KM", "nativ", "kein")),
        *(({"description": text}, False) for text in ("t1 fs vor KM", "t1 fs o. KM", "t1 fs sans gado")),
        *(({"description": text}, True) for text in ("t1 fs GD", "t1 +C", "T1 post", "t1 fs km", "t1_ce")),
        *(({"description": text}, False) for text in ("t1 center", "posterior", "kmeans")),
    ],
)
def test_contrast_agent(changes, expected):
    assert one(**changes).has_agent == expected


@pytest.mark.parametrize(
    ("description", "image_type", "expected"),
    [
        ("t1_tse_dixon_W", (), "water"),
        ("t1_dixon_F", (), "fat"),
        ("t1_dixon_in", (), "in phase"),
        ("T1 VIBE Dixon opp", (), "opposed phase"),
        ("t1_tse_fat_sat", (), ""),
        ("t1 dixon", ("DERIVED", "W"), "water"),
        ("t1", ("DERIVED", "OP"), "opposed phase"),
        ("knee_W", (), ""),
        ("WATER: Cor LAVA Flex", (), "water"),
        ("InPhase: Cor LAVA Flex", (), "in phase"),
        ("FatFrac: Ax IDEAL IQ", (), "fat fraction"),
        ("FF: Ax IDEAL IQ", (), "fat fraction"),
        ("t1_vibe_q-dixon_cor_FF", (), "fat fraction"),
        ("cor PDFF", (), "fat fraction"),
        ("t1 dixon fat fraction", ("DERIVED", "PRIMARY", "W"), "water"),  # the image's own word before the protocol's
        ("t1_cor_ff", (), ""),
        ("T1 tse FF cor", (), ""),
        ("t1_vibe_dixon_FF_cor", (), "fat fraction"),
        ("FF_cor_dixon", (), "fat fraction"),
        ("FF cor", (), "fat fraction"),
        ("WFI FF", (), "fat fraction"),
        ("t1_vibe_dixon_cor_F%", (), "fat fraction"),
        ("cor_%fat", (), "fat fraction"),
        ("Fettanteil cor", (), "fat fraction"),
        ("Fat Signal Fraction", (), "fat fraction"),
        ("t1_vibe_dixon_cor_W%", (), "water fraction"),
        ("Wasseranteil", (), "water fraction"),
        ("fs 50% t1 cor", (), ""),
        ("t1 tse 80% fat sat", (), ""),
        ("t1_vibe_dixon_cor_W", (), "water"),
        ("WFI W", (), "water"),
        ("cor_MOCO_T1", (), "map"),
        ("MOCO_T2*", (), "map"),
        ("t1_moco cor", (), ""),
        ("T1-Karte", (), "map"),
        ("eADC", (), "map"),
        ("ep2d exp ADC", (), "map"),
        ("Exponential ADC", (), "map"),
        ("ep2d_diff_dADC", (), "map"),
        ("dwi", ("DERIVED", "PRIMARY", "EADC"), "map"),
        ("t1 adcor", (), ""),
        ("waterfraction", (), "water fraction"),
        ("R2_Star: Ax IDEAL IQ", (), "map"),
        ("T2* map", (), "map"),
        ("ADC_map", (), "map"),
        ("T1 mapping", (), ""),
        ("cor t2", ("ORIGINAL", "PRIMARY", "T2_STAR"), ""),  # a weighting
        ("cor t2", ("DERIVED", "PRIMARY", "T2_STAR"), "map"),
        ("t1 tse", ("ORIGINAL", "PRIMARY", "P", "ND"), "phase image"),
        ("t1 tse", ("ORIGINAL", "PRIMARY", "M", "ND"), ""),
    ],
)
def test_dixon_parts(description, image_type, expected):
    assert replace(IMAGE, description=description, image_type=image_type).part == expected


def leaning(degrees):
    lean = np.deg2rad(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.sin(lean)), float(-np.cos(lean)))


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (CORONAL, "coronal"), (leaning(25), "coronal"), (leaning(55), "coronal"), (leaning(-20), "coronal"),
        (AXIAL, "axial"), (leaning(-60), "axial"), (leaning(80), "axial"), (SAGITTAL, "sagittal"), (None, "unknown"),
    ],
)  # fmt: skip
def test_plane(orientation, expected):
    assert one(orientation=orientation).plane == expected


def test_images_are_grouped_by_series_and_dixon_part_in_the_order_of_numbers():
    parts = [("F",), ("W",)]
    images = [replace(IMAGE, sop_uid=f"1.{n}", image_type=kind) for kind in parts for n in range(2)]
    images.append(replace(IMAGE, series_uid="2", number="10", description="late"))
    series = series_of(images)
    assert [one.text for one in series] == ["5 (fat)", "5 (water)", "10 late"]
    assert [one.slices for one in series] == [2, 2, 1]
    assert Series((IMAGE, replace(IMAGE, file=Path("copy")))).slices == 1
