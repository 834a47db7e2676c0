"""What a notebook shows: figures with caption and alternative text, tables, callouts, provenance."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image

from sijstudy.figures.plain import DOTS_PER_INCH, plain_style
from sijstudy.notebook.explorer import FALLBACK, MIME

COMPACT_COLOURS = 256  # of a palette, for half of the bytes


def show_figure(figure: Figure, caption: str, alt: str, *, compact: bool = False) -> None:
    """Show ``figure`` as PNG with ``alt`` for those who cannot see it and ``caption`` below for all.

    compact: for galleries of many patches, so that the report stays small.
    """
    image = _compact_png(figure) if compact else _png(figure, DOTS_PER_INCH)
    display({"image/png": image, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
    _show_html(f'<p class="caption">{html.escape(caption)}</p>')


def show_table(frame: pd.DataFrame, caption: str, *, digits: int = 2) -> None:
    """Show a table under its caption; floats with ``digits`` places, text escaped."""
    body = frame.to_html(float_format=lambda value: f"{value:.{digits}f}", na_rep="–", border=0, escape=True)
    _show_html(f'<p class="caption table-caption">{html.escape(caption)}</p><div class="table-wrap">{body}</div>')


def show_text_table(frame: pd.DataFrame, caption: str) -> None:
    """A table of words, its index left out: cells wrap; a row takes the colour of the grade in its column "grade"."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in frame.columns)
    grades = frame["grade"] if "grade" in frame else [""] * len(frame)
    rows = "".join(
        f'<tr class="{html.escape(str(grade))}">' + "".join(map(_text_cell, frame.columns, row)) + "</tr>"
        for grade, row in zip(grades, frame.itertuples(index=False), strict=True)
    )
    table = f'<table class="text words"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    _show_html(f'<p class="caption table-caption">{html.escape(caption)}</p><div class="table-wrap">{table}</div>')


def show_explorer(data: Mapping[str, Any]) -> None:
    """Sliders over ``explorer.explorer_data``; the HTML report draws them, a notebook shows a sentence."""
    fallback = f'<div class="callout">{html.escape(FALLBACK)}</div>'
    display({MIME: dict(data), "text/html": fallback, "text/plain": FALLBACK}, raw=True)


def show_answer(sentence: str) -> None:
    """The notebook's answer in one sentence, set apart."""
    _show_html(f'<div class="callout answer"><strong>Answer.</strong> {html.escape(sentence)}</div>')


def show_note(sentence: str, *, report: str = "", title: str = "") -> None:
    """One plain sentence on what to see; report: another notebook's name, whose report of this title is linked."""
    link = f' <a href="{html.escape(report)}.html">{html.escape(title)}</a>' if report else ""
    _show_html(f'<div class="callout">{html.escape(sentence)}{link}</div>')


def show_warning(sentence: str) -> None:
    """Something the reader must know before trusting a number."""
    _show_html(f'<div class="callout warning"><strong>Mind.</strong> {html.escape(sentence)}</div>')


def show_provenance(origin: Mapping[str, str]) -> None:
    """The provenance table at the end of a report."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in origin.items()
    )
    _show_html(f'<div class="table-wrap"><table class="provenance">{rows}</table></div>')


@plain_style()
def _png(figure: Figure, dots_per_inch: float) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots_per_inch)
    return stream.getvalue()


def _compact_png(figure: Figure) -> bytes:
    """As sharp as any figure, with a palette in place of three channels."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(_png(figure, DOTS_PER_INCH))) as image:
        palette = image.convert("RGB").quantize(COMPACT_COLOURS)
        palette.save(stream, "PNG", optimize=True, dpi=image.info["dpi"])
    return stream.getvalue()


def _show_html(markup: str) -> None:
    display(HTML(markup))


def _text_cell(column: object, value: object) -> str:
    kind = ' class="grade"' if column == "grade" else ""
    return f'<td{kind} data-column="{html.escape(str(column))}">{html.escape(str(value))}</td>'
