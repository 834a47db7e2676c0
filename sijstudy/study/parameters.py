"""The study's parameters as text: a notebook's parameters cell, and the list that `sijstudy parameters` prints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from typing import Any

from sijstudy.config import StudyConfig


def parameters_cell(names: Collection[str] | None = None) -> str:
    """Source of a notebook's parameters cell: name, default and note of the named parameters, by default of all."""
    lines = [
        "# Papermill sets these, and any other that `sijstudy parameters` lists",
        "# (-f notebooks/profiles/NAME.yaml or -p NAME VALUE). By hand, add a line of the same form.",
    ]
    for spec in fields(StudyConfig):
        assert spec.default is not MISSING
        if names is None or spec.name in names:
            lines.append(f"{spec.name} = {_literal(spec.default)}  # {spec.metadata['note']}")
    return "\n".join(lines)


def parameters_table() -> str:
    """Every parameter on a line: name, default, note and what it may be."""
    rows = [(spec.name, repr(spec.default), _note(spec.metadata)) for spec in fields(StudyConfig)]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{wide[0]}}  {default:<{wide[1]}}  {note}" for name, default, note in rows)


def _note(rule: Mapping[str, Any]) -> str:
    choices = rule["choices"]
    return f"{rule['note']} ({' | '.join(choices)})" if isinstance(choices, tuple) else str(rule["note"])


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
