"""What a notebook shows: figures with caption and alternative text, tables, callouts, provenance."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping

import pandas as pd
from IPython.display import HTML, display
from matplotlib.figure import Figure

DOTS_PER_INCH = 170  # sharp on a high-density screen at the figure's width in the report


def show_figure(figure: Figure, caption: str, alt: str) -> None:
    """Show ``figure`` as PNG with ``alt`` for those who cannot see it and ``caption`` below for all."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    display({"image/png": stream.getvalue(), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
    _show_html(f'<p class="caption">{html.escape(caption)}</p>')


def show_table(frame: pd.DataFrame, caption: str, *, digits: int = 2) -> None:
    """Show a table under its caption; floats with ``digits`` places, text escaped."""
    body = frame.to_html(float_format=lambda value: f"{value:.{digits}f}", na_rep="–", border=0, escape=True)
    _show_html(f'<p class="caption table-caption">{html.escape(caption)}</p><div class="table-wrap">{body}</div>')


def show_answer(sentence: str) -> None:
    """The notebook's answer in one sentence, set apart."""
    _show_html(f'<div class="callout answer"><strong>Answer.</strong> {html.escape(sentence)}</div>')


def show_note(sentence: str) -> None:
    """One plain sentence on what to see."""
    _show_html(f'<div class="callout">{html.escape(sentence)}</div>')


def show_warning(sentence: str) -> None:
    """Something the reader must know before trusting a number."""
    _show_html(f'<div class="callout warning"><strong>Mind.</strong> {html.escape(sentence)}</div>')


def show_provenance(origin: Mapping[str, str]) -> None:
    """The provenance table at the end of a report."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in origin.items()
    )
    _show_html(f'<div class="table-wrap"><table class="provenance">{rows}</table></div>')


def _show_html(markup: str) -> None:
    display(HTML(markup))
