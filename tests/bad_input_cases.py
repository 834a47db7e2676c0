"""Every way a cohort, a profile or a folder can be bad: how each is spoilt, and what must be said of it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from dicom_samples import mr_dataset, write
from pydicom.uid import CTImageStorage

from sijstudy import cli


@dataclass(frozen=True)
class Place:
    """Where a case plays: a sample cohort of four subjects, a toy project, and room for a manifest."""

    root: Path

    @property
    def dicom(self) -> Path:
        return self.root / "dicom"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest"

    @property
    def project(self) -> Path:
        return self.root / "project"

    def build(self, *options: str) -> list[str]:
        subjects, votes = (str(self.dicom / name) for name in ("subjects.csv", "votes.csv"))
        base = ["manifest", "build", str(self.dicom), str(self.manifest), "--subjects", subjects]
        return [*base, "--votes", votes, *options] if "--labels" not in options else [*base, *options]

    def run(self, *options: str) -> list[str]:
        return ["run", "--root", str(self.project), "--profile", "toy", *options]

    def slice(self, **changes) -> Path:
        """Slice 0 of subject S01 written anew with ``changes``."""
        return write(mr_dataset(1, 0, **changes), self.dicom / "S01/003.dcm")

    def change_csv(self, name: str, row: int, **cells: str) -> None:
        frame = pd.read_csv(self.dicom / name, dtype=str, keep_default_na=False)
        frame.loc[row, list(cells)] = list(cells.values())
        frame.to_csv(self.dicom / name, index=False)

    def csv(self, name: str, text: str) -> str:
        (self.root / name).write_text(text)
        return str(self.root / name)


@dataclass(frozen=True)
class Case:
    """``spoil`` breaks the place and returns the command; ``words`` is a pattern the answer must match."""

    what: str
    spoil: Callable[[Place], list[str]]
    words: str
    status: int = 2


def truncated(place: Place) -> list[str]:
    path = place.dicom / "S01/003.dcm"
    path.write_bytes(path.read_bytes()[:-400])
    return place.build()


def not_dicom(place: Place) -> list[str]:
    (place.dicom / "S01/notes").write_bytes(b"meeting at noon " * 40)
    return place.build()


def wrong_modality(place: Place) -> list[str]:
    write(
        mr_dataset(1, 7, Modality="CT", SOPClassUID=CTImageStorage, SeriesInstanceUID="1.2.3"),
        place.dicom / "S01/ct.dcm",
    )
    return place.build()


def zero_slices(place: Place) -> list[str]:
    for path in (place.dicom / "S03").glob("0*.dcm"):
        path.unlink()
    return place.build()


def nan_pixels(place: Place) -> list[str]:
    pixels = np.full((24, 32), np.nan, np.float32)
    pixels[:5] = 3
    bits = {"BitsAllocated": 32, "BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    place.slice(PixelData=None, FloatPixelData=pixels.tobytes(), **bits)
    return place.build()


def empty_pixels(place: Place) -> list[str]:
    place.slice(PixelData=None)
    return place.build()


def constant_pixels(place: Place) -> list[str]:
    place.slice(PixelData=bytes(24 * 32 * 2))
    return place.build()


def mixed_orientation(place: Place) -> list[str]:
    place.slice(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    return place.build()


def missing_position(place: Place) -> list[str]:
    place.slice(ImagePositionPatient=None)
    return place.build()


def duplicate_uid(place: Place) -> list[str]:
    place.slice(SOPInstanceUID=mr_dataset(1, 1).SOPInstanceUID)
    return place.build()


def label_without_file(place: Place) -> list[str]:
    (place.dicom / "S02/002.dcm").unlink()
    (place.dicom / "S02/SEG.dcm").unlink()
    return place.build()


def file_without_label(place: Place) -> list[str]:
    votes = pd.read_csv(place.dicom / "votes.csv", dtype=str)
    votes.drop(index=4).to_csv(place.dicom / "votes.csv", index=False)
    return place.build()


def box_outside(place: Place) -> list[str]:
    edges = ",".join(f"{side}_{edge}" for side in ("left", "right") for edge in ("x0", "y0", "x1", "y1"))
    text = f"file,{edges}\nS00/003.dcm,20,2,40,20,2,2,9,20\n"
    return place.build("--boxes", place.csv("boxes.csv", text))


def unknown_column(place: Place) -> list[str]:
    frame = pd.read_csv(place.dicom / "subjects.csv", dtype=str)
    frame.assign(HLA_B27="1").to_csv(place.dicom / "subjects.csv", index=False)
    return place.build()


def link_out(place: Place) -> list[str]:
    outside = (place.dicom / "S00/001.dcm").rename(place.root / "elsewhere.dcm")
    (place.dicom / "S00/001.dcm").symlink_to(outside)
    return place.build()


def path_out(place: Place) -> list[str]:
    assert cli.main(place.build()) == 0
    slices = pd.read_csv(place.manifest / "slices.csv", dtype=str)
    slices.loc[0, "file"] = "../../etc/passwd"
    slices.to_csv(place.manifest / "slices.csv", index=False)
    return ["manifest", "verify", str(place.manifest)]


def script_subject(place: Place) -> list[str]:
    place.change_csv("subjects.csv", 1, subject_id="<script>alert(1)</script>")
    return place.build()


def climbing_subject(place: Place) -> list[str]:
    place.change_csv("subjects.csv", 1, subject_id="../S01")
    return place.build()


def formula_subject(place: Place) -> list[str]:
    place.change_csv("subjects.csv", 1, subject_id='=HYPERLINK("x")')
    return place.build()


def formula_vote(place: Place) -> list[str]:
    place.change_csv("votes.csv", 2, reader_1="=1+1")
    return place.build()


def formula_file_name(place: Place) -> list[str]:
    (place.dicom / "=cmd|' calc'!A0").write_bytes(b"no image " * 40)
    return place.build()


def pickle_as_weights(place: Place) -> list[str]:
    (place.root / "evil.pt").write_bytes(pickle.dumps(os.system))
    return place.run("-p", "weights", str(place.root / "evil.pt"))


def unknown_parameter(place: Place) -> list[str]:
    (place.project / "notebooks/profiles/toy.yaml").write_text("profile: toy\nepoch: 3\n")
    return place.run()


def ill_typed_parameter(place: Place) -> list[str]:
    (place.project / "notebooks/profiles/toy.yaml").write_text("profile: toy\nepochs: many\n")
    return place.run()


def broken_yaml(place: Place) -> list[str]:
    (place.project / "notebooks/profiles/toy.yaml").write_text("profile: toy\nepochs: [3\n")
    return place.run()


def missing_manifest(place: Place) -> list[str]:
    return place.run("-p", "manifest", "data_manifest/clinic")


def unwritable_reports(place: Place) -> list[str]:
    (place.project / "reports").write_text("a file is in the way")
    return place.run()


def unwritable_manifest(place: Place) -> list[str]:
    (place.root / "manifest").write_text("a file is in the way")
    return place.build()


def another_grid(place: Place) -> list[str]:
    place.csv("segments.csv", "pattern,value,segment,reader\n*.nii.gz,1,edema,\n")
    outline = nibabel.Nifti1Image(np.ones((30, 24, 3), np.uint8), np.diag([0.6, 0.6, 2.2, 1]))
    (place.root / "outlines").mkdir()
    nibabel.save(outline, place.root / "outlines/S01_edema.nii.gz")
    return place.build("--annotations", str(place.root / "outlines"), "--segments", str(place.root / "segments.csv"))


CASES = [
    Case("a truncated DICOM file", truncated, r"S01/003\.dcm"),
    Case("a file that is not DICOM", not_dicom, r"left out.*|Manifest: ", status=0),
    Case("an image of another modality", wrong_modality, r"left out.*|Manifest: ", status=0),
    Case("a subject without slices", zero_slices, r"S03 has no"),
    Case("pixels that are not numbers", nan_pixels, r"S01/003\.dcm: .*finite"),
    Case("no pixels at all", empty_pixels, r"S01/003\.dcm: .*pixels"),
    Case("pixels that are all the same", constant_pixels, r"S01/003\.dcm: all pixels have the value 0"),
    Case("a slice in another plane", mixed_orientation, r"S01"),
    Case("a slice without position", missing_position, r"S01/003\.dcm: ImagePositionPatient is missing"),
    Case("one SOP Instance UID in two images", duplicate_uid, r"003\.dcm.*SOP Instance UID|SOP Instance UID.*003\.dcm"),
    Case("a label without its file", label_without_file, r"votes\.csv: .*has a row but no"),
    Case("a file without its label", file_without_label, r"has no label in .*votes\.csv"),
    Case("a box outside the image", box_outside, r"S00/003\.dcm: .*outside its 24 x 32 image"),
    Case("an unknown column", unknown_column, r"subjects\.csv: unknown column 'HLA_B27'"),
    Case("a link that leads out of the cohort", link_out, r"S00/001\.dcm: leads out of the cohort's folder"),
    Case("a path that leads out of the cohort", path_out, r"slices\.csv: row 2: file='\.\./\.\./etc/passwd' leads out"),
    Case("a subject id with markup", script_subject, r"subjects\.csv: row 3: subject_id='<script>"),
    Case("a subject id that climbs out", climbing_subject, r"subjects\.csv: row 3: subject_id='\.\./S01'"),
    Case("a subject id that is a formula", formula_subject, r"subjects\.csv: row 3: subject_id='=HYPERLINK"),
    Case("a vote that is a formula", formula_vote, r"votes\.csv: row 4: reader_1='=1\+1' must be 0 or 1"),
    Case("a file whose name is a formula", formula_file_name, r"left out.*|Manifest: ", status=0),
    Case("outlines on another grid", another_grid, r"S01_edema\.nii\.gz"),
    Case("a pickle offered as weights", pickle_as_weights, r"evil\.pt"),
    Case("an unknown parameter", unknown_parameter, r"toy\.yaml: unknown parameter 'epoch'; did you mean 'epochs'"),
    Case("a parameter of the wrong type", ill_typed_parameter, r"toy\.yaml: parameter epochs='many'"),
    Case("a profile that is not YAML", broken_yaml, r"toy\.yaml is not valid YAML"),
    Case("a manifest that is not there", missing_manifest, r"data_manifest/clinic"),
    Case("a reports folder that cannot be written", unwritable_reports, r"cannot write into .*reports"),
    Case("a manifest folder that cannot be written", unwritable_manifest, r"cannot write .*manifest"),
]
