"""What a diagnosis decides, in words: the decision, the rule that made it and what the other rules say; or nothing."""

from __future__ import annotations

import math

from sijstudy.aggregation import RULES
from sijstudy.analysis.diagnosis import Diagnosis, Verdict
from sijstudy.study.diagnosis_limits import withheld_words


def decision_sentence(result: Diagnosis) -> str:
    """The decision with the numbers it rests on, or why there is none."""
    if result.withheld:
        return f"No decision: {withheld_words(result)}"
    decided, networks = result.opinion.decided, result.networks
    agree = int(networks["positive"].sum())
    votes = f" {agree} of {len(networks)} networks by themselves say positive." if len(networks) > 1 else ""
    count = len(result.slices)
    return (
        f"Active sacroiliitis: {_word(decided)}. The subject score, {RULES[result.ruling.rule].title} "
        f"({count} slice{'s' * (count != 1)}), is {decided.score:.3f}; the threshold is {_limit(decided)}.{votes}"
    )


def rule_sentence(result: Diagnosis) -> str:
    """Which rule decided, and why this one."""
    ruling, profile = result.ruling, result.config.profile
    if choice := ruling.choice:
        return (
            f"Notebook 09 chose this rule and threshold on whole examinations of {choice.active} people with active "
            f"disease and {choice.others} without, seen by networks that were not trained on them; among them it finds "
            f"{choice.recall:.1%} of the active ones at a specificity of {choice.specificity:.1%}. For a selection of "
            "slices, as the paper's, give --rule mean."
        )
    if ruling.asked:
        return f"The rule is the one that --rule names ({ruling.rule})."
    own = f"The rule is the study's own (subject_rule: {ruling.rule})"
    if result.arm == "original":
        return f"{own}: what notebook 09 chooses on whole examinations holds for ROI patches, not for whole images."
    return (
        f"{own}, as notebook 09 has chosen none on whole examinations with these networks: `sijstudy run --profile "
        f"{profile} --only 09`, with the parameters of that run, chooses one, and --run runs/{profile} uses it."
    )


def selection_warning(result: Diagnosis) -> str:
    """What a rule that asks for a share of the slices needs on a whole series; empty for the other rules, and for one
    that was chosen on whole examinations.

    The paper's subjects bring selections, patients only slices with clear edema [2.1]; notebook 09 tests whole ones.
    """
    if result.ruling.choice or result.ruling.rule not in ("mean", "run"):
        return ""
    count = len(result.slices)
    needed = max(1, math.ceil(result.ruling.limits[result.ruling.rule] * count - 1e-9))
    return (
        f"This rule was made for selections of slices: to be positive it needs edema on {needed} of the {count} "
        "slices, which a whole examination of a patient may not show."
    )


def others_sentence(result: Diagnosis) -> str:
    """What the rules say that did not decide."""
    said = [
        f"{RULES[name].title} {_word(verdict)} ({verdict.score:.3f}, threshold {_limit(verdict)})"
        for name, verdict in result.opinion.by_rule.items()
        if name != result.ruling.rule
    ]
    return f"By the other rules: {'; '.join(said)}."


def rule_rows(result: Diagnosis) -> list[tuple[str, str, str, str, str]]:
    """Name, title, score, threshold and result of each rule, the one that decides first; none where nothing decides."""
    if result.withheld:
        return []
    return [
        (name, RULES[name].title, f"{verdict.score:.3f}", _limit(verdict), _word(verdict))
        for name, verdict in sorted(result.opinion.by_rule.items(), key=lambda one: one[0] != result.ruling.rule)
    ]


def _word(verdict: Verdict) -> str:
    return "positive" if verdict.positive else "negative"


def _limit(verdict: Verdict) -> str:
    return "above 1, which no score reaches" if verdict.threshold > 1 else f"{verdict.threshold:.3g}"
