"""The signals by which a queue system, a shutdown or a closed terminal ends a command; they do as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP")  # as far as the system has them


class Terminated(KeyboardInterrupt):
    """Raised where the command was when the signal came: what cleans up after Ctrl-C cleans up after it, too."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"The run was ended by {signal.Signals(number).name}, as a queue system or a shutdown sends it."
        )
        self.status = 128 + number  # what a shell says of a command ended by a signal


@contextmanager
def raised_signals() -> Iterator[list[Terminated]]:
    """Let these signals raise ``Terminated`` in the main thread; yields the list of those that came.

    One that the command was started to ignore, as ``nohup`` does, is ignored. The first one counts: while it is cleaned
    up after, others are ignored.
    """
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    came: list[Terminated] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def end(number: int, _: FrameType | None) -> None:
        if not came:
            came.append(Terminated(number))
            raise came[0]

    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
