"""The part of a lock that this environment lacks: without packages that are there in any version, and GPU libraries."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

FOR_GPUS = re.compile(r"nvidia-|cuda-")
BUILT_WITH = {"setuptools"}  # an older one cannot build the package


def missing(lock: str, present: set[str]) -> Iterator[str]:
    """The entries of ``lock``, hashes included, of packages that are not in ``present`` (normalised names)."""
    for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE):
        name = entry.partition("==")[0]
        if "==" in entry and name not in present - BUILT_WITH and not FOR_GPUS.match(name):
            yield entry


def normalised(name: str) -> str:
    """A package's name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    found = {normalised(each.metadata["Name"]) for each in distributions()}
    sys.stdout.writelines(missing(Path(sys.argv[1]).read_text(encoding="utf-8"), found))
