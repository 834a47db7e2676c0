"""Numbers of the live panels -> HTML: sentences, tables, pictures with their alternative text."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping
from importlib.resources import files

import pandas as pd

from sijstudy.aggregation import slice_decisions
from sijstudy.config import StudyConfig
from sijstudy.metrics import METRIC_NAMES, METRICS, Confusion
from sijstudy.notebook.panel_state import FILTERED, ROI, SUBJECTS, WHOLE, Outcome
from sijstudy.notebook.slice_viewer import Choice, Sight, strange
from sijstudy.paper import TABLE2, TABLE3

PAPER = {WHOLE: TABLE2["original"], ROI: TABLE2["roi"], FILTERED: TABLE2["roi_filtered"], SUBJECTS: TABLE3}
WORDS = {
    ROI: ("Slices, before the filter", "edema", "none"),
    FILTERED: ("Slices, after the filter", "edema", "none"),
    SUBJECTS: ("Subjects", "axSpA", "control"),
}


def style() -> str:
    """The panels' style sheet."""
    return f"<style>{(files('sijstudy') / 'notebook' / 'live.css').read_text(encoding='utf-8')}</style>"


def picture(png: bytes, alt: str, caption: str = "") -> str:
    """A PNG as an HTML figure; its size is given, so that nothing jumps while it is replaced."""
    width, height = (int.from_bytes(png[place : place + 4], "big") for place in (16, 20))
    source = base64.b64encode(png).decode()
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img src="data:image/png;base64,{source}" width="{width}" height="{height}" '
        f'alt="{html.escape(alt)}">{below}</figure>'
    )


def verdict(now: Outcome, study: Outcome) -> str:
    """The setting's result in two sentences, beside the study's own."""
    slices, before = (result.confusions[FILTERED] for result in (now, study))
    people, earlier = (result.confusions[SUBJECTS] for result in (now, study))
    return (
        f'<div class="verdict" role="status"><strong>{_share(slices, "slice-accuracy")}</strong> of the test slices '
        f"are right after the filter (with the study's settings {_share(before)}). "
        f"<strong>{_share(people, 'subject-accuracy')}</strong> of the diagnoses are right "
        f"(with the study's settings {_share(earlier)}): {people.fn} of {people.fn + people.tp} with axSpA are missed, "
        f"{people.fp} of {people.fp + people.tn} controls are called ill.</div>"
    )


def _share(counts: Confusion, name: str = "") -> str:
    total = counts.tp + counts.tn + counts.fp + counts.fn
    mark = f' data-number="{name}"' if name else ""
    return f"<span{mark}>{100 * (counts.tp + counts.tn) / total:.1f}%</span>"


def confusions(counts: Mapping[str, Confusion]) -> str:
    """The confusion matrices over all folds, side by side."""
    return f'<div class="counts">{"".join(_confusion(name, counts[name]) for name in WORDS)}</div>'


def _confusion(name: str, counts: Confusion) -> str:
    title, positive, negative = WORDS[name]
    rows = (
        (positive, (counts.tp, "right"), (counts.fn, "amiss")),
        (negative, (counts.fp, "amiss"), (counts.tn, "right")),
    )
    body = "".join(
        f'<tr><th scope="row">truly {truth}</th>'
        + "".join(f'<td class="{kind}">{count}</td>' for count, kind in cells)
        + "</tr>"
        for truth, *cells in rows
    )
    head = f'<tr><td></td><th scope="col">said {positive}</th><th scope="col">said {negative}</th></tr>'
    return f"<table><caption>{title}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"


def metric_table(tables: Mapping[str, pd.DataFrame]) -> str:
    """Table 2's and 3's rows at this setting, mean ± SD over the folds in percent, the paper's below each."""
    names = (*METRICS, "auc")
    head = "".join(f'<th scope="col">{METRIC_NAMES[name]}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{row}</th>{"".join(_cell(table, row, name) for name in names)}</tr>'
        for row, table in tables.items()
    )
    caption = "Tables 2 and 3 at this setting: percent, mean ± SD over the folds; below each, the paper's"
    return (
        f'<p><strong>{caption}</strong></p><div class="scroll"><table><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(table: pd.DataFrame, row: str, metric: str) -> str:
    mean, sd = table.loc[metric, ["mean", "sd"]].tolist()
    paper = "{:.1f} ± {:.1f}".format(*PAPER[row][metric]) if metric in PAPER[row] else "–"
    ours = "–" if math.isnan(mean) else f"{mean:.1f}" + ("" if math.isnan(sd) else f" ± {sd:.1f}")
    return f"<td>{ours}<small>{paper}</small></td>"


def sight_verdict(sight: Sight, choice: Choice, config: StudyConfig) -> str:
    """What the network says of a slice, what the readers said, and what must be minded."""
    truth = "edema" if sight.item.label else "no edema"
    if sight.score is None:
        return (
            f'<div class="verdict" role="status">Readers: <strong>{truth}</strong>.</div>'
            '<div class="mind">Every fold trained on this subject: no network may judge it, so no score, no map.</div>'
        )
    said = "edema" if slice_decisions(sight.score, config.slice_threshold) else "no edema"
    mark = "right" if said == truth else "wrong"
    lines = (
        f'<div class="verdict" role="status">The network of fold {sight.fold}, which has not seen this subject: score '
        f'<strong data-number="score">{sight.score:.3f}</strong>, so <strong>{said}</strong> '
        f"(threshold {config.slice_threshold:g}). Readers: <strong>{truth}</strong>, so the network is {mark}.</div>"
    )
    reasons = strange(choice, config)
    if reasons:
        lines += (
            f'<div class="mind"><strong>Mind.</strong> Outside what this network was trained on: {"; ".join(reasons)}. '
            "Its score and map here say how it copes with that, not how well it reads.</div>"
        )
    return lines


def message(text: str) -> str:
    """A plain line, set apart: what is under way, or what went wrong."""
    return f'<div class="mind" role="status">{html.escape(text)}</div>'


def answered(seconds: float, state: str) -> str:
    """How long the answer took, in small grey print; ``state`` says to what, as the controls' readouts show it."""
    return f'<div class="soft" data-state="{html.escape(state)}">Answered in {1000 * seconds:.0f} ms.</div>'
