"""The whole audit of a cohort in one call."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from sijstudy.audit.acquisition import acquisition_findings, acquisition_table
from sijstudy.audit.agreement import agreement, agreement_findings
from sijstudy.audit.confounding import confounding, confounding_findings, position_within_subjects, subject_features
from sijstudy.audit.demographics import header_disagreements, structure_findings
from sijstudy.audit.files import checked_sentence, duplicate_findings, file_findings, pixel_twins
from sijstudy.audit.findings import Finding, by_grade, count
from sijstudy.audit.identity_findings import attributes_table, identity_findings
from sijstudy.audit.inspection import FileFacts, inspect_cohort
from sijstudy.audit.leakage import fold_findings, person_findings, read_sides, shared_keys
from sijstudy.audit.plane import plane_findings, plane_table
from sijstudy.cohort.manifest import Manifest, cohort_hash
from sijstudy.files import write_json
from sijstudy.paper import ACQUISITION

SAMPLES, SEED = 2000, 2021  # resamples and permutations; the study's default seed


@dataclass(frozen=True)
class Audit:
    """All that was found. findings: grave ones first. The tables are those of the modules of the same name.

    files: how many were looked at, those of which only the header is read among them. checked: in words, what was read
    and hashed and what was not.
    """

    findings: tuple[Finding, ...]
    files: int
    checked: str
    acquisition: pd.DataFrame
    agreement: pd.DataFrame
    twins: pd.DataFrame
    confounding: pd.DataFrame
    attributes: pd.DataFrame
    planes: pd.DataFrame

    @property
    def grave(self) -> tuple[Finding, ...]:
        """The grave findings."""
        return tuple(finding for finding in self.findings if finding.grade == "grave")


def audit_cohort(
    manifest: Manifest,
    *,
    folds_file: Path | None = None,
    samples: int = SAMPLES,
    seed: int = SEED,
    workers: int = 1,
    progress: bool = True,
) -> Audit:
    """Read every file that the study uses, and judge what is there.

    folds_file: splits saved by notebook 02, checked for leaks. samples: resamples of subjects behind intervals,
    permutations behind p values. Raises StudyError when ``folds_file`` is no folds file; all else becomes a finding.
    """
    inspection = inspect_cohort(manifest, workers=workers, progress=progress)
    acquisition, twins = acquisition_table(inspection.slices), pixel_twins(inspection.slices)
    planes = plane_table(manifest, inspection.slices)
    kappas = agreement(manifest.slices, samples=samples, seed=seed)
    confounders = confounding(subject_features(manifest, acquisition), samples=samples, seed=seed)
    position = position_within_subjects(manifest.slices, samples=samples, seed=seed)
    findings = [
        *file_findings(inspection),
        *duplicate_findings(twins),
        *_leaks(manifest, inspection.files, twins, folds_file),
        *identity_findings(inspection.files, manifest.source),
        *structure_findings(manifest),
        *header_disagreements(manifest, inspection.files),
        *agreement_findings(kappas),
        *acquisition_findings(acquisition, ACQUISITION),
        *plane_findings(planes),
        *confounding_findings(pd.concat([confounders, position])),
    ]
    attributes = attributes_table(inspection.files, manifest.source)
    tables = (acquisition, kappas, twins, confounders, attributes, planes)
    return Audit(by_grade(findings), len(inspection.files), checked_sentence(inspection.files), *tables)


def write_findings(path: Path, manifest: Manifest, audit: Audit) -> None:
    """The findings as JSON: cohort, cohort_hash, counts by grade, and a list of findings. Never a value of a header."""
    findings = [asdict(finding) for finding in audit.findings]
    about = {"cohort": manifest.name, "source": manifest.source, "cohort_hash": cohort_hash(manifest)}
    write_json(path, {**about, "counts": count(audit.findings), "findings": findings})


def _leaks(
    manifest: Manifest, files: tuple[FileFacts, ...], twins: pd.DataFrame, folds_file: Path | None
) -> list[Finding]:
    subjects = set(manifest.subjects["subject_id"])
    shared = shared_keys(files, len(subjects))
    findings = person_findings(shared)
    if folds_file is not None:
        same = {own for sets in shared.values() for own in sets} | {own for own in twins["subjects"] if len(own) > 1}
        findings += fold_findings(read_sides(folds_file), subjects, sorted(same))
    return findings
