"""Which source files a computation hangs on: the module of its function, and all that this imports, however far.

A cached result is addressed by them, so that it is not used again after one of them has changed. Nobody keeps a list.
What stands under ``if TYPE_CHECKING:`` is never executed and does not count: a module that is needed only for its types
is imported there.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sijstudy.files import digest

PACKAGE = Path(__file__).parent


def code_digest(function: Callable[..., Any]) -> str:
    """Hash of every source file that ``function`` of this package reaches: 20 hexadecimal digits."""
    return digest_of(function.__module__, PACKAGE)


@cache
def digest_of(module: str, package: Path) -> str:
    """Hash of the source of ``module`` and of all that it reaches; package: the folder of the package."""
    files = reached(module, package)
    return digest({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})


def reached(module: str, package: Path) -> dict[str, Path]:
    """Modules that ``module`` imports, itself included, by their dotted names: ``sijstudy.roi`` -> its file."""
    found: dict[str, Path] = {}
    waiting = list(_with_rooms(module))
    while waiting:
        name = waiting.pop()
        if name not in found and (path := _file_of(name, package)):
            found[name] = path
            waiting += _imports_of(path)
    return found


@cache
def _imports_of(path: Path) -> tuple[str, ...]:
    """Kept, as computations share most of what they reach."""
    return tuple(_imported(ast.parse(path.read_bytes())))


def _file_of(name: str, package: Path) -> Path | None:
    """The source of a module or of a room; None for a name inside a module, or what is not of this package."""
    first, *inner = name.split(".")
    place = package.joinpath(*inner)
    candidates = (place.with_suffix(".py"), place / "__init__.py") if inner else ()
    return next((path for path in candidates if first == "sijstudy" and path.is_file()), None)


def _imported(node: ast.AST) -> Iterator[str]:
    """Dotted names of all imports below a node, inside functions too; some name a function and lead nowhere.

    Imports are absolute here (the linter sees to that).
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (name for alias in child.names for name in _with_rooms(alias.name))
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield from _with_rooms(child.module)
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (name for other in child.orelse for name in _imported(ast.Module([other], [])))
        else:
            yield from _imported(child)


def _with_rooms(name: str) -> Iterator[str]:
    """A module's name and those of the rooms it lies in, whose ``__init__`` Python runs before it."""
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(2, len(parts) + 1))
