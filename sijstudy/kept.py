"""Tables that are computed once and kept under the hash of all that determines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from sijstudy.files import digest, read_csv, write_csv


def kept_table(folder: Path, asked: Mapping[str, Any], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The table that ``asked`` (all that determines it, code included) names: read from ``folder``, or made and kept.

    Two processes that ask for one table make it once: the second waits for the first.
    """
    file = folder / f"{digest(asked)}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            write_csv(file, make())
    return read_csv(file)
