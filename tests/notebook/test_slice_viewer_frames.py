"""The live slice panel on cohorts whose files hold many slices each."""

import numpy as np
import pytest
from dicom_samples import COLUMNS, ROWS, SEGMENTS, bone_masks, enhanced_mr, seg_dataset, write, write_csv
from volume_samples import write_nifti

from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions, Wanted
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold, save_folds
from sijstudy.images.read import read_image
from sijstudy.intensity import to_8bit
from sijstudy.notebook.live_panels import SlicePanel
from sijstudy.notebook.slice_viewer import Choice, Viewer
from sijstudy.notebook.workspace import Workspace

LESIONS = {"S1": (1, 2, 3), "S2": (0, 0, 0), "S3": (3, 1, 2)}  # by subject, on its three slices
SUBJECTS = [
    {"subject_id": "S1", "group": "axSpA", "age_years": 30, "sex": "F"},
    {"subject_id": "S2", "group": "control", "age_years": 40, "sex": "M"},
    {"subject_id": "S3", "group": "axSpA", "age_years": 50, "sex": "F"},
]


def multi_frame_cohort(root):
    """One Enhanced MR file with a frame per slice for each subject, with a SEG."""
    votes = []
    for number, (subject, lesions) in enumerate(LESIONS.items()):
        source = enhanced_mr(number, range(len(lesions)))
        write(source, root / "images" / subject / "enhanced")
        write(seg_dataset([source], np.stack(list(map(bone_masks, lesions)))), root / "outlines" / subject)
        votes += [
            {"file": f"{subject}/enhanced#{frame}", **{f"reader_{r}": int(count > 0) for r in (1, 2, 3)}}
            for frame, count in enumerate(lesions, 1)
        ]
    return {"votes_csv": write_csv(root / "votes.csv", votes), "annotations": root / "outlines"}


def nifti_cohort(root):
    """A NIfTI volume of each subject, and a label map for each segment: edema lies on bone."""
    rng = np.random.default_rng(0)
    for subject, lesions in LESIONS.items():
        masks = np.stack(list(map(bone_masks, lesions)))  # (planes, rows, columns, segments)
        stack = rng.integers(0, 900, (len(lesions), ROWS, COLUMNS)).astype(np.int16)
        write_nifti(root / f"images/{subject}_STIR.nii.gz", stack)
        for number in range(len(SEGMENTS)):
            write_nifti(root / f"images/{subject}_{number}.nii.gz", masks[..., number].astype(np.uint8))
    rows = [{"pattern": f"*_{number}.nii.gz", "segment": name} for number, name in enumerate(SEGMENTS)]
    return {"segments_csv": write_csv(root / "segments.csv", rows), "wanted": Wanted(volumes="*_STIR.nii.gz")}


@pytest.fixture(scope="module", params=[multi_frame_cohort, nifti_cohort], ids=["multi-frame DICOM", "NIfTI"])
def work(request, tmp_path_factory):
    """A workspace on such a cohort, with a network that has not seen S3."""
    root = tmp_path_factory.mktemp("frames")
    options = request.param(root)
    options = BuildOptions(write_csv(root / "subjects.csv", SUBJECTS), "frames", **options)
    manifest = build_manifest(root / "images", root / "manifest", options, progress=False)
    config = StudyConfig(
        manifest=str(manifest.folder), weights="none", patch_size=32, hidden_units=4, epochs=1, batch_size=4,
        threads_per_fit=1, device="cpu",
    )  # fmt: skip
    work = Workspace(config, root)
    save_folds(work.folder.folds_file, [Fold(1, ("S1", "S2"), ("S3",))])
    work.save_fits(work.train_folds(("roi", "original"), work.folds))
    return work


def test_each_slice_is_its_own_frame(work):
    viewer = Viewer(work)
    for subject, lesions in LESIONS.items():
        for position, count in enumerate(lesions):
            for noise in (True, False):
                sight = viewer.sight(Choice(subject, position, noise, work.config.roi_factor))
                assert sight.item.frame == position + 1
                np.testing.assert_array_equal(sight.image, to_8bit(read_image(sight.item).pixels))
                assert (sight.score is not None) == (subject == "S3")
                assert (0 if sight.edema is None else sight.edema.sum()) == count
        assert len({viewer.image(subject, place)[0].tobytes() for place in range(len(lesions))}) == len(lesions)


def test_the_panel_opens_and_moves(work):
    panel = SlicePanel(work)
    panel.open()
    seen = set()
    for _, position in panel.position.options:
        panel.position.value = position
        assert 'data-number="score"' in panel.verdict.value
        assert all("<img" in picture.value for picture in panel.pictures)
        seen.add(panel.pictures[0].value)
    assert len(seen) == len(panel.position.options) == 3
