"""Break the package on purpose, one place at a time, and see whether the tests notice: ``make mutants``.

``mutants.toml`` beside this file lists the mutants: in a file, a text that stands there once and what it becomes, and
the tests that must fail then. One with a third entry changes nothing that a test can see, for the reason that it gives.
Each is tried on a copy of the project, in a process forked from one that has imported torch and the rest already.

mutmut and cosmic-ray make mutants by themselves. For the modules of the method cosmic-ray makes 2360, and starts Python
for each: hours. Both change an operator or a number, and so make no leak, no dropped noise, no network of another fold;
mutmut changes nothing outside functions, as the list of what makes an address, and runs the whole suite first.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("mutants.toml")
COPIED = ("sijstudy", "tests", "notebooks", "benchmarks", "docs", "pyproject.toml", "README.md")
LATE = ("torchvision", "torch._dynamo", "pytorch_grad_cam", "hypothesis", "pytest")  # not imported with the package
WANTED = 0.95  # share of the mutants that must be noticed; those with a reason do not count
PATIENCE = 300  # seconds after which a mutant that does not end is noticed


@dataclass(frozen=True)
class Mutant:
    """``old`` becomes ``new`` in ``file``; one of ``tests`` (pytest's ids) must fail then, unless ``reason``."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.old!r} -> {self.new!r}"


def read(path: Path) -> list[Mutant]:
    """The mutants of a list."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["group"]
    return [
        Mutant(group["file"], old, new, tuple(group["tests"]), *reason)
        for group in groups
        for old, new, *reason in group["mutants"]
    ]


def main(words: list[str]) -> int:
    """Try the mutants whose file or text holds one of ``words``, or all; 1 when too many went unnoticed."""
    chosen = [one for one in read(LIST) if not words or any(word in str(one) for word in words)]
    began = time.perf_counter()
    import_libraries()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
        broken = [" ".join(tests) for tests in sorted({one.tests for one in chosen}) if not passes(copy, tests)]
        if broken:
            print(f"these fail without any mutant: {', '.join(broken)}", file=sys.stderr)
            return 1
        alive = list(survivors(copy, chosen))
    counted = [one for one in chosen if not one.reason]
    missed = [one for one in alive if not one.reason]
    print(
        f"{len(counted) - len(missed)} of {len(counted)} mutants were noticed, in {time.perf_counter() - began:.0f} s; "
        f"{len(chosen) - len(counted)} more change nothing."
    )
    return int(len(missed) > (1 - WANTED) * len(counted))


def import_libraries() -> None:
    """What the package imports, once, before the processes part; each imports the package itself."""
    package = importlib.import_module("sijstudy")
    for name in [*LATE, *(module.name for module in pkgutil.walk_packages(package.__path__, "sijstudy."))]:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sijstudy"]:
        del sys.modules[name]


def survivors(copy: Path, mutants: list[Mutant]) -> Iterator[Mutant]:
    """Those that no test notices; each is told as it is tried."""
    for one in mutants:
        alive = survives(copy, one)
        told = f"{'SURVIVED' if alive else 'noticed '}  {one}"
        print(told + (f" ({one.reason})" if one.reason else ""), flush=True)
        if alive:
            yield one


def survives(copy: Path, mutant: Mutant) -> bool:
    """Do all of its tests pass with the mutant in place? The copy is left as it was."""
    path = copy / mutant.file
    source = path.read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.file}: {mutant.old!r} stands there {source.count(mutant.old)} times, not once")
    path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    alive = passes(copy, mutant.tests)
    path.write_text(source, encoding="utf-8")
    return alive


def passes(copy: Path, tests: tuple[str, ...]) -> bool:
    """Run the tests in a process of its own, forked from this one; True when every one passes."""
    child = os.fork()
    if not child:
        code = 2
        try:
            signal.alarm(PATIENCE)
            code = _run(copy, tests)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _run(copy: Path, tests: tuple[str, ...]) -> int:
    import pytest

    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy)  # for processes that a test starts
    sys.path[:] = [str(copy), *(one for one in sys.path if Path(one).resolve() not in (ROOT, ROOT / "tools"))]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True  # a mutant of the same size and second would be taken from the cache
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
