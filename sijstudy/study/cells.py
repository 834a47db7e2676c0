"""The cells of an executed notebook as HTML: text with its headings, figures, tables, folded code."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import nbformat
from markupsafe import Markup
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.highlight import Highlight2HTML

from sijstudy.config import WHERE_ONLY, StudyConfig
from sijstudy.notebook import explorer
from sijstudy.study import markdown
from sijstudy.study.embedded import embedded, png_width
from sijstudy.study.notebook_files import tags
from sijstudy.study.templating import fragment

PREFERENCE = (
    explorer.MIME, "image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/plain",
)  # fmt: skip
WIDGET = "application/vnd.jupyter.widget-view+json"
HEADING = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1>", re.DOTALL)
QUESTION = re.compile(r"<p>\s*<strong>Question\.</strong>\s*(.*?)</p>", re.DOTALL)
FAILED_ANCHOR = "failed-cell"


@dataclass(frozen=True)
class Heading:
    """An entry of the table of contents."""

    level: int
    text: str
    anchor: str


@dataclass
class Content:
    """A notebook's cells ready for the template, with what the page's head needs of them.

    question: HTML of the sentence after "Question." in the cell that carries the title. figures: how many were shown
    so far. explorer: whether the page has sliders.
    """

    title: str = ""
    question: str = ""
    cells: list[dict[str, Any]] = field(default_factory=list)
    toc: list[Heading] = field(default_factory=list)
    figures: int = 0
    explorer: bool = False


def read_cells(notebook: nbformat.NotebookNode, failed: int | None = None) -> Content:
    """The notebook's content; ``failed`` is the position of the cell that stopped it, if one did."""
    content = Content()
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            _read_markdown(content, cell)
        elif cell.cell_type == "code":
            _read_code(content, notebook, cell, position == failed)
    return content


def notebook_title(notebook: nbformat.NotebookNode, fallback: str) -> str:
    """Text of the first first-level heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return _plain(markdown.to_html(line))
    return fallback


def figures(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """The outputs that are figures, in order."""
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", []) if _is_figure(output))


def best_form(output: nbformat.NotebookNode) -> str | None:
    """The richest form of an output that a report can show."""
    return next((kind for kind in PREFERENCE if kind in output.get("data", {})), None)


def alt_text(output: nbformat.NotebookNode, kind: str, number: int) -> str:
    """Alternative text: the figure's metadata, else its plain text, else its number."""
    given = output.get("metadata", {}).get(kind, {}).get("alt") or output.get("metadata", {}).get("alt")
    plain = joined(output.data.get("text/plain", ""))
    return str(given or ("" if plain.startswith("<") else plain.strip()) or f"Figure {number} of this report")


def ansi(text: str) -> Markup:
    """Terminal text as escaped HTML with its colours."""
    return Markup(ansi2html(text)) if strip_ansi(text) != text else Markup(html.escape(text))


def joined(data: Any) -> str:
    """Notebook formats store long text as one string or as a list of lines."""
    return "".join(data) if isinstance(data, list) else str(data)


def _read_markdown(content: Content, cell: nbformat.NotebookNode) -> None:
    text, headings = _anchored(markdown.to_html(cell.source), {entry.anchor for entry in content.toc})
    if not content.title and headings and headings[0].level == 1:
        content.title, text = headings[0].text, HEADING.sub("", text, count=1)
        headings = headings[1:]
        if question := QUESTION.search(text):
            content.question, text = question[1], QUESTION.sub("", text, count=1)
    content.toc += [entry for entry in headings if entry.level in (2, 3)]
    content.cells.append({"kind": "markdown", "html": Markup(text)})


