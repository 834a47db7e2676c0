"""What notebook 08 says of the ablations: the numbers of ``ablation_table`` as readable tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from sijstudy.analysis.ablations import GROUPS, REFERENCE, WHOLE, Trial
from sijstudy.config import StudyConfig

MARK = "◆"  # of a difference whose CI excludes 0


def tried_table(table: pd.DataFrame, trials: Sequence[Trial]) -> pd.DataFrame:
    """A row per variant: what it changes, the question, and whether it was run."""
    first = table.drop_duplicates("variant").set_index("variant")
    return pd.DataFrame(
        [
            {
                "variant": label(trial.variant.group, trial.name),
                "changed": first.loc[trial.name, "changed"],
                "question": trial.variant.question,
                "state": f"not run: {trial.missing}" if trial.missing else "run",
            }
            for trial in trials[1:]
        ]
    )


def label(group: str, variant: str) -> str:
    """How tables and figures call a variant: its group in words, and its name; in a table of their own, its name."""
    return f"{GROUPS[group]}: {variant}" if group not in ("", WHOLE) else variant


def _label_of(row: pd.Series[Any]) -> str:
    return label(str(row["group"]), str(row["variant"]))


def value_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Mean ± SD over the folds and 95% CI of every trial that was run, as text: a row each, a column per measure."""
    return _cells(table, lambda row: f"{row['mean']:.1f} ± {row['sd']:.1f} {_range(row['low'], row['high'], '.1f')}")


def difference_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Differences with their 95% CI as text, points, and from what where that is not always the study; a diamond marks
    a CI that excludes 0."""
    shown = table[table["variant"] != REFERENCE]
    cells = _cells(shown, difference_text)
    if (shown["against"] == REFERENCE).all():
        return cells
    against = {_label_of(row): row["against"] for _, row in shown.iterrows()}
    cells.insert(1, "compared with", cells["variant"].map(against))
    return cells


def difference_text(row: pd.Series[Any]) -> str:
    """A row's difference with its 95% CI, points; a diamond marks a CI that excludes 0."""
    if row["difference_low"] == row["difference_high"] == 0:
        return "the same"
    mark = f"{MARK}\N{NO-BREAK SPACE}" if row["excludes_zero"] else ""
    interval = _range(row["difference_low"], row["difference_high"], "+.1f")
    return _plain(f"{mark}{row['difference']:+.1f} {interval}")


def _cells(table: pd.DataFrame, text: Callable[[pd.Series[Any]], str]) -> pd.DataFrame:
    rows: dict[str, dict[str, str]] = {}
    for _, row in table[table["missing"] == ""].iterrows():
        cells = rows.setdefault(_label_of(row), {})
        cells[row["measure"]] = "–" if math.isnan(row["mean"]) else _plain(text(row))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant").reset_index()


def _range(low: float, high: float, form: str) -> str:
    return f"({low:{form}} to {high:{form}})"


def _plain(numbers: str) -> str:
    """With a true minus, and a dash for what is undefined."""
    return numbers.replace("-", "−").replace("nan", "–")


def multiplicity_sentence(table: pd.DataFrame) -> str:
    """How many intervals are shown, and how many of them would exclude 0 by chance."""
    low, high = table["difference_low"], table["difference_high"]
    shown = table[low.notna() & ((low != 0) | (high != 0))]
    repeated = " The row with another seed shows what that alone changes." if "repeat" in set(table["group"]) else ""
    return (
        f"{len(shown)} intervals are shown and not corrected for their number: were there no difference at all, about "
        f"{0.05 * len(shown):.1f} of them would exclude 0 by chance. They allow for other subjects in training and in "
        f"testing, not for the chance in training on the same ones, as each network is trained once.{repeated}"
    )


def forest_text(table: pd.DataFrame) -> str:
    """What the forest plot shows, for those who cannot see it."""
    shown = table[(table["variant"] != REFERENCE) & (table["missing"] == "")]
    clear = [f"{_label_of(row)}, {row['measure']}" for _, row in shown[shown["excludes_zero"]].iterrows()]
    panels = ", ".join(dict.fromkeys(shown["measure"]))
    return (
        f"Forest plot: the differences of {shown['variant'].nunique()} variants from this study with their 95% CIs, a "
        f"panel each for {panels}. Intervals that exclude 0: {'; '.join(clear) or 'none'}. The table below has the "
        "numbers."
    )


def answer_sentence(table: pd.DataFrame) -> str:
    """The notebook's answer: which variants differ from the study, each by its first measure that does."""
    variants = table[(table["variant"] != REFERENCE) & (table["missing"] == "")]["variant"].nunique()
    clear = table[table["excludes_zero"]].drop_duplicates("variant")
    left = table[table["missing"] != ""]["variant"].nunique()
    named = [_named(row) for _, row in clear.iterrows()]
    found = f"{len(named) or 'none'} differ{'s' * (len(named) < 2)} from this study"
    listed = f", in percentage points: {', '.join(named)}" if named else ""
    unrun = f" {left} more could not be run." if left else ""
    return f"Of {variants} variants {found} by more than the choice of subjects explains{listed}.{unrun}"


def _named(row: pd.Series[Any]) -> str:
    return f"{_label_of(row)} ({row['measure']} {_plain(format(row['difference'], '+.1f'))})"


def not_asked(study: StudyConfig) -> str:
    """What the notebook says of a study without ablations, and the way to them."""
    return (
        "No ablations were asked for, so nothing is compared here. To try them: "
        f"sijstudy run --profile {study.profile} --only 08 -p ablations all. Networks that are trained already are "
        "used again."
    )
