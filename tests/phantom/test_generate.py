"""The synthetic cohort on disk: totals, DICOM tags, geometry, segmentation, votes, same seed same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pandas as pd
import pytest
from pydicom import Dataset, dcmread

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.phantom import generate_cohort
from sijstudy.phantom.plan import ACQUIRED

CONFIG = StudyConfig(
    axspa_subjects=5, control_subjects=5, positive_slices=20, negative_slices=90, matrix_size=64, seed=7
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantom") / "cohort"
    generate_cohort(root, CONFIG, workers=2, progress=False)
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same people's whole examinations, and one subject without edema."""
    root = tmp_path_factory.mktemp("phantom") / "whole"
    generate_cohort(root, replace(CONFIG, slices="whole", inactive_subjects=1), progress=False)
    return root


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def series(folder: Path) -> list[Dataset]:
    """MR slices of a subject from the lower to the upper pelvis."""
    return sorted((dcmread(path) for path in folder.glob("MR_*.dcm")), key=lambda ds: ds.ImagePositionPatient[2])


def edema_frames(folder: Path) -> dict[str, np.ndarray]:
    """Edema mask of every slice by SOP instance UID."""
    seg = hd.seg.segread(folder / "SEG.dcm")
    images = series(folder)
    uids = [str(ds.SOPInstanceUID) for ds in images]
    pixels = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    return dict(zip(uids, pixels[..., 3], strict=True))


def test_the_configured_totals_are_met_exactly(cohort: Path) -> None:
    subjects = pd.read_csv(cohort / "subjects.csv")
    assert subjects.group.value_counts().to_dict() == {"axSpA": 5, "control": 5}
    written = {row.subject_id: len(list((cohort / row.subject_id).glob("MR_*.dcm"))) for row in subjects.itertuples()}
    ill = subjects[subjects.group == "axSpA"].subject_id
    assert sum(written[name] for name in ill) == 20
    assert sum(written.values()) == 110


def test_the_same_seed_gives_the_same_bytes_with_another_number_of_workers(cohort: Path, tmp_path: Path) -> None:
    generate_cohort(tmp_path / "again", CONFIG, workers=1, progress=False)
    assert fingerprint(tmp_path / "again") == fingerprint(cohort)


def test_every_positive_slice_shows_edema_and_no_negative_one(cohort: Path) -> None:
    subjects = pd.read_csv(cohort / "subjects.csv").set_index("subject_id")
    for name, group in subjects.group.items():
        for mask in edema_frames(cohort / str(name)).values():
            assert bool(mask.any()) == (group == "axSpA")
            assert group == "control" or mask.sum() * (250 / 64) ** 2 > 30.0  # mm2


def test_readers_majority_is_the_truth(cohort: Path) -> None:
    subjects = pd.read_csv(cohort / "subjects.csv").set_index("subject_id")
    votes = pd.read_csv(cohort / "votes.csv")
    majority = votes[["reader_1", "reader_2", "reader_3"]].sum(axis=1) >= 2
    assert (majority == (subjects.loc[votes.subject_id, "group"] == "axSpA").to_numpy()).all()
    assert votes.sop_instance_uid.is_unique and len(votes) == 110


def test_tags_carry_the_papers_acquisition_and_no_person(cohort: Path) -> None:
    ds = series(cohort / "SYN001")[0]
    wanted = {
        "RepetitionTime": 544, "EchoTime": 11, "FlipAngle": 140, "PixelBandwidth": 326,
        "SliceThickness": 2, "SpacingBetweenSlices": 2.2, "MagneticFieldStrength": 3,
    }  # fmt: skip
    assert {name: float(ds[name].value) for name in wanted} == wanted
    assert str(ds.PatientName) == ds.PatientID == "SYN001"
    assert "SYNTHETIC" in ds.ImageComments
    assert float(ds.PixelSpacing[0]) * ds.Rows == pytest.approx(250.0)
    assert ds.pixel_array.dtype == np.uint16 and ds.pixel_array.max() < 4096


