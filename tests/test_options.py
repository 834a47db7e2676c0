"""Options of a command from the fields of a dataclass."""

from dataclasses import dataclass, field

import pytest
import typer
from typer.testing import CliRunner

from sijstudy.options import option, taking


@dataclass(frozen=True)
class Inner:
    depth: int = option("How deep.", 3, min=1)


@dataclass(frozen=True)
class Outer:
    place: str = option("Where.", name="--at")
    loud: bool = option("Louder.", False, "--loud")
    inner: Inner = Inner()
    unseen: dict = field(default_factory=dict)


def typed(*words):
    seen, app = [], typer.Typer()

    @app.command()
    @taking(Outer)
    def command(first: str, options: Outer) -> None:
        """A command."""
        seen.append((first, options))

    return CliRunner().invoke(app, words), seen


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--at", "x"), Outer("x")),
        (("--at", "x", "--loud", "--depth", "5"), Outer("x", True, Inner(5))),
    ],
)
def test_fields_are_options_nested_ones_too(words, expected):
    assert typed("one", *words)[1] == [("one", expected)]


def test_what_has_no_default_must_be_given_and_help_says_so():
    assert typed("one")[0].exit_code == 2
    shown = typed("--help")[0].output
    assert "Where." in shown and "How deep." in shown and "--no-loud" not in shown and "unseen" not in shown
