"""An executed notebook, or a whole study, as one HTML page that needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from sijstudy import __version__
from sijstudy.config import StudyConfig
from sijstudy.execution import Failure, tags

CSS_DPI = 96  # a CSS pixel is 1/96 inch
THUMBNAIL_WIDTH = 640  # pixels, twice a card's width on screen
PREFERENCE = ("image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/plain")
WIDGET = "application/vnd.jupyter.widget-view+json"
HEADING = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1>", re.DOTALL)
FAILED_ANCHOR = "failed-cell"


@dataclass(frozen=True)
class Page:
    """What a report says beside the notebook's own content. ``name`` is the file name's stem."""

    name: str
    profile: str
    subtitle: str = ""
    synthetic: bool = False
    failure: Failure | None = None


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

    in_points: the difference is one of percentages, so in percentage points.
    """

    name: str
    paper: str
    ours: str
    interval: str
    difference: str
    in_points: bool


@dataclass(frozen=True)
class Index:
    """What the index page shows of a study."""

    profile: str
    synthetic: bool
    cohort: str = ""
    finished: str = ""
    cards: list[Card] = field(default_factory=list)
    headline: list[HeadlineRow] = field(default_factory=list)
    provenance: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    failure: str = ""


@dataclass(frozen=True)
class Heading:
    """An entry of the table of contents."""

    level: int
    text: str
    anchor: str


def render_report(notebook: nbformat.NotebookNode, page: Page) -> str:
    """The HTML page of an executed notebook: text, figures and tables, code folded away.

    What a notebook wrote to its standard error is left out, but for the cell that failed.
    """
    title, cells, toc = _content(notebook, page)
    failure = page.failure
    return _template("report.html.j2").render(
        page=page,
        title=title,
        cells=cells,
        toc=toc,
        failed_anchor=FAILED_ANCHOR if failure and failure.cell is not None else "",
        traceback=_ansi(failure.detail) if failure else "",
    )


def render_index(index: Index) -> str:
    """The HTML page that leads to all reports of a study."""
    return _template("index.html.j2").render(index=index, version=__version__)


def render_template(name: str, **values: Any) -> str:
    """A page of its own kind, with the reports' style: a template of the package, ``values`` escaped in it."""
    return _template(name).render(**values)


def png_figure(content: bytes, alt: str) -> Markup:
    """A PNG as a figure inside a page, with its alternative text, at the width its resolution gives."""
    return _embedded("image/png", content, alt, _png_width(content))


def headline_row(entry: Mapping[str, Any]) -> HeadlineRow:
    """One entry of a notebook's ``headline`` as text; a value that is missing or NaN becomes a dash.

    entry: name, paper, ours, low and high in ``unit``; a difference of percentages is in points.
    """
    unit = str(entry.get("unit", ""))
    paper, ours, low, high = (_number(entry.get(key)) for key in ("paper", "ours", "low", "high"))
    difference = None if paper is None or ours is None else ours - paper
    return HeadlineRow(
        name=str(entry.get("name", "")),
        paper=_quantity(paper, unit),
        ours=_quantity(ours, unit),
        interval="" if low is None or high is None else f"{low:.2f} to {high:.2f}",
        difference=_quantity(difference, "" if unit == "%" else unit, signed=True),
        in_points=unit == "%" and difference is not None,
    )


def notebook_title(notebook: nbformat.NotebookNode, fallback: str) -> str:
    """Text of the first first-level heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return _plain(_markdown(line))
    return fallback


def thumbnail(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """The first figure of an executed notebook, made small: data URI, alternative text; empty without one."""
    for number, output in enumerate(_figures(notebook), start=1):
        data, kind = output.data, _best(output) or ""
        if kind == "image/svg+xml":
            return _data_uri(kind, _text(data[kind]).encode()), _alt(output, kind, number)
        with Image.open(io.BytesIO(base64.b64decode(_text(data[kind])))) as picture:
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH), Image.Resampling.LANCZOS)
            stream = io.BytesIO()
            small.save(stream, "PNG", optimize=True)
        return _data_uri("image/png", stream.getvalue()), _alt(output, kind, number)
    return "", ""


def duration(seconds: float) -> str:
    """Seconds as a reader says them: 8 s, 4 min 12 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _content(notebook: nbformat.NotebookNode, page: Page) -> tuple[str, list[dict[str, Any]], list[Heading]]:
    """Title, cells ready for the template, table of contents."""
    title, figures = "", 0
    toc: list[Heading] = []
    cells: list[dict[str, Any]] = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            text, headings = _anchored(_markdown(cell.source), {entry.anchor for entry in toc})
            if not title and headings and headings[0].level == 1:
                title, text = headings[0].text, HEADING.sub("", text, count=1)
                headings = headings[1:]
            toc += [entry for entry in headings if entry.level in (2, 3)]
            cells.append({"kind": "markdown", "html": Markup(text)})
        elif cell.cell_type == "code":
            failed = page.failure is not None and page.failure.cell == position
            view, figures = _code_cell(notebook, cell, figures, failed)
            cells += view
    return title or page.name, cells, toc


