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
from sijstudy.headline import ONE, PERCENT, POINTS
from sijstudy.study.cells import alt_text, best_form, figures, joined
from sijstudy.study.embedded import data_uri
from sijstudy.study.number_text import UNKNOWN, interval_text, quantity
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
    known, and none of a measure that is not a percentage. link: where the reports show it.
    """

    name: str
    paper: str
    ours: str
    interval: str
    difference: str
    in_points: bool
    numbers: Mapping[str, float] = field(default_factory=dict)
    people: str = ""
    link: str = ""

    @property
    def published(self) -> bool:
        """Whether the paper says something in its place."""
        return self.paper != UNKNOWN


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
    chart = [row for row in index.headline if "paper" in row.numbers]
    low = _chart_start(chart)
    return render(
        "index.html.j2",
        index=index,
        version=__version__,
        chart=chart,
        published=[row for row in index.headline if row.published],
        further=[row for row in index.headline if not row.published],
        ticks=_ticks(low),
        place=lambda percent: f"{100 * (percent - low) / (100 - low):.2f}%",
    )


def headline_row(number: Mapping[str, Any]) -> HeadlineRow:
    """An entry of numbers.json (``study.numbers``) as text; what is unknown becomes a dash.

    A difference of percentages is in points.
    """
    unit, place = number["unit"], number["place"]
    numbers = {key: number[key] for key in ("value", "low", "high")}
    numbers["paper"] = number["paper"] and number["paper"]["value"]
    value, paper = numbers["value"], numbers["paper"]
    difference = None if paper is None or value is None else value - paper
    in_points = unit != ONE and difference is not None
    return HeadlineRow(
        name=number["name"],
        paper=quantity(paper, unit),
        ours=quantity(value, unit),
        interval=interval_text(number),
        difference=quantity(difference, POINTS if in_points else unit).removesuffix(" points"),
        in_points=in_points,
        numbers={key: known for key, known in numbers.items() if unit == PERCENT and known is not None},
        people=str(number["people"] or ""),
        link=place["page"] + (f"#{place['anchor']}" if place["anchor"] else ""),
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
