"""The process that writes the DICOM files: the same bytes, and never in the way."""

import subprocess
import sys

import numpy as np
import pytest
from dicom_samples import bone_masks
from result_samples import classic, diagnosis_of

from sijstudy.errors import StudyError
from sijstudy.study import dicom_process
from sijstudy.study.diagnosis_dicom import Said, told_of
from sijstudy.study.dicom_process import begin_beside
from sijstudy.study.dicom_results import write_dicom_results

MASKS = np.stack([bone_masks(count) for count in (2, 0, 3)])


@pytest.fixture
def told(tmp_path):
    return told_of(diagnosis_of(classic(tmp_path / "in")), Said(("A remark.",), masks=MASKS))


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    """highdicom as if it were not loaded, as at the beginning of a command."""
    monkeypatch.delitem(sys.modules, "highdicom")


@pytest.fixture
def no_other_way(monkeypatch):
    def refuse(told, folder):
        raise AssertionError("written in this process")

    monkeypatch.setattr(dicom_process, "begin_here", refuse)


def test_it_writes_the_same_bytes(tmp_path, told, no_other_way, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with begin_beside() as begin:
        beside = begin(told, (tmp_path / "beside").relative_to(tmp_path))()
    here = write_dicom_results(told, tmp_path / "here")
    assert (str(beside.seg), str(beside.sr), beside.notes) == ("beside/results_SEG.dcm", "beside/results_SR.dcm", ())
    for kind in ("seg", "sr"):
        assert getattr(beside, kind).read_bytes() == getattr(here, kind).read_bytes()


def test_what_it_cannot_write_is_an_error_here(tmp_path, told, no_other_way):
    (tmp_path / "file").write_text("")
    with begin_beside() as begin, pytest.raises(StudyError, match="cannot write"):
        begin(told, tmp_path / "file")()


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "input()"])
def test_where_it_fails_this_process_writes(tmp_path, told, monkeypatch, program):
    monkeypatch.setattr(dicom_process, "PROGRAM", program)
    with begin_beside() as begin:
        done = begin(told, tmp_path / "out")()
    assert done.seg.exists()
    assert done.sr.exists()


def test_it_ends_with_a_command_that_wrote_nothing(monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **given: started.append(popen(*args, **given)) or started[0])
    with pytest.raises(StudyError, match="no such folder"), begin_beside():
        raise StudyError("no such folder")
    assert started[0].returncode is not None


def test_neither_process_loads_what_the_other_needs():
    code = "import sys, {}; print([name for name in ('torch', 'highdicom', 'pandera') if name in sys.modules])"
    for module, loaded in (("dicom_results", ["highdicom"]), ("diagnosis_page", ["torch"])):
        command = [sys.executable, "-c", code.format(f"sijstudy.study.{module}")]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == str(loaded)
