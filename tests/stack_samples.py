"""Headers of slices of one stack, for tests that need no file."""

from pathlib import Path

from sijstudy.images.dicom import ACQUISITION, DicomHeader


def headers(*heights, declared=None, thickness=None):
    """Transverse slices, so that a height is the third number of a position."""
    stated = {"spacing_between_slices_mm": declared, "slice_thickness_mm": thickness}
    return [
        DicomHeader(
            file=Path("S1/1.dcm"),
            uid=str(height),
            patient_id="",
            series_uid="",
            frame_of_reference="",
            shape=(9, 9),
            position=(0.0, 0.0, height),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            spacing=(0.5, 0.5),
            acquisition={name: stated.get(name) for name in ACQUISITION},
        )
        for height in heights
    ]
