"""The rules that choose one series per subject, each on series made for it."""

import re
from dataclasses import replace

import pytest

from sijstudy.cohort.series import Series
from sijstudy.cohort.series_choice import choose_series
from sijstudy.errors import StudyError
from tests.cohort.test_series import AXIAL, IMAGE


def series(number, description="", count=4, **changes):
    changes = {"words": "", **changes}
    return Series(
        tuple(
            replace(IMAGE, number=str(number), series_uid=f"1.{number}", sop_uid=f"1.{number}.{step}",
                    description=description, **changes)
            for step in range(count)
        )
    )  # fmt: skip


T1_FS = series(3, "t1_fs_cor")
T1_FS_GD = series(4, "t1_fs_cor_gd")
STIR = series(2, "stir_cor", repetition_time=4000.0, echo_time=60.0)
T1 = series(5, "t1_cor")
AXIAL_GD = series(6, "t1_fs_ax_gd", orientation=tuple(map(float, AXIAL)))
LOCALIZER = series(1, "localizer", count=9)
MPR = series(7, "t1_fs_gd_mpr", image_type=("DERIVED", "SECONDARY", "MPR"))
SHORT = series(8, "t1_fs_gd_test", count=2)
WATER, FAT = (series(9, "t1_dixon_gd", image_type=("DERIVED", "SECONDARY", kind)) for kind in ("WATER", "FAT"))


@pytest.mark.parametrize(
    ("candidates", "contrast", "chosen", "rule"),
    [
        ([LOCALIZER, STIR, T1, T1_FS, T1_FS_GD, AXIAL_GD, MPR, SHORT], "gd_t1", T1_FS_GD,
         "T1-weighted and fat-suppressed, with contrast agent, coronal plane"),
        ([STIR, T1, T1_FS], "gd_t1", T1_FS, "T1-weighted and fat-suppressed, coronal plane"),
        ([LOCALIZER, STIR, T1_FS_GD], "stir", STIR, "STIR, coronal plane"),
        ([T1, AXIAL_GD], "any", T1, "any contrast, coronal plane"),
        ([WATER, FAT, STIR], "gd_t1", WATER, "T1-weighted and fat-suppressed, with contrast agent, coronal plane"),
        ([STIR], "gd_t1", STIR, "the only MR series"),
        ([LOCALIZER, MPR], "gd_t1", MPR, "the only usable MR series"),
        ([SHORT], "gd_t1", SHORT, "the only MR series"),
        ([LOCALIZER, FAT], "gd_t1", FAT, "the only usable MR series"),
    ],
)  # fmt: skip
def test_the_series_that_fits_is_chosen(candidates, contrast, chosen, rule):
    choice = choose_series("S1", candidates, contrast=contrast)
    assert (choice.chosen, choice.rule) == (chosen, rule)
    assert {one.text for one, _ in choice.left_out} == {one.text for one in candidates} - {chosen.text}
    assert len(choice.left_out) == len(candidates) - 1


def test_every_series_left_out_has_its_reason():
    candidates = [LOCALIZER, STIR, T1_FS, T1_FS_GD, MPR, SHORT, FAT, WATER]
    with pytest.raises(StudyError, match="2 series fit equally"):
        choose_series("S1", candidates)
    reasons = {one.text: why for one, why in choose_series("S1", [*candidates[:-2], AXIAL_GD]).left_out}
    assert reasons == {
        LOCALIZER.text: "a localizer",
        STIR.text: "not T1-weighted and fat-suppressed",
        T1_FS.text: "another series fits better",
        AXIAL_GD.text: "another series fits better",
        MPR.text: "a derived image or screenshot (image type, or no position)",
        SHORT.text: "fewer than 3 slices",
    }
    assert {one.text: why for one, why in choose_series("S1", [FAT, WATER]).left_out} == {
        FAT.text: "a derived image or screenshot (image type, or no position)"
    }


def test_dixon_images_beside_water():
    parts = [series(9, "t1_dixon", image_type=("DERIVED", "PRIMARY", kind)) for kind in ("W", "F", "IP", "OP")]
    choice = choose_series("S1", parts)
    assert choice.chosen.text == "9 t1_dixon (water)"
    assert {why for _, why in choice.left_out} == {"a Dixon image beside water"}


@pytest.mark.parametrize(
    ("candidates", "contrast", "words"),
    [
        ([T1_FS_GD, series(14, "t1_fs_cor_gd")], "gd_t1", "2 series fit equally: '4 t1_fs_cor_gd', '14 t1_fs_cor_gd'"),
        ([T1_FS, AXIAL_GD], "gd_t1", "2 series fit equally"),  # the plane of one, the agent of the other
        ([STIR, T1], "gd_t1", r"none of its 2 series .*'2 stir_cor' \(not T1-weighted and fat-suppressed\)"),
        ([T1, T1_FS], "stir", "none of its 2 series is the wanted one"),
        ([LOCALIZER], "any", r"none of its 1 series .*'1 localizer' \(a localizer\)"),
        ([T1], "t2", "--contrast is 't2'"),
    ],
)
def test_a_tie_or_nothing_is_one_clear_error(candidates, contrast, words):
    with pytest.raises(StudyError, match=words) as caught:
        choose_series("S1", candidates, contrast=contrast)
    assert "\n" not in str(caught.value) and ("--series" in str(caught.value) or "--contrast" in str(caught.value))


def test_a_pattern_overrides_every_rule():
    candidates = [LOCALIZER, STIR, T1_FS_GD]
    choice = choose_series("S1", candidates, pattern=re.compile("^1 ", re.IGNORECASE))
    assert (choice.chosen, choice.rule) == (LOCALIZER, "named by --series")
    assert {why for _, why in choice.left_out} == {"not named by --series"}
    for pattern, words in (("cor", "2 series fit equally"), ("sag", "none of its 3 series")):
        with pytest.raises(StudyError, match=words):
            choose_series("S1", candidates, pattern=re.compile(pattern))