def _code_cell(
    notebook: nbformat.NotebookNode, cell: nbformat.NotebookNode, figures: int, failed: bool
) -> tuple[list[dict[str, Any]], int]:
    """A code cell for the template (none, when there is nothing to show) and the number of figures so far."""
    values = notebook.metadata.get("papermill", {}).get("parameters", {})
    if "parameters" in tags(cell) and values:
        return [{"kind": "parameters", "rows": _parameter_rows(values)}], figures
    if "injected-parameters" in tags(cell) or not cell.source.strip():
        return [], figures
    shown = []
    for output in cell.get("outputs", []):
        if _is_figure(output):
            figures += 1
        shown.append(_output(output, figures, failed))
    return [{"kind": "code", "source": _code(cell.source), "outputs": shown, "failed": failed}], figures


def _parameter_rows(values: Mapping[str, Any]) -> list[dict[str, str]]:
    known = {spec.name: spec for spec in fields(StudyConfig)}
    rows = []
    for name in sorted(values, key=lambda name: list(known).index(name) if name in known else len(known)):
        value, spec = values[name], known.get(name)
        default = repr(spec.default) if spec else repr(value)
        note = str(spec.metadata["note"]) if spec else ""
        rows.append({"name": name, "value": repr(value), "default": default, "note": note})
    return rows


def _output(output: nbformat.NotebookNode, number: int, failed: bool) -> Markup:
    """One output of a cell; ``number`` counts the figures up to it."""
    if output.output_type == "stream":
        text = _settled(_text(output.text))
        return _pre(text) if text.strip() and (output.name == "stdout" or failed) else Markup("")
    if output.output_type == "error":
        return _pre("\n".join(output.traceback))
    kind = _best(output)
    if kind is None or WIDGET in output.data:
        return Markup("")
    if kind.startswith("image/"):
        return _figure(output, kind, number)
    if kind == "text/plain":
        return _pre(_text(output.data[kind]))
    text = _text(output.data[kind])
    return Markup('<div class="output">{}</div>').format(Markup(text if kind == "text/html" else _markdown(text)))


def _figure(output: nbformat.NotebookNode, kind: str, number: int) -> Markup:
    text = _text(output.data[kind])
    content = text.encode() if kind == "image/svg+xml" else base64.b64decode(text)
    sizes = output.get("metadata", {}).get(kind, {})
    width = sizes.get("width") or (_png_width(content) if kind == "image/png" else None)
    return _embedded(kind, content, _alt(output, kind, number), width)


def _embedded(kind: str, content: bytes, alt: str, width: int | None) -> Markup:
    return Markup('<div class="figure"><img src="{}" alt="{}"{}></div>').format(
        _data_uri(kind, content), alt, Markup(' width="{}"').format(int(width)) if width else ""
    )


def _png_width(content: bytes) -> int | None:
    """Width in CSS pixels at the resolution the PNG names, so that a sharp figure is not shown too large."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    pixels = struct.unpack(">I", content[16:20])[0]
    place = content.find(b"pHYs")
    per_metre = struct.unpack(">I", content[place + 4 : place + 8])[0] if place > 0 else 0
    return round(pixels * CSS_DPI / (per_metre * 0.0254)) if per_metre else int(pixels)


def _figures(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", []) if _is_figure(output))


def _is_figure(output: nbformat.NotebookNode) -> bool:
    kind = _best(output) if output.output_type in ("display_data", "execute_result") else None
    return kind is not None and kind.startswith("image/") and WIDGET not in output.data


def _best(output: nbformat.NotebookNode) -> str | None:
    """The richest form of an output that a page without scripts can show."""
    return next((kind for kind in PREFERENCE if kind in output.get("data", {})), None)


def _alt(output: nbformat.NotebookNode, kind: str, number: int) -> str:
    """Alternative text: the figure's metadata, else its plain text, else its number."""
    given = output.get("metadata", {}).get(kind, {}).get("alt") or output.get("metadata", {}).get("alt")
    plain = _text(output.data.get("text/plain", ""))
    return str(given or ("" if plain.startswith("<") else plain.strip()) or f"Figure {number} of this report")


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


def _markdown(source: str) -> str:
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return str(MarkdownWithMath(renderer=renderer).render(source))


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).strip()


def _code(source: str) -> Markup:
    """Python source with its parts marked for the style sheet."""
    return Markup(Highlight2HTML(pygments_lexer="ipython3")(source))


def _pre(text: str) -> Markup:
    return Markup('<div class="output"><pre>{}</pre></div>').format(_ansi(text))


def _ansi(text: str) -> Markup:
    """Terminal text as escaped HTML with its colours."""
    return Markup(ansi2html(text)) if strip_ansi(text) != text else Markup(html.escape(text))


def _text(data: Any) -> str:
    """Notebook formats store long text as one string or as a list of lines."""
    return "".join(data) if isinstance(data, list) else str(data)


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _number(value: Any) -> float | None:
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # NaN is not itself
    return float(value) if usable else None


def _quantity(value: float | None, unit: str, *, signed: bool = False) -> str:
    if value is None:
        return "–"
    text = f"{abs(value):.2f}"
    sign = "" if float(text) == 0 else "−" if value < 0 else "+" if signed else ""
    return f"{sign}{text}{unit}"


@cache
def _asset(name: str) -> str:
    return (files("sijstudy") / "templates" / name).read_text(encoding="utf-8")


def _template(name: str) -> jinja2.Template:
    """A template with style and script to inline; everything it prints is escaped unless marked safe."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(style=Markup(_asset("style.css")), script=Markup(script), script_hash=f"sha256-{digest}")
    return environment.get_template(name)
