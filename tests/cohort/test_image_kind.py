"""What kind of images a series holds: headers as Siemens, GE and Philips scanners write them."""

from pathlib import Path

import numpy as np
import pytest
from dicom_samples import enhanced_mr, made, mr_dataset
from hospital_samples import AXIAL, SAGITTAL
from pydicom import Dataset

from sijstudy.cohort.image_header import mr_image
from sijstudy.cohort.image_kind import (
    STATED,
    SYNTHETIC,
    ImageKind,
    Mixture,
    contrast_of,
    kind_of,
    mixture_of,
    telling,
)
from sijstudy.cohort.series import Series
from sijstudy.images.dicom_attributes import Attributes
from sijstudy.phantom.protocol import CONTRASTS

SIEMENS = {
    "stir": {"SeriesDescription": "stir_obl_cor_384", "ProtocolName": "t2_tirm_cor", "SequenceName": "*tir2d1_13",
             "ScanningSequence": ["SE", "IR"], "SequenceVariant": ["SK", "SP", "MP", "OSP"],
             "ScanOptions": ["IR", "SAT1"], "RepetitionTime": 4500, "EchoTime": 38, "InversionTime": 220,
             "ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM"]},
    "gd_fs_t1": {"SeriesDescription": "t1_tse_fs_obl_cor_KM", "SequenceName": "*tse2d1_3", "ScanningSequence": "SE",
                 "SequenceVariant": ["SK", "SP", "OSP"], "ScanOptions": ["FS", "PFP"], "RepetitionTime": 620,
                 "EchoTime": 11, "ContrastBolusAgent": "Gadovist"},
    "dixon": {"SeriesDescription": "t1_tse_dixon_cor_KM_W", "SequenceName": "*tse2d1_3", "ScanningSequence": "SE",
              "ScanOptions": "DIXON", "ImageType": ["DERIVED", "PRIMARY", "M", "DIXON", "WATER"], "RepetitionTime": 544,
              "EchoTime": 11, "ContrastBolusAgent": "Dotarem"},
    "t1": {"SeriesDescription": "t1_tse_obl_cor", "SequenceName": "*tse2d1_3", "ScanningSequence": "SE",
           "SequenceVariant": ["SK", "SP"], "ScanOptions": "SAT1", "RepetitionTime": 600, "EchoTime": 11},
    "t2_fs": {"SeriesDescription": "t2_tse_fs_cor", "SequenceName": "*tse2d1_15", "ScanningSequence": "SE",
              "ScanOptions": "FS", "RepetitionTime": 4000, "EchoTime": 75},
    "dwi": {"SeriesDescription": "ep2d_diff_b50_800", "SequenceName": "*ep_b800t", "ScanningSequence": "EP",
            "ScanOptions": "FS", "RepetitionTime": 5000, "EchoTime": 70,
            "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "TRACEW"]},
    "adc": {"SeriesDescription": "ep2d_diff_ADC", "ScanningSequence": "EP", "RepetitionTime": 5000, "EchoTime": 70,
            "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "NORM"]},
    "flair": {"SeriesDescription": "t2 dark-fluid", "SequenceName": "*tir2d1rr99", "ScanningSequence": ["SE", "IR"],
              "ScanOptions": "IR", "RepetitionTime": 9000, "EchoTime": 100, "InversionTime": 2500},
    "medic": {"SeriesDescription": "t2_me2d_medic", "ScanningSequence": "GR", "ScanOptions": "", "RepetitionTime": 700,
              "EchoTime": 17},
}  # fmt: skip
GE = {
    "stir": {"SeriesDescription": "Obl Cor STIR", "ScanningSequence": ["SE", "IR"], "SequenceVariant": "SK",
             "ScanOptions": ["FAST_GEMS", "NPW", "TRF_GEMS", "FILTERED_GEMS"], "RepetitionTime": 5200, "EchoTime": 42,
             "InversionTime": 160},
    "gd_fs_t1": {"SeriesDescription": "Obl Cor T1 FS +C", "ScanningSequence": "SE", "SequenceVariant": "SK",
                 "ScanOptions": ["FAST_GEMS", "FS", "FILTERED_GEMS"], "RepetitionTime": 640, "EchoTime": 10,
                 "ContrastBolusAgent": "YES"},
    "flex": {"SeriesDescription": "WATER: Cor T1 FLEX +C", "ScanningSequence": "SE",
             "ScanOptions": ["FAST_GEMS", "FLEX_GEMS"], "RepetitionTime": 640, "EchoTime": 10},
    "t1": {"SeriesDescription": "Obl Cor T1", "ScanningSequence": "SE", "ScanOptions": ["FAST_GEMS", "SAT_GEMS"],
           "RepetitionTime": 640, "EchoTime": 10},
}  # fmt: skip
PHILIPS = {
    "stir": {"SeriesDescription": "STIR_longTE COR", "ScanningSequence": "IR", "ScanOptions": "OTHER",
             "ImageType": ["ORIGINAL", "PRIMARY", "M_IR", "M", "IR"], "RepetitionTime": 4800, "EchoTime": 60,
             "InversionTime": 210},
    "unnamed": {"SeriesDescription": "cor obl 2", "ScanningSequence": "SE", "RepetitionTime": 4800, "EchoTime": 60,
                "ImageType": ["ORIGINAL", "PRIMARY", "M_IR", "M", "IR"], "InversionTime": 210},
    "gd_fs_t1": {"SeriesDescription": "T1W_TSE_SPIR_GD COR", "ScanningSequence": "SE", "ScanOptions": "FS",
                 "ImageType": ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"], "RepetitionTime": 580, "EchoTime": 15,
                 "ContrastBolusAgent": "Gadoterate"},
    "t2_fs": {"SeriesDescription": "T2W_SPAIR COR", "ScanningSequence": "SE", "ScanOptions": "FS",
              "RepetitionTime": 3500, "EchoTime": 65},
}  # fmt: skip
T1_FS_GD, STIR = (
    ImageKind("T1", "suppressed", "given", "coronal"),
    ImageKind("STIR", "suppressed", "unknown", "coronal"),
)
T1, T2_FS = ImageKind("T1", "not suppressed", "unknown", "coronal"), ImageKind("T2", "suppressed", "unknown", "coronal")


def of(*datasets):
    images = [
        mr_image(Attributes(ds, Path("a"), frame))
        for ds in datasets
        for frame in (range(1, int(ds.NumberOfFrames) + 1) if "NumberOfFrames" in ds else [None])
    ]
    return kind_of(Series(tuple(images)))


def slice_of(**tags) -> Dataset:
    return mr_dataset(1, 0, **tags)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (SIEMENS["stir"], STIR),
        (SIEMENS["gd_fs_t1"], T1_FS_GD),
        (SIEMENS["dixon"], T1_FS_GD),
        (SIEMENS["t1"], T1),
        (SIEMENS["t2_fs"], T2_FS),
        (SIEMENS["dwi"], ImageKind("diffusion", "suppressed", "unknown", "coronal")),
        (SIEMENS["adc"], ImageKind("diffusion", "unknown", "unknown", "coronal")),
        (SIEMENS["flair"], ImageKind("FLAIR", "not suppressed", "unknown", "coronal")),
        (SIEMENS["medic"], ImageKind("T2*", "not suppressed", "unknown", "coronal")),
        (GE["stir"], STIR),
        (GE["gd_fs_t1"], T1_FS_GD),
        (GE["flex"], T1_FS_GD),
        (GE["t1"], T1),
        (PHILIPS["stir"], STIR),
        (PHILIPS["unnamed"], STIR),
        (PHILIPS["gd_fs_t1"], T1_FS_GD),
        (PHILIPS["t2_fs"], T2_FS),
    ],
)
def test_kinds_as_scanners_write_them(tags, expected):
    assert of(slice_of(**tags)) == expected


