"""What the package declares is what it imports."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# package -> the module it brings, where the names differ
MODULES = {
    "scikit-learn": "sklearn", "scikit-image": "skimage", "pyyaml": "yaml", "pillow": "PIL", "ipython": "IPython",
    "grad-cam": "pytorch_grad_cam", "pynrrd": "nrrd", "dicom-anonymizer": "dicomanonymizer",
    "roc-validator": "rocrate_validator",
}  # fmt: skip
# declared and not imported, and why
OTHERWISE = {
    "jupyterlab": "the program in which the notebooks are opened",
    "pylibjpeg": "reads compressed pixels for pydicom, which finds it by itself",
    "pylibjpeg-libjpeg": "its JPEG and JPEG-LS",
    "pylibjpeg-openjpeg": "its JPEG 2000",
    "pylibjpeg-rle": "its run lengths",
}


# of the dev packages: run, read by mypy, or found by pytest
PROGRAMS = {"ruff", "mypy", "types-pyyaml", "types-tqdm", "dicom3tools", "pytest-xdist"}


def declared(*, dev=False):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["optional-dependencies"]["dev"] if dev else project["dependencies"]
    return {re.match(r"[\w.-]+", entry).group() for entry in listed}


def checks():
    """Tests, tools and measurements."""
    for folder in ("tests", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path.read_text(encoding="utf-8")


def sources():
    """Every module, and the code of every notebook."""
    for path in (ROOT / "sijstudy").rglob("*.py"):
        yield path.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def imported_by(source):
    """Top modules that are neither Python's nor ours."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"sijstudy"}


@pytest.fixture(scope="module")
def imported():
    return set().union(*map(imported_by, sources()))


def module_of(package):
    return MODULES.get(package, package.replace("-", "_"))


def test_every_declared_package_is_imported_or_says_why_not(imported):
    unused = {package for package in declared() if module_of(package) not in imported}
    assert unused == set(OTHERWISE)


def test_every_package_of_the_checks_is_used():
    imported = set().union(*map(imported_by, checks()))
    assert {package for package in declared(dev=True) if module_of(package) not in imported} == PROGRAMS


def test_every_imported_package_is_declared(imported):
    assert imported - set(map(module_of, declared())) == set()


def test_imports_are_found_wherever_they_stand():
    source = "import torch.nn as nn, os\ndef f():\n    from PIL import Image\nfrom sijstudy.roi import roi_boxes"
    assert imported_by(source) == {"torch", "PIL"}
