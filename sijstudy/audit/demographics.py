"""Who is in a cohort, beside what the paper says of its own [2.1]."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd
from scipy import stats

from sijstudy.audit.findings import Finding, listed
from sijstudy.audit.inspection import FileFacts
from sijstudy.cohort.manifest import Manifest
from sijstudy.paper import AGE_P, AGES, MALE, SEX_P
from sijstudy.records import GROUPS

MIXED = "Subjects with both positive and negative slices, unlike the paper's cohort."


def cohort_facts(manifest: Manifest) -> pd.DataFrame:
    """Counts, ages and sexes of the two groups: index fact, a column per group (text)."""
    slices, subjects = manifest.slices, manifest.subjects
    per_subject = subjects.assign(slices=subjects["subject_id"].map(slices["subject_id"].value_counts()))
    columns = {}
    for group in GROUPS:
        part = per_subject[per_subject["group"] == group]
        own = slices[slices["subject_id"].isin(part["subject_id"])]
        ages, sexes = part["age_years"].dropna(), part["sex"].dropna()
        men = int((sexes == "M").sum())
        columns[group] = {
            "subjects": f"{len(part)}",
            "slices": f"{len(own)}",
            "slices with edema": f"{int(own['label'].sum())}",
            "slices per subject": f"{part['slices'].min()} to {part['slices'].max()}" if len(part) else "–",
            "age, years": _mean_sd_range(ages),
            "male": f"{men}/{len(sexes)} ({100 * men / max(1, len(sexes)):.1f}%)",
        }
    return pd.DataFrame(columns)


def demographic_tests(subjects: pd.DataFrame) -> pd.DataFrame:
    """Do the groups differ in age (Student's t) or sex (Fisher's exact test)? Index test, column p.

    Subjects of unknown age or sex do not count; p is NaN when that leaves a group with too few.
    """
    ages = [subjects.loc[subjects["group"] == group, "age_years"].dropna().astype(float) for group in GROUPS]
    counts = [
        [int(((subjects["group"] == group) & (subjects["sex"] == sex)).sum()) for sex in "MF"] for group in GROUPS
    ]
    tests = {
        "age: t-test": stats.ttest_ind(*ages).pvalue if min(map(len, ages)) > 1 else float("nan"),
        "sex: Fisher's exact test": stats.fisher_exact(counts).pvalue if all(map(sum, counts)) else float("nan"),
    }
    return pd.DataFrame({"p": tests})


def paper_tests() -> pd.DataFrame:
    """The paper's tests of its own groups, computed again from the means, SDs and counts that it prints [2.1].

    Index test; columns from, paper (the printed p), recomputed.
    """
    (mean, sd, size), (other_mean, other_sd, other_size) = (AGES[group] for group in GROUPS)
    age = stats.ttest_ind_from_stats(mean, sd, size, other_mean, other_sd, other_size).pvalue
    welch = stats.ttest_ind_from_stats(mean, sd, size, other_mean, other_sd, other_size, equal_var=False).pvalue
    table = [(men, total - men) for men, total in (MALE[group] for group in GROUPS)]
    sex = stats.fisher_exact(table).pvalue
    ages = f"{mean} ± {sd} ({size}) and {other_mean} ± {other_sd} ({other_size})"
    counts = " and ".join(f"{men}/{total}" for men, total in MALE.values())
    rows = {
        "age: Student's t-test": (ages, AGE_P, age),
        "age: Welch's t-test": (ages, float("nan"), welch),
        "sex: Fisher's exact test": (counts, SEX_P, sex),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["computed from", "paper", "recomputed"])


def header_disagreements(manifest: Manifest, files: Sequence[FileFacts]) -> list[Finding]:
    """Subjects whose DICOM headers give another age or sex than subjects.csv; the values stay unsaid."""
    table = manifest.subjects.set_index("subject_id")
    wrong: dict[str, set[str]] = {"age": set(), "sex": set()}
    for fact in files:
        years = re.fullmatch(r"(\d{3})Y", fact.age)
        age, sex = table.loc[fact.subject_id, ["age_years", "sex"]]
        if years and not pd.isna(age) and int(years[1]) != int(age):
            wrong["age"].add(fact.subject_id)
        if fact.sex in ("M", "F") and not pd.isna(sex) and fact.sex != sex:
            wrong["sex"].add(fact.subject_id)
    advice = "Correct the table, or make sure that these are the right person's images."
    return [
        Finding(
            "warning",
            "subjects",
            f"The {what} in the DICOM header is not the one in subjects.csv.",
            advice,
            listed(sorted(names)),
        )
        for what, names in wrong.items()
        if names
    ]


def structure_findings(manifest: Manifest) -> list[Finding]:
    """What a reader of results must know of how labels, groups and boxes go together."""
    slices, groups = manifest.slices, dict(manifest.subjects[["subject_id", "group"]].to_numpy())
    by_subject = slices.groupby("subject_id")["label"].agg(["min", "max"])
    mixed = int((by_subject["min"] != by_subject["max"]).sum())
    findings = [_one_label() if mixed == 0 else Finding("note", "labels", MIXED, where=f"{mixed} subjects")]
    contrary = slices[(slices["label"] == 1) & (slices["subject_id"].map(groups) == "control")]
    if len(contrary):
        where = listed(sorted(contrary["subject_id"].unique()))
        sentence = f"{len(contrary)} positive slices belong to control subjects."
        findings.append(Finding("warning", "labels", sentence, "Check their labels and groups.", where))
    missing = [group for group in GROUPS if group not in groups.values()]
    if missing:
        sentence = f"The cohort has no {missing[0]} subject: it cannot be split, and nothing can be compared."
        findings.append(Finding("warning", "labels", sentence, "Use it as an external cohort only."))
    one_sided = slices[slices["left_x0"].isna() ^ slices["right_x0"].isna()]
    if len(one_sided):
        sentence = f"{len(one_sided)} slices show one ilium only; the other half of their ROI patch is black."
        findings.append(Finding("note", "labels", sentence))
    boxless = slices[slices["left_x0"].isna() & slices["right_x0"].isna()]
    if len(boxless):
        sentence = f"{len(boxless)} slices have no ilium box: notebook 02 stops at the first of them."
        advice = "Give their boxes (docs/DATA.md), or leave them out."
        findings.append(Finding("warning", "labels", sentence, advice, listed(sorted(boxless["subject_id"].unique()))))
    return findings


def _one_label() -> Finding:
    sentence = (
        "Every subject's slices all carry one label, as in the paper: axSpA subjects contribute only slices with a "
        "clear lesion, controls only slices without. A network that recognised the person would score well."
    )
    return Finding("warning", "labels", sentence, "Split by subject, as every notebook does.")


def _mean_sd_range(ages: pd.Series[int]) -> str:
    if ages.empty:
        return "–"
    spread = f" ± {ages.std():.1f}" if len(ages) > 1 else ""
    return f"{ages.mean():.1f}{spread} ({ages.min()} to {ages.max()})"