@pytest.mark.parametrize(("gone", "weighting"), [("SeriesDescription", "STIR"), ("ScanningSequence", "STIR")])
def test_a_stir_with_a_tag_stripped_is_still_one(gone, weighting):
    assert of(slice_of(**{**SIEMENS["stir"], gone: ""})).weighting == weighting


def test_enhanced_files_say_it_in_functional_groups():
    ds = enhanced_mr(1, [0, 1, 2], SeriesDescription="cor 1", PulseSequenceName="*tir2d1_15", ScanningSequence="")
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.MRTimingAndRelatedParametersSequence[0].RepetitionTime = 4500
    shared.MREchoSequence[0].EffectiveEchoTime = 40
    shared.MRModifierSequence = [
        made(InversionRecovery="YES", InversionTimes=[220.0], SpectrallySelectedSuppression="NONE")
    ]
    assert of(ds) == STIR
    shared.MRModifierSequence = [made(InversionRecovery="NO", SpectrallySelectedSuppression="FAT")]
    ds.PulseSequenceName = "*tse2d1_15"
    assert of(ds).fat == "suppressed" and of(ds).weighting == "PD"
    shared.MRModifierSequence = [made(InversionRecovery="NO", SpectrallySelectedSuppression="NONE")]
    assert of(ds).fat == "not suppressed"