def _read_code(content: Content, notebook: nbformat.NotebookNode, cell: nbformat.NotebookNode, failed: bool) -> None:
    values = notebook.metadata.get("papermill", {}).get("parameters", {})
    if "parameters" in tags(cell) and values:
        content.cells.append({"kind": "parameters", "rows": _parameter_rows(values)})
        return
    if "injected-parameters" in tags(cell) or not cell.source.strip():
        return
    shown = []
    for output in cell.get("outputs", []):
        content.figures += _is_figure(output)
        content.explorer |= best_form(output) == explorer.MIME
        shown.append(_output(output, content.figures, failed))
    content.cells.append({"kind": "code", "source": _code(cell.source), "outputs": shown, "failed": failed})


def _parameter_rows(values: Mapping[str, Any]) -> list[dict[str, str]]:
    known = {spec.name: spec for spec in fields(StudyConfig)}
    rows, shown = [], values.keys() - set(WHERE_ONLY)
    for name in sorted(shown, key=lambda name: list(known).index(name) if name in known else len(known)):
        value, spec = values[name], known.get(name)
        default = repr(spec.default) if spec else repr(value)
        note = str(spec.metadata["note"]) if spec else ""
        rows.append({"name": name, "value": repr(value), "default": default, "note": note})
    return rows


def _output(output: nbformat.NotebookNode, number: int, failed: bool) -> Markup:
    """One output of a cell; ``number`` counts the figures up to it."""
    if output.output_type == "stream":
        text = _settled(joined(output.text))
        return _pre(text) if text.strip() and (output.name == "stdout" or failed) else Markup("")
    if output.output_type == "error":
        return _pre("\n".join(output.traceback))
    kind = best_form(output)
    if kind is None or WIDGET in output.data:
        return Markup("")
    if kind == explorer.MIME:
        return fragment("explorer.html.j2", data=_script_data(output.data[kind]))
    if kind.startswith("image/"):
        return _figure(output, kind, number)
    if kind == "text/plain":
        return _pre(joined(output.data[kind]))
    text = joined(output.data[kind])
    return Markup('<div class="output">{}</div>').format(
        Markup(text if kind == "text/html" else markdown.to_html(text))
    )


def _figure(output: nbformat.NotebookNode, kind: str, number: int) -> Markup:
    text = joined(output.data[kind])
    content = text.encode() if kind == "image/svg+xml" else base64.b64decode(text)
    sizes = output.get("metadata", {}).get(kind, {})
    width = sizes.get("width") or (png_width(content) if kind == "image/png" else None)
    return embedded(kind, content, alt_text(output, kind, number), width)


def _is_figure(output: nbformat.NotebookNode) -> bool:
    kind = best_form(output) if output.output_type in ("display_data", "execute_result") else None
    return kind is not None and kind.startswith("image/") and WIDGET not in output.data


def _settled(text: str) -> str:
    """What a terminal would show in the end: a carriage return overwrites its line."""
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def _anchored(text: str, taken: set[str]) -> tuple[str, list[Heading]]:
    """Give every heading an anchor of its own; returns the HTML and the headings in order."""
    headings: list[Heading] = []

    def mark(match: re.Match[str]) -> str:
        plain = _plain(match[2])
        stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        used = taken | {entry.anchor for entry in headings} | {FAILED_ANCHOR, "toggle-code"}
        anchor = next(name for name in _candidates(stem) if name not in used)
        headings.append(Heading(int(match[1]), plain, anchor))
        return f'<h{match[1]} id="{anchor}">{match[2]}</h{match[1]}>'

    return HEADING.sub(mark, text), headings


def _candidates(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).strip()


def _code(source: str) -> Markup:
    """Python source with its parts marked for the style sheet."""
    return Markup(Highlight2HTML(pygments_lexer="ipython3")(source))


def _pre(text: str) -> Markup:
    return Markup('<div class="output"><pre>{}</pre></div>').format(ansi(text))


def _script_data(data: Any) -> Markup:
    """JSON for a ``script`` element, which no text in it can close."""
    text = json.dumps(data, separators=(",", ":"))  # ASCII only
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
