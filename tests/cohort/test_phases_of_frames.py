"""Phases among the frames of one enhanced file, up to the manifest and its account."""

import numpy as np
import pytest
from dicom_samples import enhanced_mr, made, mr_dataset, write, write_csv
from hospital_samples import T1_GD
from phase_samples import refused

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import load_manifest, read_account
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.errors import StudyError
from sijstudy.images.read import read_image


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
