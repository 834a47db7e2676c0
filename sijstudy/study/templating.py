"""Templates with style and scripts inlined: pages that ask nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape


def render(template: str, *, scripts: tuple[str, ...] = ("page.js",), **values: Any) -> str:
    """A page from ``templates/<template>``; every value is escaped unless it is Markup.

    scripts: files of ``templates`` to inline. The page's Content-Security-Policy allows these by their
    SHA-256 and no other, so that nothing a notebook shows can run.
    """
    sources = [_asset(name) for name in scripts]
    return _environment().get_template(template).render(
        style=Markup(_asset("style.css")),
        scripts=[Markup(source) for source in sources],
        script_hashes=[_digest(source) for source in sources],
        **values,
    )  # fmt: skip


def fragment(template: str, **values: Any) -> Markup:
    """A part of a page from ``templates/<template>``, escaped in the same way."""
    return Markup(_environment().get_template(template).render(**values))


def with_code(text: str) -> Markup:
    """Text, escaped, what stands between two backticks as code; templates write ``text|code``."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without another
        return escape(text)
    shown = (Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts))
    return Markup("").join(shown)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = with_code
    return environment


@cache
def _asset(name: str) -> str:
    return (files("sijstudy") / "study" / "templates" / name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
