"""Variants of the study on whole examinations: trained on them, shown the neighbouring slices, attention over slices.

Each reads the whole stacks of the same test subjects. Subjects are diagnosed by the rule, and at the threshold, that a
variant's own training subjects choose (``whole_rules``), as a rule made for selections says nothing of a whole stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sijstudy.aggregation import RULES
from sijstudy.analysis.ablation_tables import difference_text
from sijstudy.analysis.ablations import WHOLE, Attended, Measures, Trial, Units, Variant, plan_trials, slice_units
from sijstudy.analysis.slice_courses import by_attention, subject_predictions
from sijstudy.analysis.whole_rules import at_chosen_threshold, by_rule, readers_choice, train_recalls
from sijstudy.config import StudyConfig
from sijstudy.folds import Fold

TRAINED = "trained on whole examinations"
CONTEXT = "Does a network that sees the neighbouring slices do better than the median filter over them?"
VARIANTS = (
    Variant(TRAINED, WHOLE, "Does it help to train on every slice of the training subjects?", {"slices": "whole"}),
    *(Variant(f"{count} slices at once, no filter", WHOLE, CONTEXT, {"context_slices": count, "median_size": 1})
      for count in (3, 5)),
    *(Variant(f"{count} slices at once, no filter, {TRAINED}", WHOLE, CONTEXT,
              {"slices": "whole", "context_slices": count, "median_size": 1}, against=TRAINED) for count in (3, 5)),
    Variant(f"attention, {TRAINED}", WHOLE, "Does attention, learned on what the networks see in the slices, diagnose "
            "subjects better than filter and rule?", {"slices": "whole"}, attention=True, against=TRAINED),
)  # fmt: skip
MEASURES: Measures = {
    "slice AUC": ("slices", "auc"),
    "filtered slice AUC": ("filtered slices", "auc"),
    "subject AUC": ("subjects", "auc"),
    "subject recall": ("subjects", "recall"),
    "subject specificity": ("subjects", "specificity"),
}
BEFORE_AFTER = "filtered slice AUC"  # of a network that is shown its neighbours, with no filter after it


def plan_whole(study: StudyConfig) -> tuple[Trial, ...]:
    """``ablations.plan_trials`` of the variants on whole examinations; empty when their group is not asked for.

    A hospital's cohort has the slices it has, so that training on more of them is no variant there.
    """
    known = [each for each in VARIANTS if not (study.manifest and "slices" in each.changes)]
    return plan_trials(study, known)


@dataclass(frozen=True)
class Read:
    """Whole examinations as a variant reads them. rule: by which its subjects are diagnosed, in words."""

    units: Units
    rule: str


def read_whole(courses: pd.DataFrame, folds: Sequence[Fold], trial: Trial, attended: Attended | None) -> Read:
    """``ablations.units_of`` whole examinations, the subjects decided as training subjects choose.

    courses: ``add_courses`` of ``whole.score_whole``, by the trial's networks and parameters.
    """
    subjects = subject_predictions(courses, trial.config)
    if attended:
        subjects, rule = by_attention(subjects, attended, trial.config), "attention"
    else:
        name = readers_choice(train_recalls(subjects, folds))
        subjects, rule = by_rule(subjects, name), f"the {RULES[name].title}"
    chosen = at_chosen_threshold(subjects, folds)
    if np.isnan(chosen.threshold):  # nobody to choose on
        rule, decided = f"{rule} at the study's threshold", subjects
    else:
        decided = chosen.subjects
    read = courses.dropna(subset="label")  # a slice that nobody read is in the course, and in no number of slices
    return Read(slice_units(read) | {"subjects": decided}, rule)


def rules_sentence(read: Mapping[str, Read]) -> str:
    """By which rule the subjects of each variant are diagnosed."""
    return "Subjects are diagnosed by " + "; ".join(f"{each.rule} ({name})" for name, each in read.items()) + "."


def answer_sentence(table: pd.DataFrame) -> str:
    """Whether networks that are shown the neighbouring slices beat network and median filter, in slice AUC."""
    shown = table["changed"].str.contains("context_slices") & (table["missing"] == "")
    said = []
    for _, row in table[shown & (table["measure"] == BEFORE_AFTER)].iterrows():
        verdict = "beats" if row["difference_low"] > 0 else "does not beat"
        said.append(f"{row['variant']} {verdict} the median filter in slice AUC ({difference_text(row)} points)")
    return f" On whole examinations {'; '.join(said)}." if said else ""
