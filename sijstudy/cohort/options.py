"""What a manifest build takes besides the folder with the images; the command line shows the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sijstudy.cohort.edema_region import EdemaRegion
from sijstudy.errors import StudyError
from sijstudy.images.consensus import EdemaRule
from sijstudy.options import option

CONTRAST = "The series to use: gd_t1 (the paper's), stir or any."
SERIES = "Use the series of this name, or whose 'number description' this finds; no other rule."

SKIP_BROKEN = "Leave out files that cannot be read, and outlines of slices that are not there, instead of stopping."


@dataclass(frozen=True)
class Wanted:
    """What to look for. contrast: one of ``series_choice.CONTRASTS``, "" for the paper's. series: a name or a
    regular expression, or "".
    volumes: file name pattern of the NIfTI volumes that are the images, "" when these are DICOM.
    skip_broken: leave out files that cannot be read, and frames of a SEG on slices that are not there, instead of
    stopping.
    """

    contrast: str = option(CONTRAST, "", show_default="gd_t1; of volumes, what their names say")
    series: str = option(SERIES, "", metavar="REGEX")
    skip_broken: bool = option(SKIP_BROKEN, False, "--skip-broken")
    volumes: str = option("NIfTI volumes are the images: those of such a name, '*_STIR.nii.gz'.", "", metavar="PATTERN")

    def pattern(self) -> re.Pattern[str] | None:
        """``series``, compiled; None when it is empty. StudyError when it is no regular expression."""
        try:
            return re.compile(self.series, re.IGNORECASE) if self.series else None
        except re.error as error:
            raise StudyError(
                f"--series '{self.series}' is no regular expression ({error}); put \\ before a sign meant as such"
            ) from None


@dataclass(frozen=True)
class BuildOptions:
    """Tables, outlines and rules of a build.

    name: the cohort's, "" for that of the manifest's folder. wanted: which images. rule: when outlines of edema make
    a slice positive. region: where it must lie for that. provenance: what cohort.json is to say besides.
    """

    subjects_csv: Path = option("CSV: subject_id, group, age_years, sex.", name="--subjects")
    name: str = option("Name of the cohort.", "", show_default="the manifest folder's")
    source: str = option("hospital, public or synthetic.", "hospital")
    annotations: Path | None = option("Folder with DICOM SEG files and label maps, in any layout.", None)
    segments_csv: Path | None = option(
        "CSV: what segments' labels, and values of label maps, mean.", None, "--segments"
    )
    votes_csv: Path | None = option("CSV with the readers' votes per slice.", None, "--votes")
    labels_csv: Path | None = option("CSV with a label per slice.", None, "--labels")
    boxes_csv: Path | None = option("CSV with ilium boxes per slice.", None, "--boxes")
    wanted: Wanted = Wanted()
    rule: EdemaRule = EdemaRule()  # noqa: RUF009
    region: EdemaRegion = EdemaRegion()  # noqa: RUF009
    require_boxes: bool = option(
        "Leave out slices without an ilium box: they give no ROI patch.", False, "--require-boxes"
    )
    propose_boxes: bool = option(
        "Find the joints where nobody outlined or boxed an ilium; drafts to be looked at.", False, "--propose-boxes"
    )
    keep_unread: bool = option(
        "Keep slices without a label, in unread.csv: they stay in a subject's course.", False, "--keep-unread"
    )
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels_given(self) -> bool:
        """Whether labels come from a table, not from outlines."""
        return bool(self.votes_csv or self.labels_csv)

    @property
    def tables(self) -> list[Path]:
        """The tables that are given."""
        given = (self.subjects_csv, self.votes_csv, self.labels_csv, self.boxes_csv, self.segments_csv)
        return [path for path in given if path]