@pytest.mark.parametrize(
    ("others", "fields", "words"),
    [
        ({}, (), ""),
        ({"ScanOptions": "PFP", "SeriesDescription": "t1 cor", "ContrastBolusAgent": ""}, ("fat", "agent"),
         "0.dcm (fat suppression suppressed, contrast agent given) and 1.dcm (fat suppression not suppressed, contrast "
         "agent not told)"),
        ({"ContrastBolusAgent": ""}, ("agent",), "0.dcm (contrast agent given) and 1.dcm (contrast agent not told)"),
        ({"ScanningSequence": ["SE", "IR"], "InversionTime": 220}, ("weighting",),
         "0.dcm (weighting T1) and 1.dcm (weighting STIR)"),
        ({"ImageOrientationPatient": AXIAL}, ("plane",), "0.dcm (plane coronal) and 1.dcm (plane axial)"),
    ],
)  # fmt: skip
def test_a_series_is_of_a_kind_that_all_its_images_have(others, fields, words):
    """The first file spoke for the rest: one of fat-suppressed T1 with an agent let 36 without both pass."""
    tags = [SIEMENS["gd_fs_t1"], *[{**SIEMENS["gd_fs_t1"], **others}] * 2]
    made_of = [mr_image(Attributes(slice_of(**own), Path(f"{step}.dcm"), None)) for step, own in enumerate(tags)]
    series = Series(tuple(made_of))
    assert mixture_of(series) == Mixture(fields, words) and bool(mixture_of(series)) == bool(fields)
    assert [name for name, value in vars(kind_of(series)).items() if value == "unknown"] == list(fields)


def test_planes_that_differ_by_rounding_are_one():
    """At 60 degrees from coronal, where the name of the plane changes."""
    planes = [[1, 0, 0, 0, *np.round([np.sin(angle), -np.cos(angle)], 6)] for angle in np.deg2rad([60.01, 59.99])]
    made_of = [mr_image(Attributes(slice_of(ImageOrientationPatient=own), Path("a"), None)) for own in planes]
    assert len({Series((image,)).plane for image in made_of}) == 2 and not mixture_of(Series(tuple(made_of)))


def test_what_no_tag_says_is_unknown():
    bare = {"RepetitionTime": None, "EchoTime": None, "ScanningSequence": None}
    assert of(slice_of(**bare)) == ImageKind(plane="coronal")
    assert of(slice_of(**bare, SeriesDescription="1007_STIR.nii.gz")).weighting == "STIR"
    assert of(slice_of()) == ImageKind("T1", "unknown", "unknown", "coronal")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"SeriesDescription": "t1 fs pre contrast"}, "not given"),
        ({"SeriesDescription": "t1_fs_cor_nativ"}, "not given"),
        ({"SeriesDescription": "t1 fs without Gd"}, "not given"),
        ({"ContrastBolusAgent": "NONE"}, "not given"),
        ({"ContrastBolusAgent": ""}, "unknown"),
        ({"SeriesDescription": "t1_fs_cor_post"}, "given"),
        ({"SeriesDescription": "explain t1"}, "unknown"),
    ],
)
def test_an_agent_is_given_not_given_or_left_open(tags, expected):
    assert of(slice_of(**tags)).agent == expected


