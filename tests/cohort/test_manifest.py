"""A manifest on disk: what is refused on reading, what verify notices, what the cohort's hash depends on."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from dicom_samples import write_cohort

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.manifest import cohort_hash, load_manifest, verify_files
from sijstudy.cohort.options import BuildOptions
from sijstudy.errors import StudyError
from sijstudy.records import Box, IliumBoxes, Subject


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with ``dicom`` and ``manifest``; tests work on copies."""
    root = tmp_path_factory.mktemp("built")
    cohort = write_cohort(root / "dicom")
    build_manifest(
        cohort.root,
        root / "manifest",
        BuildOptions(cohort.subjects_csv, "sample", votes_csv=cohort.votes_csv),
        progress=False,
    )
    return root


@pytest.fixture
def home(built, tmp_path):
    return shutil.copytree(built, tmp_path / "home")


def change(home, table, row, **cells):
    """Rewrite cells of a table as text; ``row`` None sets whole columns."""
    path = home / "manifest" / table
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name, value in cells.items():
        frame.loc[slice(None) if row is None else row, name] = value
    frame.to_csv(path, index=False)


def test_records_carry_absolute_paths_and_boxes(home):
    manifest = load_manifest(home / "manifest")
    first = manifest.slice_records()[0]
    assert (first.subject_id, first.index, first.label) == ("S00", 0, 1)
    assert first.file.is_absolute() and first.file.is_file() and first.segmentation.is_file()
    assert first.boxes == IliumBoxes(left=Box(22, 5, 30, 21), right=Box(2, 4, 10, 20))
    assert manifest.subject_records()[1] == Subject("S01", "axSpA", 31, "M")


def test_rows_come_sorted_whatever_the_file_says(home):
    path = home / "manifest/slices.csv"
    before = load_manifest(home / "manifest")
    pd.read_csv(path, dtype=str).sample(frac=1, random_state=1).to_csv(path, index=False)
    pd.testing.assert_frame_equal(load_manifest(home / "manifest").slices, before.slices)


def test_a_slice_without_boxes_or_segmentation(home):
    cells = {name: "" for name in load_manifest(home / "manifest").slices if name.startswith(("left_", "right_"))}
    change(home, "slices.csv", 0, segmentation="", segmentation_sha256="", **cells)
    first = load_manifest(home / "manifest").slice_records()[0]
    assert first.boxes is None and first.segmentation is None


@pytest.mark.parametrize(
    ("table", "cells", "words"),
    [
        ("slices.csv", {"file": "../secret.dcm"}, "row 2: file='../secret.dcm' leads out"),
        ("slices.csv", {"file": "/etc/passwd"}, "row 2: file='/etc/passwd' leads out"),
        ("slices.csv", {"segmentation": "S00/../../x"}, "row 2: segmentation='S00/../../x' leads out"),
        ("slices.csv", {"file": "S00\\1.dcm"}, "leads out"),
        ("slices.csv", {"subject_id": "S99"}, "subject S99 has no row in subjects.csv"),
        ("slices.csv", {"left_x1": ""}, "row 2: the left ilium's box has some edges and lacks others"),
        ("slices.csv", {"right_y1": "1"}, "row 2: the right ilium's box is empty"),
        ("slices.csv", {"colour": "red"}, "unknown column 'colour'"),
        ("slices.csv", {"file": "S00/002.dcm"}, "row 3: file='S00/002.dcm' occurs more than once"),
        (
            "slices.csv",
            {"file": "S00/002.dcm", "frame": "1"},
            "row 3: file='S00/002.dcm' occurs more than once, here without a frame",
        ),
        ("subjects.csv", {"subject_id": "S99"}, "subject S00 has no row|subject S99 has no slice"),
        ("subjects.csv", {"group": "healthy"}, "row 2: group='healthy' breaks"),
    ],
)
def test_bad_tables_are_refused(home, table, cells, words):
    change(home, table, 0, **cells)
    with pytest.raises(StudyError, match=words.replace("\\", "\\\\")) as caught:
        load_manifest(home / "manifest")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is no manifest"),
        ("{", "is no JSON"),
        ("[]", "'name' must be there"),
        ('{"format": 2, "name": "a", "source": "hospital"}', "'root' must be there"),
        (
            '{"format": 2, "name": "a", "source": "internet", "root": "."}',
            "source is 'internet'; it must be synthetic, hospital or public",
        ),
    ],
)
def test_a_bad_or_missing_cohort_file(home, content, words):
    path = home / "manifest/cohort.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(StudyError, match=words):
        load_manifest(home / "manifest")


