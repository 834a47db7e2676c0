"""Dataclasses whose fields are options of a command as well: name and help stand beside each field."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

Command = Callable[..., None]


def option(text: str, default: Any = MISSING, name: str = "", **settings: Any) -> Any:
    """A field that a command line shows: its help, its default (without one it must be given).

    name: as it is typed, such as "--votes"; else made of the field's name. settings: those of ``typer.Option``.
    """
    return field(default=default, metadata={"names": [name] if name else [], "settings": {"help": text, **settings}})


def taking(options: type[Any]) -> Callable[[Command], Command]:
    """Decorate a command that has a parameter ``options``, a dataclass: each ``option`` in it is one of the command's.

    A field that is a dataclass itself is filled from its own options; a field that is neither keeps its default.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            own = {one.name: given.pop(one.name) for one, _ in _options_of(options)}
            command(**given, options=_filled(options, own))

        shown = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "options"]
        shown += [_parameter(one, kind) for one, kind in _options_of(options)]
        with_options.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in shown}
        return with_options

    return decorate


def _options_of(kind: type[Any]) -> Iterator[tuple[Field[Any], Any]]:
    for one, hint in _hinted(kind):
        if is_dataclass(hint):
            yield from _options_of(hint)  # type: ignore[arg-type]
        elif "names" in one.metadata:
            yield one, hint


def _hinted(kind: type[Any]) -> list[tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return [(one, hints[one.name]) for one in fields(kind)]


def _parameter(one: Field[Any], kind: Any) -> inspect.Parameter:
    import typer  # here, as dataclasses with options are at the bottom of much that is no command

    default = inspect.Parameter.empty if one.default is MISSING else one.default
    shown = Annotated[kind, typer.Option(*one.metadata["names"], **one.metadata["settings"])]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=shown)


def _filled(kind: type[Any], given: Mapping[str, Any]) -> Any:
    values = {}
    for one, hint in _hinted(kind):
        if is_dataclass(hint):
            values[one.name] = _filled(hint, given)  # type: ignore[arg-type]
        elif one.name in given:
            values[one.name] = given[one.name]
    return kind(**values)


def joined_words(arguments: Sequence[str]) -> list[str]:
    """Let ``-p NAME VALUE`` be two words, as papermill has it: typer takes them as one, NAME=VALUE."""
    words, joined = list(arguments), []
    while words:
        joined.append(words.pop(0))
        if joined[-1] in ("-p", "--parameter") and words:
            name = words.pop(0)
            joined.append(f"{name}={words.pop(0)}" if "=" not in name and words else name)
    return joined