@pytest.mark.parametrize(
    "description",
    ["t1_tse_cor_no_fs", "T1 cor ohne FS KM", "T1 COR non-FS +C", "T1 W/O FATSAT GD", "cor T1 not fat sat"],
)
def test_fat_bright_t1_with_the_word_for_suppression_is_fat_bright(description):
    tags = {"SeriesDescription": description, "ScanOptions": "SAT1", "ContrastBolusAgent": "Gadovist"}
    assert of(slice_of(**tags)) == ImageKind("T1", "not suppressed", "given", "coronal")
    assert of(slice_of(**{**tags, "ScanOptions": "FS"})).fat == "unknown"  # it says both


def test_open_kinds_do_not_stand_for_a_cohort_that_has_others():
    bare, native = ImageKind(plane="coronal"), ImageKind("T1", "suppressed", "not given", "coronal")
    silent = ImageKind("T1", "suppressed", plane="coronal")
    assert telling([T1_FS_GD, bare]) == telling([bare, T1_FS_GD]) == telling([silent, T1_FS_GD]) == (T1_FS_GD,)
    assert telling([T1_FS_GD, ImageKind("T1", plane="axial")]) == (T1_FS_GD,)
    assert telling([STIR, T1_FS_GD]) == (STIR, T1_FS_GD) and telling([T1_FS_GD, native]) == (T1_FS_GD, native)
    noted = ImageKind("STIR", "suppressed", "given", "coronal")
    assert telling([STIR, noted]) == (STIR, noted)  # an agent that STIR's header notes does not matter
    assert telling([bare]) == (bare,) and telling([]) == ()


def test_planes_and_localizers():
    assert of(slice_of(ImageOrientationPatient=AXIAL)).plane == "axial"
    assert of(slice_of(ImageOrientationPatient=SAGITTAL)).plane == "sagittal"
    assert of(slice_of(SeriesDescription="localizer")).weighting == "localizer"


def test_kinds_differ_only_in_what_both_know():
    assert STIR.differs(T1_FS_GD) == ("weighting",)
    assert T1.differs(T1_FS_GD) == ("fat",)
    assert ImageKind().differs(T1_FS_GD) == () and ImageKind().lacks(T1_FS_GD) == ("weighting", "fat", "agent", "plane")
    assert T1.lacks(T1_FS_GD) == ("agent",)


def test_what_is_stated_fills_gaps_and_overrules_nothing():
    assert ImageKind(plane="coronal").stated("gd_t1") == T1_FS_GD
    assert T1.stated("gd_t1") == ImageKind("T1", "not suppressed", "given", "coronal")
    assert STIR.stated("gd_t1").weighting == "STIR"
    assert T1.stated("any") == T1.stated("") == T1


def test_words():
    assert T1_FS_GD.words == "Gd-enhanced T1 with fat suppression, coronal"
    assert T1.words == "T1 without fat suppression, coronal"
    assert STIR.words == "STIR, coronal"
    assert ImageKind().words == "images of unknown weighting, plane unknown"


def test_the_choice_of_a_series_looks_for_the_kind():
    assert [contrast_of([kind]) for kind in (T1_FS_GD, STIR, T2_FS)] == ["gd_t1", "stir", "any"]
    assert contrast_of([]) == contrast_of([ImageKind(plane="axial")]) == "gd_t1"  # the paper's


def test_every_contrast_of_the_phantom_has_its_kind():
    assert set(SYNTHETIC) == set(CONTRASTS)
    assert {STATED[name].weighting for name in STATED} == {kind.weighting for kind in SYNTHETIC.values()}
