"""The line that says how far a notebook is, on a terminal or in a log."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import Any, TextIO

from sijstudy.study.time_left import TimeLeft

TERMINAL_PERIOD, LOG_PERIOD = 1.0, 60.0  # seconds between two words of progress within a cell


class Progress:
    """What a notebook is doing, on one line of a terminal, or in a log on a line per cell and minute.

    ``[2/6] 02_roi_comparison  cell 5/14  00:31  about 14 min left  training: 40%``; a terminal's line is refreshed
    every second. The line ends with the last thing the notebook reported on its standard error. left: what the whole
    run still takes; it hears of training here.
    """

    def __init__(self, label: str, stream: TextIO, left: TimeLeft | None = None) -> None:
        self.label, self.stream, self.left = label, stream, left or TimeLeft({})
        self.live = stream.isatty()
        self.cell: int | None = None  # position among all cells, from 0
        self._place, self._detail, self._width = "starting", "", 0
        self._start = time.monotonic()
        self._stop, self._writing = threading.Event(), threading.Lock()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    @property
    def seconds(self) -> float:
        """Time since the notebook was started."""
        return time.monotonic() - self._start

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def reach(self, cells: list[Any], position: int) -> None:
        """Note that the cell at ``position`` is about to run."""
        self.cell = position
        if cells[position].cell_type == "code":
            kinds = [cell.cell_type for cell in cells]
            self._place = f"cell {kinds[: position + 1].count('code')}/{kinds.count('code')}"
            self._detail = ""
            self._show()

    def write(self, text: str) -> None:
        """Take what the notebook wrote to its standard error; progress bars end up here."""
        pieces = [piece.strip() for piece in re.split(r"[\r\n]", text) if piece.strip()]
        if pieces:
            self._detail = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", pieces[-1])
            self.left.hear(self._detail)

    def flush(self) -> None:
        """Part of a stream's interface; nothing is held back."""

    def finish(self, text: str) -> None:
        """End the line with how it went; nothing is shown after it."""
        self._rest()
        self._put(f"{self.label}  {text}  {clock(self.seconds)}  {self.left.words()}".rstrip(), end="\n")

    def _rest(self) -> None:
        self._stop.set()
        if self._ticker.is_alive():
            self._ticker.join()

    def _show(self) -> None:
        known = (self.label, self._place, clock(self.seconds), self.left.words(), self._detail)
        self._put("  ".join(filter(None, known)), end="" if self.live else "\n")

    def _put(self, line: str, end: str) -> None:
        with self._writing:  # the ticker and the notebook's own thread both come here
            if self.live:
                room = _terminal_width(self.stream) - 1
                line = line[:room]
                line, self._width = f"\r{line.ljust(min(self._width, room))}", len(line)
            self.stream.write(line + end)
            self.stream.flush()

    def _tick(self) -> None:
        while not self._stop.wait(TERMINAL_PERIOD if self.live else LOG_PERIOD):
            self._show()


def clock(seconds: float) -> str:
    """Duration as 00:31 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _terminal_width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
