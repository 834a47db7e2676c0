"""How subjects are scanned: two contrasts, randomised examinations, what the DICOM files say of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import dcmread

from sijstudy.config import StudyConfig
from sijstudy.phantom.bones import bones_of
from sijstudy.phantom.fields import Grid
from sijstudy.phantom.generate import render_subject, subject_protocol, write_subject
from sijstudy.phantom.plan import plan_cohort
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import MATRICES, STEP_LIMIT_MM, Protocol, draw_protocol
from sijstudy.phantom.render import draw_body, render_slice

CONFIG = StudyConfig(
    axspa_subjects=5, control_subjects=5, positive_slices=20, negative_slices=90, matrix_size=64, seed=7,
    phantom_contrast="stir", phantom_randomised=True,
)  # fmt: skip


def protocol(sequence: str, *, seed: int = 0, randomised: bool = False) -> Protocol:
    return draw_protocol(np.random.default_rng(seed), sequence, 448, randomised)


def test_the_papers_protocol_is_the_default() -> None:
    assert protocol("gd_fs_t1") == Protocol()
    assert (Protocol().fov, Protocol().thickness, Protocol().step) == (250, 2, 2.2)  # [2.1]


def test_fluid_is_bright_on_stir_and_dark_on_enhanced_t1() -> None:
    levels = {}
    for sequence in ("gd_fs_t1", "stir"):
        body, grid = draw_body((5, 0), [], protocol(sequence)), Grid(200)
        plane = Plane(body.anatomy, grid, 20.0)  # through the canal
        pixels = render_slice(body, grid, 20.0, np.random.default_rng(0)).pixels.astype(float)
        bones, middle = bones_of(plane), np.abs(grid.mm)[None, :] < 4
        canal = pixels[(np.broadcast_to(middle, pixels.shape)) & (np.abs(grid.mm + 25)[:, None] < 6)]
        levels[sequence] = np.median(canal) / np.median(pixels[bones.any_ilium < -3])
    assert levels["gd_fs_t1"] < 1 and levels["stir"] > 2.5


def test_randomised_examinations_differ_within_their_bounds() -> None:
    drawn = [protocol("stir", seed=seed, randomised=True) for seed in range(30)]
    assert len({each.contrast.muscle for each in drawn}) == 30 and len({each.size for each in drawn}) > 3
    for each in drawn:
        assert each.size in MATRICES and 190 <= each.fov <= 256
        assert 2 <= each.thickness <= 5 and each.step <= STEP_LIMIT_MM
        assert each.contrast.marrow == Protocol().contrast.marrow and each.contrast.fluid > 3 * each.contrast.marrow


def test_the_files_say_how_they_were_acquired(tmp_path: Path) -> None:
    spacings = set()
    for subject in plan_cohort(CONFIG)[:3]:
        folder = tmp_path / subject.subject_id
        write_subject(tmp_path, replace(subject, slices=subject.slices[:4]), CONFIG)
        slices = sorted((dcmread(path) for path in folder.glob("MR_*.dcm")), key=lambda ds: float(ds.SliceLocation))
        for ds in slices:
            assert "IR" in ds.ScanningSequence and float(ds.InversionTime) == 220 and "stir" in ds.SeriesDescription
            assert "ContrastBolusAgent" not in ds and 190 <= float(ds.PixelSpacing[0]) * ds.Rows <= 256
        steps = np.diff([float(ds.SliceLocation) for ds in slices]) / float(slices[0].SpacingBetweenSlices)
        assert np.allclose(steps, np.rint(steps), atol=0.01)
        spacings.add(float(slices[0].PixelSpacing[0]))
    assert len(spacings) == 3


def test_the_same_seed_gives_the_same_pixels() -> None:
    subject = plan_cohort(CONFIG)[0]
    first, again = (
        render_subject(replace(subject, slices=subject.slices[:2]), CONFIG.seed, subject_protocol(subject, CONFIG))
        for _ in range(2)
    )
    assert all((a.pixels == b.pixels).all() for a, b in zip(first, again, strict=True))