def test_frames_of_one_file(home):
    path = home / "manifest/slices.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    own = frame["subject_id"] == "S00"
    before = cohort_hash(load_manifest(home / "manifest"))
    frame.loc[own, ["file", "sha256"]] = frame.loc[0, ["file", "sha256"]].tolist()
    frame.loc[own, "frame"] = ["7", "8", "9"]
    frame.to_csv(path, index=False)
    manifest = load_manifest(home / "manifest")
    assert [item.frame for item in manifest.slice_records()[:4]] == [7, 8, 9, None]
    frames = cohort_hash(manifest)
    change(home, "slices.csv", 0, frame="6")
    assert len({before, frames, cohort_hash(load_manifest(home / "manifest"))}) == 3
    for cells, words in (
        ({"frame": "8"}, r"row 3: file='S00/003\.dcm' occurs more than once"),
        ({"frame": "5", "sha256": "0" * 64}, r"row 3: sha256='.*' is not the one that an earlier row gives"),
    ):
        change(home, "slices.csv", 0, **cells)
        with pytest.raises(StudyError, match=words):
            load_manifest(home / "manifest")


def test_two_files_of_one_content(home):
    change(home, "slices.csv", 1, sha256=load_manifest(home / "manifest").slices["sha256"].iloc[0])
    with pytest.raises(StudyError, match=r"row 3: sha256='.*' occurs more than once, in different files"):
        load_manifest(home / "manifest")


@pytest.mark.parametrize("format", [None, 1, "2"])
def test_a_manifest_of_another_version(home, format):
    path = home / "manifest/cohort.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": format}))
    with pytest.raises(StudyError, match=r"cohort\.json: is of another version of this package, .*; build the"):
        load_manifest(home / "manifest")


def test_tables_can_be_read_where_the_images_are_not(home):
    shutil.rmtree(home / "dicom")
    assert len(load_manifest(home / "manifest").slices) == 12
    with pytest.raises(StudyError, match="no such file"):
        verify_files(load_manifest(home / "manifest"), progress=False)


def test_verify_accepts_untouched_files_and_names_a_changed_one(home):
    verify_files(load_manifest(home / "manifest"), progress=False)
    for name in ("dicom/S01/002.dcm", "manifest/outlines/S02.npz"):
        path = home / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(StudyError, match=rf"{name}: its SHA-256 is not the manifest's"):
            verify_files(load_manifest(home / "manifest"), progress=False)
        path.write_bytes(whole)


def test_verify_refuses_a_link_out_of_the_cohort(home, tmp_path):
    path = home / "dicom/S00/001.dcm"
    path.rename(tmp_path / "elsewhere.dcm")
    path.symlink_to(tmp_path / "elsewhere.dcm")
    with pytest.raises(StudyError, match=r"001\.dcm: leads out of the cohort's folder"):
        verify_files(load_manifest(home / "manifest"), progress=False)


def test_hash_does_not_depend_on_place_row_order_or_file_names(home):
    before = cohort_hash(load_manifest(home / "manifest"))
    moved = home.rename(home.parent / "moved")
    path = moved / "manifest/slices.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["file"] = [f"other/{number}.dcm" for number in range(len(frame))]
    frame.sample(frac=1, random_state=3).to_csv(path, index=False)
    about = json.loads((moved / "manifest/cohort.json").read_text())
    (moved / "manifest/cohort.json").write_text(json.dumps({**about, "root": "/data", "name": "other"}))
    assert cohort_hash(load_manifest(moved / "manifest")) == before


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("slices.csv", {"label": "0"}),
        ("slices.csv", {"sha256": "0" * 64}),
        ("slices.csv", {"left_x0": "22.25"}),
        ("slices.csv", {"slice_index": "9"}),
        ("slices.csv", {"sop_instance_uid": "1.2.3"}),  # which seeds the noise
        ("subjects.csv", {"group": "control"}),
    ],
)
def test_hash_depends_on_pixels_labels_boxes_order_uids_and_groups(home, table, cells):
    before = cohort_hash(load_manifest(home / "manifest"))
    change(home, table, 0, **cells)
    assert cohort_hash(load_manifest(home / "manifest")) != before


def test_hash_of_the_tables_in_memory(home):
    manifest = load_manifest(home / "manifest")
    shuffled = replace(manifest, slices=manifest.slices.iloc[::-1], subjects=manifest.subjects.iloc[::-1])
    assert cohort_hash(shuffled) == cohort_hash(manifest)
