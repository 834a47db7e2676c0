"""A diagnosis -> one HTML page that needs no network, and the same as JSON (docs/DIAGNOSE.md)."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sijstudy.aggregation import RULES
from sijstudy.analysis.diagnosis import Diagnosis, name_of
from sijstudy.cohort.subject_folder import SubjectFolder
from sijstudy.figures.diagnosis import cam_overlays, score_course, subject_course
from sijstudy.figures.joints import seen_joints
from sijstudy.files import write_atomic, write_json
from sijstudy.study.diagnosis_decision import (
    decision_sentence,
    others_sentence,
    rule_rows,
    rule_sentence,
    selection_warning,
)
from sijstudy.study.diagnosis_dicom import said_of, told_of
from sijstudy.study.diagnosis_found import (
    boxes_caption,
    edema_sentence,
    found_content,
    found_sentence,
    one_sided,
    seen_columns,
    shown_slices,
    sides_sentence,
    write_boxes,
)
from sijstudy.study.diagnosis_limits import (
    images_sentence,
    likeness_sentence,
    limits_content,
    undecided,
    undecided_verdict,
    withheld_words,
)
from sijstudy.study.diagnosis_networks import ensemble_sentence, provenance, training_warning
from sijstudy.study.dicom_process import Begin, begin_here
from sijstudy.study.dicom_told import NOTICE, DicomResults
from sijstudy.study.embedded import drawn_figure
from sijstudy.study.templating import render

FORMAT = 5  # of the JSON; raised when a field changes its meaning or goes
SHEET_DPI = 120  # of many slices, so that the page stays small
ARM_NAMES = {"roi": "ROI patches", "original": "whole slices"}


@dataclass(frozen=True)
class Written:
    """The files of one diagnosis."""

    html: Path
    json: Path
    dicom: DicomResults
    boxes: Path | None

    @property
    def text(self) -> str:
        """Where they are, a line each, and why there is none for a viewer."""
        paths = {"Report": self.html, "JSON": self.json, "Boxes found": self.boxes, "DICOM SEG": self.dicom.seg,
                 "DICOM SR": self.dicom.sr}  # fmt: skip
        return "\n".join([*(f"{name}: {path}" for name, path in paths.items() if path), *self.dicom.notes])


def write_diagnosis(result: Diagnosis, folder: Path, run: Path, begin: Begin = begin_here) -> Written:
    """Write ``diagnosis.html``, ``diagnosis.json`` and the DICOM results into ``folder``; run: that of the networks.

    begin: what begins to write the DICOM results. StudyError when the folder cannot be written.
    """
    wait = begin(told_of(result, said_of(result, summary(result).splitlines())), folder)
    drawings, boxes = _drawings(result), write_boxes(result, folder)
    dicom = wait()
    files = Written(folder / "diagnosis.html", folder / "diagnosis.json", dicom, boxes)
    now = datetime.datetime.now().astimezone()
    page = _page(result, run, now, dicom, drawings)
    write_atomic(files.html, lambda stream: stream.write(page.encode()))
    write_json(files.json, {**_content(result, run, now), "dicom": dicom.content})
    return files


def summary(result: Diagnosis) -> str:
    """The result as the command line says it, a sentence a line."""
    lines = [
        images_sentence(result),
        patch_sentence(result),
        result.coverage.sentence,
        sides_sentence(result),
        found_sentence(result),
        edema_sentence(result),
        broken_sentence(result),
        ensemble_sentence(result),
        training_warning(result),
        likeness_sentence(result),
        decision_sentence(result),
        *(() if result.withheld else (rule_sentence(result), selection_warning(result), others_sentence(result))),
        NOTICE,
    ]
    return "\n".join(filter(None, lines))


def patch_sentence(result: Diagnosis) -> str:
    """Which series the networks were shown, in which form, and what was left out."""
    series = f"Series '{result.subject.series}' ({result.subject.rule}). "
    if result.arm == "original":
        reason = _why_whole(result.subject)
        return (
            f"{series}Whole images are used: {reason}. In the paper whole slices were classified less well (Table 2)."
        )
    missing = len(result.left_out)
    words = f" {missing} slice{'s' * (missing > 1)} without a box left out." if missing else ""
    return f"{series}ROI patches are used, from the ilium boxes of {result.subject.boxes_from}.{words}"


def _why_whole(subject: SubjectFolder) -> str:
    if subject.whole:
        unused = f", so the ilium boxes of {subject.unused} are not used" if subject.unused else ""
        return f"--roi whole asks for them{unused}"
    return "the run has no network for ROI patches" if subject.boxes_from else "no ilium boxes were given or found"


def broken_sentence(result: Diagnosis) -> str:
    """What could not be used of the folder and was left out as asked; empty when nothing was."""
    left_out = result.subject.broken
    return " ".join(["Left out:", *(f"{name} {why}." for name, why in left_out.items())]) if left_out else ""


def _content(result: Diagnosis, run: Path, now: datetime.datetime) -> dict[str, Any]:
    fields = ["slice_index", "file", "score", "score_sd", "score_low", "score_high", "decision", "filtered_decision",
              "filtered_score", "percentile", "unlike", "edema_mm2", "edema_score", "box_confidence"]  # fmt: skip
    opinion, slices = result.opinion, result.slices.join(seen_columns(result))
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "subject_id": result.subject.subject_id,
        "decision": {
            **undecided_verdict(result, opinion.decided),
            "withheld": withheld_words(result) or None,
            "rule": result.ruling.rule,
            "reason": rule_sentence(result),
            "chosen": asdict(result.ruling.choice) if result.ruling.choice else None,
            "by_rule": {name: undecided_verdict(result, verdict) for name, verdict in opinion.by_rule.items()},
        },
        "input": {
            "arm": result.arm,
            "series": result.subject.series,
            "series_rule": result.subject.rule,
            "boxes_from": result.subject.boxes_from or None,
            "one_sided": one_sided(result),
            "slices_left_out": [name_of(item) for item in result.left_out],
            "broken": dict(result.subject.broken),
        },
        **found_content(result),
        **limits_content(result),
        "slices": [_plain(undecided(result, row)) for row in slices[fields].to_dict("records")],
        "networks": [_plain(undecided_verdict(result, row)) for row in result.networks.to_dict("records")],
        "explained_slices": [one.item.index for one in result.explained],
        "provenance": provenance(result, run, now),
        "parameters": {name: value for name, value in asdict(result.config).items() if name != "manifest"},
    }


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Values as JSON knows them; what is undefined becomes null."""
    plain = {str(name): getattr(value, "item", lambda value=value: value)() for name, value in row.items()}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in plain.items()}


