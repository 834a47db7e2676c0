"""Can a printed mean and SD over folds arise from the printed fold sizes? An exact search, in the spirit of GRIM.

Brown & Heathers 2017 asked it of means of whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from sijstudy.analysis.consistency_alone import Verdict, check_metric
from sijstudy.analysis.consistency_counts import FoldSizes, MeanSd, Wrong, metrics_of
from sijstudy.analysis.consistency_joint import Joint, check_jointly
from sijstudy.metrics import METRIC_NAMES, METRICS


def consistency_table(sizes: FoldSizes, printed: Mapping[str, MeanSd], name: str) -> tuple[pd.DataFrame, str]:
    """The verdicts on a printed table as a readable one, a row per metric, and in plain words; ``name`` opens them.

    SD is tried with ddof 1 and 0; the nearest joint table is that of the ddof under which it is nearer.
    """
    alone = {ddof: {metric: check_metric(metric, sizes, printed[metric], ddof=ddof) for metric in METRICS}
             for ddof in (1, 0)}  # fmt: skip
    joints = {ddof: check_jointly(sizes, printed, ddof=ddof) for ddof in (1, 0)}
    ddof = min(joints, key=lambda one: (joints[one].distance, -one))
    rows = {}
    for metric in METRICS:
        example = next((alone[one][metric] for one in (1, 0) if alone[one][metric].attainable), alone[1][metric])
        rows[METRIC_NAMES[metric]] = {
            "printed": _text(printed[metric]),
            "with ddof 1": _alone(alone[1][metric]),
            "with ddof 0": _alone(alone[0][metric]),
            "nearest for all six": _text(joints[ddof].values[metric]),
            "example by fold": _counts(example.wrong),
        }
    words = [_words_alone(alone), _words_jointly(joints[ddof], ddof), _words_no_missed(sizes, printed, alone[1])]
    return pd.DataFrame.from_dict(rows, orient="index"), f"{name}: " + " ".join(filter(None, words))


def _text(value: MeanSd) -> str:
    return f"{value[0]:.2f} ± {value[1]:.2f}"


def _alone(verdict: Verdict) -> str:
    if verdict.attainable:
        ways = f", {verdict.ways} way{'s' if verdict.ways > 1 else ''}" if verdict.exhaustive else ""
        return f"yes{ways}"
    if verdict.attainable is None:
        return "not decided"
    return f"no ({_text(verdict.nearest)})" if verdict.nearest else "no"


def _counts(wrong: Wrong) -> str:
    """The counts of all folds; a kind of which there is none is left out."""
    if not wrong:
        return "–"
    sides = zip(("FN", "FP"), zip(*wrong, strict=True), strict=True)
    return "; ".join(f"{kind} {', '.join(map(str, counts))}" for kind, counts in sides if any(counts)) or "none wrong"


def _words_alone(alone: Mapping[int, Mapping[str, Verdict]]) -> str:
    never = [_word(name) for name in METRICS if all(alone[ddof][name].attainable is False for ddof in alone)]
    only = [_word(name) for name in METRICS if alone[1][name].attainable and alone[0][name].attainable is False]
    words = f"{_listed(never)} cannot arise from the published fold sizes." if never else ""
    return " ".join(filter(None, [words, f"With ddof 0, {_listed(only)} could not arise." if only else ""]))


def _words_jointly(joint: Joint, ddof: int) -> str:
    if joint.attainable:
        return f"One table per fold gives all six metrics as printed (ddof {ddof}): {_counts(joint.wrong)}."
    known = "no table is nearer" if joint.proven else "the nearest that was found"
    verdict = "No counts give" if joint.attainable is False else "No counts were found that give"
    return (
        f"{verdict} all six metrics at once; {_counts(joint.wrong)} comes within {joint.distance:.2f} percentage "
        f"points of each printed mean and SD (ddof {ddof}; {known})."
    )


def _words_no_missed(sizes: FoldSizes, printed: Mapping[str, MeanSd], alone: Mapping[str, Verdict]) -> str:
    """Where no positive is missed, the accuracy's counts are false positives and settle the other metrics too."""
    wrong = alone["accuracy"].wrong
    if printed["recall"] != (100, 0) or not wrong or any(fn for fn, _ in wrong):
        return ""
    values = metrics_of(sizes, wrong, ddof=1)
    odd = [name for name in METRICS if _text(values[name]) != _text(printed[name])]
    if not odd:
        return ""
    given = _listed([f"{_word(name)} {_text(values[name])}" for name in odd])
    wanted = _listed([_text(printed[name]) for name in odd])
    return f"The accuracy arises from {_counts(wrong)}, but with {given}, not the printed {wanted}."


def _word(metric: str) -> str:
    """The metric's name inside a sentence."""
    return METRIC_NAMES[metric] if metric in ("npv", "f1") else metric


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
