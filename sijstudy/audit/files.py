"""Are the cohort's files there, unchanged and readable, and does no image occur twice?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from sijstudy.audit.findings import Finding, listed
from sijstudy.audit.inspection import FileFacts, Inspection, SliceFacts


def file_findings(inspection: Inspection) -> list[Finding]:
    """Files that must not be used as they are: missing, changed since the manifest was built, unreadable."""
    slices = [fact for fact in inspection.slices if fact.problem]
    broken = {fact.file: fact.problem for fact in inspection.files if fact.problem}
    already = set(broken.values())
    by_problem = defaultdict(list)
    for file, problem in broken.items():
        by_problem[problem].append(file)
    for fact in slices:
        if fact.problem not in already:
            by_problem[fact.problem].append(f"slice {fact.index} of {fact.subject_id}")
    return [_broken(problem, places) for problem, places in by_problem.items()]


def checked_sentence(files: Sequence[FileFacts]) -> str:
    """How many files were read in full and held against the manifest's SHA-256, and of how many only the header was.

    Without findings of ``file_findings``, all of the former are as they were.
    """
    kinds = Counter(fact.kind for fact in files)
    used, unknown = kinds["image"] + kinds["outlines"], sum(not one.hashed for one in files if one.kind != "drawn")
    faulty = sum(bool(one.problem) for one in files)
    verb = "were to be" if faulty else "were"
    but = f"; of {faulty} the findings say what is wrong" if faulty else ""
    told = [f"{used} files {verb} read and hashed: {kinds['image']} of images, {kinds['outlines']} of outlines{but}."]
    if unknown:
        told.append(f"The manifest keeps no SHA-256 of {unknown} of them.")
    if kinds["drawn"]:
        told.append(
            f"Of {kinds['drawn']} DICOM SEG files only the headers were read, for names: the manifest keeps no SHA-256 "
            "of them, and the study reads the outlines that were made of them, not the files."
        )
    return " ".join(told)


def pixel_twins(slices: Sequence[SliceFacts]) -> pd.DataFrame:
    """Slices whose decoded pixels are identical: a row per set with slices (text), subjects (a tuple) and count."""
    same = defaultdict(list)
    for fact in slices:
        if fact.pixels:
            same[fact.pixels].append(fact)
    rows = [
        (", ".join(f"{one.subject_id} slice {one.index}" for one in twins), _subjects(twins), len(twins))
        for twins in same.values()
        if len(twins) > 1
    ]
    return pd.DataFrame(rows, columns=["slices", "subjects", "count"])


def duplicate_findings(twins: pd.DataFrame) -> list[Finding]:
    """Identical images of two subjects are one person twice, or a mix-up; of one subject, a slice counted twice."""
    across = twins[twins["subjects"].map(len) > 1]
    within = twins[twins["subjects"].map(len) == 1]
    findings = []
    if len(across):
        sentence = f"{int(across['count'].sum())} slices of different subjects have identical pixels."
        advice = "Find out whose they are; keep one, or make the subjects one."
        findings.append(Finding("grave", "duplicates", sentence, advice, listed(across["slices"].tolist(), 3)))
    if len(within):
        sentence = f"{int(within['count'].sum())} slices have the pixels of another slice of the same subject."
        findings.append(
            Finding("warning", "duplicates", sentence, "Keep one of each.", listed(within["slices"].tolist(), 3))
        )
    return findings


def _broken(problem: str, places: list[str]) -> Finding:
    what, _, advice = problem.partition("; ")
    number = f"{len(places)} files" if len(places) > 1 else "1 file"
    return Finding("grave", "files", f"{number}: {what}.", _sentence(advice), listed(places, 3))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _subjects(twins: Sequence[SliceFacts]) -> tuple[str, ...]:
    return tuple(sorted({one.subject_id for one in twins}))