def _page(
    result: Diagnosis, run: Path, now: datetime.datetime, dicom: DicomResults, drawings: Mapping[str, Any]
) -> str:
    config = result.config
    return render(
        "diagnosis.html.j2",
        subject=result.subject.subject_id,
        notice=NOTICE,
        decision=decision_sentence(result),
        withheld=result.withheld,
        images=images_sentence(result),
        fits=result.images.fits,
        likeness=likeness_sentence(result),
        reason=" ".join(filter(None, (rule_sentence(result), selection_warning(result)))),
        warned=bool(selection_warning(result)),
        arm=ARM_NAMES[result.arm],
        patches=" ".join(filter(None, (patch_sentence(result), broken_sentence(result)))),
        coverage=result.coverage.sentence,
        partial=result.coverage.partial,
        sides=sides_sentence(result),
        whole_images=result.arm == "original",
        ensemble=ensemble_sentence(result),
        seen=training_warning(result),
        synthetic="synthetic" in result.trained_on,
        made=f"{now:%d %B %Y, %H:%M %Z}",
        found=found_sentence(result),
        boxes=boxes_caption(result),
        edema=edema_sentence(result),
        **drawings,
        slices=result.slices.join(seen_columns(result)).to_dict("records"),
        rule=RULES[result.ruling.rule].title,
        rules=rule_rows(result),
        networks=result.networks.to_dict("records"),
        threshold=config.slice_threshold,
        size=config.median_size,
        provenance=provenance(result, run, now),
        dicom=dicom.sentence,
    )


def _drawings(result: Diagnosis) -> dict[str, Any]:
    """The figures of the page."""
    config = result.config
    decided = subject_course(result.slices, config.slice_threshold, config.median_size) if not result.withheld else None
    return {
        "course": drawn_figure(decided or score_course(result.slices), _course_words(result)),
        "overlays": _overlays(result),
        "joints": _joints(result),
    }


def _course_words(result: Diagnosis) -> str:
    if result.withheld:
        scores = result.slices["score"]
        return (
            f"Scores of {len(scores)} slices from the lower to the upper pelvis, {scores.min():.3f} to "
            f"{scores.max():.3f}; nothing is decided of any."
        )
    before, after = int(result.slices["decision"].sum()), int(result.slices["filtered_decision"].sum())
    return (
        f"Slice results from the lower to the upper pelvis: {before} of {len(result.slices)} slices positive before "
        f"the median filter, {after} after it."
    )


def _overlays(result: Diagnosis) -> Any:
    examples = [(f"slice {one.item.index}\nscore {one.score:.2f}", one.patch, one.cam) for one in result.explained]
    alt = "The slices with the highest scores as the networks see them, below each its map."
    return drawn_figure(cam_overlays(examples), alt)


def _joints(result: Diagnosis) -> Any:
    """What the network sees; empty where nothing looked."""
    shown = shown_slices(result)
    alt = (
        f"{len(shown)} of the {len(result.subject.slices)} slices, evenly spread: outlined ilia, sacrum and edema, the "
        "boxes round the ilia, and the ROI that is cut out."
    )
    return drawn_figure(seen_joints(shown), alt, SHEET_DPI) if shown else ""
