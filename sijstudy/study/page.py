"""An executed notebook as one HTML page that needs no network."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass

import nbformat
from markupsafe import Markup
from PIL import Image

from sijstudy.study.cells import FAILED_ANCHOR, ansi, read_cells
from sijstudy.study.execution import Failure
from sijstudy.study.templating import render

SIZE_LIMIT = 6_000_000  # bytes of a page; a mail attachment, and opened at once on a laptop
WEBP_QUALITY = 85
PNG_FIGURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]{40000,})")


@dataclass(frozen=True)
class Page:
    """What a report says beside the notebook's own content. ``name`` is the file name's stem.

    cohort, answer: one line each for the title block; empty ones are left out.
    """

    name: str
    profile: str
    subtitle: str = ""
    synthetic: bool = False
    cohort: str = ""
    answer: str = ""
    failure: Failure | None = None


def render_report(notebook: nbformat.NotebookNode, page: Page) -> str:
    """The HTML page of an executed notebook: text, figures and tables, code folded away.

    What a notebook wrote to its standard error is left out, but for the cell that failed.
    """
    failure = page.failure
    content = read_cells(notebook, failure.cell if failure else None)
    text = render(
        "report.html.j2",
        scripts=("page.js", "explorer.js") if content.explorer else ("page.js",),
        page=page,
        title=content.title or page.name,
        question=Markup(content.question),
        cells=content.cells,
        toc=content.toc,
        failed_anchor=FAILED_ANCHOR if failure and failure.cell is not None else "",
        traceback=ansi(failure.detail) if failure else "",
    )
    return text if len(text.encode()) <= SIZE_LIMIT else PNG_FIGURE.sub(_as_webp, text)


def duration(seconds: float) -> str:
    """Seconds as a reader says them: 8 s, 4 min 12 s, 2 h 5 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _as_webp(match: re.Match[str]) -> str:
    """A large figure in a format that takes a fraction of the room, with all its pixels."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(match[1]))) as picture:
        picture.convert("RGB").save(stream, "WEBP", quality=WEBP_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
