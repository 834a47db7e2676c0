"""DICOM results of a series whose images are stored in several ways."""

from dataclasses import replace

from result_samples import classic, diagnosis_of

from sijstudy.study.diagnosis_dicom import Said, told_of
from sijstudy.study.dicom_results import write_dicom_results


def test_images_stored_turned_against_each_other_get_a_report_and_the_file_is_named(tmp_path):
    """highdicom's own line named none, and ended in two full stops."""
    alike, mirrored = classic(tmp_path / "in"), classic(tmp_path / "turned", "mirrored")
    mixed = replace(alike, slices=(alike.slices[0], mirrored.slices[1], alike.slices[2]))
    told = told_of(diagnosis_of(mixed), Said())
    files = write_dicom_results(told, tmp_path / "out")
    assert files.seg is None and files.sr
    assert "No DICOM SEG: 1.dcm is stored turned or mirrored against 0.dcm (Image" in files.sentence
    assert "; export the series again" in files.sentence and ".." not in files.sentence
