"""A build reads a file's content once: one hash of it, one decoding of its pixels."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_samples import ROWS, enhanced_mr, write, write_cohort, write_csv
from nibabel.arrayproxy import ArrayProxy
from volume_samples import DRAWN_PIXEL, drawn, upright_affine, write_nifti, write_nrrd

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.cohort.write import BOXES
from sijstudy.images import stored_values, subject_outlines

FRAMES = (2, 0, 1)


@pytest.fixture
def counted(monkeypatch):
    """What the build does to content: (kind, file name) -> times; of DICOM frames, (kind, file name, frame)."""
    counts = Counter()

    def watch(place, name, key):
        real = getattr(place, name)

        def watched(*given, **settings):
            if found := key(*given, **settings):
                counts[found] += 1
            return real(*given, **settings)

        monkeypatch.setattr(place, name, watched)

    def with_pixels(path, *_, stop_before_pixels=False, specific_tags=None, **__):
        return None if stop_before_pixels or specific_tags else ("opened", Path(path).name)

    watch(hashlib, "file_digest", lambda stream, _: ("hashed", Path(stream.name).name))
    watch(pydicom, "dcmread", with_pixels)
    watch(stored_values, "pixel_array", lambda ds, index, **_: ("decoded", Path(ds.filename).name, index))
    watch(subject_outlines, "read_seg", lambda path, *_, **__: ("outlines", path.name))
    watch(subject_outlines, "read_label_map", lambda path: ("outlines", path.name))
    watch(ArrayProxy, "_get_unscaled", lambda proxy, slicer: ("decoded", Path(proxy.file_like).name))
    return counts


def assert_once(counts, **expected):
    """Nothing was done twice to a file, and to so many files (or frames) what ``expected`` says."""
    assert [key for key, times in counts.items() if times > 1] == []
    assert Counter(kind for kind, *_ in counts) == expected


def test_single_frames_with_their_segmentation_and_copies(tmp_path, counted):
    sample = write_cohort(tmp_path / "dicom", axspa=1, controls=1)
    for folder in ("S00", "S01"):
        for path in sorted((sample.root / folder).iterdir()):
            path.rename(path.with_name(f"{folder}-{path.name}"))
    shutil.copy(sample.root / "S00/S00-001.dcm", sample.root / "S00/copy.dcm")
    shutil.copy(sample.root / "S00/S00-SEG.dcm", sample.root / "S00/copy of SEG.dcm")
    manifest = build_manifest(
        sample.root, tmp_path / "m", BuildOptions(sample.subjects_csv, votes_csv=sample.votes_csv), progress=False
    )
    assert len(manifest.slices) == 6
    del counted["opened", "S00-SEG.dcm"], counted["opened", "S01-SEG.dcm"], counted["opened", "copy of SEG.dcm"]
    assert_once(counted, hashed=6 + 1 + 2, opened=6, decoded=6, outlines=2)


def test_frames_and_single_frames_with_boxes_proposed_from_bone(tmp_path, counted):
    sample = write_cohort(tmp_path / "dicom", axspa=1, controls=0)
    (sample.root / "S00/SEG.dcm").unlink()
    source = enhanced_mr(1, FRAMES)
    write(source, sample.root / "S01/enhanced")
    sample.subjects.append({**sample.subjects[0], "subject_id": "S01"})
    for frame in (1, 2, 3):
        uid = f"{source.SOPInstanceUID}.{frame}"
        sample.votes.append({**sample.votes[0], "subject_id": "S01", "sop_instance_uid": uid})
    sample.rewrite()
    affine = upright_affine(np.deg2rad(25.0), 0.558, 2.2)
    affine[:3, 3] = -125.0, 0.0, 90.0
    bone = np.zeros((3, ROWS, 32), np.uint8)
    bone[:, 4:20, 2:30] = 1
    for name in ("S00", "S01"):
        write_nrrd(tmp_path / f"outlines/{name}/{name}.seg.nrrd", bone, affine, fields={"Segment0_Name": "Bone"})
    options = BuildOptions(sample.subjects_csv, votes_csv=sample.votes_csv, annotations=tmp_path / "outlines")
    manifest = build_manifest(sample.root, tmp_path / "m", options, progress=False)
    assert (manifest.folder / BOXES).is_file() and manifest.boxes_proposed
    assert_once(counted, hashed=3 + 1, opened=3 + 1, decoded=3 + 3, outlines=2)


def test_volumes_with_boxes_proposed_from_bone(tmp_path, counted):
    root, affine = tmp_path / "images", upright_affine(pixel=DRAWN_PIXEL)
    image, bone = (np.stack(part) for part in zip(*(drawn("joint", seed) for seed in range(3)), strict=True))
    for name in ("7", "8"):
        write_nifti(root / f"{name}_STIR.nii.gz", image + int(name), affine)
        write_nifti(root / f"{name}_bone.nii.gz", bone.astype(np.uint8), affine)
        edema = (bone & (np.arange(3)[:, None, None] == int(name) - 7)).astype(np.uint8)
        write_nifti(root / f"{name}_edema.nii.gz", edema, affine)
    subjects = [{"subject_id": name, "group": "axSpA", "age_years": "", "sex": ""} for name in ("7", "8")]
    segments = [{"pattern": f"*_{name}.nii.gz", "segment": name} for name in ("bone", "edema")]
    options = BuildOptions(
        write_csv(tmp_path / "subjects.csv", subjects),
        segments_csv=write_csv(tmp_path / "segments.csv", segments),
        wanted=Wanted(volumes="*_STIR.nii.gz"),
    )
    manifest = build_manifest(root, tmp_path / "m", options, progress=False)
    assert manifest.boxes_proposed and len(manifest.slices) == 6
    assert_once(counted, hashed=2, decoded=2 + 4, outlines=4)
