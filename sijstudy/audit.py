"""What a cohort is made of, beside what the paper says of its own [2.1]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import stats

from sijstudy.images import read_image_header
from sijstudy.manifest import Manifest
from sijstudy.records import GROUPS


def cohort_facts(manifest: Manifest) -> pd.DataFrame:
    """Counts, ages and sexes of the two groups: index fact, a column per group (text)."""
    slices, subjects = manifest.slices, manifest.subjects
    per_subject = subjects.assign(slices=subjects["subject_id"].map(slices["subject_id"].value_counts()))
    columns = {}
    for group in GROUPS:
        part = per_subject[per_subject["group"] == group]
        own = slices[slices["subject_id"].isin(part["subject_id"])]
        ages, men = part["age_years"], int((part["sex"] == "M").sum())
        columns[group] = {
            "subjects": f"{len(part)}",
            "slices": f"{len(own)}",
            "slices with edema": f"{int(own['label'].sum())}",
            "slices per subject": f"{part['slices'].min()} to {part['slices'].max()}",
            "age, years": f"{ages.mean():.1f} ± {ages.std():.1f} ({ages.min()} to {ages.max()})",
            "male": f"{men}/{len(part)} ({100 * men / max(1, len(part)):.1f}%)",
        }
    return pd.DataFrame(columns)


def demographic_tests(subjects: pd.DataFrame) -> pd.DataFrame:
    """Do the groups differ in age (Student's t) or sex (Fisher's exact test)? Index test, column p."""
    ages = [subjects.loc[subjects["group"] == group, "age_years"] for group in GROUPS]
    counts = pd.crosstab(subjects["group"], subjects["sex"]).reindex(index=list(GROUPS), columns=["M", "F"])
    tests = {
        "age: t-test": stats.ttest_ind(*ages).pvalue,
        "sex: Fisher's exact test": stats.fisher_exact(counts.fillna(0).to_numpy()).pvalue,
    }
    return pd.DataFrame({"p": tests})


def acquisition_parameters(manifest: Manifest) -> pd.DataFrame:
    """Acquisition values of all slices, read from their DICOM headers: a row per slice."""
    rows = [read_image_header(item).acquisition for item in manifest.slice_records()]
    return pd.DataFrame(rows)


def acquisition_summary(parameters: pd.DataFrame, published: Mapping[str, Any]) -> pd.DataFrame:
    """Each acquisition value as found and as the paper gives it; index parameter, columns this cohort, paper."""
    found = {name: ", ".join(str(value) for value in parameters[name].dropna().unique()[:5]) for name in parameters}
    names = list(dict.fromkeys([*published, *found]))
    return pd.DataFrame(
        {"this cohort": [found.get(n, "–") for n in names], "paper": [str(published.get(n, "–")) for n in names]},
        index=names,
    )


def structure_findings(manifest: Manifest) -> list[str]:
    """What a reader of results must know of the cohort's structure, one sentence each."""
    slices, groups = manifest.slices, dict(manifest.subjects[["subject_id", "group"]].to_numpy())
    by_subject = slices.groupby("subject_id")["label"].agg(["min", "max"])
    mixed = int((by_subject["min"] != by_subject["max"]).sum())
    findings = []
    if mixed == 0:
        findings.append(
            "Every subject's slices all carry one label, as in the paper: axSpA subjects contribute only slices with "
            "a clear lesion, controls only slices without. A network that recognised the person would score well, "
            "so splits are by subject."
        )
    else:
        findings.append(f"{mixed} subjects carry both positive and negative slices, unlike the paper's cohort.")
    contrary = slices[(slices["label"] == 1) & (slices["subject_id"].map(groups) == "control")]
    if len(contrary):
        findings.append(f"{len(contrary)} positive slices belong to control subjects.")
    one_sided = slices[slices["left_x0"].isna() ^ slices["right_x0"].isna()]
    if len(one_sided):
        findings.append(f"{len(one_sided)} slices show one ilium only; the other half of their ROI patch is black.")
    return findings
