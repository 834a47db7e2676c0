"""Notebook 08 runs with and without ablations, cell by cell, on the sample cohort."""

from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest

from sijstudy.analysis.ablations import REFERENCE
from sijstudy.config import StudyConfig
from sijstudy.notebook.workspace import Workspace

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "08_ablations.ipynb"


@pytest.fixture(autouse=True)
def weights_folder(tmp_path, monkeypatch):
    """An empty folder of torch's: nothing depends on the weights of this machine, or asks the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.mark.parametrize("ablations", ["none", "filter,pretraining", "subject", "whole"])
def test_the_notebook_runs_with_and_without_variants(finished_work, monkeypatch, ablations):
    work, _ = finished_work
    monkeypatch.setattr(
        "sijstudy.notebook.opening.open_workspace",
        lambda names: Workspace(StudyConfig.from_namespace(names), work.root),
    )
    namespace = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), namespace)
        if "parameters" in cell.metadata.get("tags", []):
            namespace |= {**asdict(work.config), "ablations": ablations}
    result = (work.folder.root / "results" / "08_ablations.json").read_text()
    if ablations == "none":
        assert "--only 08 -p ablations all" in result
    elif ablations == "whole":
        saved = work.folder.load_table("whole_ablations")
        assert saved["variant"].unique().tolist() == [
            REFERENCE,
            "3 slices at once, no filter",
            "5 slices at once, no filter",
        ]
        assert "On whole examinations 3 slices at once, no filter does not beat the median filter" in result
    elif ablations == "subject":
        saved = work.folder.load_table("ablations").set_index(["variant", "measure"])
        assert saved.loc[("attention", "slice accuracy"), ["difference_low", "difference_high"]].tolist() == [0, 0]
        assert saved.loc[("attention", "subject recall"), "changed"] == "attention in place of filter and rule"
        assert saved.loc[("attention", "subject recall"), "mean"] >= 0
    else:
        saved = work.folder.load_table("ablations")
        assert list(saved["variant"].unique()) == [REFERENCE, "no filter", "5 slices", "7 slices", "pretrained"]
        assert "Of 3 variants none differs" in result
        assert "1 more could not be run" in result
