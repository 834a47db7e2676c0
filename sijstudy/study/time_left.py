"""What the rest of a run will take on this machine, from what it has taken so far; corrected as it goes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from sijstudy.study.expected_work import Work

BAR = re.compile(r"^training \d+ networks: .*?\s(\d+)/(\d+) \[")  # tqdm's line for ``training.parallel``
Clock = Callable[[], float]


@dataclass
class Training:
    """The networks of one notebook: epochs done of epochs to train (those of kept networks are in neither).

    The first epochs bring the processes' start with them; the rate is measured from the ``side_by_side``-th on.
    """

    side_by_side: int
    began: float
    total: int
    done: int = 0
    until: float = 0.0
    base: tuple[int, float] | None = None

    def hear(self, done: int, total: int, now: float) -> None:
        """Note how far it is at ``now``."""
        if done > self.done or not self.until:
            self.until = now
            if self.base is None and done >= self.side_by_side:
                self.base = (done, now)
        self.done, self.total = done, total

    @property
    def pace(self) -> tuple[int, float]:
        """Epochs, and the seconds that they took; (0, 0.0) before two rounds have been timed."""
        if self.base is not None and self.done >= self.base[0] + self.side_by_side:
            return self.done - self.base[0], self.until - self.base[1]
        if self.done == self.total:
            return self.done, self.until - self.began
        return 0, 0.0


@dataclass
class _Spent:
    """A notebook's share of the run: expected, and so far taken."""

    work: Work
    began: float
    ended: float | None = None
    training: Training | None = None

    def other_seconds(self, now: float) -> float:
        """Time that went into all but training; that of kept networks is none."""
        end = self.ended if self.ended is not None else now
        return max(end - self.began - (self.training.until - self.training.began if self.training else 0.0), 0.0)


@dataclass
class TimeLeft:
    """Listens to a run and says what is left of it.

    works: the notebooks to run in their order, each with what it is expected to take. side_by_side: networks trained
    at a time. kept: notebooks whose networks an earlier run has left, until one of them trains all the same.
    """

    works: Mapping[str, Work]
    side_by_side: int = 1
    kept: Set[str] = frozenset()
    clock: Clock = time.monotonic
    _spent: dict[str, _Spent] = field(default_factory=dict)
    _now: str = ""

    def begin(self, notebook: str) -> None:
        """``notebook`` has started."""
        self._now = notebook
        self._spent[notebook] = _Spent(self.works.get(notebook, Work()), self.clock())

    def end(self) -> None:
        """The notebook has ended."""
        self._spent[self._now].ended = self.clock()

    def hear(self, line: str) -> None:
        """Take a line that the notebook wrote to its standard error: a bar of training counts."""
        if (bar := BAR.match(line)) and self._now:
            spent, now = self._spent[self._now], self.clock()
            done, total = int(bar[1]), int(bar[2])
            if spent.training is None:
                spent.training = Training(max(1, min(self.side_by_side, total)), now, total)
            spent.training.hear(done, total, now)

    def seconds(self) -> float | None:
        """What is left, in seconds; None before enough was timed."""
        ahead = [name for name in self.works if name not in self._spent]
        later = sum(self._expected(name) for name in ahead)
        to_train = max(later - self._trained_early(), 0.0) + self._training_now()
        rate = self._training_rate()
        timed = any(spent.ended is not None for spent in self._spent.values())
        if rate is None and (to_train or not timed):
            return None
        return to_train * (rate or 0.0) + self._other_left(ahead)

    def words(self) -> str:
        """``about 14 min left``; empty before enough was timed, and when nothing is left to run."""
        left = self.seconds()
        over = len(self._spent) == len(self.works) and all(spent.ended is not None for spent in self._spent.values())
        return "" if left is None or over else in_words(left)

    def _training_now(self) -> float:
        """Units of training that are left in the notebook under way."""
        spent = self._spent.get(self._now)
        if spent is None or spent.ended is not None:
            return 0.0
        if spent.training is None:
            return self._expected(self._now)
        return (spent.training.total - spent.training.done) * spent.work.epoch

    def _trained_early(self) -> float:
        """Units of training beyond what was expected of the notebooks so far: later ones find these networks."""
        seen = [(spent.training, spent.work) for spent in self._spent.values()]
        return sum(max(training.total - work.epochs, 0) * work.epoch for training, work in seen if training)

    def _expected(self, name: str) -> float:
        """Units of training that a notebook will need which has not asked for its networks yet.

        All of them; none where an earlier run left them; else the share that was missing where some were asked for.
        """
        kept = set() if any(name in self.kept and spent.training for name, spent in self._spent.items()) else self.kept
        if name in kept:
            return 0.0
        asked = [
            spent
            for other, spent in self._spent.items()
            if other not in kept and spent.work.epochs and (spent.training or spent.ended is not None)
        ]
        trained = sum(spent.training.total for spent in asked if spent.training)
        share = min(1.0, trained / sum(spent.work.epochs for spent in asked)) if asked else 1.0
        return share * self.works[name].training

    def _training_rate(self) -> float | None:
        """Seconds for a unit of training."""
        timed = [(spent.work.epoch, *spent.training.pace) for spent in self._spent.values() if spent.training]
        units = sum(unit * epochs for unit, epochs, _ in timed)
        return sum(seconds for *_, seconds in timed) / units if units else None

    def _other_left(self, ahead: list[str]) -> float:
        """Seconds of all but training, by how much slower than expected that was so far."""
        ended = [spent for spent in self._spent.values() if spent.ended is not None]
        expected, now = sum(spent.work.other for spent in ended), self.clock()
        slowness = sum(spent.other_seconds(now) for spent in ended) / expected if expected else 1.0
        left = sum(self.works[name].other for name in ahead) * slowness
        for spent in self._spent.values():
            if spent.ended is None:
                left += max(0.0, spent.work.other * slowness - spent.other_seconds(now))
        return left


def in_words(seconds: float) -> str:
    """A forecast as coarse as it is: ``about 14 min left``, hours in steps of five minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(5 * round(minutes / 5), 60)
    return f"about {hours} h {minutes} min left" if minutes else f"about {hours} h left"
