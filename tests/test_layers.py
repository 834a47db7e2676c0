"""The package's floors: a module imports only from floors below its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sijstudy"

FLOORS = [
    {"errors", "templating", "markdown"},
    {"config", "records", "paper_values", "artifacts", "percentiles", "poisson"},
    {"roi", "noise", "folds", "losses", "model", "numerics", "aggregation", "metrics"},
    {"calibration", "consistency", "networks", "decision_curve", "sensitivity", "subgroups"},
    {"consensus", "ilium_boxes"},
    {"dicom_file", "phantom", "manifest_schema"},
    {"dicom_attributes", "segment_table"},
    {"dicom_pixels"},
    {"dicom"},
    {"slice_order", "volumes", "series"},
    {"label_maps", "series_choice"},
    {"outlines", "named_files", "scan"},
    {"annotations", "images", "account"},
    {"subject_outlines", "manifest", "manifest_tables"},
    {"annotation_files", "cohort_images", "slice_boxes"},
    {"manifest_rows", "cohort_volumes"},
    {"cohort_files"},
    {"manifest_account"},
    {"manifest_build", "dataset", "subject_folder"},
    {"cohort", "training", "gradcam", "audit"},
    {"cluster", "pruning"},
    {"fitting", "evaluation", "external", "explain", "readings", "provenance"},
    {"ablations"},
    {"failures", "figures", "workspace", "ablation_report", "execution", "explorer", "diagnosis", "likeness"},
    {
        "display",
        "cells",
        "figures_ablations",
        "figures_audit",
        "figures_performance",
        "figures_failures",
        "figures_diagnosis",
        "figures_external",
    },
    {"report", "index", "live", "live_drawings"},
    {"cards", "diagnosis_report", "live_markup"},
    {"study", "live_panels"},
    {"dashboard"},
    {"cli"},
]
FLOOR_OF = {module: number for number, modules in enumerate(FLOORS) for module in modules}
PACKAGES = {"phantom", "audit"}  # one idea per module inside, too
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """Modules of the package that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "sijstudy" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("sijstudy."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    own = module_of(path)
    assert own in FLOOR_OF, f"{own} has no floor: add it to FLOORS in {Path(__file__).name}"
    for other in imported(path):
        if other == "__version__" or (other == own and own in PACKAGES):
            continue
        assert FLOOR_OF[other] < FLOOR_OF[own], f"{own} must not import {other}"


def test_importing_does_nothing():
    code = (
        "import pkgutil, numpy as np, torch, sijstudy\n"
        "torch.manual_seed(1); np.random.seed(1)\n"
        "before = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())\n"
        "for module in pkgutil.walk_packages(sijstudy.__path__, 'sijstudy.'): __import__(module.name)\n"
        "after = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())\n"
        "assert before == after\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
