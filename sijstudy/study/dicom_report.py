"""A diagnosis -> a DICOM SR: Comprehensive 3D SR with a measurement report (TID 1500), what a viewer can list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from sijstudy import __version__
from sijstudy.aggregation import RULES
from sijstudy.dicom_write import derived_uid
from sijstudy.images.dicom_file import quiet
from sijstudy.images.seg_write import Identity, Source, forget_clock
from sijstudy.study.dicom_told import Told

SCHEME = "99SIJSTUDY"
#: what no public scheme has a code for, listed in docs/DIAGNOSE.md: value -> meaning
OWN = {
    "SLICE_SCORE": "Slice score of bone marrow edema",
    "FILTERED_SCORE": "Slice score after the median filter",
    "DECISION_BEFORE": "Slice decision before the median filter",
    "DECISION_AFTER": "Slice decision after the median filter",
    "SUBJECT_SCORE": "Subject score",
    "THRESHOLD": "Threshold of the subject score",
    "RULE": "Rule that decides",
    **{f"RULE_{name.upper()}": rule.title for name, rule in RULES.items()},
    "EDEMA_SOUGHT": "Search for bone marrow edema",
    "DISEASE_SOUGHT": "Search for active sacroiliitis",
    "DIAGNOSIS": "Result for active sacroiliitis",
    "NO_DECISION": "No decision",
    "ROI": "Region shown to the networks",
    "ROI_RULE": "Region made of the box of an ilium",
}


def own(value: str) -> Code:
    """A code of the study's own scheme. KeyError when it has none of that value."""
    return Code(value, SCHEME, OWN[value])


def coding_scheme() -> Any:
    """What a file says of the study's own codes."""
    return CodingSchemeIdentificationItem(
        SCHEME, name="sijstudy, docs/DIAGNOSE.md", version="1", responsible_organization="sijstudy"
    )


def report(told: Told, sources: Sequence[Source], identity: Identity) -> Dataset:
    """The SR of a diagnosis, with a group of measurements per slice and one for the subject.

    sources: of the rows of ``told.table``. Where nothing may be said to be positive or negative, the scores of slices
    stay, as what was seen.
    """
    algorithm = sr.AlgorithmIdentification(
        "sijstudy", __version__, [f"networks {', '.join(told.networks)}"], codes.DCM.ArtificialIntelligence
    )
    rows = told.table.to_dict("records")
    groups = [
        *([_decision(told, identity, algorithm)] if told.decided else [_no_decision(identity, algorithm)]),
        *(_slice(row, source, identity, algorithm, told.decided) for row, source in zip(rows, sources, strict=True)),
    ]
    device = sr.DeviceObserverIdentifyingAttributes(
        derived_uid("sijstudy", __version__), name="sijstudy", manufacturer_name="sijstudy",
        model_name=f"sijstudy {__version__}"
    )  # fmt: skip
    content = sr.MeasurementReport(
        sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=codes.cid100.MRIUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.cid7021.ImagingMeasurementReport,
    )
    content[0].ContentSequence.extend(
        sr.TextContentItem(codes.DCM.Comment, remark, sr.RelationshipTypeValues.CONTAINS) for remark in told.remarks
    )
    with quiet("highdicom"):
        made = sr.Comprehensive3DSR(
            evidence=list({str(each.dataset.SOPInstanceUID): each.dataset for each in sources}.values()),
            content=content,
            is_complete=True,
            **identity.arguments(sources[0].dataset),
        )
    forget_clock(made)
    return made


def _slice(row: dict[Any, Any], source: Source, identity: Identity, algorithm: Any, decided: bool) -> Any:
    decisions = (("DECISION_BEFORE", "decision"), ("DECISION_AFTER", "filtered_decision")) if decided else ()
    return sr.MeasurementsAndQualitativeEvaluations(
        _tracking(f"slice {row['slice_index']}", identity),
        finding_type=own("EDEMA_SOUGHT"),  # "Finding: edema" would be read as found
        finding_sites=[sr.FindingSite(codes.SCT.BoneMarrow), sr.FindingSite(codes.SCT.SacroiliacJoint)],
        algorithm_id=algorithm,
        measurements=[_number("SLICE_SCORE", row["score"]), _number("FILTERED_SCORE", row["filtered_score"])],
        qualitative_evaluations=[sr.QualitativeEvaluation(own(name), _result(row[key])) for name, key in decisions],
        source_images=[
            sr.SourceImageForMeasurementGroup(source.dataset.SOPClassUID, source.dataset.SOPInstanceUID, source.frames)
        ],
    )


def _decision(told: Told, identity: Identity, algorithm: Any) -> Any:
    return sr.MeasurementsAndQualitativeEvaluations(
        _tracking("subject", identity),
        finding_type=own("DISEASE_SOUGHT"),
        finding_sites=[sr.FindingSite(codes.SCT.SacroiliacJoint)],
        algorithm_id=algorithm,
        measurements=[_number("SUBJECT_SCORE", told.score), _number("THRESHOLD", told.threshold)],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(own("DIAGNOSIS"), _result(told.positive)),
            sr.QualitativeEvaluation(own("RULE"), own(f"RULE_{told.rule.upper()}")),
        ],
    )


def _no_decision(identity: Identity, algorithm: Any) -> Any:
    return sr.MeasurementsAndQualitativeEvaluations(
        _tracking("subject", identity),
        finding_type=own("DISEASE_SOUGHT"),
        finding_sites=[sr.FindingSite(codes.SCT.SacroiliacJoint)],
        algorithm_id=algorithm,
        qualitative_evaluations=[sr.QualitativeEvaluation(own("DIAGNOSIS"), own("NO_DECISION"))],
    )


def _tracking(name: str, identity: Identity) -> Any:
    return sr.TrackingIdentifier(derived_uid("tracking", name, *identity.names), name)


def _number(name: str, value: float) -> Any:
    return sr.Measurement(own(name), float(value), codes.UCUM.NoUnits)


def _result(positive: Any) -> Code:
    result: Code = codes.SCT.Positive if positive else codes.SCT.Negative
    return result
