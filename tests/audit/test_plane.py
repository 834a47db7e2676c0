"""How slices lie, on orientations that are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from dicom_samples import mr_dataset, seg_dataset, write, write_cohort, write_csv
from hospital_samples import AXIAL

from sijstudy import cli
from sijstudy.audit import plane
from sijstudy.audit.inspection import inspect_cohort
from sijstudy.audit.plane import long_axis, passes_through, plane_findings, plane_summary, plane_table
from sijstudy.cohort.build import build_manifest
from sijstudy.cohort.options import BuildOptions

ROWS, COLUMNS, SPACING, SLICES = 60, 50, 2.5, 16


def leaning(degrees):
    """The orientation of a coronal plane that leans back, and its normal."""
    lean = np.deg2rad(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.sin(lean)), float(-np.cos(lean))), np.array([0, np.cos(lean), np.sin(lean)])


def write_subject(folder, number, tilt, sacrum):
    """Slices leaning by ``tilt`` through an ellipsoid leaning by ``sacrum``: 100 mm broad and long, 36 mm thick."""
    orientation, normal = leaning(tilt)
    down = np.array(orientation[3:])
    series, masks = [], []
    along, across = np.array(leaning(sacrum)[0][3:]), leaning(sacrum)[1]
    for step in range(SLICES):
        middle = (step - (SLICES - 1) / 2) * 5.0 * normal
        corner = middle - np.array([1, 0, 0]) * (COLUMNS - 1) / 2 * SPACING - down * (ROWS - 1) / 2 * SPACING
        row, column = np.mgrid[:ROWS, :COLUMNS]
        points = corner + column[..., None] * SPACING * np.array([1, 0, 0]) + row[..., None] * SPACING * down
        inside = (points[..., 0] / 50) ** 2 + (points @ along / 50) ** 2 + (points @ across / 18) ** 2 < 1
        tags = {"ImageOrientationPatient": list(orientation), "ImagePositionPatient": [round(v, 6) for v in corner],
                "PixelSpacing": [SPACING, SPACING]}  # fmt: skip
        series.append(mr_dataset(number, step, rows=ROWS, columns=COLUMNS, **tags))
        ilium = np.zeros((ROWS, COLUMNS), bool)
        ilium[20:40, 40:48] = True
        masks.append(np.stack([ilium, ilium[:, ::-1], inside], axis=-1))
    for step, ds in enumerate(series):
        write(ds, folder / f"{step:03d}.dcm")
    names = ("left ilium", "right ilium", "sacrum")
    write(seg_dataset(series, np.stack(masks), names=names), folder / "SEG.dcm")
    return [{"file": f"{folder.name}/{step:03d}.dcm", "label": step % 2} for step in range(SLICES)]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Subjects with slices along the sacrum, 5 degrees off it and 25 degrees off it."""
    root = tmp_path_factory.mktemp("planes")
    leans = {"S0": (40, 40), "S1": (35, 40), "S2": (20, 45)}
    rows = [row for n, (name, lean) in enumerate(leans.items()) for row in write_subject(root / "d" / name, n, *lean)]
    subjects = [{"subject_id": name, "group": "axSpA", "age_years": 30, "sex": "F"} for name in leans]
    return build_manifest(
        root / "d",
        root / "manifest",
        BuildOptions(write_csv(root / "subjects.csv", subjects), labels_csv=write_csv(root / "labels.csv", rows)),
        progress=False,
    )


def test_angles_are_those_that_were_drawn(manifest):
    table = plane_table(manifest, inspect_cohort(manifest, progress=False).slices).set_index("subject_id")
    assert table["plane"].tolist() == ["coronal"] * 3
    np.testing.assert_allclose(table["from_coronal_deg"], [40, 35, 20], atol=0.01)
    np.testing.assert_allclose(table["from_sacrum_deg"], [0, 5, 25], atol=1.0)


def test_the_audit_names_who_lies_askew(manifest, capsys):
    assert cli.main(["audit", str(manifest.folder)]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "plane  " in line)
    assert line.startswith("WARNING  plane        The slices of 1 subject lie more than 10 degrees off the sacrum's")
    assert "(25 degrees). (S2) Performance falls" in line


def test_a_round_outline_has_no_long_axis():
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(4000, 3))
    assert long_axis([ball]) is None
    lean = np.deg2rad(30)
    axis = long_axis([ball + rng.normal(size=(4000, 1)) * 3 * np.array([0, np.sin(lean), -np.cos(lean)])])
    assert abs(axis @ np.array([0, np.sin(lean), -np.cos(lean)])) == pytest.approx(1, abs=1e-3)
    broad = long_axis([ball * np.array([9, 1, 2])])  # side to side does not count
    assert abs(broad[2]) == pytest.approx(1, abs=1e-3)


