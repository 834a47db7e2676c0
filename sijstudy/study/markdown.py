"""Markdown as HTML, its formulas as MathML, which browsers draw without a script or a font from elsewhere."""

from __future__ import annotations

import html
import xml.etree.ElementTree as ElementTree
from typing import Literal

from latex2mathml.converter import convert_to_element
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


def to_html(source: str) -> str:
    """Markdown of a notebook, formulas between dollar signs included."""
    return str(MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(source))


def to_mathml(formula: str, display: Literal["inline", "block"] = "inline") -> str:
    """A LaTeX formula as a ``math`` element; one that cannot be read is shown as it is written."""
    try:
        element = convert_to_element(formula, display=display)
    except Exception:  # the parser raises whatever it stumbles over; the reader still gets the source
        return f"<code>{html.escape(formula)}</code>"
    for part in element.iter():  # the converter writes character references, and leaves "<" in text as it is
        part.text = html.unescape(part.text) if part.text else part.text
    return ElementTree.tostring(element, encoding="unicode")


class _Renderer(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return to_mathml(body)

    def block_math(self, body: str) -> str:
        return to_mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return to_mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")
