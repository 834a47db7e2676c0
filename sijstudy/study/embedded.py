"""Images inside a page, so that it loads nothing."""

from __future__ import annotations

import base64
import io
import struct

from markupsafe import Markup
from matplotlib.figure import Figure

from sijstudy.figures.plain import DOTS_PER_INCH, plain_style

COMPRESSION = 3  # of a PNG: takes half the time of 6, pillow's, which makes slices no smaller
CSS_DPI = 96  # a CSS pixel is 1/96 inch


def png_figure(content: bytes, alt: str) -> Markup:
    """A PNG as a figure inside a page, with its alternative text, at the width its resolution gives."""
    return embedded("image/png", content, alt, png_width(content))


def data_uri(kind: str, content: bytes) -> str:
    """``content`` as an address that holds it, so that nothing is loaded."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def embedded(kind: str, content: bytes, alt: str, width: int | None) -> Markup:
    """An image as a figure with its alternative text, ``width`` CSS pixels wide."""
    return Markup('<div class="figure"><img src="{}" alt="{}"{}></div>').format(
        data_uri(kind, content), alt, Markup(' width="{}"').format(int(width)) if width else ""
    )


def png_width(content: bytes) -> int | None:
    """Width in CSS pixels at the resolution the PNG names, so that a sharp figure is not shown too large."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    pixels = struct.unpack(">I", content[16:20])[0]
    place = content.find(b"pHYs")
    per_metre = struct.unpack(">I", content[place + 4 : place + 8])[0] if place > 0 else 0
    return round(pixels * CSS_DPI / (per_metre * 0.0254)) if per_metre else int(pixels)


@plain_style()
def drawn_figure(figure: Figure, alt: str, dots: int = DOTS_PER_INCH) -> Markup:
    """A figure inside a page. dots: per inch; fewer where many slices would make the page large."""
    stream = io.BytesIO()
    figure.set_dpi(dots)
    if layout := figure.get_layout_engine():  # once, without the whole drawing by which savefig would begin
        layout.execute(figure)
        figure.set_layout_engine("none")
    figure.savefig(stream, format="png", dpi=dots, pil_kwargs={"compress_level": COMPRESSION})
    return png_figure(stream.getvalue(), alt)