def test_geometry_is_one_oblique_coronal_stack_per_subject(cohort: Path) -> None:
    for folder in sorted(path for path in cohort.iterdir() if path.is_dir()):
        images = series(folder)
        row, column = np.array(images[0].ImageOrientationPatient, float).reshape(2, 3)
        normal = np.cross(row, column)
        assert row @ column == pytest.approx(0, abs=1e-6)
        assert np.linalg.norm(column) == pytest.approx(1, abs=1e-6)
        steps = np.diff([np.array(ds.ImagePositionPatient, float) @ normal for ds in images]) / 2.2
        assert np.allclose(steps, np.rint(steps), atol=1e-3) and (np.abs(steps) > 0.5).all()
        for tag in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            assert len({ds[tag].value for ds in images}) == 1
        numbers = [int(ds.InstanceNumber) for ds in images]
        assert numbers in (sorted(numbers), sorted(numbers, reverse=True))


def test_segments_are_named_coded_and_lie_on_their_side(cohort: Path) -> None:
    seg = hd.seg.segread(cohort / "SYN001" / "SEG.dcm")
    assert [item.SegmentLabel for item in seg.SegmentSequence] == ["left ilium", "right ilium", "sacrum", "edema"]
    types = [item.SegmentedPropertyTypeCodeSequence[0].CodeValue for item in seg.SegmentSequence]
    assert types == ["22356005", "22356005", "54735007", "79654002"]
    uids = [str(ds.SOPInstanceUID) for ds in series(cohort / "SYN001")]
    masks = seg.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    columns = [np.nonzero(masks[..., k])[2].mean() for k in range(3)]
    assert columns[1] < columns[2] < columns[0]  # the subject's right ilium lies on the image's left


def test_an_existing_folder_is_never_overwritten(cohort: Path) -> None:
    with pytest.raises(StudyError, match="exists already"):
        generate_cohort(cohort, CONFIG, progress=False)


def test_a_killed_generation_leaves_nothing_under_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sijstudy.phantom.generate.write_subject", stop)
    with pytest.raises(KeyboardInterrupt):
        generate_cohort(tmp_path / "cohort", CONFIG, workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_examination_holds_the_selection_bit_for_bit(cohort: Path, whole: Path) -> None:
    """And edema-free slices of ill subjects, and subjects without any edema."""
    pixels = [
        {path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.glob("*/MR_*.dcm")}
        for root in (cohort, whole)
    ]
    assert len(pixels[1]) == 11 * ACQUIRED and pixels[0].items() <= pixels[1].items()
    votes = pd.read_csv(whole / "votes.csv")
    edema = votes.filter(like="reader_").sum(axis=1) >= 2
    subjects = pd.read_csv(whole / "subjects.csv").set_index("subject_id")
    positive = edema.groupby(votes["subject_id"]).sum()
    group = subjects["group"].loc[positive.index]
    assert (positive[group == "control"] == 0).all()
    assert sorted(positive[group == "axSpA"])[0] == 0 < sorted(positive[group == "axSpA"])[1]
    assert positive[group == "axSpA"].max() < ACQUIRED
    for folder in (path.parent for path in whole.glob("*/SEG.dcm")):
        outlined = {uid for uid, mask in edema_frames(folder).items() if mask.any()}
        assert outlined == set(votes["sop_instance_uid"][edema & (votes["subject_id"] == folder.name)])


def test_files_of_whole_examinations_tell_nothing(whole: Path) -> None:
    """Alike in number, names and tags, and in size up to a few digits of a position."""
    files = {folder.name: sorted(folder.glob("MR_*.dcm")) for folder in whole.iterdir() if folder.is_dir()}
    assert len(files) == 11
    assert {tuple(path.name for path in own) for own in files.values()} == {
        tuple(f"MR_{number:02d}.dcm" for number in range(1, ACQUIRED + 1))
    }
    sizes = [path.stat().st_size for own in files.values() for path in own]
    assert max(sizes) - min(sizes) <= 64
    assert len({tuple(element.tag for element in dcmread(own[0])) for own in files.values()}) == 1
