"""The index page of a study: the paper against this run, and the way to every report."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
from PIL import Image

from sijstudy import __version__
from sijstudy.study.cells import alt_text, best_form, figures, joined
from sijstudy.study.embedded import data_uri
from sijstudy.study.templating import render

THUMBNAIL_WIDTH = 640  # pixels, twice a card's width on screen


@dataclass(frozen=True)
class Card:
    """A notebook on the index page. ``thumbnail`` is a data URI; empty strings are left out."""

    number: str
    title: str
    link: str = ""
    answer: str = ""
    state: str = ""
    time: str = ""
    thumbnail: str = ""
    alt: str = ""
    failed: bool = False


@dataclass(frozen=True)
class HeadlineRow:
    """One measure, all as text: the paper's value, ours with its interval, the difference.

    people: how many different ones are behind ours, empty where that is not known. in_points: the difference is one
    of percentages, so in percentage points. numbers: paper, ours, low and high as numbers for the chart, those that are
    known, and none of a measure that is not a percentage.
    """

    name: str
    paper: str
    ours: str
    interval: str
    difference: str
    in_points: bool
    numbers: Mapping[str, float] = field(default_factory=dict)
    people: str = ""


@dataclass(frozen=True)
class Index:
    """What the index page shows of a study.

    answers: of the notebooks that carry a headline number, link -> sentence. documents: further pages beside
    the index, file name -> title.
    """

    profile: str
    synthetic: bool
    cohort: str = ""
    finished: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    headline: list[HeadlineRow] = field(default_factory=list)
    documents: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    failure: str = ""


def render_index(index: Index) -> str:
    """The HTML page that leads to all reports of a study."""
    chart = [row for row in index.headline if row.numbers]
    low = _chart_start(chart)
    return render(
        "index.html.j2",
        index=index,
        version=__version__,
        chart=chart,
        ticks=_ticks(low),
        place=lambda percent: f"{100 * (percent - low) / (100 - low):.2f}%",
    )


def headline_row(entry: Mapping[str, Any]) -> HeadlineRow:
    """One entry of a notebook's ``headline`` as text; a value that is missing or NaN becomes a dash.

    entry: name, paper, ours, low and high in ``unit``, people, given_networks (the interval allows for
    no other training); a difference of percentages is in points.
    """
    unit = str(entry.get("unit", ""))
    numbers = {key: _number(entry.get(key)) for key in ("paper", "ours", "low", "high")}
    paper, ours, low, high = numbers.values()
    given = " given these networks" if entry.get("given_networks") else ""
    difference = None if paper is None or ours is None else ours - paper
    return HeadlineRow(
        name=str(entry.get("name", "")),
        paper=_quantity(paper, unit),
        ours=_quantity(ours, unit),
        interval="" if low is None or high is None else f"{low:.2f} to {high:.2f}{given}",
        difference=_quantity(difference, "" if unit == "%" else unit, signed=True),
        in_points=unit == "%" and difference is not None,
        numbers={key: value for key, value in numbers.items() if unit == "%" and value is not None},
        people=str(entry.get("people") or ""),
    )


def thumbnail(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """The first figure of an executed notebook, made small: data URI, alternative text; empty without one."""
    for number, output in enumerate(figures(notebook), start=1):
        data, kind = output.data, best_form(output) or ""
        alt = alt_text(output, kind, number)
        if kind == "image/svg+xml":
            return data_uri(kind, joined(data[kind]).encode()), alt
        with Image.open(io.BytesIO(base64.b64decode(joined(data[kind])))) as picture:
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH), Image.Resampling.LANCZOS)
            stream = io.BytesIO()
            small.save(stream, "PNG", optimize=True)
        return data_uri("image/png", stream.getvalue()), alt
    return "", ""


def _chart_start(rows: Sequence[HeadlineRow]) -> int:
    """Where the chart's axis starts: the ten percent at or below the lowest value, at most 90."""
    lowest = min((value for row in rows for value in row.numbers.values()), default=0.0)
    return max(0, min(90, 10 * math.floor(lowest / 10)))


def _ticks(low: int) -> list[int]:
    return list(range(low, 101, 10 if low >= 50 else 20))


def _number(value: Any) -> float | None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # NaN is not itself
    return float(value) if usable else None


def _quantity(value: float | None, unit: str, *, signed: bool = False) -> str:
    if value is None:
        return "–"
    text = f"{abs(value):.2f}"
    sign = "" if float(text) == 0 else "−" if value < 0 else "+" if signed else ""
    return f"{sign}{text}{unit}"