def sections(kind, degrees, number):
    """``number`` sections, 3.3 mm apart, of a sacrum 110 mm long and 28 mm thick that leans by ``degrees`` to them."""
    lean = np.deg2rad(degrees)
    x, down = np.meshgrid(np.arange(-56.0, 56, 4), np.arange(-75.0, 75, 2))
    parts = []
    for step in range(number):
        deep = (step - (number - 1) / 2) * 3.3
        along, across = down * np.cos(lean) + deep * np.sin(lean), deep * np.cos(lean) - down * np.sin(lean)
        inside = np.abs(x / 50) ** kind + np.abs(along / 55) ** kind + np.abs(across / 14) ** kind < 1
        parts.append(np.stack([x[inside], np.full(inside.sum(), deep), -down[inside]], axis=1))
    return [part for part in parts if len(part)]


@pytest.mark.parametrize("kind", [2, 4])  # an ellipsoid, and one that is nearly a box
@pytest.mark.parametrize("degrees", [10, 20, 40])
def test_the_angle_is_unbiased_once_the_slices_pass_through_the_sacrum(kind, degrees):
    angles, thin = [], 0
    for number in range(3, 30):
        parts = sections(kind, degrees, number)
        if passes_through(parts):
            angles.append(np.degrees(np.arcsin(abs(long_axis(parts)[1]))))
        else:
            thin += number <= 7
    np.testing.assert_allclose(angles, degrees, atol=2)
    assert len(angles) >= 5 and thin == 5  # 3 to 7 slices tell nothing
    assert not passes_through(parts[: len(parts) // 2])  # from one end to the middle


@pytest.mark.parametrize(("number", "low", "high"), [(12, 20, 39), (26, 39, 41)])
def test_a_stack_within_the_sacrum_gives_the_least_that_the_angle_can_be(monkeypatch, number, low, high):
    assert low <= angle_of(monkeypatch, number) <= high


def test_a_few_slices_in_the_middle_of_the_sacrum_do_not_tell_that_they_fit(monkeypatch):
    """Four slices lie 40 degrees off; the longest axis of their outline, 7 degrees."""
    assert np.isnan(angle_of(monkeypatch, 4))


def angle_of(monkeypatch, number):
    """``from_sacrum_deg`` of ``number`` slices 40 degrees off."""
    fact = SimpleNamespace(subject_id="A", index=0, plane=SimpleNamespace(orientation=leaning(0)[0]))
    monkeypatch.setattr(plane, "_sacrum_points", lambda *_: {"A": sections(2, 40, number)})
    return plane_table(None, [fact])["from_sacrum_deg"].item()


def test_axial_and_sagittal_series_are_named_and_missing_outlines_told():
    rows = [("A", "axial", 80.0, np.nan), ("B", "sagittal", 90.0, np.nan), ("C", "coronal", 31.0, np.nan),
            ("D", "coronal", 44.0, np.nan), ("E", "coronal", 40.0, 10.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["subject_id", "plane", "from_coronal_deg", "from_sacrum_deg"])
    axial, sagittal, unknown = plane_findings(table)
    assert (axial.grade, axial.where) == ("warning", "A") and "are axial, not oblique coronal" in axial.sentence
    assert (sagittal.where, unknown.where, unknown.grade) == ("B", "C, D", "note")
    assert "they lie 31 to 44 degrees from strict coronal" in unknown.sentence
    assert plane_summary(table).to_numpy().tolist() == [
        ["axial", "1", "–", "80"], ["coronal", "3", "10", "31 to 44"], ["sagittal", "1", "–", "90"],
    ]  # fmt: skip


def test_an_axial_series_in_a_cohort_is_named(tmp_path):
    cohort = write_cohort(tmp_path / "dicom")
    (cohort.root / "S02/SEG.dcm").unlink()
    for path in cohort.root.glob("S02/0*.dcm"):
        height = [-100, -80, 3.0 * int(path.stem)]
        write(mr_dataset(2, 3 - int(path.stem), ImageOrientationPatient=AXIAL, ImagePositionPatient=height), path)
    options = BuildOptions(cohort.subjects_csv, votes_csv=cohort.votes_csv)
    manifest = build_manifest(cohort.root, tmp_path / "manifest", options, progress=False)
    table = plane_table(manifest, inspect_cohort(manifest, progress=False).slices)
    assert table.set_index("subject_id")["plane"].to_dict() == {
        "S00": "coronal", "S01": "coronal", "S02": "axial", "S03": "coronal"
    }  # fmt: skip
    assert plane_findings(table)[0].where == "S02"
